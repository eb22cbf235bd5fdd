"""A full record that was edited from an older state is merged onto today's, or refused: never a silent return."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.shapes import CONFLICT_FIELDS
from tests.support.world import ARTHUR, CAROL, World, clip


@pytest.fixture
def moved(world: World) -> tuple[World, dict[str, Any], str]:
    """A record as somebody read it, the revision at which they did, and a world in which it has changed since."""
    world.apply(world.approve(world.create("clip", "thing", clip("thing"))))
    read = world.run("get", "clip", "thing").ok().json
    revision = world.git("rev-parse", "main").strip()
    world.clock.tick()
    world.apply(world.approve(world.update("clip", "thing", {"/description": "what others wrote"})))
    return world, read, revision


def proposed(world: World, record: dict[str, Any], *words: str) -> Any:
    data = json.dumps(record).encode()
    return world.run("propose", "update", "clip", "thing", "-", *words, actor=CAROL, stdin=data)


def test_what_was_edited_since_a_revision_is_made_on_todays_record(moved: tuple[World, dict[str, Any], str]) -> None:
    world, read, revision = moved
    del read["metadata"]
    payload = proposed(world, {**read, "size_on_disk_bytes": 7}, "--base", revision).ok().json["payload"]
    assert payload["size_on_disk_bytes"] == 7
    assert payload["description"] == "what others wrote"


def test_an_older_stamp_tells_what_a_record_was_edited_from(moved: tuple[World, dict[str, Any], str]) -> None:
    world, read, _ = moved
    payload = proposed(world, {**read, "size_on_disk_bytes": 7}).ok().json["payload"]
    assert (payload["size_on_disk_bytes"], payload["description"]) == (7, "what others wrote")


@pytest.mark.parametrize("by_revision", [True, False])
def test_a_field_that_both_changed_is_a_conflict_and_nothing_is_queued(
    moved: tuple[World, dict[str, Any], str], by_revision: bool
) -> None:
    world, read, revision = moved
    before = world.refs()
    mine = {**read, "description": "what I wrote"}
    answer = proposed(world, mine, *(["--base", revision] if by_revision else []))
    assert answer.code == 4
    assert [set(row) for row in answer.error["details"]] == [set(CONFLICT_FIELDS)]
    row = answer.error["details"][0]
    assert (row["path"], row["base"]) == ("/description", read["description"])
    assert (row["ours"], row["theirs"]) == ("what others wrote", "what I wrote")
    assert world.refs() == before


def test_a_stamp_that_no_state_ever_had_is_refused(moved: tuple[World, dict[str, Any], str]) -> None:
    world, read, _ = moved
    read["metadata"]["updated_at"] = 12
    answer = proposed(world, {**read, "size_on_disk_bytes": 7})
    assert answer.code == 4
    assert "modelref-git get clip 'thing'" in answer.error["message"]


def test_a_bulk_line_from_an_older_state_is_merged_too(moved: tuple[World, dict[str, Any], str]) -> None:
    world, read, _ = moved
    line = {"operation": "update", "category": "clip", "payload": {**read, "size_on_disk_bytes": 7}}
    world.run("propose", "bulk", "-", actor=CAROL, stdin=json.dumps(line).encode()).ok()
    number = world.context().view().queue.header.last_change_id
    world.apply(world.approve(number, actor=ARTHUR))
    live = world.run("get", "clip", "thing").ok().json
    assert (live["size_on_disk_bytes"], live["description"]) == (7, "what others wrote")
