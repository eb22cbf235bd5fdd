from __future__ import annotations

from typing import Any

from modelref_git.operations.settling import Choice, settled
from modelref_git.records.merge import MergeHints, merge_records

SCHEMA = {"properties": {"list": {"x-merge": {"key": "n"}}}}
HINTS = MergeHints.of_schema(SCHEMA)
BASE: dict[str, Any] = {"a": 1, "b": 1, "c": 1, "list": [{"n": 1, "v": 1}, {"n": 2, "v": 1}, {"n": 3, "v": 1}]}


def test_each_conflict_goes_to_its_own_side_or_value_and_the_rest_stays_open() -> None:
    ours, mine = {**BASE, "a": 2, "b": 2, "c": 2}, {**BASE, "a": 3, "b": 3, "c": 3, "d": 4}
    merged = merge_records(BASE, ours, mine, HINTS)
    after = settled(merged, ours, mine, Choice(sides={"/a": "mine"}, values={"/b": 9}))
    assert after.record is not None
    assert (after.record["a"], after.record["b"], after.record["d"]) == (3, 9, 4)
    assert [one.path for one in after.conflicts] == ["/c"]
    rest = settled(merged, ours, mine, Choice("theirs", sides={"/a": "mine"}))
    assert rest.record is not None
    assert ((rest.record["a"], rest.record["b"]), rest.conflicts) == ((3, 2), ())


def test_a_removal_that_is_taken_moves_no_other_conflict_of_its_list() -> None:
    ours = {**BASE, "list": [{"n": 1, "v": 2}, {"n": 2, "v": 2}, {"n": 3, "v": 2}]}
    mine = {**BASE, "list": [{"n": 2, "v": 3}, {"n": 3, "v": 3}]}
    merged = merge_records(BASE, ours, mine, HINTS)
    paths = [one.path for one in merged.conflicts]
    choice = Choice(
        sides={path: "mine" for path in paths if path == "/list/0"}, values={"/list/2/v": 9, "/list/1/v": 8}
    )
    after = settled(merged, ours, mine, choice)
    assert after.record is not None
    assert after.record["list"] == [{"n": 2, "v": 8}, {"n": 3, "v": 9}]
    assert after.conflicts == ()


def test_a_record_that_is_gone_on_one_side_is_taken_or_left_as_a_whole() -> None:
    mine = {**BASE, "a": 2}
    merged = merge_records(BASE, None, mine, HINTS)
    assert settled(merged, None, mine, Choice()).conflicts == merged.conflicts
    assert settled(merged, None, mine, Choice(sides={"": "mine"})).record == mine
    assert settled(merged, None, mine, Choice(sides={"": "theirs"})).record is None
