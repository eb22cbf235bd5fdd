"""Writes by v2: the tables of statuses, of which error wins and of modes, row by row, and what a write leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelref_git.operations.category_schemas import update_category
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.models import BaseRecord
from modelref_git.records.shipped import schema_bytes
from modelref_git.server import callers
from modelref_git.server.faults import Refusal
from tests.support.http import V1, V2, Wire, wire
from tests.support.world import World, clip

LIVE = "ViT-L/14"
READ_ONLY = (
    "This instance is in REPLICA mode and does not support write operations. Only PRIMARY instances can modify data."
)
OTHER_FORMAT = (
    "This deployment does not expose write operations for this API. Expected canonical_format='v2', got 'legacy'."
)
QUEUE_OFF = "Pending queue is disabled or unsupported on this deployment."
NO_MATCH = "Model name in the path must match the payload when queuing updates."
BLANK = "Model name must not be empty or whitespace-only."
NO_REQUESTOR = "You are not on the pending queue requestor list."
MISSING_NAME = {"type": "missing", "loc": ["body", "name"], "msg": "Field required", "input": {}}
NO_OBJECT = "Input should be a valid dictionary or object to extract fields from"
EXPECTED = "'blip', 'clip', 'codeformer', 'controlnet', 'controlnet_annotator', 'esrgan', 'gfpgan', 'safety_checker', "
EXPECTED += "'image_generation', 'text_generation', 'video_generation', 'audio_generation', 'miscellaneous', "
EXPECTED += "'lora' or 'ti'"
JSON = {"content-type": "application/json"}
ALL_OFF: dict[str, Any] = {"read_only": True, "canonical_format": "legacy", "queue": False}
IMAGE: dict[str, Any] = {
    "name": "m1",
    "baseline": "stable_diffusion_xl",
    "nsfw": False,
    "inpainting": None,
    "description": "d",
    "config": {"download": [{"file_name": "a.safetensors", "file_url": "https://h.example/a", "sha256sum": "ab" * 32}]},
}


@pytest.fixture(scope="module")
def modes(http: Wire) -> Iterator[Callable[..., Wire]]:
    """The services over the same repository, by their settings."""
    known: dict[str, Wire] = {}
    with ExitStack() as stack:

        def find(**mode: Any) -> Wire:
            key = repr(sorted(mode.items()))
            if key not in known:
                known[key] = stack.enter_context(wire(http.world, **mode))
            return known[key]

        yield find


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    world = World.make(tmp_path_factory.mktemp("writing") / "w")
    world.add_category("upscaler", {**OWN_SCHEMA})
    with wire(world) as served:
        yield served


OWN_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"name": {"type": "string"}, "factor": {"type": "integer", "minimum": 2}},
    "required": ["factor"],
}


def queued(http: Wire) -> int:
    """How many changes the queue has ever taken."""
    return http.world.context().view().queue.header.last_change_id


def live(http: Wire, category: str = "clip", name: str = LIVE) -> str:
    """The blob of a live record."""
    return http.world.context().dataset().blob(category, name) or ""


def path(name: str, category: str = "clip") -> str:
    return f"{V2}/{category}/model/{name}"


# --- what is taken ---------------------------------------------------------------------------------------------------


def test_a_create_is_answered_with_the_queued_change_without_nulls(http: Wire) -> None:
    refs = http.world.files()
    number = queued(http) + 1
    body = json.dumps({**IMAGE, "own": {"kept": 0}}).replace('"kept": 0', '"kept": 1.50').encode()
    answer = http.ask("POST", f"{V2}/image_generation", "carol", content=body, headers=JSON)
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/json"
    change = answer.json()
    asked_at = change["requested_at"]
    stamps = {"created_at": asked_at, "updated_at": asked_at, "created_by": "carol#2", "updated_by": "carol#2"}
    payload = {
        "record_type": "image_generation",
        "name": "m1",
        "description": "d",
        "metadata": {"schema_version": "2.0.0", **stamps},
        "config": IMAGE["config"],
        "model_classification": {"domain": "image", "purpose": "generation"},
        "inpainting": False,
        "baseline": "stable_diffusion_xl",
        "tags": [],
        "showcases": [],
        "trigger": [],
        "nsfw": False,
        "own": {"kept": 1.5},
    }
    expected = {
        "change_id": number,
        "category": "image_generation",
        "model_name": "m1",
        "operation": "create",
        "payload": payload,
        "requested_by": "2",
        "requested_username": "carol#2",
        "requested_at": asked_at,
        "status": "pending",
        "updated_at": asked_at,
        "request_metadata": {"route": "create_v2_image_generation"},
    }
    assert change == expected
    assert list(change) == list(expected)
    assert list(change["payload"]) == list(payload)
    assert "1.50" in answer.text
    assert http.world.files() == refs


def test_any_number_of_changes_of_one_record_may_wait(http: Wire) -> None:
    numbers = [
        http.post(f"{V2}/clip", clip("twice"), "carol").json()["change_id"],
        http.post(f"{V2}/clip", clip("twice"), "carol").json()["change_id"],
        http.delete(path(LIVE), "carol").json()["change_id"],
        http.put(path(LIVE), clip(LIVE), "carol").json()["change_id"],
    ]
    assert numbers == list(range(numbers[0], numbers[0] + 4))


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_routes_of_its_own(http: Wire, category: str) -> None:
    document = http.get("/openapi.json", None).json()["paths"]
    create = document[f"{V2}/{category}"]["post"]
    update = document[f"{V2}/{category}/model/{{model_name}}"]["put"]
    assert create["operationId"] == f"create_v2_{category}"
    assert update["operationId"] == f"update_v2_{category}"
    for operation in (create, update):
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        assert reference.rpartition("/")[2].lower() == category.replace("_", "") + "modelrecord"
        assert {"202", "400", "401", "403", "404", "409", "422", "503"} <= set(operation["responses"])
    assert http.post(f"{V2}/{category}", {}, "carol").json()["detail"][0] == MISSING_NAME
    assert http.put(f"{V2}/{category}/model/x", {}, "carol").json()["detail"][0] == MISSING_NAME


def test_the_document_has_every_schema_that_it_refers_to(http: Wire) -> None:
    text = http.get("/openapi.json", None).text
    names = set(json.loads(text)["components"]["schemas"])
    referred = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert referred <= names
    assert {"ControlNetModelRecord", "GenericModelRecord", "DownloadRecord", "PendingChangeRecord"} <= referred


@pytest.mark.parametrize("name", ["ViT-L/14", "ViT-L%2F14"])
def test_a_name_with_a_slash_is_the_rest_of_the_path(http: Wire, name: str) -> None:
    deleted = http.delete(path(name), "carol")
    assert (deleted.status_code, deleted.json()["model_name"]) == (202, LIVE)
    assert deleted.json()["request_metadata"] == {"route": "delete_v2_model"}
    assert deleted.json()["payload"] == http.world.run("get", "clip", LIVE).ok().json
    changed = http.put(path(name), clip(LIVE, version="2"), "carol")
    assert (changed.status_code, changed.json()["model_name"]) == (202, LIVE)
    assert changed.json()["request_metadata"] == {"route": "update_v2_clip"}


def test_add_judges_by_the_category_of_the_path(http: Wire) -> None:
    answer = http.post(f"{V2}/clip/add", clip("added"), "carol").json()
    assert (answer["payload"]["record_type"], answer["request_metadata"]) == ("clip", {"route": "create_v2_model"})
    refused = http.post(f"{V2}/image_generation/add", {"name": "x", "nsfw": True}, "carol")
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "baseline"]


def test_an_update_keeps_who_made_the_record_and_when(http: Wire) -> None:
    world = http.world
    number = world.create("clip", "stamped", clip("stamped"))
    world.apply(world.approve(number))
    made = world.run("get", "clip", "stamped").ok().json["metadata"]
    claimed = {"created_at": 1, "created_by": "nina#9", "updated_by": "nina#9"}
    answer = http.put(path("stamped"), clip("stamped", version="2", metadata=claimed), "arthur").json()
    stamps = answer["payload"]["metadata"]
    assert (
        (stamps["created_at"], stamps["created_by"])
        == (made["created_at"], made["created_by"])
        == (
            made["created_at"],
            "carol#2",
        )
    )
    assert (stamps["updated_at"], stamps["updated_by"]) == (answer["requested_at"], "arthur#3")


def test_text_models_take_either_name_of_the_number_and_store_one(http: Wire) -> None:
    for number in ({"parameters": 7_000_000_000}, {"parameters_count": "7000000000"}):
        answer = http.post(f"{V2}/text_generation", {"name": "Auth/Model-7B", **number}, "carol").json()
        payload = answer["payload"]
        assert (payload["parameters"], payload["text_model_group"]) == (7_000_000_000, "Model")
        assert "parameters_count" not in payload
        assert answer["related_models"] == ["aphrodite/Auth/Model-7B", "koboldcpp/Model-7B"]
        assert list(answer)[-1] == "related_models"


def test_a_category_of_ones_own_is_written_by_the_general_routes(http: Wire) -> None:
    world = http.world
    record = {"factor": 4, "name": "x4"}
    created = http.post(f"{V2}/upscaler/add", record, "carol")
    assert (created.status_code, created.json()["payload"]) == (202, record)
    world.apply(world.approve(created.json()["change_id"]))
    changed = http.put(path("x4", "upscaler"), {**record, "factor": 8}, "carol")
    assert (changed.status_code, changed.json()["request_metadata"]) == (202, {"route": "update_v2_model"})
    assert http.delete(path("x4", "upscaler"), "carol").status_code == 202
    refused = http.post(f"{V2}/upscaler/add", {"name": "x1", "factor": 1}, "carol").json()["detail"]
    assert [(row["type"], row["loc"], row["input"]) for row in refused] == [("value_error", ["body", "factor"], 1)]
    assert http.post(f"{V2}/upscaler/add", {}, "carol").json()["detail"] == [
        {**MISSING_NAME, "loc": ["body", "factor"]},
        MISSING_NAME,
    ]
    assert http.post(f"{V2}/upscaler", record, "carol").status_code == 405


def test_a_note_a_waiver_and_the_change_whose_place_it_takes(http: Wire) -> None:
    first = http.post(f"{V2}/clip?note=the%20first", clip("noted"), "carol").json()
    assert first["notes"] == "the first"
    second = http.post(f"{V2}/clip?supersedes={first['change_id']}", clip("noted"), "carol").json()
    assert http.world.run("show", str(first["change_id"])).ok().json["rejected_username"] == "carol#2"
    assert second["status"] == "pending"
    spaced = clip("spaced ")
    refused = http.post(f"{V2}/clip", spaced, "carol")
    assert (refused.status_code, refused.json()["reason"]["details"][0]["rule"]) == (422, "name.whitespace")
    assert isinstance(refused.json()["detail"], str)
    assert http.post(f"{V2}/clip?allow=name.url&allow=name.empty_part", spaced, "carol").status_code == 422
    assert http.post(f"{V2}/clip?allow=name.url&allow=name.whitespace", spaced, "carol").status_code == 202
    unknown = http.post(f"{V2}/clip?allow=no.such", spaced, "carol")
    assert (unknown.status_code, unknown.json()["detail"]) == (422, "'no.such' is no quality rule")


# --- what is refused -------------------------------------------------------------------------------------------------

PREFIXED = "Model name 'koboldcpp/Model-7B' contains a backend prefix (aphrodite/, koboldcpp/). "
PREFIXED += "Submit only the base model name \u2014 backend duplicates are {} automatically."
VARIANT = {"name": "koboldcpp/Model-7B", "parameters": 7}
ABSENT = {**IMAGE, "name": "nope1"}
PRESENT = {**IMAGE, "name": "stable_diffusion"}


@pytest.mark.parametrize(
    ("method", "where", "body", "status", "detail"),
    [
        ("PUT", path("other"), clip("one"), 400, NO_MATCH),
        ("PUT", path("x", "upscaler"), {"name": "y", "factor": 2}, 400, NO_MATCH),
        ("POST", f"{V2}/text_generation", VARIANT, 400, PREFIXED.format("generated")),
        ("POST", f"{V2}/text_generation/add", VARIANT, 400, PREFIXED.format("generated")),
        ("PUT", path("koboldcpp/Model-7B", "text_generation"), VARIANT, 400, PREFIXED.format("generated")),
        ("DELETE", path("koboldcpp/Model-7B", "text_generation"), None, 400, PREFIXED.format("deleted")),
        (
            "PUT",
            path("nope1", "image_generation"),
            ABSENT,
            404,
            "Model 'nope1' not found in category 'image_generation'. Use POST to create new models.",
        ),
        (
            "DELETE",
            path("nope1", "image_generation"),
            None,
            404,
            "Model 'nope1' not found in category 'image_generation'",
        ),
        (
            "POST",
            f"{V2}/image_generation",
            PRESENT,
            409,
            "Model 'stable_diffusion' already exists in category 'image_generation'. "
            "Use PUT to update existing models.",
        ),
        (
            "POST",
            f"{V2}/image_generation/add",
            PRESENT,
            409,
            "Model 'stable_diffusion' already exists in category 'image_generation'. "
            "Use PUT to update existing models.",
        ),
        ("POST", f"{V2}/clip", clip(""), 422, BLANK),
        ("POST", f"{V2}/clip", clip("  "), 422, BLANK),
        ("POST", f"{V2}/clip", clip("\t"), 422, BLANK),
        ("POST", f"{V2}/clip/add", clip(" "), 422, BLANK),
        ("DELETE", path("%20"), None, 422, BLANK),
        ("POST", f"{V2}/clip", clip("a\\b"), 422, "Model name must not contain invalid characters \\: 'a\\b'"),
        ("PUT", path("a%5Cb"), clip("a\\b"), 422, "Model name must not contain invalid characters \\: 'a\\b'"),
        ("DELETE", path("a%5Cb"), None, 422, "Model name must not contain invalid characters \\: 'a\\b'"),
    ],
)
def test_a_write_is_refused_in_the_words_that_clients_know(
    http: Wire, method: str, where: str, body: Any, status: int, detail: str
) -> None:
    before = queued(http)
    answer = http.ask(method, where, "carol", **({} if body is None else {"json": body}))
    assert (answer.status_code, answer.json()["detail"]) == (status, detail)
    assert isinstance(answer.json()["reason"]["code"], str)
    assert queued(http) == before


def test_a_name_too_long_for_a_file_and_a_look_alike_are_refused(http: Wire) -> None:
    too_long = http.post(f"{V2}/clip", clip("x" * 251), "carol")
    assert (too_long.status_code, too_long.json()["reason"]["details"][0]["rule"]) == (422, "name.too_long")
    alike = http.post(f"{V2}/clip", clip("COCA_ViT-L-14"), "carol")
    assert (alike.status_code, alike.json()["reason"]["code"]) == (409, "conflict")
    assert "coca_ViT-L-14" in alike.json()["detail"]


def row(kind: str, loc: list[Any], message: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "loc": ["body", *loc], "msg": message, "input": value, **more}


def value_row(loc: list[Any], message: str, value: Any) -> dict[str, Any]:
    return row("value_error", loc, f"Value error, {message}", value, ctx={"error": {}})


OTHER_TYPE = {"name": "x", "record_type": "blip"}
ZZZ = {"name": "x", "baseline": "zzz", "nsfw": True}
ODD_STYLE = {"name": "x", "baseline": "stable_diffusion_1", "nsfw": True, "style": "odd"}
TWO_NUMBERS = {"name": "a/b", "parameters": 1, "parameters_count": 2}


@pytest.mark.parametrize(
    ("category", "body", "rows"),
    [
        ("clip", {}, [MISSING_NAME]),
        ("clip", {"name": 5}, [row("string_type", ["name"], "Input should be a valid string", 5)]),
        ("clip", [], [row("model_attributes_type", [], NO_OBJECT, [])]),
        ("clip", "text", [row("model_attributes_type", [], NO_OBJECT, "text")]),
        ("clip", {"name": "x", "config": 1}, [row("model_attributes_type", ["config"], NO_OBJECT, 1)]),
        ("clip", OTHER_TYPE, [value_row(["record_type"], "Record type blip contradicts the category clip", "blip")]),
        (
            "clip",
            {"name": "x", "config": {"download": [{"file_name": "f"}]}},
            [row("missing", ["config", "download", 0, "file_url"], "Field required", {"file_name": "f"})],
        ),
        ("image_generation", ZZZ, [value_row([], "Unknown baseline: zzz", ZZZ)]),
        ("image_generation", ODD_STYLE, [value_row([], "Unknown style: odd", ODD_STYLE)]),
        (
            "image_generation",
            clip("x"),
            [
                row("missing", ["baseline"], "Field required", clip("x")),
                row("missing", ["nsfw"], "Field required", clip("x")),
            ],
        ),
        (
            "text_generation",
            {"name": "a/b", "parameters_count": "x"},
            [value_row(["parameters_count"], "parameters must be a positive whole number", "x")],
        ),
        (
            "text_generation",
            {"name": "a/b", "parameters": 1, "settings": {"zzz": 1}},
            [value_row(["settings", "zzz"], "Unknown settings key: zzz", 1)],
        ),
        (
            "text_generation",
            TWO_NUMBERS,
            [
                value_row(
                    ["parameters_count"],
                    "parameters_count and parameters are two names of one field, and their values differ",
                    2,
                )
            ],
        ),
    ],
)
def test_a_record_of_another_shape_is_refused_row_by_row(http: Wire, category: str, body: Any, rows: Any) -> None:
    for where in (f"{V2}/{category}", f"{V2}/{category}/add"):
        answer = http.post(where, body, "carol")
        assert (answer.status_code, answer.json()) == (422, {"detail": rows})


@pytest.mark.parametrize(
    ("sent", "rows"),
    [
        ({}, [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}]),
        ({"content": b"null", "headers": JSON}, [row("missing", [], "Field required", None)]),
        ({"content": b"{}"}, [row("model_attributes_type", [], NO_OBJECT, "{}")]),
        (
            {"content": b"{}", "headers": {"content-type": "text/plain"}},
            [row("model_attributes_type", [], NO_OBJECT, "{}")],
        ),
        (
            {"content": b"{", "headers": {"content-type": "application/vnd.x+json; charset=utf-8"}},
            [
                {
                    "type": "json_invalid",
                    "loc": ["body", 1],
                    "msg": "JSON decode error",
                    "input": {},
                    "ctx": {"error": "Expecting property name enclosed in double quotes"},
                }
            ],
        ),
    ],
)
def test_a_body_that_is_none_is_refused(http: Wire, sent: dict[str, Any], rows: Any) -> None:
    for method, where in (("POST", f"{V2}/clip"), ("POST", f"{V2}/clip/add"), ("PUT", path("x"))):
        answer = http.ask(method, where, "carol", **sent)
        assert (answer.status_code, answer.json()) == (422, {"detail": rows})


@pytest.mark.parametrize(
    "body", [b'{"name": "x", "name": "y"}', b'{"name": NaN}', b'{"name": "\\ud800"}', b"[" * 10_000, b"\xff{}"]
)
def test_json_that_no_record_may_be_is_refused(http: Wire, body: bytes) -> None:
    answer = http.ask("POST", f"{V2}/clip", "carol", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "json_invalid")


@pytest.mark.parametrize(
    ("method", "where"), [("POST", f"{V2}/foo/add"), ("PUT", path("x", "foo")), ("DELETE", path("x", "foo"))]
)
def test_a_category_that_is_none_is_refused(http: Wire, method: str, where: str) -> None:
    answer = http.ask(method, where, "carol", **({} if method == "DELETE" else {"json": {}}))
    expected = {
        "type": "enum",
        "loc": ["path", "model_category_name"],
        "msg": f"Input should be {EXPECTED}",
        "input": "foo",
        "ctx": {"expected": EXPECTED},
    }
    assert (answer.status_code, answer.json()) == (422, {"detail": [expected]})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_known_categories_have_typed_routes(http: Wire, method: str) -> None:
    answer = http.ask(method, f"{V2}/foo", "carol", json={})
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})


def test_words_around_a_record_are_judged_with_it(http: Wire) -> None:
    answer = http.post(f"{V2}/clip?supersedes=x", {}, "carol", headers={"Idempotency-Key": "k" * 256})
    assert [item["loc"] for item in answer.json()["detail"]] == [
        ["query", "supersedes"],
        ["header", "idempotency-key"],
        ["body", "name"],
    ]
    assert [item["type"] for item in answer.json()["detail"]] == ["int_parsing", "string_too_long", "missing"]


# --- which error wins ------------------------------------------------------------------------------------------------


def test_of_several_errors_the_first_of_the_list_is_told(
    modes: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request with all faults at once, from which one after the other is taken."""
    where = path("koboldcpp%2F%20x", "text_generation")
    bad: dict[str, Any] = {"name": "other", "parameters": "none"}
    good = {"name": "koboldcpp/ x", "parameters": 7}

    def told(served: Wire, who: str | None, **sent: Any) -> tuple[int, Any]:
        answer = served.ask("PUT", where, who, **sent)
        return answer.status_code, answer.json()["detail"]

    all_off = modes(**ALL_OFF)
    status, detail = told(all_off, None, content=b"{", headers=JSON)
    assert (status, detail[0]["type"]) == (422, "json_invalid")
    assert told(all_off, None, json=bad) == (401, "Not authenticated")
    with monkeypatch.context() as patched:
        patched.setattr(callers, "grants", lambda *_: False)
        status, detail = told(all_off, "nobody's", json=bad)
        assert (status, detail[0]["loc"]) == (422, ["body", "parameters"])
        assert told(all_off, "nobody's", json={**bad, "parameters": 7}) == (400, NO_MATCH)
        assert told(all_off, "nobody's", json=good) == (401, "Invalid API key")
    with monkeypatch.context() as patched:
        patched.setattr(callers, "_login", _timed_out)
        assert told(all_off, "nina", json=good) == (503, "Auth service timed out")
    assert told(all_off, "nobody's", json=good) == (401, "Invalid API key")
    assert told(all_off, "nina", json=good) == (403, NO_REQUESTOR)
    assert told(all_off, "carol", json=good) == (503, READ_ONLY)
    assert told(modes(canonical_format="legacy"), "carol", json=good) == (503, OTHER_FORMAT)


