from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from modelref_git.operations.read import get_category, get_record
from modelref_git.records.categories import CATEGORIES
from tests.support.http import V2, Wire, wire
from tests.support.world import World, clip

EXPECTED = (
    "'blip', 'clip', 'codeformer', 'controlnet', 'controlnet_annotator', 'esrgan', 'gfpgan', 'safety_checker', "
    "'image_generation', 'text_generation', 'video_generation', 'audio_generation', 'miscellaneous', 'lora' or 'ti'"
)
NAMES = ("search", "pending", "metadata", "a b/c", "50%", "what?#", "α", "a/model/b")
"""Names that a path could be taken in by."""


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The starter dataset, a category of one's own, names of all kinds, and no category ``ti``."""
    world = World.make(tmp_path_factory.mktemp("reading") / "w")
    world.add_category("toys")
    changes = [world.create("clip", name, clip(name)) for name in NAMES]
    changes.append(world.create("toys", "Robot", {"name": "Robot", "size": 2.50, "tags": []}))
    world.apply(world.approve(*changes))
    world.rewrite_config(b'[categories.ti]\nschema = "schemas/ti.schema.json"\nfan_out = 0\n', b"")
    world.git("tag", "v1", "main~1")
    return world


@pytest.fixture(scope="module")
def http(grown: World) -> Iterator[Wire]:
    with wire(grown) as served:
        yield served


def service_of_wire(http: Wire) -> Any:
    transport: Any = http.client._transport
    return transport.app.state.service


def refused(answer: Any) -> tuple[int, str, str]:
    body = answer.json()
    return answer.status_code, body["detail"], body["reason"]["code"]


def test_the_info_is_a_sentence(http: Wire) -> None:
    answer = http.get(f"{V2}/info", None)
    assert answer.status_code == 200
    assert list(answer.json()) == ["message"]


def test_categories_are_listed_without_those_that_are_managed_elsewhere(http: Wire) -> None:
    assert http.get(f"{V2}/model_categories", None).json() == [
        *(name for name in CATEGORIES if name not in ("lora", "ti")),
        "toys",
    ]
    before = http.get(f"{V2}/model_categories?at=main~9", None)
    assert before.status_code == 404
    assert "toys" not in http.get(f"{V2}/model_categories?at=main~4", None).json()


@pytest.mark.parametrize("category", [name for name in CATEGORIES if name != "ti"] + ["toys"])
def test_a_category_is_what_get_gives_in_its_order(grown: World, http: Wire, category: str) -> None:
    answer = http.get(f"{V2}/{category}", None)
    expected = get_category(grown.context(), category)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json().items()) == list(expected.items())
    assert b"_legacy" not in answer.content


def test_numbers_are_as_they_were_written(http: Wire) -> None:
    assert b'"size": 2.5' in http.get(f"{V2}/toys", None).content


@pytest.mark.parametrize("category", ["lora", "video_generation"])
def test_a_category_without_records_is_an_empty_object(http: Wire, category: str) -> None:
    assert http.get(f"{V2}/{category}", None).json() == {}


def test_a_shipped_category_that_the_dataset_lacks_is_not_found(http: Wire) -> None:
    assert refused(http.get(f"{V2}/ti", None)) == (404, "Model category 'ti' not found", "not_found")
    assert refused(http.get(f"{V2}/ti/model/x", None)) == (404, "Model category 'ti' not found", "not_found")


@pytest.mark.parametrize("path", ["nope", "nope/model/x", "metadata/nope", "nope/pending", "CLIP"])
def test_a_category_that_nobody_knows_is_the_error_of_the_enumeration(http: Wire, path: str) -> None:
    answer = http.get(f"{V2}/{path}")
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            {
                "type": "enum",
                "loc": ["path", "model_category_name"],
                "msg": f"Input should be {EXPECTED}",
                "input": "CLIP" if path == "CLIP" else "nope",
                "ctx": {"expected": EXPECTED},
            }
        ]
    }


def test_all_faults_of_a_request_are_in_one_list(http: Wire) -> None:
    answer = http.get(f"{V2}/nope/model/x?at=a..b", None)
    assert [row["loc"] for row in answer.json()["detail"]] == [["path", "model_category_name"], ["query", "at"]]


@pytest.mark.parametrize("name", NAMES)
def test_a_record_is_found_under_its_name_whatever_is_in_it(grown: World, http: Wire, name: str) -> None:
    answer = http.get(f"{V2}/clip/model/{quote(name, safe='')}", None)
    assert answer.json() == get_record(grown.context(), "clip", name)
    raw = http.get(f"{V2}/clip/model/{quote(name, safe='/')}", None)
    assert (raw.status_code, raw.content) == (200, answer.content)


