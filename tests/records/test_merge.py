"""Merging by field: every row of the truth table, and that nothing is ever lost without a conflict to tell of it."""

from __future__ import annotations

import copy
import subprocess
import sys
from functools import cache
from itertools import permutations
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from modelref_git.records import codec, pointer, shipped
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.json_text import NumberText, same
from modelref_git.records.merge import CREATED, UPDATED, FieldConflict, Merged, MergeHints, _identity, merge_records
from modelref_git.records.schemas import Schema

Record = dict[str, Any]

SCHEMA: Final[Record] = {
    "properties": {
        "name": {"type": "string"},
        "tags": {"type": "array", "x-merge": "set"},
        "either": {"anyOf": [{"type": "string"}, {"type": "array", "x-merge": "set"}]},
        "files": {"x-merge": {"key": "id"}, "items": {"$ref": "#/$defs/File"}},
        "parts": {
            "allOf": [{"x-merge": {"key": "id"}}],
            "items": {"oneOf": [{"properties": {"words": {"x-merge": "set"}}}]},
        },
        "box": {"$ref": "#/$defs/Box"},
        "sets": {"additionalProperties": {"x-merge": "set"}},
        "torn": {"allOf": [{"x-merge": "set"}, {"x-merge": {"key": "id"}}]},
        "plain": {"type": "array", "items": {"$ref": "#/$defs/File"}},
        "metadata": {"properties": {"schema_version": {"type": "string"}}},
        "inner": {"properties": {"metadata": {"type": "object"}}},
    },
    "$defs": {
        "File": {"type": "object", "x-merge": "atomic"},
        "Box": {"x-merge": "atomic"},
    },
}
HINTS: Final = MergeHints.of_schema(SCHEMA)


def merge(base: Record | None, ours: Record | None, theirs: Record | None) -> Merged:
    return merge_records(base, ours, theirs, HINTS)


def merged(base: Record, ours: Record, theirs: Record) -> Record:
    """The merged record of sides that are in no conflict."""
    result = merge(base, ours, theirs)
    assert result.conflicts == ()
    assert result.record is not None
    return result.record


def conflict(base: Record, ours: Record, theirs: Record) -> FieldConflict:
    """The one conflict of the sides; the record holds ours' value there."""
    result = merge(base, ours, theirs)
    (found,) = result.conflicts
    if not found.path.endswith("/-") and found.ours is not None:
        assert same(pointer.get(result.record, found.path), found.ours)
    return found


# --- the record as a whole -------------------------------------------------------------------------------------------

A: Final[Record] = {"name": "a"}
B: Final[Record] = {"name": "b"}
C: Final[Record] = {"name": "c"}


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "record"),
    [
        (A, A, B, B),
        (A, A, None, None),
        (None, None, A, A),
        (A, B, A, B),
        (A, None, A, None),
        (None, A, None, A),
        (A, B, B, B),
        (None, A, A, A),
        (A, None, None, None),
        (None, None, None, None),
    ],
)
def test_a_side_that_changed_nothing_gives_way(
    base: Record | None, ours: Record | None, theirs: Record | None, record: Record | None
) -> None:
    assert merge(base, ours, theirs) == Merged(record, ())


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [(A, None, B), (A, B, None), (None, A, B), (None, {"x": 1}, {"y": 1}), (None, {}, {"y": 1}), (A, {}, None)],
)
def test_delete_against_update_and_create_against_create_are_conflicts_of_the_whole_record(
    base: Record | None, ours: Record | None, theirs: Record | None
) -> None:
    assert merge(base, ours, theirs) == Merged(ours, (FieldConflict("", base, ours, theirs),))


