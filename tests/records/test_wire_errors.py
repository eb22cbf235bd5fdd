"""The rows that clients of the service read: those of the models, or of what the schema of a dataset found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid, Problem
from modelref_git.records import normal, wire_errors
from modelref_git.records.categories import CATEGORIES

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
FIELDS = st.sampled_from(["name", "record_type", "baseline", "nsfw", "style", "config", "metadata", "settings", "tags"])


@given(category=st.sampled_from(list(CATEGORIES)), record=st.dictionaries(FIELDS, VALUES, max_size=5))
def test_a_record_has_rows_exactly_if_it_has_no_stored_form(category: str, record: dict[str, Any]) -> None:
    rows = wire_errors.of_model(category, record)
    try:
        normal.normalise(category, {**record})
        refused = 0
    except Invalid as fault:
        refused = len(fault.details)
    assert len(rows) == refused
    for row in rows:
        assert list(row)[:4] == ["type", "loc", "msg", "input"]
        assert row["loc"][0] == "body"
        assert row["type"] != "rule"


@pytest.mark.parametrize(
    ("problem", "loc", "kind", "value"),
    [
        (Problem("/a/0/b~1c", "odd", "schema.type"), ["body", "a", 0, "b/c"], "value_error", 7),
        (Problem("/a/0/d", "Field required", "schema.required"), ["body", "a", 0, "d"], "missing", {"b/c": 7}),
        (Problem("", "odd", "schema.not"), ["body"], "value_error", {"a": [{"b/c": 7}], "style": "s"}),
        (Problem("/style", "odd", "schema.enum"), ["body"], "value_error", {"a": [{"b/c": 7}], "style": "s"}),
        (Problem("/style", "odd", "schema.type"), ["body", "style"], "value_error", "s"),
        (Problem("/9", "odd", "schema.type"), ["body", "9"], "value_error", {"a": [{"b/c": 7}], "style": "s"}),
    ],
)
def test_a_problem_stands_at_its_place_with_what_is_there(
    problem: Problem, loc: list[Any], kind: str, value: Any
) -> None:
    (row,) = wire_errors.of_problems([problem], {"a": [{"b/c": 7}], "style": "s"})
    assert (row["loc"], row["type"], row["input"]) == (loc, kind, value)
    assert row["msg"] == ("Field required" if kind == "missing" else f"Value error, {problem.message}")
    assert ("ctx" in row) is (kind == "value_error")


def test_a_name_that_is_none_is_told() -> None:
    assert wire_errors.no_name({})["type"] == "missing"
    assert wire_errors.no_name({"name": None})["type"] == "string_type"
