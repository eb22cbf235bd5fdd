from __future__ import annotations

import pytest

from tests.cli.shapes import with_nulls, without_nulls
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

NAME = "ViT-L/14"


@pytest.fixture
def three(world: World) -> World:
    """Three pending changes of Carol's, 3 to 5."""
    for name in ("a", "b", "c"):
        world.create("clip", name, clip(name))
    return world


def test_a_change_that_is_taken_back_is_rejected_and_says_so(three: World) -> None:
    rows = three.run("withdraw", "4", "3", "3", "--reason", " a mistake ", actor=CAROL).ok().json
    assert [row["change_id"] for row in rows] == [3, 4]
    for row in rows:
        assert with_nulls(row)
        assert (row["status"], row["reject_reason"]) == ("rejected", "withdrawn: a mistake")
        assert (row["rejected_by"], row["rejected_username"], row["batch_id"]) == ("2", CAROL, None)
    assert not {"refs/heads/proposals/3", "refs/heads/proposals/4"} & three.refs().keys()
    assert [event["action"] for event in three.events("--change", "3")] == ["enqueue", "withdraw"]
    assert three.run("withdraw", "5", actor=CAROL).ok().json[0]["reject_reason"] == "withdrawn"
    assert_clean(three.path)


def test_an_approved_change_leaves_its_batch_which_is_merged_anew(three: World) -> None:
    three.approve(3, 4, 5)
    three.run("withdraw", "4", actor=CAROL).ok()
    assert "dataset/clip/b.json" not in three.files("batches/3")
    assert_clean(three.path)
    assert three.apply(3) == [3, 5]
    assert_clean(three.path)


def test_the_last_member_closes_its_batch_and_jams_nothing(three: World) -> None:
    three.approve(3)
    three.run("withdraw", "3", actor=CAROL).ok()
    assert three.run("status").ok().json["open_batch"] is None
    assert three.run("apply", "--batch", "3", actor=ARTHUR).code == 7
    assert three.apply(three.approve(4)) == [4]
    assert_clean(three.path)


@pytest.mark.parametrize(
    ("words", "actor", "code"),
    [
        ((), CAROL, 2),
        (("x",), CAROL, 2),
        (("4", "--reason", " "), CAROL, 2),
        (("4", "--reason", "x" * 501), CAROL, 2),
        (("99",), CAROL, 3),
        (("4", "99"), CAROL, 3),
        (("3",), CAROL, 7),
        (("4", "3"), CAROL, 7),
        (("4",), OWNER, 6),
        (("4",), "9", 6),
        (("4", "6"), CAROL, 6),
    ],
)
def test_what_cannot_be_taken_back_leaves_everything_as_it_was(
    three: World, words: tuple[str, ...], actor: str, code: int
) -> None:
    three.create("clip", "d", clip("d"), actor=OWNER)
    three.run("withdraw", "3", actor=CAROL).ok()
    before = three.refs(), three.objects()
    answer = three.run("withdraw", *words, actor=actor)
    assert (answer.code, answer.out) == (code, b"")
    assert answer.error["message"]
    assert (three.refs(), three.objects()) == before


def test_an_applied_change_is_not_taken_back(three: World) -> None:
    three.apply(three.approve(3))
    answer = three.run("withdraw", "3", actor=CAROL)
    assert (answer.code, answer.error["code"]) == (7, "state")
    assert "modelref-git show 3" in answer.error["message"]


def test_a_refusal_names_every_change_that_is_somebody_elses(three: World) -> None:
    answer = three.run("withdraw", "3", "4", actor=ARTHUR)
    assert [list(row) for row in answer.error["details"]] == [["rule", "message", "change_id"]] * 2
    assert [(row["rule"], row["change_id"]) for row in answer.error["details"]] == [
        ("role.owner", 3),
        ("role.owner", 4),
    ]


def test_a_held_change_may_be_taken_back(three: World) -> None:
    three.run("hold", "3", "--reason", "R").ok()
    assert three.run("withdraw", "3", actor=CAROL).ok().json[0]["status"] == "rejected"
    assert_clean(three.path)


# --- supersedes ------------------------------------------------------------------------------------------------------


def supersede(world: World, old: int, actor: str = CAROL, description: str = "new") -> dict[str, object]:
    words = ("propose", "update", "clip", NAME, "--set", f"/description={description}", "--supersedes", str(old))
    row: dict[str, object] = world.run(*words, actor=actor).ok().json
    return row