def test_two_creates_that_differ_in_stamps_alone_are_one() -> None:
    ours = {"x": 1, "metadata": {"created_at": 5, "created_by": "a", "updated_at": 5, "updated_by": "a"}}
    theirs = {"x": 1, "metadata": {"created_at": 7, "created_by": "b", "updated_at": 7, "updated_by": "b"}}
    stamps = {"created_at": 5, "created_by": "a", "updated_at": 7, "updated_by": "b"}
    assert merge(None, ours, theirs) == Merged({"x": 1, "metadata": stamps}, ())
    assert merge(None, ours, {"x": 1}) == Merged(ours, ())
    assert merge(None, {"x": 1}, ours) == Merged(ours, ())
    assert merge(None, ours, {**theirs, "x": 2}).conflicts[0].path == ""
    assert merge(None, ours, {**theirs, "x": 1.0}).conflicts[0].path == ""
    other = {"x": 1, "metadata": {**theirs["metadata"], "schema_version": "2"}}
    assert merge(None, ours, other).conflicts[0].path == ""
    assert merge_records(None, ours, theirs, MergeHints.NONE).conflicts[0].path == "", "no stamps in that schema"


# --- fields ----------------------------------------------------------------------------------------------------------


def test_different_fields_of_nested_objects_are_merged() -> None:
    base = {"a": 1, "o": {"x": 1, "y": {"z": 1, "w": 1}}, "gone": 1}
    ours = {"a": 2, "o": {"x": 1, "y": {"z": 2, "w": 1}}, "gone": 1, "new": {"k": 1}}
    theirs = {"a": 1, "o": {"x": 1, "y": {"z": 1}, "v": None}, "new": {"l": []}}
    expected = {"a": 2, "o": {"x": 1, "y": {"z": 2}, "v": None}, "new": {"k": 1, "l": []}}
    assert merged(base, ours, theirs) == expected


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "path"),
    [
        ({"f": 1}, {"f": 2}, {"f": 3}, "/f"),
        ({}, {"f": 2}, {"f": 3}, "/f"),
        ({"f": 1}, {"f": 2}, {}, "/f"),
        ({"f": 1}, {}, {"f": 2}, "/f"),
        ({"f": 0}, {"f": 1}, {"f": 1.0}, "/f"),
        ({"f": 0}, {"f": 1}, {"f": True}, "/f"),
        ({"f": 0}, {"f": None}, {}, "/f"),
        ({}, {"f": None}, {"f": 1}, "/f"),
        ({"o": {"a/b": {"~": 1}}}, {"o": {"a/b": {"~": 2}}}, {"o": {"a/b": {"~": 3}}}, "/o/a~1b/~0"),
        ({"o": {"x": 1}}, {"o": "text"}, {"o": {"x": 2}}, "/o"),
        ({"o": {"x": 1}}, {"o": {"x": 1, "y": 1}}, {"o": [1]}, "/o"),
        ({"o": {"x": 1}}, {"o": None}, {"o": {"x": 1, "y": 1}}, "/o"),
        ({"o": {"x": 1}}, {}, {"o": {"x": 1, "y": 1}}, "/o"),
        ({"o": "text"}, {"o": {"x": 1}}, {"o": {"y": 1}}, "/o"),
        ({"o": None}, {"o": {"x": 1}}, {"o": {"y": 1}}, "/o"),
        ({}, {"o": {"x": 1}}, {"o": {"x": 2}}, "/o/x"),
        ({"o": {"x": 1}}, {"o": {}}, {"o": {"x": 2}}, "/o/x"),
        ({"o": {"x": 1}}, {"o": {}}, {}, "/o"),
        ({"l": [1]}, {"l": [1, 2]}, {"l": [1, 3]}, "/l"),
        ({"plain": [{"id": 1}]}, {"plain": [{"id": 2}]}, {"plain": []}, "/plain"),
        ({"box": {"a": 1, "b": 1}}, {"box": {"a": 2, "b": 1}}, {"box": {"a": 1, "b": 2}}, "/box"),
        ({}, {"box": {"a": 1}}, {"box": {"b": 1}}, "/box"),
        ({"_legacy": {"x": 1}}, {"_legacy": {"x": 2}}, {"_legacy": {"x": 3}}, "/_legacy/x"),
        ({"torn": ["a"]}, {"torn": ["a", "b"]}, {"torn": ["a", "c"]}, "/torn"),
        ({"tags": ["a"]}, {"tags": "a"}, {"tags": ["b"]}, "/tags"),
        ({"tags": ["a"]}, {}, {"tags": ["a", "b"]}, "/tags"),
        ({"tags": None}, {"tags": ["a"]}, {"tags": ["b"]}, "/tags"),
    ],
)
def test_what_both_changed_differently_is_a_conflict(base: Record, ours: Record, theirs: Record, path: str) -> None:
    there, here = conflict(base, ours, theirs), conflict(base, theirs, ours)
    assert there.path == here.path == path
    assert same([there.base, there.ours, there.theirs], [here.base, here.theirs, here.ours])