def test_a_name_with_a_slash_answers_raw_and_encoded(http: Wire) -> None:
    for path in ("clip/model/ViT-L/14", "clip/model/ViT-L%2F14", "clip/model/ViT-L%2f14"):
        assert http.get(f"{V2}/{path}", None).json()["name"] == "ViT-L/14"
        assert http.get(f"/api{V2}/{path}", None).json()["name"] == "ViT-L/14"


def test_a_slash_too_many_leads_to_the_path_without(http: Wire) -> None:
    for path in ("clip", "clip/model/ViT-L/14", "clip/model/nobody"):
        answer = http.get(f"/api{V2}/{path}/?at=main", None)
        assert (answer.status_code, answer.content) == (307, b"")
        assert answer.headers["location"] == f"http://models.test/api{V2}/{path}?at=main"


@pytest.mark.parametrize("name", ["x", "vit-l/14", "ViT-L", "ViT-L/14%2F", "..%2F..%2Fmodelref.toml", "a%5Cb", "%00"])
def test_a_record_that_is_not_there_is_told_by_its_name(http: Wire, name: str) -> None:
    answer = http.get(f"{V2}/clip/model/{name}", None)
    assert answer.status_code == 404
    assert answer.json()["detail"].endswith("' not found in category 'clip'")
    assert answer.json()["detail"].startswith("Model '")


def test_without_a_name_there_is_no_such_path(http: Wire) -> None:
    answer = http.get(f"{V2}/clip/model/", None)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


def test_v2_holds_base_names_only(http: Wire) -> None:
    assert not any(name.startswith(("koboldcpp/", "aphrodite/")) for name in http.get(f"{V2}/text_generation").json())
    name = "koboldcpp/bloom-7b1"
    detail = f"Model '{name}' not found in category 'text_generation'"
    assert refused(http.get(f"{V2}/text_generation/model/{name}", None)) == (404, detail, "not_found")


def test_a_category_of_ones_own_is_read_by_the_same_paths(http: Wire) -> None:
    assert http.get(f"{V2}/toys/model/Robot", None).json() == {"name": "Robot", "size": 2.5, "tags": []}
    assert http.get(f"{V2}/toys/search", None).json()["total"] == 1


@pytest.mark.parametrize("path", ["clip", "lora", "clip/model/ViT-L/14", "model_categories", "search", "clip/search"])
def test_what_the_caller_has_already_is_not_sent_again(http: Wire, path: str) -> None:
    first = http.get(f"{V2}/{path}", None)
    etag = first.headers["etag"]
    for given in (etag, etag.removeprefix("W/"), f'"x", {etag}', "*"):
        for _ in range(2):
            again = http.get(f"{V2}/{path}", None, headers={"If-None-Match": given})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    other = http.get(f"{V2}/{path}", None, headers={"If-None-Match": 'W/"x"'})
    assert (other.status_code, other.content) == (200, first.content)


def test_tags_are_the_ids_that_git_gives(grown: World, http: Wire) -> None:
    tree = grown.git("rev-parse", "main:dataset/clip").strip()
    blob = grown.git("rev-parse", "main:dataset/clip/ViT-L%2F14.json").strip()
    assert http.get(f"{V2}/clip", None).headers["etag"] == f'W/"{tree}"'
    assert http.get(f"{V2}/clip/model/ViT-L/14", None).headers["etag"] == f'W/"{blob}"'


def test_a_long_body_comes_compressed_to_who_takes_it(http: Wire) -> None:
    path = f"{V2}/image_generation"
    plain = http.get(path, None, headers={"Accept-Encoding": "identity"})
    packed = http.get(path, None, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content) / 2


def test_a_revision_is_read_as_it_was(grown: World, http: Wire) -> None:
    today = http.get(f"{V2}/clip", None)
    for at in ("v1~1", "main~2", grown.git("rev-parse", "main~2").strip(), grown.git("rev-parse", "main~2")[:9]):
        then = http.get(f"{V2}/clip?at={at}", None)
        assert set(today.json()) - set(then.json()) == set(NAMES), at
        assert then.headers["etag"] != today.headers["etag"]
        assert http.get(f"{V2}/clip/model/search?at={at}", None).status_code == 404
        assert http.get(f"{V2}/clip/model/ViT-L/14?at={at}", None).status_code == 200
    assert http.get(f"{V2}/ti?at=v1", None).json() == {}, "the category was there then"
    assert http.get(f"{V2}/toys?at=main~4", None).json()["detail"] == "Model category 'toys' not found"
    assert http.get(f"{V2}/clip?at=main", None).content == today.content


