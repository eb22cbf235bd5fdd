"""Equality down to the text."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelref_git.formats.exact import identical
from modelref_git.records.json_text import parse

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 1) | st.sampled_from([0.0, 1.0, "", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=4,
)


@given(VALUES, VALUES)
def test_two_values_are_identical_if_their_texts_are(one: Any, two: Any) -> None:
    assert identical(one, two) == (json.dumps(one) == json.dumps(two))


@given(VALUES)
def test_a_value_is_identical_to_its_copy(value: Any) -> None:
    assert identical(value, json.loads(json.dumps(value)))


def test_the_order_of_keys_and_the_spelling_of_numbers_count() -> None:
    assert not identical({"a": 1}, {"b": 1})
    assert not identical({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert not identical(parse("1.50"), parse("1.5"))
    assert identical(parse("[1.50, -0]"), parse("[1.50, -0]"))
    assert not identical(parse("-0"), 0)
    assert not identical(1, True)