def test_a_conflict_tells_the_three_values_and_the_rest_is_merged() -> None:
    result = merge({"a": 1, "b": 1, "c": 1, "d": 1}, {"a": 2, "b": 2, "d": 1}, {"a": 3, "b": 1, "c": 3, "d": 3})
    assert result.record == {"a": 2, "b": 2, "d": 3}
    assert result.conflicts == (FieldConflict("/a", 1, 2, 3), FieldConflict("/c", 1, None, 3))


def test_a_member_that_is_null_differs_from_one_that_is_not_there() -> None:
    assert merged({"f": 1, "g": 1}, {"g": 1}, {"f": 1, "g": None}) == {"g": None}
    assert merged({"f": None, "g": 1}, {"g": 1}, {"f": None, "g": 2}) == {"g": 2}
    assert conflict({"f": 1}, {}, {"f": None}).path == "/f"


def test_the_text_of_a_number_is_kept_and_makes_no_conflict() -> None:
    base, ours, theirs = {"f": 1.0}, {"f": NumberText("1.50")}, {"f": 1.5}
    assert repr(merged(base, ours, theirs)["f"]) == "1.50"
    assert repr(merged(base, theirs, ours)["f"]) == "1.5"


def test_keys_come_in_the_order_of_ours_and_those_of_theirs_behind_their_predecessors() -> None:
    base = {"a": 1, "b": 1, "c": 1}
    ours = {"c": 1, "b": 1, "mine": 1, "a": 1}
    theirs = {"zero": 1, "a": 1, "b": 1, "one": 1, "two": 1, "c": 1, "three": 1}
    assert list(merged(base, ours, theirs)) == ["c", "three", "b", "mine", "one", "two", "a", "zero"]


def test_the_legacy_remainder_is_merged_like_any_object() -> None:
    base: Record = {"name": "a", "_legacy": {"type": "ckpt", "rank": 1, "gone": 1}}
    ours: Record = {"name": "a", "_legacy": {"type": "ckpt", "rank": 2, "gone": 1}}
    theirs: Record = {"name": "a", "_legacy": {"type": "x", "rank": 1}}
    assert merged(base, ours, theirs)["_legacy"] == {"type": "x", "rank": 2}


# --- the stamps ------------------------------------------------------------------------------------------------------


def stamps(at: Any, by: Any, **more: Any) -> Record:
    return {"metadata": {"created_at": 1, "created_by": "maker", "updated_at": at, "updated_by": by, **more}}


@pytest.mark.parametrize(
    ("ours", "theirs", "newer"),
    [
        ((5, "a"), (7, "b"), (7, "b")),
        ((7, "a"), (5, "b"), (7, "a")),
        ((7, "a"), (7, "b"), (7, "b")),
        ((7, "b"), (7, "a"), (7, "b")),
        ((10, "a"), (9.5, "b"), (10, "a")),
        ((7, "a"), (None, "b"), (7, "a")),
        (("8", "a"), (7, "b"), (7, "b")),
        ((True, "a"), (0, "b"), (0, "b")),
        ((7, None), (7, "a"), (7, "a")),
    ],
)
def test_the_later_stamp_stays_and_on_a_tie_the_greater_name(ours: Any, theirs: Any, newer: Any) -> None:
    base = stamps(2, "base")
    result = merged(base, {"x": 1, **stamps(*ours)}, {"y": 1, **stamps(*theirs)})
    assert same(result, {"x": 1, **stamps(*newer), "y": 1})
    assert same(result, merged(base, {"y": 1, **stamps(*theirs)}, {"x": 1, **stamps(*ours)}))


def test_where_stamps_do_not_tell_the_sides_apart_ours_stay() -> None:
    result = merged(stamps(2, "base"), {"x": 1, **stamps(7, "a")}, {"y": 1, **stamps(7.0, "a")})
    assert same(result["metadata"]["updated_at"], 7)


