from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from modelref_git.operations import search
from modelref_git.operations.read import get_category
from modelref_git.records import codec
from modelref_git.records.categories import CATEGORIES
from tests.support.http import V2, Wire, wire
from tests.support.world import World, clip


def image(name: str, **more: Any) -> dict[str, Any]:
    config = {"download": [{"file_name": "x.pt", "file_url": "https://models.example/x.pt", "sha256sum": "ab" * 32}]}
    return {"name": name, "baseline": "stable_diffusion_xl", "nsfw": False, "config": config, **more}


IMAGES = (
    image("Alpha", tags=["anime", "soft"], version="2"),
    image("beta", tags=["anime"], nsfw=True, baseline="flux_1"),
    image("Gamma", tags=[], inpainting=True, version="10"),
    image("delta alpha", tags=["soft", "photo"], nsfw=True),
)
TEXTS = ("a/Plain-7B", "b/Small-7B-Q4_K_M", "c/Other-7B-GGUF")


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World.make(tmp_path_factory.mktemp("search") / "w", empty=True)
    world.add_category("toys")
    changes = [world.create("image_generation", record["name"], record) for record in IMAGES]
    changes += [world.create("text_generation", name, {"name": name, "parameters": 7_000_000_000}) for name in TEXTS]
    changes += [world.create("clip", name, clip(name)) for name in ("search", "ViT-L/14")]
    changes.append(world.create("toys", "robot", {"name": "robot", "nsfw": True, "size": 3}))
    world.apply(world.approve(*changes))
    world.rewrite_config(b'[categories.ti]\nschema = "schemas/ti.schema.json"\nfan_out = 0\n', b"")
    return world


@pytest.fixture(scope="module")
def http(stocked: World) -> Iterator[Wire]:
    with wire(stocked) as served:
        yield served


def names(http: Wire, path: str) -> list[str]:
    answer = http.get(f"{V2}/{path}", None)
    assert answer.status_code == 200, answer.text
    return [record["name"] for record in answer.json()["results"]]


def told(http: Wire, path: str) -> tuple[int, str]:
    answer = http.get(f"{V2}/{path}", None)
    return answer.status_code, answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Alpha", "beta", "Gamma", "delta alpha"]),
        ("nsfw=true", ["beta", "delta alpha"]),
        ("nsfw=false", ["Alpha", "Gamma"]),
        ("name_contains=ALPHA", ["Alpha", "delta alpha"]),
        ("name_contains=", ["Alpha", "beta", "Gamma", "delta alpha"]),
        ("tags_any=soft&tags_any=anime", ["Alpha", "beta", "delta alpha"]),
        ("tags_all=soft&tags_all=anime", ["Alpha"]),
        ("tags_none=soft&tags_none=photo", ["beta", "Gamma"]),
        ("tags_any=anime&tags_none=soft", ["beta"]),
        ("baseline=flux_1", ["beta"]),
        ("inpainting=true", ["Gamma"]),
        ("inpainting=false", ["Alpha", "beta", "delta alpha"]),
        ("sort_by=name", ["Alpha", "Gamma", "beta", "delta alpha"]),
        ("sort_by=name&sort_desc=true", ["delta alpha", "beta", "Gamma", "Alpha"]),
        ("sort_by=version", ["Gamma", "Alpha", "beta", "delta alpha"]),
        ("sort_by=config", ["Alpha", "beta", "Gamma", "delta alpha"]),
        ("backend=koboldcpp&quantized=true&exclude_backend_variations=true", None),
        ("source=horde", None),
        ("source=any", None),
    ],
)
def test_every_filter_that_is_given_holds(http: Wire, query: str, found: list[str] | None) -> None:
    expected = found if found is not None else ["Alpha", "beta", "Gamma", "delta alpha"]
    assert names(http, f"image_generation/search?{query}") == expected


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("quantized=true", TEXTS[1:]),
        ("quantized=false", TEXTS[:1]),
        ("backend=koboldcpp", TEXTS),
        ("backend=aphrodite&exclude_backend_variations=true", TEXTS),
        ("tags_all=7B&name_contains=plain", TEXTS[:1]),
    ],
)
def test_text_models_have_filters_of_their_own(http: Wire, query: str, found: tuple[str, ...]) -> None:
    assert names(http, f"text_generation/search?{query}") == list(found)


def test_a_page_is_a_part_of_the_whole(http: Wire) -> None:
    page = http.get(f"{V2}/image_generation/search?limit=3&offset=0&sort_by=name", None).json()
    assert list(page) == ["results", "total", "offset", "limit", "has_more"]
    assert (len(page["results"]), page["total"], page["offset"], page["limit"], page["has_more"]) == (3, 4, 0, 3, True)
    page = http.get(f"{V2}/image_generation/search?limit=3&offset=3&sort_by=name", None).json()
    assert (len(page["results"]), page["total"], page["has_more"]) == (1, 4, False)
    page = http.get(f"{V2}/image_generation/search?offset={10**30}", None).json()
    assert (page["results"], page["total"], page["has_more"]) == ([], 4, False)
    assert http.get(f"{V2}/search", None).json()["limit"] == 50


