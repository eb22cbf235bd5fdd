"""v2 category files are put together from records and read in any layout."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.formats import v2
from modelref_git.records import json_text
from modelref_git.records.codec import KeyOrder, encode

TEXTS = st.text('aé"\\\n\u2028😀/ ', max_size=4)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FILES = st.dictionaries(TEXTS, st.dictionaries(TEXTS, VALUES, max_size=4), max_size=4)


def aggregate(records: dict[str, dict[str, Any]]) -> bytes:
    return v2.aggregate((key, encode(record, KeyOrder.NONE)) for key, record in records.items())


@given(FILES)
def test_a_file_put_together_holds_the_records_it_was_made_of(records: dict[str, dict[str, Any]]) -> None:
    read = v2.read_category(aggregate(records), "x.json")
    assert list(read) == list(records)
    assert json_text.same(read, records)


@given(FILES)
def test_the_layout_is_two_spaces_raw_utf_8_and_a_final_newline(records: dict[str, dict[str, Any]]) -> None:
    assert aggregate(records) == json.dumps(records, indent=2, ensure_ascii=False).encode() + b"\n"


def test_an_empty_category_is_an_empty_object() -> None:
    assert v2.aggregate([]) == b"{}\n"


def test_numbers_come_out_as_they_were_written() -> None:
    record = json_text.parse('{"a": 1.50, "b": 1E5}')
    assert b'"a": 1.50,\n    "b": 1E5' in aggregate({"x": record})


@given(FILES, st.sampled_from([None, 2, 4, "\t"]), st.booleans(), st.sampled_from(["", "\n", "\r\n"]))
def test_any_layout_is_read(records: dict[str, Any], indent: int | str | None, escaped: bool, end: str) -> None:
    data = (json.dumps(records, indent=indent, ensure_ascii=escaped) + end).encode()
    assert json_text.same(v2.read_category(data, "x.json"), records)


def test_a_name_that_stands_twice_is_refused_and_told() -> None:
    with pytest.raises(Invalid, match="twin") as caught:
        v2.read_category(b'{"twin": {}, "b": {},\n "twin": {}}', "x.json")
    assert caught.value.details[0]["rule"] == "json.duplicate_key"


def test_all_members_that_are_no_records_are_told() -> None:
    with pytest.raises(Invalid) as caught:
        v2.read_category(b'{"a/b": 1, "c": {}, "d": []}', "x.json")
    assert [detail["path"] for detail in caught.value.details] == ["/a~1b", "/d"]


@pytest.mark.parametrize("data", [b"[]", b"1", b'"x"'])
def test_a_file_that_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match=r"x\.json"):
        v2.read_category(data, "x.json")


def test_a_fault_of_the_json_is_told_with_line_and_column() -> None:
    with pytest.raises(Invalid, match="line 2 column 7"):
        v2.read_category(b'{"a":\n {"b" 1}}', "x.json")