def test_created_stamps_are_those_of_ours_where_both_changed_the_metadata() -> None:
    forged = {"created_at": 99, "created_by": "forger", "updated_at": 9, "updated_by": "b"}
    result = merged(stamps(2, "base"), {"x": 1, **stamps(3, "a")}, {"y": 1, "metadata": forged})
    assert result["metadata"] == stamps(9, "b")["metadata"]
    assert merged(stamps(2, "base"), stamps(2, "base"), {"metadata": forged}) == {"metadata": forged}, "ours is base"
    bare = {"metadata": {"updated_at": 3, "updated_by": "a"}}
    assert merged({"metadata": {}}, bare, {"metadata": forged})["metadata"] == {"updated_at": 9, "updated_by": "b"}


def test_other_members_of_metadata_are_ordinary() -> None:
    base, ours, theirs = stamps(2, "x", v="1"), stamps(3, "a", v="2"), stamps(4, "b", v="1", w="1")
    assert merged(base, ours, theirs) == stamps(4, "b", v="2", w="1")
    result = merge(base, ours, stamps(4, "b", v="3"))
    assert result == Merged(stamps(4, "b", v="2"), (FieldConflict("/metadata/v", "1", "2", "3"),))


@pytest.mark.parametrize("other", [{}, {"metadata": None}, {"metadata": "x"}])
def test_a_stamp_does_not_speak_against_taking_the_metadata_away(other: Record) -> None:
    base = stamps(2, "x", v="1")
    assert merged(base, other, stamps(3, "a", v="1")) == other
    assert merged(base, stamps(3, "a", v="1"), other) == other
    found = conflict(base, other, stamps(3, "a", v="2"))
    assert (found.path, found.theirs) == ("/metadata", stamps(3, "a", v="2")["metadata"])
    assert conflict(base, stamps(3, "a", v="2"), other).ours == stamps(3, "a", v="2")["metadata"]


def test_metadata_is_an_ordinary_member_elsewhere() -> None:
    ours, theirs = stamps(3, "a"), stamps(4, "b")
    found = merge_records(stamps(2, "x"), ours, theirs, MergeHints.NONE).conflicts
    assert [item.path for item in found] == ["/metadata/updated_at", "/metadata/updated_by"]
    nested = [{"inner": side} for side in (stamps(2, "x"), ours, theirs)]
    assert [item.path for item in merge(*nested).conflicts] == [f"/inner{item.path}" for item in found]


# --- sets ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        (["a", "b"], ["a", "b", "c"], ["b", "d"], ["b", "c", "d"]),
        (["a", "b"], ["b", "a"], ["a", "b", "c"], ["b", "c", "a"]),
        (["a", "b", "c"], ["a", "b", "c", "d"], ["c", "b", "a"], ["c", "d", "b", "a"]),
        (["a", "b", "c"], ["b", "a", "c"], ["a", "c", "b"], ["b", "a", "c"]),
        (["a"], [], ["a", "b"], ["b"]),
        (["a"], ["x"], ["y"], ["x", "y"]),
        ([], ["x", "y"], ["y", "x"], ["x", "y"]),
        (["a", "a"], ["a"], ["a", "a", "b"], ["a", "b"]),
        (["a"], ["a", "b", "b"], ["a", "c"], ["a", "b", "c"]),
        ([1], [1, 1.0], [1, True, "1", None], [1, 1.0, True, "1", None]),
        ([[1, 2]], [[1, 2], [2, 1]], [[1, 2], [1, 1, 2]], [[1, 2], [2, 1], [1, 1, 2]]),
        ([{"x": 1}], [{"x": 1}, {"y": [1]}], [{"x": 1.0}], [{"y": [1]}, {"x": 1.0}]),
    ],
)
def test_sets_are_merged_by_member_and_never_conflict(
    base: list[Any], ours: list[Any], theirs: list[Any], expected: list[Any]
) -> None:
    sides = {"tags": base}, {"tags": ours}, {"tags": theirs}
    assert same(merged(*sides)["tags"], expected)


def test_sets_that_both_sides_add_are_joined() -> None:
    assert merged({}, {"tags": ["a"]}, {"tags": ["b"]}) == {"tags": ["a", "b"]}