def test_a_queue_that_is_off_is_told_last(modes: Callable[..., Wire]) -> None:
    http = modes(queue=False)

    def told(name: str, method: str = "POST") -> tuple[int, str]:
        where = f"{V2}/text_generation" if method == "POST" else path(name, "text_generation")
        answer = http.ask(method, where, "carol", json={"name": name, "parameters": 7})
        return answer.status_code, answer.json()["detail"][:40]

    assert told("koboldcpp/\\") == (422, "Model name must not contain invalid char")
    assert told("koboldcpp/x") == (400, "Model name 'koboldcpp/x' contains a back")
    assert told("absent", "PUT") == (404, "Model 'absent' not found in category 'te")
    assert told("codellama/CodeLlama-13b-Instruct-hf") == (409, "Model 'codellama/CodeLlama-13b-Instruct-")
    assert told("fine") == (503, QUEUE_OFF[:40])
    assert told("codellama/CodeLlama-13b-Instruct-hf", "PUT") == (503, QUEUE_OFF[:40])
    assert told("codellama/CodeLlama-13b-Instruct-hf", "DELETE") == (503, QUEUE_OFF[:40])


async def _timed_out(*_: Any, **__: Any) -> Any:
    raise Refusal(503, "Auth service timed out", "remote")


# --- modes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "category", "status", "detail"),
    [
        (ALL_OFF, "clip", 503, READ_ONLY),
        (ALL_OFF, "lora", 503, READ_ONLY),
        ({"canonical_format": "legacy"}, "clip", 503, OTHER_FORMAT),
        ({"queue": False}, "clip", 503, QUEUE_OFF),
        *(
            ({"canonical_format": "legacy"}, category, 202, None)
            for category in ("controlnet_annotator", "video_generation", "audio_generation", "lora", "ti")
        ),
    ],
)
def test_each_mode_takes_what_it_takes(
    modes: Callable[..., Wire], mode: dict[str, Any], category: str, status: int, detail: str | None
) -> None:
    http = modes(**mode)
    before = queued(http)
    created = http.post(f"{V2}/{category}", {"name": "of a mode"}, "carol")
    added = http.post(f"{V2}/{category}/add", {"name": "of a mode"}, "carol")
    others = [http.put(path(LIVE), clip(LIVE, version="9"), "carol"), http.delete(path(LIVE), "carol")]
    answers = [created, added, *(others if category == "clip" else [])]
    for answer in answers:
        assert (answer.status_code, answer.json().get("detail")) == (status, detail)
        assert ("retry-after" in answer.headers) is (status == 503)
    assert queued(http) == before + (2 if status == 202 else 0)


