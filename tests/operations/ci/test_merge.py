"""What an approver's workflow does: approve and apply in one step."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.errors import Conflict, Forbidden, IntegrityFailure, NotFound, UsageFault, WrongState
from modelref_git.operations.ci.merge import merge_changes
from modelref_git.operations.review import Pick
from tests.support.branches import branch
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "dataset", bare=True)


def describe(world: World, text: str = "new", name: str = "ViT-L/14") -> int:
    return world.update("clip", name, {"/description": text})


def picks(*numbers: int) -> list[Pick]:
    return [Pick(number) for number in numbers]


def actions(world: World, since: int) -> list[str]:
    return [row["action"] for row in world.events()[since:]]


def test_what_is_pending_is_approved_and_applied_in_one_move_of_the_queue(world: World) -> None:
    first, second = describe(world), world.create("clip", "ViT-X/16", clip())
    before = len(world.events())
    answer = merge_changes(world.context(ARTHUR), picks(first, second), title="June models")
    assert actions(world, before) == ["approve", "approve", "apply", "apply"]
    assert answer["approved"]["batch_title"] == "June models"
    assert [row["change_id"] for row in answer["applied"]["applied"]] == [first, second]
    assert answer["waiting"] == []
    assert {row["status"] for row in answer["applied"]["applied"]} == {"applied"}
    assert world.run("verify").ok().json["ok"] is True


def test_a_refusal_of_either_half_leaves_nothing_behind(world: World) -> None:
    number = describe(world)
    made = branch(world, {"dataset/gfpgan/GFPGAN.json": None})
    world.git("update-ref", "refs/heads/main", made)
    refs = world.refs()
    with pytest.raises(IntegrityFailure):
        merge_changes(world.context(ARTHUR), picks(number), title="T")
    assert world.refs() == refs
    assert world.run("show", str(number)).ok().json["status"] == "pending"


def test_what_is_approved_already_is_applied(world: World) -> None:
    first, second = describe(world), world.create("clip", "ViT-X/16", clip())
    world.approve(first)
    answer = merge_changes(world.context(ARTHUR), picks(first, second), title="More")
    assert [row["change_id"] for row in answer["approved"]["approved"]] == [second]
    assert [row["change_id"] for row in answer["applied"]["applied"]] == [first, second]


def test_again_is_the_same_and_adds_nothing(world: World) -> None:
    number = describe(world)
    done = merge_changes(world.context(ARTHUR), picks(number), title="T", job_id="run 1")
    refs = world.refs()
    again = merge_changes(world.context(ARTHUR), picks(number), title="T", job_id="run 1")
    assert again["approved"] is None
    assert again["applied"]["applied"] == done["applied"]["applied"]
    assert world.refs() == refs


def test_nothing_is_applied_before_all_have_their_approvals(world: World) -> None:
    world.rewrite_config(b"approvals = 1", b"approvals = 2")
    number = describe(world)
    answer = merge_changes(world.context(ARTHUR), picks(number), title="T")
    assert answer["applied"] is None
    assert [(item["change_id"], item["rule"]) for item in answer["waiting"]] == [(number, "review.approvals")]
    assert world.run("show", str(number)).ok().json["status"] == "pending"
    last = merge_changes(world.context(OWNER), picks(number), title="T")
    assert [row["status"] for row in last["applied"]["applied"]] == ["applied"]


def test_a_part_that_waits_keeps_the_rest_waiting(world: World) -> None:
    extra = b'[[protected]]\ncategory = "clip"\napprovals = 2\n\n[[members]]'
    data = world.git("show", "main:modelref.toml").encode()
    world.rewrite_config(data, data.replace(b"[[members]]", extra, 1))
    slow, quick = describe(world), world.delete("gfpgan", "GFPGAN")
    answer = merge_changes(world.context(ARTHUR), picks(slow, quick), title="T")
    assert answer["applied"] is None
    assert world.run("show", str(quick)).ok().json["status"] == "approved"
    last = merge_changes(world.context(OWNER), picks(slow, quick), title="T")
    assert [row["change_id"] for row in last["applied"]["applied"]] == [slow, quick]


def test_a_pick_is_bound_to_its_content(world: World) -> None:
    number = describe(world)
    seen = world.git("rev-parse", f"proposals/{number}:dataset/clip/ViT-L%2F14.json").strip()
    world.clock.tick()
    world.run("propose", "rebase", str(number), "--set-string", "/description=worse", actor=CAROL).ok()
    with pytest.raises(Conflict):
        merge_changes(world.context(ARTHUR), [Pick(number, seen)], title="T")
    assert world.run("show", str(number)).ok().json["status"] == "pending"


def test_an_approved_change_too_is_bound_to_what_was_picked(world: World) -> None:
    number = describe(world)
    world.approve(number)
    with pytest.raises(Conflict):
        merge_changes(world.context(ARTHUR), [Pick(number, "0" * 40)], title="T")


def test_a_dry_run_answers_the_same_and_moves_nothing(world: World) -> None:
    number = describe(world)
    refs, objects = world.refs(), world.objects()
    dry = merge_changes(world.context(ARTHUR, dry_run=True), picks(number), title="T")
    assert (world.refs(), world.objects()) == (refs, objects)
    assert merge_changes(world.context(ARTHUR), picks(number), title="T") == dry


@pytest.mark.parametrize("count", [1, 3])
def test_a_title_is_made_of_the_changes_where_none_is_given(world: World, count: int) -> None:
    names = [f"ViT-{letter * 200}" for letter in "XYZ"[:count]]
    numbers = [world.create("clip", name, clip(name)) for name in names]
    title = merge_changes(world.context(ARTHUR), picks(*numbers))["approved"]["batch_title"]
    assert title.startswith('create clip "ViT-XXX')
    assert len(title) <= 120
    assert title.endswith("and 2 more") is (count == 3)


def test_whoever_may_not_approve_is_refused(world: World) -> None:
    number = describe(world)
    for actor in (CAROL, "nobody#99"):
        with pytest.raises(Forbidden):
            merge_changes(world.context(actor), picks(number), title="T")


def test_what_was_rejected_is_not_merged(world: World) -> None:
    number = describe(world)
    world.run("reject", str(number), "--reason", "no", actor=ARTHUR).ok()
    with pytest.raises(WrongState, match="rejected"):
        merge_changes(world.context(ARTHUR), picks(number), title="T")


def test_no_change_and_a_change_that_is_not_there(world: World) -> None:
    with pytest.raises(UsageFault):
        merge_changes(world.context(ARTHUR), [], title="T")
    with pytest.raises(NotFound):
        merge_changes(world.context(ARTHUR), picks(99), title="T")


def test_a_change_of_the_policy_is_merged_alone(world: World) -> None:
    number = world.run("policy", "set", "two_person_review=false").ok().json["change_id"]
    answer = merge_changes(world.context(ARTHUR), picks(number), title="T")
    assert [row["status"] for row in answer["applied"]["applied"]] == ["applied"]