def test_a_hint_is_found_wherever_the_schema_puts_it() -> None:
    base: Record = {"either": ["a"], "sets": {"k": ["a"]}, "parts": [{"id": 1, "words": ["a"]}]}
    ours: Record = {"either": ["a", "b"], "sets": {"k": ["a", "b"]}, "parts": [{"id": 1, "words": ["a", "b"]}]}
    theirs: Record = {"either": ["c"], "sets": {"k": ["c"]}, "parts": [{"id": 1, "words": ["c"]}]}
    expected = {"either": ["b", "c"], "sets": {"k": ["b", "c"]}, "parts": [{"id": 1, "words": ["b", "c"]}]}
    assert merged(base, ours, theirs) == expected
    assert conflict({"either": "a"}, {"either": "b"}, {"either": "c"}).path == "/either"


# --- keyed lists -----------------------------------------------------------------------------------------------------


def entries(*names: Any) -> list[Record]:
    """One entry for each name; ``a1`` is the entry ``a`` with another content than ``a``."""
    return [{"id": name[0], "v": name[1:]} if name[1:] else {"id": name[0]} for name in names]


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ("a b", "a1 b", "a b2", "a1 b2"),
        ("a b", "a1 b", "a", "a1"),
        ("a b", "b", "a b c", "b c"),
        ("a", "a x", "a y", "a x y"),
        ("a b", "a x b", "a y b z", "a x y b z"),
        ("a b", "b a", "a b c", "b c a"),
        ("a b", "a b c", "b a", "b c a"),
        ("a b", "b a x", "b a y", "b a x y"),
        ("a b c d", "a d b c", "a c b", "a c b"),
        ("a", "x", "a y", "x y"),
        ("a b", "b x", "y a b", "y b x"),
        ("a b", "x", "x b2", None),
        ("a b", "x b", "x b2", "x b2"),
        ("", "x y", "x z", "x y z"),
        ("a", "", "a b", "b"),
    ],
)
def test_keyed_lists_are_merged_by_entry(base: str, ours: str, theirs: str, expected: str | None) -> None:
    sides = [{"files": entries(*side.split())} for side in (base, ours, theirs)]
    if expected is None:
        assert merge(*sides).conflicts
    else:
        assert merged(*sides) == {"files": entries(*expected.split())}


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ("a b c", "b a c", "a c b"),
        ("", "x y", "y x"),
        ("a", "x a", "a x"),
        ("a", "x", "y"),
        ("a", "x a", "y a"),
        ("a b", "b a", "x a b"),
        ("a b c", "c a b", "b a"),
        ("", "x", "y"),
    ],
)
def test_an_order_that_both_changed_and_a_first_place_that_both_gave_away_are_conflicts(
    base: str, ours: str, theirs: str
) -> None:
    sides = [entries(*side.split()) for side in (base, ours, theirs)]
    assert conflict(*({"files": side} for side in sides)) == FieldConflict("/files", *sides)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "record", "path"),
    [
        ("a b c", "x a b1 c", "a b2 c", "x a b1 c", "/files/2"),
        ("a b", "a b1", "a", "a b1", "/files/1"),
        ("a b", "a", "a b1", "a", "/files/-"),
        ("a", "a x1", "a x2", "a x1", "/files/1"),
    ],
)
def test_an_atomic_entry_that_both_changed_is_a_conflict_at_its_place_in_the_merged_list(
    base: str, ours: str, theirs: str, record: str, path: str
) -> None:
    sides = [{"files": entries(*side.split())} for side in (base, ours, theirs)]
    assert conflict(*sides).path == path
    assert merge(*sides).record == {"files": entries(*record.split())}


def test_an_atomic_entry_is_never_mixed_and_others_are_merged_by_field() -> None:
    base, ours, theirs = [{"id": 1}], [{"id": 1, "url": "u"}], [{"id": 1, "sha": "s"}]
    assert conflict({"files": base}, {"files": ours}, {"files": theirs}).path == "/files/0"
    assert merged({"parts": base}, {"parts": ours}, {"parts": theirs}) == {"parts": [{"id": 1, "url": "u", "sha": "s"}]}
    assert conflict({"parts": base}, {"parts": ours}, {"parts": [{"id": 1, "url": "v"}]}).path == "/parts/0/url"