def test_reads_of_older_revisions_do_not_push_aside_what_is_live(http: Wire) -> None:
    lane = service_of_wire(http).lane
    assert http.get(f"{V2}/clip", None).status_code == 200
    assert http.get(f"{V2}/clip?at=main~2", None).status_code == 200
    assert http.get(f"{V2}/clip/model/ViT-L/14?at=main~2", None).status_code == 200
    scope = {"path": f"{V2}/clip", "query_string": b""}
    assert lane.find(scope, service_of_wire(http).repository.latest.head) is not None


def test_what_is_not_live_is_no_revision(grown: World, http: Wire) -> None:
    number = grown.create("clip", "unseen", clip("unseen"))
    for at in (f"proposals/{number}", "queue", "queue~1", "0000", "f" * 40, "nope", "HEAD~1000"):
        answer = http.get(f"{V2}/clip?at={at}", None)
        assert (answer.status_code, answer.json()["reason"]["code"]) == (404, "not_found"), at
    for at in (":/init", "main@{1}", "a..b", "main:dataset", "--all", "", "main^{tree}", "x" * 201, "a b", "%00"):
        answer = http.get(f"{V2}/clip?at={quote(at)}", None)
        assert answer.status_code == 422, at
        assert answer.json()["detail"][0]["loc"] == ["query", "at"]


def test_methods_that_are_not_meant_are_refused(http: Wire) -> None:
    for method in ("HEAD", "OPTIONS", "PATCH"):
        answer = http.ask(method, f"{V2}/clip", None)
        assert answer.status_code == 405, method
        assert answer.headers["allow"]


def test_the_document_names_the_categories_as_clients_know_them(http: Wire) -> None:
    document = http.get("/openapi.json", None).json()
    schema = document["components"]["schemas"]["MODEL_REFERENCE_CATEGORY"]
    assert schema["enum"] == list(CATEGORIES)
    operations = {path: rows["get"]["operationId"] for path, rows in document["paths"].items() if "get" in rows}
    assert operations[f"{V2}/info"] == "read_v2_reference_api_info"
    assert operations[f"{V2}/model_categories"] == "read_v2_references_names"
    assert operations[f"{V2}/{{model_category_name}}"] == "read_v2_reference"
    assert operations[f"{V2}/{{model_category_name}}/model/{{model_name}}"] == "read_v2_single_model"
    assert operations[f"{V2}/{{model_category_name}}/pending"] == "read_v2_reference_pending"
    parameter = document["paths"][f"{V2}/{{model_category_name}}"]["get"]["parameters"][0]
    assert parameter["schema"] == {"$ref": "#/components/schemas/MODEL_REFERENCE_CATEGORY"}


def test_only_what_is_applied_is_read(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    with wire(world) as http:
        before = http.get(f"{V2}/clip", None)
        created = world.create("clip", "new", clip("new"))
        updated = world.update("clip", "ViT-L/14", {"/description": "Another."})
        deleted = world.delete("clip", "coca_ViT-L-14")
        assert http.get(f"{V2}/clip", None).content == before.content
        assert http.get(f"{V2}/clip/search", None).json()["total"] == 2
        batch = world.approve(created, updated, deleted)
        assert http.get(f"{V2}/clip", None).content == before.content
        world.apply(batch)
        after = http.get(f"{V2}/clip", None, headers={"If-None-Match": before.headers["etag"]})
        assert list(after.json()) == ["ViT-L/14", "new"]
        assert after.json()["ViT-L/14"]["description"] == "Another."
        packed = http.get(f"{V2}/clip", None, headers={"Accept-Encoding": "gzip"})
        assert packed.content == after.content
        assert http.get(f"{V2}/clip/search?name_contains=new", None).json()["total"] == 1
        assert http.get(f"{V2}/clip/model/new", None).status_code == 200
        assert http.get(f"{V2}/clip/model/coca_ViT-L-14", None).status_code == 404


def test_the_compressed_bytes_are_one_stream_that_any_reader_takes(http: Wire) -> None:
    async def raw() -> bytes:
        request = http.client.build_request("GET", f"{V2}/image_generation", headers={"Accept-Encoding": "gzip"})
        answer = await http.client.send(request, stream=True)
        return b"".join([part async for part in answer.aiter_raw()])

    data = http.run(raw())
    assert json.loads(gzip.decompress(data)) == http.get(f"{V2}/image_generation", None).json()
