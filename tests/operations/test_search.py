from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid, NotFound, UsageFault
from modelref_git.operations.search import Figures, Query, category_figures, search_records
from modelref_git.records.json_text import same
from tests.support.world import OPEN_SCHEMA, World, clip

TOYS: dict[str, Any] = {
    "Robot": {"name": "Robot", "tags": ["tin", "red"], "nsfw": False, "size": 2, "baseline": "metal", "from": {"y": 1}},
    "bear": {"name": "bear", "tags": ["soft"], "nsfw": True, "size": 1.5, "baseline": "cloth", "from": {"y": 1.0}},
    "Ball": {"name": "Globe", "tags": ["red"], "size": "big", "nsfw": None, "from": {"y": True, "a/b": ["x", "y"]}},
    "cafe\u0301": {"name": 7, "tags": "red", "size": True, "nsfw": 0, "from": None},
    "kite": {"name": "kite", "size": None},
    "yoyo": {"name": "yoyo", "size": 2.0, "from": []},
}


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A dataset with a category of one's own whose records have fields of every type, in the order of :data:`TOYS`."""
    world = World.make(tmp_path_factory.mktemp("toys") / "world")
    world.add_category("toys")
    world.add_category("shelves", {**OPEN_SCHEMA, "properties": {"size": {}}})
    file = world.path.parent / "toys.jsonl"
    rows = [{"category": "toys", "model_name": name, "payload": record} for name, record in TOYS.items()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    world.run("import", str(file), "--allow", "*").ok()
    return world


def names(world: World, query: Query, **more: Any) -> list[str]:
    return [hit.name for hit in search_records(world.context(None), query, **more).hits]


def toy(**filters: Any) -> Query:
    return Query("toys", **filters)


def test_without_a_filter_all_records_are_found_in_stored_order(toys: World) -> None:
    page = search_records(toys.context(None), toy())
    assert [hit.name for hit in page.hits] == list(TOYS)
    assert [hit.record for hit in page.hits] == list(TOYS.values())
    assert {hit.category for hit in page.hits} == {"toys"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (toy(name_contains="BO"), ["Robot"]),
        (toy(name_contains="b"), ["Robot", "bear", "Ball"]),
        (toy(name_contains="globe"), ["Ball"]),  # its own name; the key is another
        (toy(name_contains="CAF\u00c9"), ["cafe\u0301"]),
        (toy(nsfw=True), ["bear"]),
        (toy(nsfw=False), ["Robot"]),  # neither null nor 0 is false
        (toy(baseline="metal"), ["Robot"]),
        (toy(baseline="met"), []),
        (toy(tags=("red",)), ["Robot", "Ball"]),  # a text is no list of tags
        (toy(tags=("red", "tin")), ["Robot"]),
        (toy(where=(("/from/y", 1),)), ["Robot"]),
        (toy(where=(("/from/y", 1.0),)), ["bear"]),
        (toy(where=(("/from/y", True),)), ["Ball"]),
        (toy(where=(("/from/a~1b/1", "y"),)), ["Ball"]),
        (toy(where=(("/from/a~1b", ["y", "x"]),)), []),
        (toy(where=(("/from/a~1b/-", None),)), []),
        (toy(where=(("/from", None),)), ["cafe\u0301"]),
        (toy(where=(("/nowhere/at/all", None),)), []),
        (toy(where=(("", TOYS["kite"]),)), ["kite"]),
        (toy(where=(("/from/y", 1), ("/size", 3))), []),
        (toy(name_contains="b", tags=("red",), nsfw=False), ["Robot"]),
        (toy(words=("RED",)), ["Robot", "Ball"]),  # a tag
        (toy(words=("globe", "red")), ["Ball"]),
        (toy(words=("CAF\u00c9",)), ["cafe\u0301"]),
        (toy(words=("globe", "tin")), []),
    ],
)
def test_every_filter_that_is_given_must_hold(toys: World, query: Query, found: list[str]) -> None:
    assert names(toys, query) == found


def test_records_are_sorted_by_type_and_value_and_those_without_one_come_last(toys: World) -> None:
    # true, then numbers, then texts; null is no value
    assert names(toys, toy(sort_by="size")) == ["cafe\u0301", "bear", "Robot", "yoyo", "Ball", "kite"]
    assert names(toys, toy(sort_by="size", descending=True)) == ["Ball", "Robot", "yoyo", "bear", "cafe\u0301", "kite"]
    assert names(toys, toy(sort_by="baseline")) == ["bear", "Robot", "Ball", "cafe\u0301", "kite", "yoyo"]
    assert names(toys, toy(sort_by="from")) == ["yoyo", "Ball", "bear", "Robot", "cafe\u0301", "kite"]


def test_a_category_without_a_list_of_fields_is_filtered_and_sorted_by_any(toys: World) -> None:
    assert names(toys, toy(sort_by="nothing")) == list(TOYS)


@given(
    offset=st.integers(0, 8),
    limit=st.integers(1, 8),
    contains=st.sampled_from(["", "b", "o", "zz"]),
    sort_by=st.sampled_from([None, "size", "name"]),
)
def test_a_page_is_a_part_of_the_whole(toys: World, offset: int, limit: int, contains: str, sort_by: str) -> None:
    query = toy(name_contains=contains, sort_by=sort_by)
    whole = search_records(toys.context(None), query)
    page = search_records(toys.context(None), query, offset=offset, limit=limit)
    assert page.hits == whole.hits[offset : offset + limit]
    assert page.total == whole.total == len(whole.hits)
    answer = page.as_json()
    assert answer["has_more"] == bool(whole.hits[offset + limit :])
    assert (answer["offset"], answer["limit"]) == (offset, limit)
    assert same(answer["results"], [hit.record for hit in page.hits])