@pytest.mark.parametrize(
    "odd", [[{"id": 1}, {"id": 1, "v": 2}], [{"id": 1}, {"v": 1}], [{"id": 1}, "text"], None, "text", {"id": 1}]
)
def test_a_list_whose_entries_cannot_be_told_apart_counts_as_a_plain_one(odd: Any) -> None:
    usual, added = [{"id": 1}], [{"id": 1}, {"id": 2}]
    assert merged({"files": usual}, {"files": odd}, {"files": usual}) == {"files": odd}
    assert conflict({"files": usual}, {"files": odd}, {"files": added}) == FieldConflict("/files", usual, odd, added)
    assert conflict({"files": usual}, {"files": added}, {"files": odd}) == FieldConflict("/files", usual, added, odd)
    assert conflict({"files": odd}, {"files": usual}, {"files": added}) == FieldConflict("/files", odd, usual, added)


def test_the_types_of_keys_are_kept_apart() -> None:
    base = [{"id": 1}]
    ours, theirs = [{"id": 1}, {"id": 1.0}], [{"id": 1}, {"id": True}, {"id": "1"}]
    found = merged({"files": base}, {"files": ours}, {"files": theirs})["files"]
    assert same(found, [{"id": 1}, {"id": 1.0}, {"id": True}, {"id": "1"}])


# --- for all records -------------------------------------------------------------------------------------------------

SCALARS = st.sampled_from([None, True, 0, 1, 1.0, "x", "y", NumberText("1.50"), 1.5])
WORDS = st.lists(st.sampled_from(["a", "b", "c", 1, 1.0, True, None]), max_size=4)
IDS = st.sampled_from(["a", "b", "c", 1])
ENTRIES = st.lists(
    st.fixed_dictionaries({"id": IDS}, optional={"v": SCALARS, "words": WORDS}),
    max_size=4,
    unique_by=lambda entry: repr(entry["id"]),
)
ODD = SCALARS | st.lists(SCALARS, max_size=2) | st.lists(st.fixed_dictionaries({"id": IDS}), max_size=3)
OPEN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "/", ""]), inner, max_size=3)
    ),
    max_leaves=5,
)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "created_at": st.just(1),
        "created_by": st.just("m"),
        "updated_at": st.sampled_from([1, 2, 3]),
        "updated_by": st.sampled_from(["a", "b"]),
        "schema_version": SCALARS,
    },
)
MEMBERS: Final = {
    "name": SCALARS,
    "tags": WORDS,
    "either": WORDS | st.just("text"),
    "files": ENTRIES,
    "parts": ENTRIES,
    "box": OPEN,
    "sets": st.dictionaries(st.sampled_from(["k", "l"]), WORDS, max_size=2),
    "torn": WORDS,
    "plain": ENTRIES,
    "metadata": METADATA,
    "own": OPEN,
    "_legacy": OPEN,
}
RECORDS = st.fixed_dictionaries({}, optional={name: values | ODD for name, values in MEMBERS.items()})
REGULAR = st.fixed_dictionaries({}, optional=MEMBERS)


@st.composite
def edited(draw: st.DrawFn, base: Record, records: st.SearchStrategy[Record]) -> Record:
    """*Base* with some members replaced, removed or added, and some changed inside."""
    other = draw(records)
    result = {}
    for name in draw(st.permutations(sorted({*base, *other}))):
        choice = draw(st.sampled_from(["base", "base", "other", "both"]))
        mine, new = base.get(name), other.get(name)
        if choice == "both" and isinstance(mine, dict) and isinstance(new, dict):
            result[name] = {**mine, **new}
        elif choice == "both" and isinstance(mine, list) and isinstance(new, list):
            known = [repr(item.get("id") if isinstance(item, dict) else item) for item in mine]
            keys = [repr(item.get("id") if isinstance(item, dict) else item) for item in new]
            result[name] = mine + [item for item, key in zip(new, keys, strict=True) if key not in known]
        elif name in (source := base if choice == "base" else other):
            result[name] = source[name]
    return copy.deepcopy(result)