def test_a_new_change_takes_the_place_of_an_old_one_in_one_step(world: World) -> None:
    old = world.update("clip", NAME, {"/description": "old"})
    row = supersede(world, old)
    assert without_nulls(row)
    assert row["change_id"] == old + 1
    closed = world.run("show", str(old)).ok().json
    assert (closed["status"], closed["reject_reason"]) == ("rejected", f"superseded by change {old + 1}")
    assert [event["action"] for event in world.events("--change", str(old))] == ["enqueue", "supersede"]
    assert world.run("conflicts").ok().json == []
    assert_clean(world.path)


def test_the_change_that_is_superseded_is_no_rival(world: World) -> None:
    first, second = (world.update("clip", NAME, {"/description": text}) for text in ("one", "two"))
    words = ("propose", "delete", "clip", NAME, "--supersedes", str(second))
    answer = world.say(*words, actor=CAROL).ok()
    assert f"rival open proposals for this record: {first};".encode() in answer.err


def test_an_approved_change_that_is_superseded_leaves_its_batch(world: World) -> None:
    old = world.update("clip", NAME, {"/description": "old"})
    other = world.create("clip", "a", clip("a"))
    batch = world.approve(old, other)
    supersede(world, old)
    assert_clean(world.path)
    assert world.apply(batch) == [other]
    assert world.run("get", "clip", NAME).ok().json["description"] != "old"
    assert_clean(world.path)


def test_an_approver_may_supersede_anybodys_change_and_others_may_not(world: World) -> None:
    old = world.update("clip", NAME, {"/description": "old"})
    world.run_policy("member", "add", "dora#4", "--email", "d@people.example", "--role", "requestor")
    before = world.refs()
    words = ("propose", "delete", "clip", NAME, "--supersedes", str(old))
    assert world.run(*words, actor="dora#4").code == 6
    assert world.refs() == before
    supersede(world, old, actor=ARTHUR)
    assert world.run("show", str(old)).ok().json["status"] == "rejected"


@pytest.mark.parametrize(("old", "code"), [("99", 3), ("x", 2), ("3", 7)])
def test_a_supersede_that_makes_no_sense_leaves_everything_as_it_was(world: World, old: str, code: int) -> None:
    closed = world.update("clip", NAME, {"/description": "old"})
    world.run("withdraw", str(closed), actor=CAROL).ok()
    before = world.refs(), world.objects()
    for words in (("update", "clip", NAME, "--set", "/description=x"), ("delete", "clip", NAME)):
        assert world.run("propose", *words, "--supersedes", old, actor=CAROL).code == code
    assert (world.refs(), world.objects()) == before


def test_a_proposal_that_is_refused_supersedes_nothing(world: World) -> None:
    old = world.update("clip", NAME, {"/description": "old"})
    before = world.refs()
    words = ("propose", "update", "clip", NAME, "--set", "/description=[1]", "--supersedes", str(old))
    assert world.run(*words, actor=CAROL).code == 5
    assert world.refs() == before


# --- dry run ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_of_a_supersede_gives_the_same_answer_and_changes_nothing(world: World) -> None:
    old = world.update("clip", NAME, {"/description": "old"})
    before = world.refs(), world.objects()
    words = ("propose", "update", "clip", NAME, "--set", "/description=x", "--supersedes", str(old))
    dry = world.run(*words, "--dry-run", actor=CAROL).ok().json
    assert (dry.pop("dry_run"), dry["change_id"]) == (True, old + 1)
    assert (world.refs(), world.objects()) == before
    real = world.run(*words, actor=CAROL).ok().json
    assert (list(dry), dry["change_id"], dry["status"]) == (list(real), real["change_id"], real["status"])


@pytest.mark.parametrize("words", [("withdraw", "3", "4"), ("withdraw", "3")])
def test_a_dry_run_of_a_withdrawal_gives_the_same_answer_and_changes_nothing(
    three: World, words: tuple[str, ...]
) -> None:
    three.approve(3)
    before = three.refs(), three.objects()
    dry = three.run(*words, "--dry-run", actor=CAROL).ok().json
    assert (three.refs(), three.objects()) == before
    real = three.run(*words, actor=CAROL).ok().json
    rows = dry["changes"] if isinstance(dry, dict) else dry
    for row in (*rows, *real):
        row.pop("updated_at"), row.pop("rejected_at")
    assert rows == real
