"""JSON lines are read one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.formats.jsonl import read_lines


def test_a_bad_line_is_reported_with_its_line_in_the_file_and_the_others_go_in() -> None:
    lines = list(read_lines(b'{"a":1}\n\r\n{"a":}\r\n{"a":2}\r\n', "x.jsonl"))
    assert [number for number, _ in lines] == [1, 3, 4]
    assert (lines[0][1], lines[2][1]) == ({"a": 1}, {"a": 2})
    bad = lines[1][1]
    assert isinstance(bad, Invalid)
    assert "x.jsonl, line 3" in bad.message
    assert "line 1 " not in bad.message
    assert bad.details[0]["line"] == 3
    assert bad.details[0]["rule"] == "json.syntax"
    assert bad.details[0]["column"] == 6


def test_a_key_that_stands_twice_in_a_line_is_a_fault_of_that_line() -> None:
    ((number, bad),) = read_lines(b'{"a":1,"a":2}', "x")
    assert number == 1
    assert isinstance(bad, Invalid)
    assert bad.details[0]["rule"] == "json.duplicate_key"


def test_a_line_that_is_no_object_is_a_fault() -> None:
    ((_, bad),) = read_lines(b"[1]\n", "x")
    assert isinstance(bad, Invalid)
    assert bad.details == [{"path": "", "message": bad.message, "rule": "json.object", "line": 1}]


def test_a_line_that_is_too_long_is_a_fault_of_that_line() -> None:
    first, second = (value for _, value in read_lines(b'{"a":"' + b"x" * 40 + b'"}\n{}', "x", max_bytes=20))
    assert isinstance(first, Invalid)
    assert first.details[0]["rule"] == "json.size"
    assert second == {}


def test_lines_are_read_only_as_they_are_asked_for() -> None:
    lines = read_lines(b"{}\n" * 3, "x")
    assert isinstance(lines, Iterator)
    assert next(lines) == (1, {})


TEXTS = st.text("aé\u2028\u0085\n\r", max_size=3)


@given(st.lists(st.dictionaries(TEXTS, st.integers() | TEXTS, max_size=3), max_size=4))
def test_objects_written_a_line_each_are_read_back(objects: list[dict[str, object]]) -> None:
    data = "\n".join(json.dumps(value, ensure_ascii=False) for value in objects).encode()
    assert list(read_lines(data, "x")) == [(number, value) for number, value in enumerate(objects, 1)]
