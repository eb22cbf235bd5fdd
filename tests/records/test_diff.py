"""Differences of two states of a record."""

from __future__ import annotations

import copy
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.records.diff import FieldDiff, describe, field_diffs, is_critical, net_operation
from modelref_git.records.json_text import NumberText, same

KEYS = st.sampled_from(["a", "b", "c", "a.b", "", "__x", "ключ"])
SCALARS = st.sampled_from([None, True, False, 0, 1, 1.0, "1", "", "x\ny", NumberText("1.50"), 1.5])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
RECORDS = st.dictionaries(KEYS, VALUES, max_size=5)


def bare(value: Any) -> Any:
    """*Value* without null fields and without fields that are empty objects: what field diffs speak about."""
    if not isinstance(value, dict):
        return value
    members = {key: bare(item) for key, item in value.items()}
    return {key: item for key, item in members.items() if item is not None and item != {}}


def patched(record: dict[str, Any], diffs: list[FieldDiff]) -> dict[str, Any]:
    """*Record* with *diffs* carried out."""
    result = copy.deepcopy(record)
    for diff in diffs:
        place = result
        for key in diff.path[:-1]:
            if not isinstance(place.get(key), dict):
                place[key] = {}
            place = place[key]
        if diff.kind == "removed":
            del place[diff.path[-1]]
        else:
            place[diff.path[-1]] = diff.new
    return dict(bare(result))


@given(RECORDS, RECORDS)
def test_a_record_with_its_diffs_carried_out_is_the_other_one(before: dict[str, Any], after: dict[str, Any]) -> None:
    # An object in the place of nothing brings its fields one by one.
    assert same(patched(before, field_diffs(before, after)), bare(after))


@given(RECORDS, RECORDS)
def test_the_diff_the_other_way_round_is_the_mirror_image(before: dict[str, Any], after: dict[str, Any]) -> None:
    mirrored = {"added": "removed", "removed": "added", "modified": "modified"}
    there = [(diff.path, diff.old, diff.new, diff.kind) for diff in field_diffs(before, after)]
    back = [(diff.path, diff.new, diff.old, mirrored[diff.kind]) for diff in field_diffs(after, before)]
    assert there == back


@given(RECORDS)
def test_a_record_does_not_differ_from_its_copy(record: dict[str, Any]) -> None:
    assert field_diffs(record, copy.deepcopy(record)) == []
    assert describe(record, copy.deepcopy(record)) == []
    assert net_operation("update", record, copy.deepcopy(record)) == "unchanged"


@given(RECORDS, RECORDS)
def test_programs_and_people_see_a_difference_alike(before: dict[str, Any], after: dict[str, Any]) -> None:
    if field_diffs(before, after):
        assert describe(before, after)
    assert bool(describe(before, after)) == (net_operation("update", before, after) == "modified")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, []),
        (None, {"z": {"y": 1, "x": {}}, "a": [1], "n": None}, [("z.y", None, 1, "added"), ("a", None, [1], "added")]),
        ({"b": {"c": 1}, "a": 2}, None, [("b.c", 1, None, "removed"), ("a", 2, None, "removed")]),
        (
            {"b": 1, "a": 1},
            {"a": 2, "c": 1},
            [("a", 1, 2, "modified"), ("b", 1, None, "removed"), ("c", None, 1, "added")],
        ),
        ({"a": 1}, {"a": 1.0}, [("a", 1, 1.0, "modified")]),
        ({"a": 1}, {"a": True}, [("a", 1, True, "modified")]),
        ({"a": [1]}, {"a": [True]}, [("a", [1], [True], "modified")]),
        ({"a": 1.5}, {"a": NumberText("1.50")}, []),
        ({"a": None}, {}, []),
        ({}, {"a": None}, []),
        ({"a": {"b": None}}, {}, []),
        ({"a": None}, {"a": 0}, [("a", None, 0, "added")]),
        ({"a": {"b": 1}}, {"a": [1]}, [("a", {"b": 1}, [1], "modified")]),
        (
            {"a": {"b": {"c": 1, "d": 2}}},
            {"a": {"b": {"d": 3}}},
            [("a.b.c", 1, None, "removed"), ("a.b.d", 2, 3, "modified")],
        ),
        ({"t": [{"x": 1}]}, {"t": [{"x": 2}]}, [("t", [{"x": 1}], [{"x": 2}], "modified")]),
        ({}, {"a.b": {"c/~": 1}}, [("a.b.c/~", None, 1, "added")]),
    ],
)
def test_fields_differ_like_this(before: Any, after: Any, expected: list[tuple[Any, ...]]) -> None:
    found = field_diffs(before, after)
    keys = ("field_path", "old_value", "new_value", "change_type")
    assert [diff.as_json() for diff in found] == [dict(zip(keys, values, strict=True)) for values in expected]


def test_a_path_can_be_had_as_a_pointer() -> None:
    (diff,) = field_diffs({}, {"a.b": {"c/~": 1}})
    assert (diff.dotted, diff.pointer) == ("a.b.c/~", "/a.b/c~1~0")