def test_a_page_leads_to_the_next_one(http: Wire) -> None:
    path = f"/api{V2}/image_generation/search?limit=3&sort_by=name&tags_none=a%20%26b"
    first = http.get(path, None).links
    assert set(first) == {"first", "last", "next"}
    second = http.get(first["next"]["url"], None)
    assert [record["name"] for record in second.json()["results"]] == ["delta alpha"]
    assert set(second.links) == {"first", "last", "prev"}


def test_results_are_the_records_as_they_are_read(stocked: World, http: Wire) -> None:
    for category in ("image_generation", "text_generation", "clip", "toys"):
        found = http.get(f"{V2}/{category}/search", None).json()["results"]
        records = list(get_category(stocked.context(), category).values())
        assert found == records
        assert [list(record) for record in found] == [list(record) for record in records]


def test_the_search_of_all_goes_through_the_categories_in_order(http: Wire) -> None:
    assert names(http, "search") == [
        *("search", "ViT-L/14"),
        *(record["name"] for record in IMAGES),
        *TEXTS,
        "robot",
    ]
    assert names(http, "search?nsfw=true") == ["beta", "delta alpha", "robot"], "clip has no such field"
    assert names(http, "search?tags_none=soft&name_contains=a")[:2] == ["search", "beta"]
    assert names(http, "search?tags_any=7B&limit=1&offset=1") == [TEXTS[1]]
    assert names(http, "search?sort_by=name&sort_desc=true&limit=2") == ["search", "robot"]
    assert names(http, "search?baseline=flux_1&limit=1") == ["search"], "one that it does not know is passed over"


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("nope/search", 422, f"Unknown category 'nope'. Valid: {[*CATEGORIES, 'toys']}"),
        ("ti/search", 404, "Model category 'ti' not found"),
        ("clip/search?source=zzz", 400, "Unknown source: No provider registered under source id 'zzz'."),
        ("clip/search?nsfw=true", 400, "Filter not supported for this category: Field 'nsfw' does not exist on "),
        ("clip/search?tags_any=x", 400, "Filter not supported for this category: Field 'tags' does not exist on "),
        ("clip/search?baseline=x", 400, "Filter not supported for this category: Field 'baseline' does not "),
        ("clip/search?inpainting=0", 400, "Filter not supported for this category: Field 'inpainting' does not "),
        ("clip/search?sort_by=zzz", 400, "Invalid sort_by field: Field 'zzz' does not exist on ClipModelRecord."),
        ("search?sort_by=baseline", 400, "Invalid sort_by field: Field 'baseline' does not exist on GenericModelRec"),
        ("text_generation/search?backend=zzz", 400, "Filter not supported for this category: Unknown backend 'zzz'."),
    ],
)
def test_what_cannot_be_searched_is_refused_in_the_words_that_clients_know(
    http: Wire, path: str, status: int, detail: str
) -> None:
    found = told(http, path)
    assert (found[0], found[1][: len(detail)]) == (status, detail)


def test_a_refusal_names_the_fields_that_there_are(http: Wire) -> None:
    assert told(http, "clip/search?nsfw=true")[1] == (
        "Filter not supported for this category: Field 'nsfw' does not exist on ClipModelRecord. Valid fields: "
        "['config', 'description', 'finetune_series', 'metadata', 'model_classification', 'name', 'pretrained_name', "
        "'record_type', 'size_on_disk_bytes', 'version']"
    )
    assert told(http, "clip/search?source=zzz")[1].endswith(" Registered providers: [].")


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("limit=0", "greater_than_equal"),
        ("limit=501", "less_than_equal"),
        ("offset=-1", "greater_than_equal"),
        ("limit=x", "int_parsing"),
        ("nsfw=x", "bool_parsing"),
        ("sort_desc=x", "bool_parsing"),
    ],
)
def test_bad_bounds_are_a_list(http: Wire, query: str, kind: str) -> None:
    for path in ("search", "clip/search"):
        answer = http.get(f"{V2}/{path}?{query}", None)
        assert answer.status_code == 422
        assert [row["type"] for row in answer.json()["detail"]] == [kind]


def test_an_older_revision_is_searched_as_it_was(http: Wire) -> None:
    assert names(http, "image_generation/search?at=main~2") == []
    assert names(http, "search?at=main~2") == []
    assert len(names(http, "search?at=main~1")) == 10
    assert http.get(f"{V2}/search?at=nope", None).status_code == 404


def test_a_search_decodes_no_record_twice(stocked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = stocked.context()
    query = search.Query("image_generation", nsfw=True)
    assert len(search.search_bytes(ctx, query)[0]) == 2
    monkeypatch.setattr(codec, "decode", None)
    assert len(search.search_bytes(ctx, query)[0]) == 2
    assert len(search.search_bytes(ctx, search.Query("image_generation", name_contains="alpha"))[0]) == 2
