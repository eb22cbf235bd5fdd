from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelref_git.records import codec
from modelref_git.server import catalogue
from modelref_git.server.wire.models import ModelDetails, ModelPage
from tests.support.http import Wire, wire
from tests.support.world import World, clip

MODELS = "/v1/models"
AB = "a/b \u00fc"
DATA = b"weights " * 3000
SUM = hashlib.sha256(DATA).hexdigest()


def download(file_name: str, **more: Any) -> dict[str, Any]:
    return {"file_name": file_name, "file_url": f"https://models.example/{file_name}", **more}


def picture(name: str, **more: Any) -> dict[str, Any]:
    record = {
        "name": name,
        "description": "Makes pictures.",
        "baseline": "stable_diffusion_xl",
        "nsfw": False,
        "style": "anime",
        "tags": ["Cats", "dogs"],
        "trigger": ["meow"],
        "version": "1.5",
        "config": {"download": [download("here.safetensors", sha256sum=SUM, size_bytes=len(DATA))]},
    }
    return {**record, **more}


def lora(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "nsfw": True, "baseline": "Qwen", "tags": ["cats"], **more}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with four models and a folder with the file of one of them."""
    world = World.make(tmp_path_factory.mktemp("models") / "w", empty=True)
    two = {"download": [download("here.safetensors", sha256sum=SUM), download("sub/vae.pt")]}
    for number, (category, record) in enumerate(
        [
            ("image_generation", picture("Zebra")),
            ("image_generation", picture(AB, config=two, size_on_disk_bytes=9_000_000)),
            ("lora", lora("Mouse")),
            ("clip", clip("Eye")),
        ]
    ):
        world.clock.tick(number)
        world.apply(world.approve(world.create(category, record["name"], record)))
    files = world.path.parent / "files"
    files.mkdir()
    (files / "here.safetensors").write_bytes(DATA)
    return world


@pytest.fixture(scope="module")
def http(world: World) -> Iterator[Wire]:
    with wire(world, files=world.path.parent / "files") as served:
        yield served


def names(http: Wire, **query: Any) -> list[str]:
    answer = http.get(MODELS, params=query)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    ModelPage.model_validate(page)
    return [item["name"] for item in page["items"]]


def number(http: Wire, name: str) -> int:
    [item] = [item for item in http.get(MODELS).json()["items"] if item["name"] == name]
    return int(item["id"])


@pytest.mark.parametrize("path", ["/api/v1/models", MODELS])
def test_the_list_has_the_members_that_clients_know(http: Wire, path: str) -> None:
    page = http.get(path, params={"search": "zeb", "limit": 1}).json()
    [item] = page.pop("items")
    assert page == {"total": 1, "page": 1, "limit": 1, "hasMore": False}
    assert item == {
        "id": item["id"],
        "name": "Zebra",
        "type": "image_generation",
        "category": "image_generation",
        "subcategory": "anime",
        "baseModel": "stable_diffusion_xl",
        "nsfwLevel": 0,
        "creatorName": None,
        "creatorAvatar": None,
        "tags": ["Cats", "dogs"],
        "stats": dict.fromkeys(
            ("downloadCount", "thumbsUpCount", "thumbsDownCount", "commentCount", "tippedAmountCount")
        ),
        "hasMetadata": True,
        "heroImage": None,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"Zebra", AB, "Mouse", "Eye"}),
        ({"category": "LoRA"}, {"Mouse"}),
        ({"category": "nothing"}, set()),
        ({"category": ""}, {"Zebra", AB, "Mouse", "Eye"}),
        ({"type": "LORA"}, {"Mouse"}),
        ({"subcategory": "Anime"}, {"Zebra", AB}),
        ({"baseModel": "qwen"}, {"Mouse"}),
        ({"search": "E"}, {"Zebra", "Mouse", "Eye"}),
        ({"search": "/B"}, {AB}),
        ({"tags": "cats"}, {"Zebra", AB, "Mouse"}),
        ({"tags": " cats , Dogs,"}, {"Zebra", AB}),
        ({"maxNsfwLevel": 3}, {"Zebra", AB, "Eye"}),
        ({"maxNsfwLevel": 4}, {"Zebra", AB, "Mouse", "Eye"}),
        ({"hasMetadata": "true", "search": "eye"}, {"Eye"}),
        ({"hasMetadata": "false"}, set()),
        ({"category": "image_generation", "search": "z", "tags": "dogs"}, {"Zebra"}),
        ({"unknown": "1", "search": "eye"}, {"Eye"}),
    ],
)
def test_filters_narrow_the_list(http: Wire, query: dict[str, Any], found: set[str]) -> None:
    assert set(names(http, **query)) == found


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (None, ["Eye", "Mouse", AB, "Zebra"]),
        ("newest", ["Eye", "Mouse", AB, "Zebra"]),
        ("oldest", ["Zebra", AB, "Mouse", "Eye"]),
        ("name", [AB, "Eye", "Mouse", "Zebra"]),
        ("downloads", [AB, "Eye", "Mouse", "Zebra"]),
        ("likes", [AB, "Eye", "Mouse", "Zebra"]),
    ],
)
def test_the_list_is_in_the_order_that_was_asked_for(http: Wire, sort: str | None, order: list[str]) -> None:
    assert names(http, **({"sort": sort} if sort else {})) == order
    pages = [names(http, limit=3, page=page, **({"sort": sort} if sort else {})) for page in (1, 2, 3)]
    assert pages == [order[:3], order[3:], []]


def test_pages_say_whether_there_are_more(http: Wire) -> None:
    pages = [http.get(MODELS, params={"limit": 2, "page": page}).json() for page in (1, 2, 3)]
    assert [(page["total"], page["page"], page["limit"], page["hasMore"]) for page in pages] == [
        (4, 1, 2, True),
        (4, 2, 2, False),
        (4, 3, 2, False),
    ]
    assert http.get(MODELS).json()["limit"] == 40


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=x", "limit=0", "limit=101", "maxNsfwLevel=64", "sort=best", "hasMetadata=perhaps", "at=:/x"],
)
def test_a_parameter_that_makes_no_sense_is_named(http: Wire, query: str) -> None:
    answer = http.get(f"{MODELS}?{query}")
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith(f"{query.partition('=')[0]}: ")


def test_a_list_that_the_caller_has_is_not_sent_again(http: Wire) -> None:
    first = http.get(MODELS)
    again = http.get(MODELS, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "private" in again.headers["cache-control"]
    assert http.get(MODELS, None, headers={"If-None-Match": first.headers["etag"]}).status_code == 401


def test_all_about_a_model(http: Wire) -> None:
    answer = http.get(f"{MODELS}/{number(http, 'Zebra')}").json()
    ModelDetails.model_validate(answer)
    [version] = answer.pop("versions")
    [file] = version.pop("files")
    assert {key: answer[key] for key in ("description", "filePath", "fileSize", "trainedWords")} == {
        "description": "Makes pictures.",
        "filePath": "here.safetensors",
        "fileSize": len(DATA),
        "trainedWords": ["meow"],
    }
    assert {key: answer[key] for key in ("licensingInfo", "notes", "heroImage")} == {
        "licensingInfo": {},
        "notes": None,
        "heroImage": None,
    }
    assert version == {
        "id": version["id"],
        "name": "1.5",
        "baseModel": "stable_diffusion_xl",
        "description": None,
        "stats": {},
        "publishedAt": "2025-06-15T15:06:40Z",
        "trainedWords": ["meow"],
        "isLocal": True,
        "images": [],
    }
    assert file == {
        "id": file["id"],
        "fileName": "here.safetensors",
        "sizeKb": round(len(DATA) / 1024),
        "format": "SafeTensor",
        "precision": None,
        "sha256": SUM,
        "url": "https://models.example/here.safetensors",
    }
    assert len({answer["id"], version["id"], file["id"]}) == 3


def test_a_model_of_which_a_file_is_missing_is_not_here(http: Wire) -> None:
    answer = http.get(f"{MODELS}/{number(http, AB)}").json()
    [version] = answer["versions"]
    assert (version["isLocal"], answer["filePath"]) == (False, "here.safetensors")
    assert [(file["fileName"], file["sizeKb"], file["sha256"]) for file in version["files"]] == [
        ("here.safetensors", None, SUM),
        ("sub/vae.pt", None, None),
    ]


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", str(2**53), "9" * 5000, "%00"])
@pytest.mark.parametrize("route", ["", "/download"])
def test_a_number_that_is_none_is_refused(http: Wire, number: str, route: str) -> None:
    answer = http.get(f"{MODELS}/{number}{route}")
    assert (answer.status_code, answer.json()) == (400, {"error": "Invalid model ID"})


@pytest.mark.parametrize("route", ["", "/download"])
def test_a_model_that_is_not_there_is_not_found(http: Wire, route: str) -> None:
    answer = http.get(f"{MODELS}/5{route}")
    assert (answer.status_code, answer.json()) == (404, {"error": "Model not found"})
    answer = http.get(f"{MODELS}/5{route}?at=nowhere")
    assert (answer.status_code, list(answer.json())) == (404, ["error"])


@pytest.mark.parametrize("path", [MODELS, f"{MODELS}/5", f"{MODELS}/5/download", f"{MODELS}?page=0"])
def test_nothing_is_told_without_a_key(http: Wire, path: str) -> None:
    answer = http.get(path, None)
    assert (answer.status_code, answer.json()) == (401, {"error": "Not authenticated"})
    assert answer.headers["www-authenticate"]


def test_the_key_comes_as_a_bearer_token_or_as_apikey(http: Wire) -> None:
    assert http.get(MODELS, "nina").status_code == 200  # any key reads
    assert http.get(MODELS, None, headers={"Authorization": "Bearer nina"}).status_code == 200
    answer = http.get(MODELS, None, headers={"Authorization": "Bearer nobody"})
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid API key"})


def test_numbers_stay_the_same_in_every_clone_and_at_any_time(http: Wire, tmp_path: Path) -> None:
    there = {item["name"]: item["id"] for item in http.get(MODELS).json()["items"]}
    world = World.make(tmp_path / "w", empty=True)
    world.apply(world.approve(world.create("clip", "Eye", clip("Eye", description="Another one."))))
    with wire(world) as other:
        [item] = other.get(MODELS).json()["items"]
        assert item["id"] == there["Eye"] == catalogue.stable_id("clip", "Eye")
        assert other.get(f"{MODELS}/{item['id']}/download").json() == {"error": "This deployment has no model files"}
        world.apply(world.approve(world.delete("clip", "Eye")))
        assert other.get(f"{MODELS}/{item['id']}").status_code == 404
        assert other.get(f"{MODELS}/{item['id']}?at=main~1").json()["name"] == "Eye"
    assert len(set(there.values())) == 4
    assert all(1 <= number <= 2**53 - 1 for number in there.values())


def test_two_models_with_one_number_are_told_apart_by_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "stable_id", lambda *_words: 7)
    with wire(world) as http:
        assert len(names(http)) == 4
        answer = http.get(f"{MODELS}/7")
    assert answer.status_code == 409
    assert all(name in answer.json()["error"] for name in ("'Zebra'", "'Mouse'", "'Eye'"))


def test_a_list_sees_what_was_applied_just_now_and_reads_only_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World.make(tmp_path / "w", empty=True)
    world.apply(world.approve(*(world.create("clip", name, clip(name)) for name in "abc")))
    with wire(world) as http:
        assert names(http, sort="name") == ["a", "b", "c"]
        world.apply(world.approve(world.create("clip", "d", clip("d")), world.delete("clip", "a")))
        decoded: list[bytes] = []
        real = codec.decode

        def counted(data: bytes) -> dict[str, Any]:
            decoded.append(data)
            return real(data)

        monkeypatch.setattr(codec, "decode", counted)
        assert names(http, sort="name") == ["b", "c", "d"]
    assert len(decoded) == 4, "the new record for its row, and the three of the page"