@pytest.mark.parametrize(
    ("method", "where", "status"), [("POST", "", 405), ("PUT", "", 405), ("DELETE", "/model/x", 404)]
)
def test_v1_takes_no_writes_where_records_are_written(http: Wire, method: str, where: str, status: int) -> None:
    assert http.ask(method, f"{V1}/clip{where}", "carol", json={}).status_code == status


# --- edits of older states -------------------------------------------------------------------------------------------


def test_an_edit_of_the_state_that_was_read_goes_in_and_of_another_does_not(http: Wire) -> None:
    blob = live(http)
    edit = clip(LIVE, version="3", metadata={"updated_at": 12345})
    read = http.get(path(LIVE), None).headers["etag"]
    for tag in (read, f'"{blob}"', f'W/"{blob}"', "*", f'"else", W/"{blob}"'):
        assert http.put(path(LIVE), edit, "carol", headers={"If-Match": tag}).status_code == 202
        assert http.delete(path(LIVE), "carol", headers={"If-Match": tag}).status_code == 202
    before = queued(http)
    stale = [
        http.put(path(LIVE), edit, "carol", headers={"If-Match": '"0000"'}),
        http.delete(path(LIVE), "carol", headers={"If-Match": 'W/"0000"'}),
    ]
    for answer in stale:
        assert (answer.status_code, answer.headers["etag"]) == (412, f'W/"{blob}"')
        assert answer.json()["reason"] == {"code": "conflict"}
    absent = http.put(path("absent"), clip("absent"), "carol", headers={"If-Match": "*"})
    assert absent.status_code == 404
    assert queued(http) == before


