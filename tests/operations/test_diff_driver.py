from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Conflict, Invalid, NotFound, UsageFault
from modelref_git.operations.diff_driver import (
    Asked,
    Side,
    colours,
    file_difference,
    install,
    line_difference,
    read_arguments,
)
from modelref_git.records import codec
from modelref_git.records.diff import field_diffs
from tests.support.world import World

PATH = "dataset/clip/ViT-L%2F14.json"


def data(record: Any) -> bytes:
    return codec.encode(record, codec.KeyOrder.NONE)


def difference(before: bytes | None, after: bytes | None, path: str = PATH) -> dict[str, Any]:
    return file_difference(Asked(path, (Side(before, "100644"), Side(after, "100644"))))


# What git asks


def test_git_hands_over_each_side_as_a_file_with_its_id_and_mode(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"1")
    new.write_bytes(b"2")
    words = [PATH, str(old), "ab" * 20, "100644", str(new), "0" * 40, "100755"]
    sides = (Side(b"1", "100644"), Side(b"2", "100755"))
    assert read_arguments(words) == Asked(PATH, sides)
    assert read_arguments([*words, "dataset/clip/y.json", "similarity index 90%\n"]) == Asked(
        PATH, sides, "dataset/clip/y.json"
    )
    assert read_arguments([PATH]) == Asked(PATH, None)
    added = read_arguments([PATH, "/dev/null", ".", ".", str(new), "0" * 40, "100644"])
    assert added.sides == (Side(None), Side(b"2", "100644"))


def test_what_git_would_not_ask_is_refused(tmp_path: Path) -> None:
    for count in (0, 2, 6, 8, 10):
        with pytest.raises(UsageFault, match=f"these are {count}$"):
            read_arguments([PATH] * count)
    with pytest.raises(NotFound):
        read_arguments([PATH, str(tmp_path / "gone"), ".", ".", "/dev/null", ".", "."])
    for bad in (str(tmp_path), "a\0b"):
        with pytest.raises(Invalid):
            read_arguments([PATH, bad, ".", ".", "/dev/null", ".", "."])


# What it is told


def test_a_record_differs_by_field() -> None:
    before, after = {"name": "x", "tags": ["a"]}, {"name": "x", "tags": ["a", "b"]}
    found = difference(data(before), data(after))
    assert (found["category"], found["model_name"], found["net_operation"]) == ("clip", "ViT-L/14", "modified")
    assert found["field_diffs"] == [
        {"field_path": "tags", "old_value": ["a"], "new_value": ["a", "b"], "change_type": "modified"}
    ]
    assert (found["current_state"], found["proposed_state"], found["lines"]) == (before, after, [])


def test_a_record_that_comes_or_goes_has_all_its_fields() -> None:
    record = data({"name": "x", "_legacy": {"rank": 1}})
    for sides, net, kind in (((None, record), "added", "added"), ((record, None), "deleted", "removed")):
        found = difference(*sides)
        assert found["net_operation"] == net
        told = {(row["field_path"], row["change_type"]) for row in found["field_diffs"]}
        assert told == {("_legacy.rank", kind), ("name", kind)}


def test_what_only_legacy_files_say_of_a_record_is_told_too() -> None:
    found = difference(data({"a": 1, "_legacy": {"rank": 1}}), data({"a": 1, "_legacy": {"rank": 2}}))
    assert [row["field_path"] for row in found["field_diffs"]] == ["_legacy.rank"]


def test_the_same_record_written_in_another_way_differs_by_line() -> None:
    found = difference(b'{"a": 1}\n', b'{\n  "a": 1\n}\n')
    assert found["field_diffs"] == []
    assert found["lines"] == ["@@ -1 +1,3 @@", '-{"a": 1}', "+{", '+  "a": 1', "+}"]
    assert difference(b'{"a": 1}\n', b'{"a": 1}\r\n')["lines"] == ["only the ends of lines differ"]


def test_what_is_no_record_differs_by_line() -> None:
    assert difference(b"{", b"[]")["lines"] == ["@@ -1 +1 @@", "-{", "+[]"]
    assert difference(b"{}\n", b"{\n")["lines"] == ["@@ -1 +1 @@", "-{}", "+{"]
    found = difference(b'{"a": 1}', b'{"a": 2}', "dataset/README.md")
    assert (found["category"], found["model_name"], found["field_diffs"]) == (None, None, [])
    assert found["lines"] == ["@@ -1 +1 @@", '-{"a": 1}', '+{"a": 2}']
    assert difference(b"\xff", b"\xfe")["lines"] == ["binary files differ"]


def test_modes_and_moves_are_told() -> None:
    sides = (Side(b"{}\n", "100644"), Side(b"{}\n", "120000"))
    found = file_difference(Asked(PATH, sides, "dataset/clip/y.json"))
    assert (found["modes"], found["moved_to"]) == (["100644", "120000"], "dataset/clip/y.json")
    found = file_difference(Asked(PATH, (sides[0], sides[0]), PATH))
    assert (found["modes"], found["moved_to"]) == (None, None)


def test_a_file_that_is_not_merged_yet_has_no_sides() -> None:
    found = file_difference(Asked(PATH, None))
    assert (found["net_operation"], found["model_name"], found["field_diffs"]) == ("unmerged", "ViT-L/14", [])


_SIDES = st.binary(max_size=60) | st.dictionaries(st.sampled_from("ab"), st.integers(0, 2)).map(data)


@given(before=_SIDES, after=_SIDES, path=st.sampled_from([PATH, "x", "dataset/%/.json"]) | st.text(max_size=20))
def test_two_files_are_told_to_differ_exactly_where_they_do(before: bytes, after: bytes, path: str) -> None:
    found = difference(before, after, path)
    assert bool(found["field_diffs"] or found["lines"]) == (before != after)


@given(before=st.dictionaries(st.sampled_from("abc"), st.integers(0, 2)), after=st.dictionaries(st.text(), st.text()))
def test_fields_differ_as_they_do_everywhere(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = difference(data(before), data(after))
    assert found["field_diffs"] == [item.as_json() for item in field_diffs(before, after)]


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_lines_differ_exactly_where_bytes_do(before: bytes, after: bytes) -> None:
    assert bool(line_difference(before, after)) == (before != after)


# In a repository


def test_installing_is_answered_and_can_be_tried_first(world: World) -> None:
    start = world.path / "dataset"
    assert install(start, on=True, dry_run=True) == {"installed": True, "changed": True}
    assert install(start, on=True) == {"installed": True, "changed": True}
    assert install(start, on=True) == {"installed": True, "changed": False}
    assert install(start, on=False, dry_run=True) == {"installed": False, "changed": True}
    assert install(start, on=False) == {"installed": False, "changed": True}
    assert install(start, on=False) == {"installed": False, "changed": False}
    world.git("config", "diff.modelref.command", "mine")
    with pytest.raises(Conflict):
        install(start, on=True, dry_run=True)


def test_there_must_be_a_repository(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        install(tmp_path, on=True)


@pytest.mark.parametrize("key", ["color.ui", "color.diff", "color.pager"])
def test_whoever_wants_no_colours_of_git_wants_none_here(world: World, key: str) -> None:
    assert colours(world.path)
    world.git("config", key, "false")
    assert not colours(world.path)
    world.git("config", key, "auto")
    assert colours(world.path)


def test_outside_a_repository_nobody_has_said_a_word_against_colours(tmp_path: Path) -> None:
    assert colours(tmp_path)