@pytest.mark.parametrize(
    ("operation", "before", "after", "expected"),
    [
        ("create", None, {"a": 1}, "added"),
        ("create", {"a": 1}, {"a": 1}, "modified"),
        ("update", None, {"a": 1}, "added"),
        ("update", {"a": 1}, {"a": 1, "b": None}, "unchanged"),
        ("update", {"a": 1}, {"a": 1.0}, "modified"),
        ("update", {"a": 1}, {"a": 1, "b": {}}, "modified"),
        ("delete", None, None, "unchanged"),
        ("delete", {"a": 1}, None, "deleted"),
        ("delete", {"a": 1}, {"a": 1}, "deleted"),
        (None, None, None, "unchanged"),
        (None, {}, {}, "unchanged"),
        (None, None, {}, "added"),
        (None, {}, None, "deleted"),
        (None, {"a": 1}, {"a": 2}, "modified"),
    ],
)
def test_the_net_operation_is_what_happens_to_the_dataset(
    operation: str | None, before: Any, after: Any, expected: str
) -> None:
    assert net_operation(operation, before, after) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("baseline",), True),
        (("baseline", "x"), True),
        (("config", "download"), True),
        (("config", "download", "x"), True),
        (("config",), True),
        (("extra", "deep"), True),
        (("extra", "deep", "er"), True),
        (("extra",), True),
        (("extra", "shallow"), False),
        (("baselines",), False),
        (("config", "files"), False),
        (("x", "baseline"), False),
        (("description",), False),
    ],
)
def test_a_path_is_critical_if_it_meets_a_critical_field(path: tuple[str, ...], expected: bool) -> None:
    assert is_critical([("version",), path], ("baseline", "extra.deep")) is expected


def test_downloads_are_critical_whatever_the_category_names() -> None:
    assert is_critical([("config", "download")], ())
    assert not is_critical([("baseline",)], ())
    assert not is_critical([], ("baseline",))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"baseline": "a"}, {"baseline": "b"}, ['baseline: "a" → "b"']),
        ({"tags": ["a"]}, {"tags": ["a", "x"]}, ['tags: + "x"']),
        ({"tags": ["a", "b"]}, {"tags": ["c", "b"]}, ['tags: - "a"', 'tags: + "c"']),
        ({"tags": [1]}, {"tags": [True]}, ["tags: - 1", "tags: + true"]),
        (
            {"config": {"download": [{"sha256sum": "a", "file_name": "f"}]}},
            {"config": {"download": [{"sha256sum": "b", "file_name": "f"}, {"file_name": "g"}]}},
            ['config.download[0].sha256sum: "a" → "b"', 'config.download[1].file_name: + "g"'],
        ),
        (None, {"b": {"y": 1, "x": []}, "a": None}, ["b.x: + []", "b.y: + 1"]),
        ({"b": {"c": [1, [2]]}}, None, ["b.c: - 1", "b.c[1]: - 2"]),
        ({"a": 1}, {"a": 1.0}, ["a: 1 → 1.0"]),
        ({"a": 0.0, "b": 1.5}, {"a": -0.0, "b": NumberText("1.50")}, []),
        ({"a": {"k": 1}}, {"a": [None, False]}, ['a: {"k": 1} → [null, false]']),
        ({"__p": 1, "a.b": {"c d": 1}}, {"__p": 2, "a.b": {"c d": 2}}, ["__p: 1 → 2", '["a.b"]["c d"]: 1 → 2']),
        ({"a": {str(n): n for n in range(9)}}, {"a": {"x": 1}}, [*(f'a["{n}"]: - {n}' for n in range(9)), "a.x: + 1"]),
        ({"a": "x"}, {"a": "é\n\x9b31m\u202e\U000e0041"}, ['a: "x" → "é\\n\\u009b31m\\u202e\\udb40\\udc41"']),
        ({}, {"a\u202eb": {"\n": 1}}, ['["a\\u202eb"]["\\n"]: + 1']),
    ],
)
def test_people_are_shown_a_difference_like_this(before: Any, after: Any, expected: list[str]) -> None:
    assert describe(before, after) == expected


def test_what_people_are_shown_does_not_depend_on_the_order_of_keys() -> None:
    before = {"b": 1, "a": {"d": 1, "c": 2}}
    after = {"a": {"c": 3, "d": 4}, "b": 2}
    assert describe(before, after) == describe(dict(reversed(before.items())), dict(reversed(after.items())))


def test_no_record_that_is_taken_in_makes_the_description_slow() -> None:
    started = time.process_time()
    describe({"a": ["x", "y"] * 25_000, "b": "\n\n" * 40_000}, {"a": ["y", "y", "x"] * 16_000, "b": "x\n\n" * 40_000})
    assert time.process_time() - started < 3


def test_deepdiff_is_not_imported_before_somebody_looks() -> None:
    program = "import sys, modelref_git.records.diff; sys.exit('deepdiff' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