def test_all_categories_are_searched_in_their_order(toys: World) -> None:
    found = search_records(toys.context(None), Query(name_contains="o"), limit=500)
    order = list(toys.context(None).view().dataset().config.categories)
    categories = [hit.category for hit in found.hits]
    assert categories == sorted(categories, key=order.index)
    assert {"clip", "text_generation", "toys"} <= set(categories)
    assert {hit.category for hit in search_records(toys.context(None), Query(nsfw=False), limit=500).hits} == {
        "image_generation", "text_generation", "toys",
    }, "a record without the field does not match"  # fmt: skip


def test_all_categories_are_sorted_only_by_what_every_shipped_one_has(toys: World) -> None:
    found = names(toys, Query(sort_by="version"), limit=500)
    assert set(TOYS) <= set(found[-10:]), "they have no version"
    for field in ("nsfw", "tags", "zzz", "size"):
        with pytest.raises(UsageFault) as fault:
            search_records(toys.context(None), Query(sort_by=field))
        assert f"{field!r}" in fault.value.message
        assert fault.value.hint is not None
        assert "version" in fault.value.hint
        assert "nsfw" not in fault.value.hint


@pytest.mark.parametrize(
    "query",
    [Query("clip", nsfw=True), Query("clip", baseline="x"), Query("clip", tags=("x",)), Query("clip", sort_by="zzz")],
)
def test_a_field_that_the_category_lacks_is_refused(toys: World, query: Query) -> None:
    with pytest.raises(UsageFault) as fault:
        search_records(toys.context(None), query)
    assert "clip have no field" in fault.value.message
    assert fault.value.hint is not None
    assert "pretrained_name" in fault.value.hint


def test_what_is_unknown_is_refused(toys: World) -> None:
    with pytest.raises(NotFound):
        search_records(toys.context(None), Query("nothing"))
    with pytest.raises(NotFound):
        search_records(toys.context(None), Query(), revision="nowhere")
    with pytest.raises(Invalid) as fault:
        search_records(toys.context(None), Query("lora", where=(("/~2", 1),)))
    assert fault.value.details[0]["rule"] == "pointer.syntax"


def test_an_unknown_field_that_some_record_has_can_be_sorted_by(world: World) -> None:
    world.apply(world.approve(world.create("clip", "odd", clip("odd", oddity=3))))
    assert names(world, Query("clip", sort_by="oddity")) == ["odd", "ViT-L/14", "coca_ViT-L-14"]


def test_what_only_older_files_said_is_neither_shown_nor_searched(world: World, tmp_path: Path) -> None:
    legacy = {"ViT-B": {"name": "ViT-B", "type": "clip", "description": "x", "version": "1", "oddity": "secret",
                        "config": {"files": [], "download": []}}}  # fmt: skip
    world.apply(world.approve(world.delete("clip", "ViT-L/14"), world.delete("clip", "coca_ViT-L-14")))
    (tmp_path / "clip.json").write_text(json.dumps(legacy), encoding="utf-8")
    world.run("import", str(tmp_path), "--format", "legacy", "--allow", "*").ok()
    assert "_legacy" in world.git("show", "main:dataset/clip/ViT-B.json")
    page = search_records(world.context(None), Query("clip"))
    assert [hit.name for hit in page.hits] == ["ViT-B"]
    assert "_legacy" not in page.hits[0].record
    remainder = json.loads(world.git("show", "main:dataset/clip/ViT-B.json"))["_legacy"]
    assert names(world, Query("clip", where=(("/_legacy", remainder),))) == []
    with pytest.raises(UsageFault):
        search_records(world.context(None), Query("clip", sort_by="_legacy"))


def test_the_past_is_searched_with_its_own_categories(toys: World) -> None:
    first = toys.git("rev-list", "--max-parents=0", "main").strip()
    query = Query(name_contains="coca")
    assert names(toys, query, revision=first) == names(toys, replace(query, category="clip")) == ["coca_ViT-L-14"]
    assert not set(names(toys, Query(), revision=first, limit=500)) & set(TOYS)
    with pytest.raises(NotFound):
        search_records(toys.context(None), toy(), revision=first)


def test_words_are_looked_for_in_descriptions_too_and_what_was_found_is_not_looked_for_again(world: World) -> None:
    ctx = world.context()
    query = Query("clip", words=("Words", "X/1"))
    assert names(world, query) == []
    world.apply(world.approve(world.create("clip", "ViT-X/16", clip())))
    found = search_records(ctx, query)
    assert [hit.name for hit in found.hits] == ["ViT-X/16"]
    assert search_records(ctx, query) == found
    world.apply(world.approve(world.update("clip", "ViT-X/16", {"/description": "Nothing of the kind."})))
    assert names(world, query) == []
    assert names(world, query, revision="main~1") == ["ViT-X/16"]


@pytest.mark.long
def test_figures_are_those_of_the_records_that_tell(world: World) -> None:
    sizes = {"one": 5, "two": 7, "three": None}
    numbers = [
        world.create("lora", name, {**clip(name), "baseline": "b", "size_on_disk_bytes": size}, allow=("*",))
        for name, size in sizes.items()
    ]
    before = {row.category: row for row in category_figures(world.context())}
    world.apply(world.approve(*numbers))
    after = {row.category: row for row in category_figures(world.context())}
    assert before["lora"] == Figures("lora", 0, 0, 0)
    assert after["lora"] == Figures("lora", 3, 12, 2, (("b", 3),))
    assert {row.category: row for row in category_figures(world.context(), "main~1")} == before
    assert list(after) == list(before)
