"""A query is answered page by page, whatever the records come from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import NotFound, UsageFault
from modelref_git.records.query import Hit, Query, answer

VALUES = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-2, 2) | st.text("aB", max_size=2) | st.just([1])
RECORDS = st.lists(st.dictionaries(st.sampled_from(["size", "nsfw", "tags"]), VALUES), max_size=8)


def hits(records: list[dict[str, Any]]) -> list[Hit]:
    return [Hit("toys", str(number), record) for number, record in enumerate(records)]


@given(RECORDS, st.sampled_from([None, "size"]), st.booleans(), st.integers(1, 4))
def test_the_pages_together_are_all_that_was_found_each_once(
    records: list[dict[str, Any]], sort_by: str | None, descending: bool, limit: int
) -> None:
    query = Query("toys", sort_by=sort_by, descending=descending)
    whole = answer(query, hits(records), {"toys": ["size"]}, limit=100)
    assert sorted(hit.name for hit in whole.hits) == sorted(str(number) for number in range(len(records)))
    pages: list[Hit] = []
    for offset in range(0, len(records), limit):
        page = answer(query, hits(records), {"toys": ["size"]}, offset=offset, limit=limit)
        pages += page.hits
        assert page.total == len(records)
        assert page.as_json()["has_more"] == (len(pages) < len(records))
    assert tuple(pages) == whole.hits
    lacking = [hit.record.get("size") is None for hit in whole.hits]
    assert sort_by is None or lacking == sorted(lacking)


def test_the_fields_of_a_schema_are_asked_for_only_where_a_field_is_named() -> None:
    class Unasked(dict[str, list[str]]):
        def __missing__(self, key: str) -> list[str]:
            raise NotFound(key)

    assert answer(Query("toys"), hits([{"size": 1}]), Unasked()).total == 1
    with pytest.raises(NotFound):
        answer(Query("toys", nsfw=True), hits([{"size": 1}]), Unasked())


def test_a_field_that_one_record_has_may_be_named_though_the_schema_does_not() -> None:
    assert answer(Query("toys", nsfw=True), hits([{"nsfw": True}]), {"toys": ["size"]}).total == 1
    with pytest.raises(UsageFault, match="no field 'nsfw'"):
        answer(Query("toys", nsfw=True), hits([{"size": 1}]), {"toys": ["size"]})


TAGGED: list[dict[str, Any]] = [
    {"tags": ["a", "b"]},
    {"tags": ["b"], "inpainting": True},
    {"tags": None, "inpainting": False},
    {"tags": "a"},
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query("toys", tags_any=("a", "c")), [0]),
        (Query("toys", tags_any=("a", "b")), [0, 1]),
        (Query("toys", tags_none=("a",)), [1, 2, 3]),
        (Query("toys", tags=("b",), tags_none=("a",)), [1]),
        (Query("toys", inpainting=True), [1]),
        (Query("toys", inpainting=False), [2]),
    ],
)
def test_tags_and_inpainting_are_filtered_by(query: Query, found: list[int]) -> None:
    page = answer(query, hits(TAGGED), {"toys": ["tags", "inpainting"]})
    assert [int(hit.name) for hit in page.hits] == found


def test_names_tell_how_models_were_quantised() -> None:
    names = ["a/Plain-7B", "a/Small-Q4_K_M", "Small-gguf", "GGUF-lab/Plain"]
    found = [Hit("toys", name, {}) for name in names]
    assert [hit.name for hit in answer(Query("toys", quantized=True), found, {}).hits] == names[1:3]
    assert [hit.name for hit in answer(Query("toys", quantized=False), found, {}).hits] == [names[0], names[3]]
