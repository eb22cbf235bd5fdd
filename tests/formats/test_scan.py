"""The places of the members of a file's top object."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.formats.scan import oversize, scan
from modelref_git.records.json_text import MAX_RECORD_BYTES

FILES = st.dictionaries(
    st.text('aé"\\\n,:}', max_size=3), st.recursive(st.none() | st.text('"{}', max_size=2), st.lists)
)


@given(FILES, st.sampled_from([None, 2]), st.booleans())
def test_each_member_is_where_it_is_said_to_be(file: dict[str, Any], indent: int | None, escaped: bool) -> None:
    text = json.dumps(file, indent=indent, ensure_ascii=escaped)
    layout = scan(text)
    assert layout is not None
    assert [member.key for member in layout.members] == list(file)
    for member in layout.members:
        assert json.loads(text[member.value : member.end]) == file[member.key]
        assert json.loads("{" + text[member.start : member.end] + "}") == {member.key: file[member.key]}
        assert member.line == text[: member.start].count("\n") + 1
    assert (text[layout.opens], text[layout.closes]) == ("{", "}")


@pytest.mark.parametrize(
    "text",
    ["", " ", "[]", "{", '{"a":1,}', '{"a" 1}', "{1:1}", '{"a":1 "b":2}', "{}{}", '{"a":}', '{,"a":1}', "[" * 99_999],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_not_one_object_has_no_layout(text: str) -> None:
    assert scan(text) is None


def test_a_huge_number_costs_nothing() -> None:
    layout = scan('{"a": ' + "9" * 10_000 + "}")
    assert layout is not None


def test_a_record_may_have_as_many_bytes_as_a_record_may_have() -> None:
    assert oversize(MAX_RECORD_BYTES) == []
    assert [problem.rule for problem in oversize(MAX_RECORD_BYTES + 1)] == ["json.size"]
