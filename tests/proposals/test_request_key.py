from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.proposals.request_key import RequestKey


@given(st.text(), st.text(), st.binary())
def test_a_key_is_read_as_it_was_written(caller: str, key: str, content: bytes) -> None:
    made = RequestKey.of(caller, key, content)
    assert RequestKey.parse(str(made)) == made
    assert len(str(made)) == 32 + 1 + 16


def test_a_key_is_the_digests_that_other_programs_can_make() -> None:
    made = RequestKey.of("2", "my key", b"{}")
    assert made.key == hashlib.sha256(b"2\0my key").hexdigest()[:32]
    assert made.content == hashlib.sha256(b"{}").hexdigest()[:16]


def test_one_callers_key_is_never_anothers() -> None:
    assert RequestKey.of("2", "x", b"").key != RequestKey.of("3", "x", b"").key
    assert RequestKey.of("2", "2x", b"").key != RequestKey.of("22", "x", b"").key


@pytest.mark.parametrize("text", ["", " ", "x", "a" * 49, f"{'a' * 32}  {'b' * 16}", f"{'a' * 32} {'b' * 16}\n"])
def test_anything_else_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        RequestKey.parse(text)


def test_half_a_surrogate_pair_is_no_fault() -> None:
    assert RequestKey.of("\ud800", "\udfff", b"").key
