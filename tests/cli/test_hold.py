from __future__ import annotations

import pytest

from tests.cli.shapes import with_nulls
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip


@pytest.fixture
def three(world: World) -> World:
    """Three pending changes of Carol's, 3 to 5."""
    for name in ("a", "b", "c"):
        world.create("clip", name, clip(name))
    return world


def test_a_held_change_is_neither_approved_nor_walked_until_it_is_let_go(three: World) -> None:
    rows = three.run("hold", "4", "3", "--reason", " wait for the licence ", actor=ARTHUR).ok().json
    assert [row["change_id"] for row in rows] == [3, 4]
    assert all(with_nulls(row) and row["status"] == "pending" for row in rows)
    before = three.refs()
    answer = three.run("approve", "3", "5", "--title", "T", actor=ARTHUR)
    assert (answer.code, answer.error["code"]) == (7, "state")
    assert "held by arthur#3: wait for the licence" in answer.error["message"]
    assert "modelref-git unhold 3" in answer.error["message"]
    assert three.refs() == before
    rows = three.run("unhold", "3", actor=OWNER).ok().json
    assert [row["change_id"] for row in rows] == [3]
    three.run("approve", "3", "--title", "T", actor=ARTHUR).ok()
    assert [event["action"] for event in three.events("--change", "3")] == ["enqueue", "hold", "unhold", "approve"]
    assert_clean(three.path)


def test_a_held_member_stops_its_whole_batch_and_the_others_can_go_without_it(three: World) -> None:
    three.approve(3, 4, 5)
    three.run("hold", "4", "--reason", "R", actor=ARTHUR).ok()
    before = three.refs()
    for words in (("--batch", "3"), ("4",), ("3", "4")):
        answer = three.run("apply", *words, actor=ARTHUR)
        assert (answer.code, answer.out) == (7, b"")
        assert "change 4 is held" in answer.error["message"]
    assert three.refs() == before
    answer = three.run("apply", "3", "5", actor=ARTHUR).ok().json
    assert (answer["batch_split_new_batch_id"], answer["batch_split_reassigned_count"]) == (4, 1)
    assert three.run("apply", "--batch", "4", actor=ARTHUR).code == 7
    three.run("unhold", "4", actor=ARTHUR).ok()
    assert three.apply(4) == [4]
    assert_clean(three.path)


def test_a_held_change_can_be_edited_rejected_and_purged(three: World) -> None:
    three.run("hold", "3", "4", "5", "--reason", "R", actor=ARTHUR).ok()
    three.run("propose", "rebase", "3", "--set", "/description=x", actor=CAROL).ok()
    assert three.run("approve", "3", "--title", "T", actor=ARTHUR).code == 7, "an edit does not let it go"
    three.run("reject", "4", "--reason", "R", actor=ARTHUR).ok()
    three.run("purge", "--model", "c", "--yes", actor=ARTHUR).ok()
    assert_clean(three.path)


def test_what_is_held_says_so_in_status(three: World) -> None:
    three.run("hold", "3", "--reason", "R", actor=ARTHUR).ok()
    row = three.run("status", "3").ok().json
    assert row["blockers"][0] == {"rule": "hold", "message": "held by arthur#3: R"}
    assert (row["turn"], row["next"]) == ("approver", "modelref-git unhold 3")
    assert three.run("status", actor=ARTHUR).ok().json["waiting"][0]["change_id"] == 4


@pytest.mark.parametrize(
    ("words", "actor", "code"),
    [
        (("hold",), ARTHUR, 2),
        (("hold", "3"), ARTHUR, 2),
        (("hold", "4", "--reason", " "), ARTHUR, 2),
        (("hold", "4", "--reason", "x" * 501), ARTHUR, 2),
        (("hold", "x", "--reason", "R"), ARTHUR, 2),
        (("hold", "99", "--reason", "R"), ARTHUR, 3),
        (("hold", "4", "99", "--reason", "R"), ARTHUR, 3),
        (("hold", "3", "--reason", "R"), ARTHUR, 7),
        (("hold", "4", "5", "--reason", "R"), ARTHUR, 7),
        (("hold", "4", "--reason", "R"), CAROL, 6),
        (("hold", "4", "--reason", "R"), "9", 6),
        (("unhold",), ARTHUR, 2),
        (("unhold", "99"), ARTHUR, 3),
        (("unhold", "4"), ARTHUR, 7),
        (("unhold", "5"), ARTHUR, 7),
        (("unhold", "3"), CAROL, 6),
    ],
)
def test_what_cannot_be_held_or_let_go_leaves_everything_as_it_was(
    three: World, words: tuple[str, ...], actor: str, code: int
) -> None:
    three.run("hold", "3", "--reason", "R", actor=ARTHUR).ok()
    three.run("withdraw", "5", actor=CAROL).ok()
    before = three.refs(), three.objects()
    answer = three.run(*words, actor=actor)
    assert (answer.code, answer.out) == (code, b"")
    assert (three.refs(), three.objects()) == before


@pytest.mark.parametrize("words", [("hold", "4", "--reason", "R"), ("unhold", "3")])
def test_a_dry_run_gives_the_same_answer_and_changes_nothing(three: World, words: tuple[str, ...]) -> None:
    three.run("hold", "3", "--reason", "R", actor=ARTHUR).ok()
    before = three.refs(), three.objects()
    dry = three.run(*words, "--dry-run", actor=ARTHUR).ok().json
    assert (three.refs(), three.objects()) == before
    real = three.run(*words, actor=ARTHUR).ok().json
    for row in (*dry, *real):
        row.pop("updated_at")
    assert dry == real
    assert three.refs() != before[0]


def test_people_are_told(three: World) -> None:
    assert b"change 3: create clip a: pending, held" in three.say("hold", "3", "--reason", "R", actor=ARTHUR).ok().out
    assert b"change 3: create clip a: pending" in three.say("unhold", "3", actor=ARTHUR).ok().out