def test_a_full_record_of_an_older_state_is_merged_or_refused(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")

    def made(change: int) -> dict[str, Any]:
        world.apply(world.approve(change))
        world.clock.tick(100)
        return dict(world.run("get", "clip", "aging").ok().json)

    old = made(world.create("clip", "aging", clip("aging")))
    made(world.update("clip", "aging", {"/version": "2"}))
    with wire(world) as served:
        merged = served.put(path("aging"), {**old, "description": "Edited."}, "carol")
        refused = served.put(path("aging"), {**old, "version": "3"}, "carol")
        same = served.put(path("aging"), {**old, "version": "2"}, "carol")
    assert merged.status_code == 202
    payload = merged.json()["payload"]
    assert (payload["version"], payload["description"]) == ("2", "Edited.")
    assert refused.status_code == 409
    detail = refused.json()["reason"]["details"][0]
    assert (detail["path"], detail["base"], detail["ours"], detail["theirs"]) == ("/version", None, "2", "3")
    assert (same.status_code, same.json()["reason"]["details"][0]["rule"]) == (422, "update.unchanged")


# --- requests that are sent twice ------------------------------------------------------------------------------------


def test_a_request_with_a_key_is_done_once(http: Wire) -> None:
    key = {"Idempotency-Key": "one"}
    first = http.post(f"{V2}/clip?note=n", clip("once"), "carol", headers=key)
    again = http.post(f"/api{V2}/clip?note=n", clip("once"), "carol", headers=key)
    assert (first.status_code, first.json()) == (202, again.json())
    for where, body in ((f"{V2}/clip", clip("once")), (f"{V2}/clip?note=n", clip("other"))):
        reused = http.post(where, body, "carol", headers=key)
        assert (reused.status_code, reused.json()["reason"]["code"]) == (422, "state")
    of_another = http.post(f"{V2}/clip?note=n", clip("once"), "arthur", headers=key)
    assert of_another.json()["change_id"] == first.json()["change_id"] + 1


def test_a_request_with_a_key_is_known_again_when_it_is_live(http: Wire) -> None:
    key = {"Idempotency-Key": "until it is live"}
    first = http.post(f"{V2}/clip", clip("known again"), "carol", headers=key).json()
    http.world.apply(http.world.approve(first["change_id"]))
    again = http.post(f"{V2}/clip", clip("known again"), "carol", headers=key)
    assert (again.status_code, again.json()) == (202, first)
    assert http.post(f"{V2}/clip", clip("known again"), "carol").status_code == 409
    assert http.post(f"{V2}/clip", clip("x"), "carol", headers={"Idempotency-Key": ""}).status_code == 422


# --- the schema of the dataset ---------------------------------------------------------------------------------------


def test_what_a_record_must_be_is_the_schema_of_the_dataset(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    schema = json.loads(schema_bytes("image_generation") or b"")
    schema["properties"]["baseline"]["enum"].append("brand_new")
    schema["properties"]["description"]["maxLength"] = 200
    world.pass_policy(
        update_category(world.context(), "image_generation", json.dumps(schema, indent=2).encode() + b"\n")
    )
    with wire(world) as served:
        where = f"{V2}/image_generation"
        taken = served.post(where, {**IMAGE, "baseline": "brand_new", "description": "d" * 200}, "carol")
        assert (taken.status_code, taken.json()["payload"]["tags"]) == (202, [])
        odd = {**IMAGE, "baseline": "zzz", "description": "d" * 201}
        refused = served.post(where, odd, "carol")
        baseline, description = refused.json()["detail"]
        assert baseline == value_row([], "Unknown baseline: zzz", odd)
        assert (description["type"], description["loc"], description["input"]) == (
            "value_error",
            ["body", "description"],
            "d" * 201,
        )
        assert served.post(where, {}, "carol").json()["detail"][0]["type"] == "missing"


# --- whatever is sent ------------------------------------------------------------------------------------------------

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(sorted({name for model in BaseRecord.__subclasses__() for name in model.model_fields}))
_RECORDS = st.dictionaries(_FIELDS | st.just("parameters_count"), _VALUES, max_size=6).map(
    lambda record: {"name": "any", "baseline": "infer", "nsfw": False, "parameters": 1, **record}
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    category=st.sampled_from([*CATEGORIES, "upscaler"]),
    body=_RECORDS | _VALUES,
    method=st.sampled_from(["POST", "PUT"]),
)
def test_no_body_breaks_the_service(http: Wire, category: str, body: Any, method: str) -> None:
    before = queued(http)
    where = f"{V2}/{category}/add" if method == "POST" else path("any", category)
    answer = http.ask(method, where, "carol", json=body)
    assert answer.status_code in (202, 400, 404, 409, 422), answer.text
    assert queued(http) == before + (answer.status_code == 202)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_bytes_break_the_service(http: Wire, body: bytes) -> None:
    before = queued(http)
    assert http.ask("POST", f"{V2}/clip", "carol", content=body, headers=JSON).status_code == 422
    assert queued(http) == before