@st.composite
def three_sides(draw: st.DrawFn, records: st.SearchStrategy[Record] = RECORDS) -> tuple[Record, Record, Record]:
    base = draw(records)
    return base, draw(edited(base, records)), draw(edited(base, records))


SIDES = three_sides()
MAYBE = st.none() | RECORDS


@given(MAYBE, MAYBE)
def test_a_side_that_is_the_base_is_as_good_as_no_side(base: Record | None, side: Record | None) -> None:
    for ours, theirs in ((base, side), (side, base), (side, side)):
        assert merge(base, ours, theirs).conflicts == ()
        assert same(merge(base, ours, theirs).record, side)


@given(SIDES)
def test_no_change_of_either_side_is_lost_without_a_conflict(sides: tuple[Record, Record, Record]) -> None:
    check_no_loss(HINTS, *sides)


@given(SIDES)
def test_conflicts_hold_the_values_of_the_sides_and_do_not_lie_within_one_another(
    sides: tuple[Record, Record, Record],
) -> None:
    result = merge(*sides)
    paths = [pointer.split(item.path) for item in result.conflicts]
    assert not any(one != two and two[: len(one)] == one for one in paths for two in paths)
    for item in result.conflicts:
        assert not same(item.ours, item.theirs) or item.ours is None
        if item.ours is not None and not item.path.startswith("/metadata"):
            assert same(pointer.get(result.record, item.path), item.ours)


@given(SIDES)
def test_the_same_sides_give_the_same_bytes_and_stay_as_they_are(sides: tuple[Record, Record, Record]) -> None:
    copies = copy.deepcopy(sides)
    first, second = merge(*sides), merge(*copy.deepcopy(sides))
    assert repr(sides) == repr(copies)
    assert repr(first) == repr(second)


@given(three_sides(REGULAR))
def test_it_does_not_matter_which_side_is_ours_but_for_the_order_of_lists_without_one(
    sides: tuple[Record, Record, Record],
) -> None:
    base, ours, theirs = sides
    one, two = merge(base, ours, theirs), merge(base, theirs, ours)
    assert len(one.conflicts) == len(two.conflicts)
    assume(not one.conflicts)
    # The rule takes ours' created_* where the two differ, which the program never lets happen.
    both = [side.get("metadata", {}) for side in (ours, theirs)]
    assume(not any((key in both[0]) != (key in both[1]) for key in CREATED))
    assert same(unordered(one.record), unordered(two.record))


@given(three_sides(REGULAR), st.data())
def test_changes_of_different_fields_give_the_same_in_any_order(
    sides: tuple[Record, Record, Record], data: st.DataObject
) -> None:
    base, target, _ = sides
    names = sorted({*base, *target})
    owner = {name: data.draw(st.integers(0, 2)) for name in names}
    proposals = [
        {
            name: side[name]
            for name in names
            if name in (side := target if owner[name] == number and name != "metadata" else base)
        }
        for number in range(3)
    ]
    for order in permutations(proposals):
        result = base
        for proposal in order:
            result = merged(base, result, proposal)
        # All of them together are the target: a change applied to the base gives its target.
        expected = {name: side[name] for name in names if name in (side := base if name == "metadata" else target)}
        assert same(result, expected)


@given(OPEN, OPEN)
def test_two_values_have_the_same_identity_just_when_they_are_the_same(one: Any, two: Any) -> None:
    assert (_identity(one) == _identity(two)) == same(one, two)
    assert hash(_identity(one)) == hash(_identity(copy.deepcopy(one)))
    assert _identity(one) is not None


# --- the shipped schemas ---------------------------------------------------------------------------------------------


@cache
def shipped_schema(category: str) -> Schema:
    data = shipped.schema_bytes(category)
    assert data is not None
    return Schema.parse(category, data)


@cache
def starter(category: str) -> tuple[Record, ...]:
    return tuple(codec.decode(data) for path, data in shipped.starter_files() if path.split("/")[1] == category)


STARTED: Final = [category for category in CATEGORIES if len(starter(category)) > 1]


