from __future__ import annotations

from typing import Any

import pytest

from tests.cli.shapes import CONFLICT_FIELDS, is_oid
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

NAME = "ViT-L/14"
FIELDS = ["change_id", "status", "merge", "blockers", "turn", "next"]


def status(world: World, number: int, actor: str = CAROL) -> dict[str, Any]:
    row: dict[str, Any] = world.run("status", str(number), actor=actor).ok().json
    assert list(row) == FIELDS
    assert row["change_id"] == number
    assert row["turn"] in ("requestor", "approver", "nobody")
    return row


def test_a_pending_change_waits_for_an_approver(world: World) -> None:
    row = status(world, world.update("clip", NAME, {"/description": "x"}))
    assert (row["status"], row["merge"], row["turn"]) == ("pending", "clean", "approver")
    assert row["blockers"] == [
        {"rule": "review.approvals", "message": "change 3 needs more approvals: 0 of 1 approvals count"}
    ]
    assert row["next"] == "modelref-git approve 3 --title T"


def test_what_main_did_elsewhere_in_the_record_is_merged(world: World) -> None:
    number = world.update("clip", NAME, {"/description": "x"})
    world.apply(world.approve(world.update("clip", NAME, {"/version": "9"})))
    assert status(world, number)["merge"] == "merged"


def test_a_rival_that_merges_overlaps(world: World) -> None:
    first = world.update("clip", NAME, {"/description": "x"})
    second = world.update("clip", NAME, {"/version": "9"})
    assert {status(world, first)["merge"], status(world, second)["merge"]} == {"overlaps"}


def test_a_conflict_is_its_requestors_turn_with_both_sides(world: World) -> None:
    number = world.update("clip", NAME, {"/description": "x"})
    world.apply(world.approve(world.update("clip", NAME, {"/description": "y"})))
    row = status(world, number)
    assert (row["merge"], row["turn"]) == ("conflict", "requestor")
    assert row["next"] == f"modelref-git propose rebase {number}"
    (blocker, *_) = row["blockers"]
    assert (blocker["rule"], list(blocker["conflicts"][0])) == ("merge.conflict", CONFLICT_FIELDS)
    assert blocker["conflicts"][0]["ours"] == "y"


def test_a_conflict_with_the_open_batch_is_told_before_anybody_approves(world: World) -> None:
    first = world.update("clip", NAME, {"/description": "x"})
    second = world.update("clip", NAME, {"/description": "y"})
    world.approve(first)
    assert (status(world, first)["merge"], status(world, second)["merge"]) == ("overlaps", "conflict")
    world.run("reject", str(first), "--reason", "R", actor=ARTHUR).ok()
    assert status(world, second)["merge"] == "clean"


def test_what_main_did_already_is_obsolete(world: World) -> None:
    number = world.delete("clip", NAME)
    world.apply(world.approve(world.delete("clip", NAME)))
    row = status(world, number)
    assert (row["merge"], row["turn"], row["next"]) == ("obsolete", "requestor", f"modelref-git withdraw {number}")


@pytest.mark.parametrize("end", ["applied", "rejected"])
def test_a_closed_change_is_nobodys_turn(world: World, end: str) -> None:
    number = world.update("clip", NAME, {"/description": "x"})
    if end == "applied":
        world.apply(world.approve(number))
    else:
        world.run("withdraw", str(number), actor=CAROL).ok()
    assert status(world, number) == {
        "change_id": number, "status": end, "merge": None, "blockers": [], "turn": "nobody", "next": None,
    }  # fmt: skip


def test_an_approved_change_waits_to_be_applied_and_tells_what_it_lacks_by_now(world: World) -> None:
    batch = world.approve(world.update("clip", NAME, {"/description": "x"}))
    row = status(world, 3)
    assert (row["status"], row["blockers"], row["next"]) == ("approved", [], f"modelref-git apply --batch {batch}")
    world.run_policy("member", "add", "bea#4", "--email", "b@people.example", "--role", "approver")
    world.run_policy("policy", "set", "approvals=2")
    row = status(world, 3)
    assert [item["rule"] for item in row["blockers"]] == ["review.approvals"]
    assert row["next"] == "modelref-git approve 3 --title T"
    waiting = world.run("status", actor="bea#4").ok().json["waiting"]
    assert [item["next"] for item in waiting] == ["modelref-git approve 3 --title T"]
    assert world.run("status", actor=ARTHUR).ok().json["waiting"] == []


def test_a_change_that_is_not_there(world: World) -> None:
    for number in ("99", "0", "-1"):
        assert world.run("status", number).code in (2, 3)
    assert world.run("status", "99").error["code"] == "not_found"


def test_the_repository_at_a_glance(world: World) -> None:
    mine = world.update("clip", NAME, {"/description": "x"})
    other = world.create("clip", "a", clip("a"), actor=ARTHUR)
    row = world.run("status", actor=ARTHUR).ok().json
    assert list(row) == ["main", "queue", "drift", "open_batch", "counts", "waiting"]
    assert is_oid(row["main"])
    assert row["queue"] == world.git("rev-parse", "queue").strip()
    assert (row["drift"], row["open_batch"]) == (None, None)
    assert row["counts"]["pending"] == 2
    assert [item["change_id"] for item in row["waiting"]] == [mine]
    assert [item["change_id"] for item in world.run("status", actor=OWNER).ok().json["waiting"]] == [mine, other]
    assert world.run("status", actor=CAROL).ok().json["waiting"] == []
    assert world.run("status", actor="9").ok().json["waiting"] == []
    batch = world.approve(mine)
    row = world.run("status", actor=ARTHUR).ok().json
    assert (row["open_batch"], row["waiting"][0]["next"]) == (batch, f"modelref-git apply --batch {batch}")


def test_a_requestor_is_told_of_what_does_not_merge_any_more(world: World) -> None:
    number = world.update("clip", NAME, {"/description": "x"})
    world.apply(world.approve(world.update("clip", NAME, {"/description": "y"})))
    (item,) = world.run("status", actor=CAROL).ok().json["waiting"]
    assert (item["change_id"], item["next"]) == (number, f"modelref-git status {number}")


def test_reading_changes_nothing_and_people_read_it_too(world: World) -> None:
    number = world.update("clip", NAME, {"/description": "x"})
    world.apply(world.approve(world.update("clip", NAME, {"/description": "y"})))
    before = world.refs(), world.objects()
    text = world.say("status", str(number)).ok().out.decode()
    assert "merge: conflict" in text
    assert 'ours: "y"' in text
    assert "next: modelref-git propose rebase 3" in text
    assert "waiting for you" in world.say("status", actor=CAROL).ok().out.decode()
    assert (world.refs(), world.objects()) == before
