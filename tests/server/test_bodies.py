from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.server.bodies import strict_json


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b"[Infinity]",
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b"\xff",
        b"1e999",
        b"[" * 10_000 + b"]" * 10_000,
        b"{",
        b"",
    ],
    ids=repr,
)
def test_what_no_record_may_hold_is_no_json(text: bytes) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        strict_json(text)
    assert caught.value.msg


def test_a_fault_says_where_it_is() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        strict_json(b'{"a" 1}')
    assert (caught.value.pos, caught.value.msg) == (5, "Expecting ':' delimiter")


@given(st.binary(max_size=40))
def test_arbitrary_bytes_are_json_or_told_to_be_none(data: bytes) -> None:
    with contextlib.suppress(json.JSONDecodeError):
        json.dumps(strict_json(data))
