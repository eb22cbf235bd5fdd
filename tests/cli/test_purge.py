from __future__ import annotations

import pytest

from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

FIELDS = ["removed_count", "removed_change_ids", "dry_run"]


@pytest.fixture
def five(world: World) -> World:
    """Carol's changes 3 to 6 and Olivia's 7: 3 is applied, 4 rejected, 5 approved, 6 and 7 are pending."""
    for name in ("a", "b", "c", "d"):
        world.create("clip", name, clip(name))
    world.create("clip", "e", clip("e"), actor=OWNER)
    world.apply(world.approve(3))
    world.run("reject", "4", "--reason", "R", actor=ARTHUR).ok()
    world.approve(5)
    return world


def purge(world: World, *words: str, actor: str = ARTHUR) -> list[int]:
    answer = world.run("purge", *words, "--yes", actor=actor).ok().json
    assert list(answer) == FIELDS
    assert answer["dry_run"] is False
    assert answer["removed_count"] == len(answer["removed_change_ids"])
    return list(answer["removed_change_ids"])


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        (("--requested-by", OWNER, "--category", "clip"), [7]),
        (("--status", "rejected"), [4]),
        (("--status", "pending", "--status", "approved"), [5, 6, 7]),
        (("--batch", "4"), [5]),
        (("--model", "D", "--category", "clip"), [6]),
        (("--category", "clip", "--status", "pending", "--requested-by", "2"), [6]),
        (("--all", "--status", "rejected"), [4]),
        (("--model", "nothing"), []),
        (("--category", "clip"), [3, 4, 5, 6, 7]),
    ],
)
def test_every_filter_that_is_given_must_hold(five: World, words: tuple[str, ...], gone: list[int]) -> None:
    assert purge(five, *words) == gone
    for number in gone:
        assert five.run("show", str(number)).code == 3
    left = {row["change_id"] for row in five.run("changes").ok().json["items"]}
    assert not left & set(gone)
    assert_clean(five.path)


def test_everything_goes_with_all_and_the_history_stays(five: World) -> None:
    events = five.events()
    assert purge(five, "--all", actor=OWNER) == [1, 2, 3, 4, 5, 6, 7]
    assert five.run("changes").ok().json["total"] == 0
    assert five.events()[: len(events)] == events
    assert [event["action"] for event in five.events("--change", "4")] == ["enqueue", "reject", "purge"]
    assert "a" in five.run("ls", "clip").ok().json
    assert_clean(five.path)
    assert five.create("clip", "f", clip("f")) == 8
    assert five.approve(8) == 5
    assert_clean(five.path)


def test_an_approved_change_leaves_its_batch_which_is_merged_anew(five: World) -> None:
    five.approve(6)
    assert purge(five, "--model", "c") == [5]
    assert "dataset/clip/c.json" not in five.files("batches/4")
    assert_clean(five.path)
    assert five.apply(4) == [6]


def test_a_purged_change_is_told_of_in_the_log_of_its_record(five: World) -> None:
    purge(five, "--model", "a", "--category", "clip", "--status", "applied")
    (row,) = five.run("log", "clip", "a").ok().json
    assert (row["change_id"], row["author"], row["approver"]) == (3, CAROL, ARTHUR)


def test_nothing_that_matches_is_no_event(five: World) -> None:
    before = five.refs()
    assert purge(five, "--model", "nothing") == []
    assert five.refs() == before


@pytest.mark.parametrize(
    ("words", "actor", "code"),
    [
        ((), ARTHUR, 2),
        (("--model", " "), ARTHUR, 2),
        (("--status", "odd"), ARTHUR, 2),
        (("--all", "now"), ARTHUR, 2),
        (("--all",), CAROL, 6),
        (("--all",), "9", 6),
        (("--model", "nothing"), CAROL, 6),
        (("--requested-by", CAROL), CAROL, 6),
    ],
)
def test_what_is_refused_leaves_everything_as_it_was(
    five: World, words: tuple[str, ...], actor: str, code: int
) -> None:
    before = five.refs(), five.objects()
    answer = five.run("purge", *words, "--yes", actor=actor)
    assert (answer.code, answer.out) == (code, b"")
    assert (five.refs(), five.objects()) == before


def test_without_a_terminal_yes_must_be_said(five: World) -> None:
    before = five.refs()
    answer = five.run("purge", "--all", actor=OWNER)
    assert (answer.code, answer.out) == (2, b"")
    assert "--yes" in answer.error["message"]
    assert five.refs() == before


def test_an_approver_of_one_category_purges_in_that_alone(five: World) -> None:
    five.run_policy("member", "add", "bea#4", "--email", "b@people.example", "--role", "approver:gfpgan")
    number = five.delete("gfpgan", "GFPGAN")
    before = five.refs()
    answer = five.run("purge", "--status", "pending", "--yes", actor="bea#4")
    assert answer.code == 6
    assert {row["rule"] for row in answer.error["details"]} == {"role.approver"}
    assert five.refs() == before
    assert purge(five, "--category", "gfpgan", actor="bea#4") == [number]


@pytest.mark.parametrize("words", [("--all",), ("--status", "approved"), ("--model", "nothing")])
def test_a_dry_run_tells_the_ids_and_changes_nothing(five: World, words: tuple[str, ...]) -> None:
    before = five.refs(), five.objects()
    dry = five.run("purge", *words, "--dry-run", actor=OWNER).ok().json
    assert (list(dry), dry["dry_run"]) == (FIELDS, True)
    assert (five.refs(), five.objects()) == before
    real = five.run("purge", *words, "--yes", actor=OWNER).ok().json
    assert dry == {**real, "dry_run": True}
