from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.proposals import spans


@given(st.sets(st.integers(1, 40)), st.integers(0, 40))
def test_what_is_missing_and_what_is_there_are_all_numbers(present: set[int], last: int) -> None:
    found = spans.missing(present, last)
    numbers = [number for first, end in found for number in range(first, end + 1)]
    assert numbers == sorted(set(range(1, last + 1)) - present)
    assert all(end + 1 < following for (_, end), (following, _) in pairwise(found))


@given(st.sets(st.integers(1, 40)), st.integers(1, 40))
def test_spans_are_read_as_they_are_written(present: set[int], last: int) -> None:
    found = spans.missing(present, last)
    assert not found or spans.parse(spans.text_of(found)) == found


def test_one_number_is_written_alone() -> None:
    assert spans.text_of([(3, 3), (7, 9)]) == "3 7-9"


@pytest.mark.parametrize("text", ["", " ", "a", "1-b", "1  2", "-", "1-2-3"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="int"):
        spans.parse(text)
