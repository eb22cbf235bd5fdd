"""When names are alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelref_git.records.quality.likeness import likeness, one_slip
from modelref_git.records.quality.marks import near_marks

LETTERS = st.text("abcd", max_size=8)


@given(LETTERS, st.integers(0, 8), st.sampled_from("abcd"))
def test_a_slip_is_seen_both_ways(text: str, at: int, letter: str) -> None:
    inserted = text[:at] + letter + text[at:]
    assert one_slip(text, inserted)
    assert one_slip(inserted, text)
    exchanged = text[:at] + letter + text[at + 1 :]
    assert one_slip(text, exchanged) == one_slip(exchanged, text)


@given(LETTERS, LETTERS)
def test_a_slip_is_one_edit_and_no_more(one: str, other: str) -> None:
    edits = {one[:at] + letter + one[at:] for at in range(len(one) + 1) for letter in "abcd"}
    edits |= {one[:at] + one[at + 1 :] for at in range(len(one))}
    edits |= {one[:at] + letter + one[at + 1 :] for at in range(len(one)) for letter in "abcd"}
    edits |= {one[:at] + one[at + 1] + one[at] + one[at + 2 :] for at in range(len(one) - 1)}
    assert one_slip(one, other) == (other in edits - {one})


@given(st.text("ab1", max_size=6), st.text("ab1", max_size=6))
def test_no_digit_is_a_slip(one: str, other: str) -> None:
    if one_slip(one, other):
        assert [char for char in one if char == "1"] == [char for char in other if char == "1"]


@given(st.text("abc -1", min_size=1, max_size=9), st.text("abc -1", min_size=1, max_size=9))
def test_names_that_are_alike_are_found_by_a_mark(one: str, other: str) -> None:
    if likeness(one, other):
        assert set(near_marks(one)) & set(near_marks(other))


@given(st.text(), st.text())
def test_likeness_goes_both_ways(one: str, other: str) -> None:
    assert (likeness(one, other) is None) == (likeness(other, one) is None)
