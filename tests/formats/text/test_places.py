"""Rows that share a name go back to where they stood."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.formats.text.places import behind, in_file_order

KEYS = st.lists(st.sampled_from("abcdef"), max_size=14)


def placed(keys: str | list[str]) -> list[tuple[str, int]]:
    seen: Counter[str] = Counter()
    rows = []
    for key in keys:
        rows.append((key, seen[key]))
        seen[key] += 1
    return rows


def order(keys: str | list[str], without: str = "") -> list[tuple[str, int]]:
    """All rows of *keys* but those of *without*, as they go back."""
    left = [key for key in keys if key not in without]
    return in_file_order(Counter(left), behind(list(keys)))


@given(KEYS)
def test_all_rows_go_back_to_their_places(keys: list[str]) -> None:
    assert order(keys) == placed(keys)


@given(KEYS, st.sampled_from("abcdef"))
def test_the_rows_that_stay_keep_their_order_when_those_of_one_key_go(keys: list[str], gone: str) -> None:
    assert order(keys, gone) == [row for row in placed(keys) if row[0] != gone]


def test_neighbours_of_one_name_need_no_word() -> None:
    assert behind(list("aabcc")) == {}
    assert behind(list("abca")) == {"a": [[["c"], ["b"]]]}
    assert behind(list("abaab")) == {"a": [[["b"]], []], "b": [[["a", 2], ["a", 1]]]}


def test_a_row_stays_behind_its_neighbours_while_one_of_the_nearest_is_left() -> None:
    keys = "abcdefga"
    assert order(keys, "efg") == placed("abcda")
    assert order(keys, "defg") == placed("aabc")


def test_of_two_rows_behind_one_row_the_nearer_goes_first() -> None:
    assert order("babacdefb", "cdef") == placed("babab")


def test_new_records_go_last_and_move_nothing() -> None:
    fronts = behind(list("abac"))
    assert in_file_order({"a": 2, "b": 1, "c": 1, "new": 1}, fronts) == [*placed("abac"), ("new", 0)]


def test_rows_that_follow_each_other_in_a_ring_are_all_written() -> None:
    fronts = {"a": [[["b", 1]]], "b": [[["a", 1]]]}
    assert sorted(in_file_order({"a": 2, "b": 2}, fronts)) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


@pytest.mark.parametrize("front", [1, {}, [1], [[1]], [["b"]], [[["b", -1]]], [[["b", "x"]]], [[[]]], [[[1, 2]]], []])
def test_a_place_that_no_import_wrote_is_passed_over(front: Any) -> None:
    assert in_file_order({"a": 2, "b": 1}, {"a": front}) == placed("aab")


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 4)),
    st.dictionaries(
        st.sampled_from("abcd"),
        st.lists(st.lists(st.lists(st.sampled_from("abcd") | st.integers(0, 3), max_size=2), max_size=3), max_size=4),
    ),
)
def test_whatever_is_told_every_row_is_written_once_and_the_last_row_of_a_key_is_its_last(
    counts: dict[str, int], fronts: dict[str, Any]
) -> None:
    rows = in_file_order(counts, fronts)
    assert sorted(rows) == sorted((key, number) for key, count in counts.items() for number in range(count))
    assert rows == placed([key for key, _ in rows])