@given(st.data(), st.sampled_from(STARTED))
def test_shipped_records_are_merged_without_loss_and_stay_valid(data: st.DataObject, category: str) -> None:
    records = st.sampled_from(starter(category))
    schema = shipped_schema(category)
    base = data.draw(records)
    ours, theirs = (data.draw(edited(base, records)) for _ in range(2))
    assume(all(not schema.problems(side) for side in (ours, theirs)))
    result = check_no_loss(schema.merge_hints, base, ours, theirs)
    if not result.conflicts and result.record is not None:
        assert schema.problems(result.record) == []
        codec.encode(result.record, schema.order)


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_hints_of_every_shipped_schema_are_found(category: str) -> None:
    hints = shipped_schema(category).merge_hints
    downloads = hints.of_member("config").of_member("download")
    assert downloads.key == "file_name"
    assert downloads.of_items().is_atomic
    assert hints.is_stamped
    assert not hints.of_member("name").is_set
    properties = shipped_schema(category).document["properties"]
    for name in ("tags", "trigger", "showcases"):
        assert hints.of_member(name).is_set == (name in properties)


def test_reading_a_schema_does_not_load_the_merge() -> None:
    code = "import sys, modelref_git.records.schemas as s; sys.exit('modelref_git.records.merge' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- a second opinion, written without looking at the first ----------------------------------------------------------

GONE: Final[Any] = ...
"""Stands for what a side does not have."""
STAMPS: Final = (*CREATED, *UPDATED)


def check_no_loss(hints: MergeHints, base: Record, ours: Record, theirs: Record) -> Merged:
    """Merge, and fail if a change of a side is neither in the result nor under a conflict, or something else is."""
    result = merge_records(base, ours, theirs, hints)
    conflicts = {pointer.split(item.path): item for item in result.conflicts if not item.path.endswith("/-")}
    floating = [item for item in result.conflicts if item.path.endswith("/-")]

    def check(hints: MergeHints, path: tuple[str, ...], base: Any, ours: Any, theirs: Any, found: Any) -> None:
        if path in conflicts:
            return
        if path == ("metadata",) and hints_at_root.is_stamped:
            base, ours, theirs, found = map(without_stamps, (base, ours, theirs, found))
        for side, other in ((ours, theirs), (theirs, ours)):
            if same(side, base):
                assert same(found, other), path  # one side alone changed something here
                return
        if same(ours, theirs):
            assert same(found, ours), path
            return
        # Both changed it, to something else each, and no conflict at this place: it must be a mix of members.
        assert not hints.is_atomic, path
        inside = {} if base is GONE and isinstance(found, dict) else [] if base is GONE else base
        sides = (inside, ours, theirs, found)
        if all(isinstance(side, dict) for side in sides):
            for name in {name for side in sides for name in side}:
                check(hints.of_member(name), (*path, name), *(side.get(name, GONE) for side in sides))
            return
        assert all(isinstance(side, list) for side in sides), path
        if hints.is_set:
            for item in [item for side in sides for item in side]:
                b, o, t, f = (any(same(item, one) for one in side) for side in sides)
                assert f == ((o and t) if b else (o or t)), (path, item)
            return
        assert hints.key is not None, path
        keys = [entry[hints.key] for side in sides for entry in side]
        for key in keys:
            at = [next((n for n, entry in enumerate(side) if same(entry[hints.key], key)), None) for side in sides]
            values = [GONE if n is None else side[n] for n, side in zip(at, sides, strict=True)]
            told = [item for item in floating if all(same(*pair) for pair in zip(three(item), values[:3], strict=True))]
            if not told:
                place = "-" if at[3] is None else str(at[3])
                check(hints.of_items(), (*path, place), *values)

    def three(item: FieldConflict) -> list[Any]:
        return [GONE if value is None else value for value in (item.base, item.ours, item.theirs)]

    hints_at_root = hints
    check(hints, (), base, ours, theirs, result.record)
    return result


def without_stamps(metadata: Any) -> Any:
    if not isinstance(metadata, dict):
        return metadata
    return {key: value for key, value in metadata.items() if key not in STAMPS}


def unordered(value: Any) -> Any:
    """*Value* with its lists in one order."""
    if isinstance(value, dict):
        return {key: unordered(item) for key, item in value.items()}
    return sorted(map(unordered, value), key=repr) if isinstance(value, list) else value
