from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.errors import Conflict, ModelrefError, NotFound, UsageFault, WrongState
from modelref_git.operations.answers import find_change
from modelref_git.operations.deciding import MovedOn, apply_seen, decide_changes, head_of
from modelref_git.operations.hold import hold
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.review import Pick
from modelref_git.proposals.queue import Change
from tests.support.world import ARTHUR, CAROL, World, clip


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Five creates, the changes 3 to 7; the last is held."""
    made = World.make(tmp_path / "world")
    for number in range(5):
        made.create("clip", f"m{number}", clip(f"m{number}"))
    hold(made.context(ARTHUR), [7], reason="wait")
    return made


def change(world: World, number: int) -> Change:
    return find_change(world.context().view().queue, number)


def seen(world: World, number: int) -> Pick:
    return Pick(number, change(world, number).blob)


def test_all_that_is_decided_is_one_step(world: World) -> None:
    answer = decide_changes(
        world.context(ARTHUR),
        approve=[seen(world, 3)],
        reject=[seen(world, 4)],
        hold=[seen(world, 5), seen(world, 6)],
        unhold=[seen(world, 7)],
        title="June",
        reason="not now",
        reasons={5: "the address"},
    )
    assert (answer["batch_id"], answer["held"], answer["released"]) == (3, [5, 6], [7])
    assert [change(world, number).status for number in (3, 4, 5, 6, 7)] == [
        "approved",
        "rejected",
        *["pending"] * 3,
    ]
    assert [change(world, number).hold_reason for number in (5, 6, 7)] == ["the address", "not now", None]
    assert world.run("verify").code == 0


def test_an_approval_that_was_not_seen_is_not_undone(world: World) -> None:
    picks = [seen(world, 3), seen(world, 4)]
    world.approve(3)
    before = world.refs()
    with pytest.raises(MovedOn, match="change 3 is approved now, not pending"):
        decide_changes(world.context(ARTHUR), reject=picks, reason="r", states={3: "pending", 4: "pending"})
    assert world.refs() == before
    decide_changes(world.context(ARTHUR), reject=picks, reason="r", states={3: "approved", 4: "pending"})
    assert [change(world, number).status for number in (3, 4)] == ["rejected", "rejected"]


@pytest.mark.long
@pytest.mark.parametrize("what", ["reject", "hold", "unhold", "approve"])
def test_what_was_changed_since_it_was_seen_is_not_decided_and_nothing_else_either(world: World, what: str) -> None:
    number = 7 if what == "unhold" else 4
    pick = seen(world, number)
    propose_rebase(world.context(CAROL), number, settings=[("/description", "other")])
    before = world.refs()
    with pytest.raises(Conflict, match=f"change {number} proposes other content"):
        decide_changes(world.context(ARTHUR), **{what: [pick]}, title="T", reason="r")  # type: ignore[arg-type]
    both = {"approve": [seen(world, 3)]} if what != "approve" else {"reject": [seen(world, 3)]}
    with pytest.raises(Conflict):
        decide_changes(world.context(ARTHUR), **{what: [pick], **both}, title="T", reason="r")  # type: ignore[arg-type]
    assert world.refs() == before


@pytest.mark.long
def test_a_part_that_is_refused_takes_the_rest_with_it(world: World) -> None:
    before = world.refs()
    for refused in (
        {"approve": [Pick(7)]},
        {"unhold": [Pick(5)]},
        {"hold": [Pick(7)]},
        {"approve": [Pick(99)]},
    ):
        with pytest.raises((WrongState, NotFound)):
            decide_changes(world.context(ARTHUR), reject=[Pick(3)], title="T", reason="r", **refused)  # type: ignore[arg-type]
    with pytest.raises(ModelrefError, match="no approver"):
        decide_changes(world.context(CAROL), hold=[Pick(3)], reason="r")
    assert world.refs() == before


@pytest.mark.long
def test_what_makes_no_sense_is_refused_before_anything_is_asked(world: World) -> None:
    ctx = world.context(ARTHUR)
    with pytest.raises(UsageFault, match="nothing is decided yet"):
        decide_changes(ctx)
    with pytest.raises(UsageFault, match="two things are decided about change 3"):
        decide_changes(ctx, approve=[Pick(3)], hold=[Pick(3)], title="T", reason="r")
    with pytest.raises(UsageFault, match="a reason is needed"):
        decide_changes(ctx, hold=[Pick(3)])
    with pytest.raises(UsageFault, match="a title is needed"):
        decide_changes(ctx, approve=[Pick(3)])


def test_a_batch_is_applied_only_as_it_was_seen(world: World) -> None:
    world.approve(3, 4, 5)
    ctx = world.context(ARTHUR)
    main = ctx.view().main
    batch = ctx.view().queue.batch(3)
    assert batch is not None
    for wrong in ({"main": "0" * 40, "head": head_of(batch)}, {"main": main, "head": "0" * 40}):
        with pytest.raises(MovedOn, match="is not what you looked at any more"):
            apply_seen(ctx, 3, **wrong)  # type: ignore[arg-type]
    answer = apply_seen(ctx, 3, [4], main=main, head=batch.head)
    assert (len(answer["applied"]), answer["batch_split_new_batch_id"]) == (1, 4)
    rest = ctx.view().queue.batch(4)
    assert rest is not None
    with pytest.raises(MovedOn, match="main is not"):
        apply_seen(ctx, 4, [3, 5], main=main, head=rest.head)
    answer = apply_seen(ctx, 4, [3, 5], main=ctx.view().main, head=rest.head)
    assert not answer["batch_split_occurred"]
