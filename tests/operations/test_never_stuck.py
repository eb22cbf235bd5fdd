"""Odd turns of a queue's life from which there must be a way on, and after which ``verify`` has nothing to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.errors import Conflict, WrongState
from modelref_git.operations.adopt import adopt, disown
from modelref_git.operations.closing import withdraw
from modelref_git.operations.maintain import examine
from modelref_git.operations.members import change_roles
from modelref_git.operations.policy_settings import replace_policy, set_policy
from modelref_git.operations.propose import propose_bulk, read_bulk_line
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.revert import revert_batch
from modelref_git.operations.review import Pick, review_changes
from modelref_git.store import layout, projections
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World

THING = "thing"
NOBODY = ("-c", "user.name=mallory", "-c", "user.email=mallory@elsewhere.example")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path / "r.git", bare=True, empty=True)
    made.add_category(THING)
    return made


def without_category(world: World, category: str) -> None:
    text = world.git("show", f"main:{layout.CONFIG}")
    before, _, rest = text.partition(f"[categories.{category}]\n")
    _, mark, after = rest.partition("\n[")
    world.pass_policy(replace_policy(world.context(), f"{before}[{after}".encode() if mark else before.encode()))


def test_a_category_that_goes_takes_its_approved_changes_out_of_the_batch_and_stops_nobody_else(world: World) -> None:
    world.add_category("other")
    gone = [world.create("other", name, {}) for name in ("x", "y")]
    stays = world.create(THING, "one", {})
    batch = world.approve(*gone, stays)
    without_category(world, "other")
    with pytest.raises(Conflict, match="no category 'other' any more"):
        world.apply(batch)
    withdraw(world.context(CAROL), gone[:1])
    assert world.apply(batch) == [stays]
    change = world.context().view().queue.change(gone[1])
    assert change is not None
    assert change.status == "pending"
    review_changes(world.context(ARTHUR), [], gone[1:], title=None, reason="no such category")
    assert_clean(world.path)


def test_a_change_of_a_category_younger_than_the_open_batch_is_told_to_wait_for_it(world: World) -> None:
    batch = world.approve(world.create(THING, "one", {}))
    world.add_category("other")
    number = world.create("other", "x", {})
    with pytest.raises(WrongState, match="older than the category other") as caught:
        world.approve(number)
    assert f"--batch {batch}" in (caught.value.hint or "")
    world.apply(batch)
    world.apply(world.approve(number))
    assert_clean(world.path)


def test_a_rename_by_letter_case_is_reverted_as_one(world: World) -> None:
    world.apply(world.approve(world.create(THING, "Name", {"v": 1})))
    batch = world.approve(world.delete(THING, "Name"), world.create(THING, "name", {"v": 1}))
    world.apply(batch)
    answer = revert_batch(world.context(CAROL), batch)
    assert answer["conflicts"] == []
    world.apply(world.approve(*answer["change_ids"]))
    assert world.context().view().dataset().names(THING) == ["Name"]
    assert_clean(world.path)


def test_taking_my_side_of_a_conflict_keeps_a_null_a_null(world: World) -> None:
    world.apply(world.approve(world.create(THING, "one", {"v": 1, "w": 1})))
    null, gone = world.update(THING, "one", {"/v": None}), world.create(THING, "x", {})
    world.apply(world.approve(world.update(THING, "one", {"/v": 2}), gone))
    assert propose_rebase(world.context(CAROL), null, take="mine")["payload"] == {"v": None, "w": 1}


def test_two_equal_proposals_of_one_second_are_one_commit_and_two_changes_to_the_auditor(world: World) -> None:
    row = {"operation": "create", "category": THING, "model_name": "one", "payload": {}}
    lines = [read_bulk_line(number, row, ()) for number in (1, 2)]
    numbers = propose_bulk(world.context(CAROL), lines).change_ids
    queue = world.context().view().queue
    assert len({change.commit for number in numbers if (change := queue.change(number))}) == 1
    assert world.apply(world.approve(*numbers)) == numbers
    assert_clean(world.path)


def test_the_batch_of_a_change_of_the_policy_has_a_branch_whoever_looks(world: World) -> None:
    open_batch = world.approve(world.create(THING, "one", {}))
    waiting = set_policy(world.context(), [("ack_critical", True)])["change_id"]
    world.warnings.clear()
    batch = world.approve(waiting)
    refs = world.refs()
    assert {layout.batch_ref(open_batch), layout.batch_ref(batch)} <= refs.keys()
    assert projections.find_behind(world.store, refs[layout.QUEUE]) == []
    assert examine(world.context(), repair=True).findings == []
    assert world.refs() == refs
    world.apply(batch)
    assert layout.batch_ref(batch) not in world.refs()
    assert_clean(world.path)


def test_a_change_that_has_all_it_needs_since_the_policy_asks_for_less_can_still_be_approved(world: World) -> None:
    world.pass_policy(change_roles(world.context(), "2", ["+approver"]))
    world.pass_policy(set_policy(world.context(), [("approvals", 2)]))
    number = world.create(THING, "one", {})
    answer = review_changes(world.context(ARTHUR), [Pick(number)], [], title="first of two")
    assert answer["batch_id"] is None
    with pytest.raises(WrongState, match="your approval already"):
        world.approve(number)
    less = set_policy(world.context(), [("approvals", 1)])["change_id"]
    for actor in (CAROL, ARTHUR):
        batch = review_changes(world.context(actor), [Pick(less)], [], title="less")["batch_id"]
    world.apply(batch)
    assert world.apply(world.approve(number)) == [number]
    assert_clean(world.path)


def made_by_hand(world: World, *parents: str) -> str:
    words = [word for parent in parents for word in ("-p", parent)]
    return world.git(*NOBODY, "commit-tree", "main^{tree}", *words, "-m", "by hand").strip()


def test_a_merge_that_turns_main_into_its_second_parent_is_not_adopted(world: World) -> None:
    world.apply(world.approve(world.create(THING, "one", {})))
    side = made_by_hand(world, "main^1")
    strange = made_by_hand(world, side, "main")
    world.git("update-ref", layout.MAIN, strange)
    with pytest.raises(WrongState, match="first parents") as caught:
        adopt(world.context(ARTHUR), strange, reason="let it be")
    assert "disown" in (caught.value.hint or "")
    disown(world.context(ARTHUR), strange, reason="no")
    world.apply(world.approve(world.create(THING, "two", {})))
    assert_clean(world.path)


def test_the_open_batch_that_somebody_pushed_is_applied_and_not_adopted(world: World) -> None:
    number = world.create(THING, "one", {})
    batch = world.approve(number)
    head = world.refs()[layout.batch_ref(batch)]
    world.git("update-ref", layout.MAIN, head)
    with pytest.raises(WrongState, match="open batch") as caught:
        adopt(world.context(OWNER), head, reason="let it be")
    assert caught.value.hint == f"`modelref-git apply --batch {batch}`"
    assert world.apply(batch) == [number]
    assert world.refs()[layout.MAIN] == head
    assert_clean(world.path)


def test_a_pushed_batch_that_others_joined_since_is_disowned_and_then_applied(world: World) -> None:
    first, second = world.create(THING, "one", {}), world.create(THING, "two", {})
    batch = world.approve(first)
    head = world.refs()[layout.batch_ref(batch)]
    world.git("update-ref", layout.MAIN, head)
    world.approve(second)
    with pytest.raises(WrongState, match="open batch") as caught:
        adopt(world.context(OWNER), head, reason="let it be")
    assert "disown" in (caught.value.hint or "")
    disown(world.context(ARTHUR), head, reason="too early")
    assert world.apply(batch) == [first, second]
    assert_clean(world.path)
