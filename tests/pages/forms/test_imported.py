from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.pages.forms.imported import ROWS_AT_MOST, read_import

ONE = {"name": "a", "description": "x"}


def test_a_file_is_one_record_or_a_list_or_lines_or_records_by_name() -> None:
    one, two = ONE, {"name": "b"}
    forms = (
        json.dumps([one, two]),
        f"{json.dumps(one)}\n\n{json.dumps(two)}\n",
        json.dumps({"a": one, "b": {}}),
    )
    for text in forms:
        rows = read_import(text.encode(), "clip")
        assert [(row.category, row.name, row.operation, row.problems) for row in rows] == [
            ("clip", "a", None, ()),
            ("clip", "b", None, ()),
        ]
    assert [row.payload for row in read_import(json.dumps(one).encode(), "clip")] == [one]


def test_lines_of_a_bulk_say_themselves_what_is_asked_for() -> None:
    lines = [
        {"operation": "delete", "category": "blip", "model_name": "z", "note": "old"},
        {"category": "clip", "model_name": "a", "payload": ONE},
        {"operation": "eat", "category": 1, "model_name": "a", "payload": [], "more": 1},
    ]
    gone, new, bad = read_import("\n".join(map(json.dumps, lines)).encode(), None)
    assert (gone.operation, gone.category, gone.name, gone.note, gone.problems) == ("delete", "blip", "z", "old", ())
    assert (new.operation, new.category, new.payload) == (None, "clip", ONE)
    assert {one.path for one in bad.problems} == {"/more", "/operation", "/payload", "/category"}


def test_what_lacks_its_category_or_its_name_or_is_no_record_is_told_by_its_place() -> None:
    rows = read_import(json.dumps([ONE, {"record_type": "clip"}, 3]).encode(), None)
    assert [[one.path for one in row.problems] for row in rows] == [["/category"], ["/name"], [""]]


def test_nothing_or_too_much_or_no_json_is_refused() -> None:
    for data in (b"", b"[]", b"{", b"\xff\xfe", json.dumps([ONE] * (ROWS_AT_MOST + 1)).encode()):
        with pytest.raises(Invalid):
            read_import(data, "clip")


@pytest.mark.long
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
@settings(max_examples=300)
def test_any_bytes_raise_our_own_error_or_are_rows(data: bytes) -> None:
    try:
        rows = read_import(data, None)
    except Invalid:
        return
    assert all(row.problems for row in rows)
