from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from modelref_git.errors import IntegrityFailure, WrongState
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import Approval, Event, Proposal
from modelref_git.proposals.header import APPLIED, APPROVED, PENDING, POLICY, REJECTED
from modelref_git.proposals.lifecycle import apply_event
from modelref_git.proposals.queue import BATCH_APPLIED, BATCH_CLOSED, BATCH_OPEN, Batch, Change, GivenApproval
from tests.support.memory import MemoryQueue

OLIVIA, CAROL, ARTHUR = Actor("1", "olivia"), Actor("2", "carol"), Actor("3", "arthur")
MAIN = "a" * 40


class Story:
    """Events one after the other, each with the number and time that it must have."""

    def __init__(self) -> None:
        self.queue = MemoryQueue()
        self.tell(Event("init", OLIVIA, 0, 0, main=MAIN, genesis="9" * 40))

    def tell(self, event: Event, *, first_id: int | None = None) -> None:
        last = self.queue.header.last_event_id
        number = last + 1 if first_id is None else first_id
        apply_event(self.queue, replace(event, first_id=number, time=100 + number))

    def do(self, action: str, *ids: int, actor: Actor = ARTHUR, **more: Any) -> None:
        self.tell(Event(action, actor, 0, 0, change_ids=ids, **more))

    def enqueue(self, *names: str, category: str = "clip") -> tuple[int, ...]:
        first = self.queue.header.last_change_id + 1
        ids = tuple(range(first, first + len(names)))
        proposals = tuple(
            Proposal("create", category, name, CAROL, None, f"{n:040x}", MAIN, None, f"{n + 1000:040x}")
            for n, name in zip(ids, names, strict=True)
        )
        self.tell(Event("enqueue", CAROL, 0, 0, change_ids=ids, proposals=proposals))
        return ids

    def approvals(self, *ids: int) -> tuple[Approval, ...]:
        changes = [self.queue.changes[n] for n in ids]
        return tuple(Approval(c.change_id, c.base_blob, c.blob) for c in changes)

    def approve(self, *ids: int, batch_id: int = 1, title: str = "June", merge: str = "b" * 40) -> None:
        self.do("approve", *ids, approvals=self.approvals(*ids), batch_id=batch_id, title=title, merges=(merge,))

    def approve_some_more(self, *ids: int, actor: Actor = ARTHUR, acknowledged: bool = False) -> None:
        """An approval that is not the last one needed."""
        self.do("approve", *ids, actor=actor, approvals=self.approvals(*ids), acknowledged=acknowledged)

    def rebase(self, *ids: int, blob: str | None = None, **more: Any) -> None:
        """Bring changes up to another base; with *blob* they propose that from now on."""
        proposals = tuple(
            replace(p, commit="d" * 40, base="e" * 40, blob=blob or p.blob, note="rebased")
            for p in (self.queue.changes[n].proposal for n in ids)
        )
        self.do("rebase", *ids, actor=CAROL, proposals=proposals, **more)

    def split(self, batch_id: int, new: int | None, *moved: int, returned: tuple[int, ...] = (), **more: Any) -> None:
        event = Event("batch_split", OLIVIA, 0, 0, batch_id=batch_id, new_batch_id=new, reassigned=moved)
        self.tell(replace(event, returned=returned, **more))

    def reject(self, *ids: int, batch_id: int | None = None, merges: tuple[str, ...] = ()) -> None:
        self.tell(Event("reject", ARTHUR, 0, 0, change_ids=ids, reason="no", batch_id=batch_id, merges=merges))

    def apply(self, *ids: int, batch_id: int = 1, job_id: str | None = None) -> None:
        self.tell(Event("apply", OLIVIA, 0, 0, change_ids=ids, batch_id=batch_id, job_id=job_id, main="c" * 40))

    def statuses(self) -> dict[int, str]:
        return {number: change.status for number, change in self.queue.changes.items()}


@pytest.fixture
def story() -> Story:
    return Story()


def test_the_life_of_a_change_from_the_queue_to_main(story: Story) -> None:
    story.enqueue("a", "b")
    first = story.queue.changes[1]
    assert (first.status, first.requested_by, first.requested_username) == (PENDING, "2", "carol#2")
    assert first.requested_at == first.updated_at == 102
    story.approve(1, 2)
    approved = story.queue.changes[1]
    assert (approved.status, approved.batch_id, approved.batch_title) == (APPROVED, 1, "June")
    assert (approved.approved_by, approved.approved_username, approved.approved_at) == ("3", "arthur#3", 104)
    story.apply(1, 2, job_id="J")
    applied = story.queue.changes[1]
    assert (applied.status, applied.applied_by, applied.applied_job_id, applied.applied_at) == (APPLIED, "1", "J", 106)
    assert story.queue.jobs == {"J": [(1, (1, 2))]}
    header = story.queue.header
    assert (header.main, header.open_batch, header.last_event_id) == ("c" * 40, None, 7)
    assert (header.last_change_id, header.last_batch_id) == (2, 1)
    assert {k: v for k, v in header.counts.items() if v} == {APPLIED: 2}


def test_numbers_count_on_and_every_change_has_an_event_of_its_own(story: Story) -> None:
    assert story.enqueue("a", "b", "c") == (1, 2, 3)
    assert story.queue.header.last_event_id == 4
    assert story.enqueue("d") == (4,)
    assert story.queue.header.last_event_id == 5


def test_a_later_approval_joins_and_each_change_keeps_the_title_of_its_own(story: Story) -> None:
    story.enqueue("a", "b")
    story.approve(2, title="first", merge="d" * 40)
    story.approve(1, title="second", merge="e" * 40)
    batch = story.queue.batches[1]
    assert (batch.changes, batch.merges, batch.title) == ((1, 2), ("d" * 40, "e" * 40), "second")
    assert batch.approved_at == 104, "the first approver's time"
    assert [story.queue.changes[n].batch_title for n in (1, 2)] == ["second", "first"]


def test_a_batch_after_an_applied_one_has_the_next_number(story: Story) -> None:
    story.enqueue("a", "b")
    story.approve(1)
    story.apply(1)
    story.approve(2, batch_id=2)
    assert story.queue.batches[2].status == BATCH_OPEN


def test_a_batch_number_that_leaves_a_gap_fails_the_integrity_of_the_log(story: Story) -> None:
    story.enqueue("a")
    with pytest.raises(IntegrityFailure):
        story.approve(1, batch_id=2)


def test_a_rejection(story: Story) -> None:
    story.enqueue("a", "b")
    story.reject(1)
    change = story.queue.changes[1]
    assert (change.status, change.rejected_by, change.reject_reason, change.batch_id) == (REJECTED, "3", "no", None)
    assert story.statuses() == {1: REJECTED, 2: PENDING}
    assert {k: v for k, v in story.queue.header.counts.items() if v} == {PENDING: 1, REJECTED: 1}


def test_rejecting_an_approved_change_rebuilds_the_batch_and_the_last_one_closes_it(story: Story) -> None:
    story.enqueue("a", "b")
    story.approve(1, 2)
    story.reject(1, merges=("f" * 40,))
    batch = story.queue.batches[1]
    assert (batch.changes, batch.merges, batch.status) == ((2,), ("f" * 40,), BATCH_OPEN)
    assert story.queue.changes[1].approved_by is None
    story.reject(2)
    assert (story.queue.batches[1].status, story.queue.header.open_batch) == (BATCH_CLOSED, None)
    story.enqueue("c")
    story.approve(3, batch_id=2)
    assert story.queue.header.open_batch == 2, "a number that was spent stays spent"


def test_a_rejection_beside_an_approval_counts_in_its_batch(story: Story) -> None:
    story.enqueue("a", "b")
    story.approve(1)
    story.reject(2, batch_id=1)
    assert story.queue.batches[1].rejected == (2,)
    assert story.queue.changes[2].batch_id == 1


def test_a_policy_batch_is_beside_the_open_one(story: Story) -> None:
    story.enqueue("a")
    story.approve(1)
    story.enqueue("modelref.toml", category=POLICY)
    story.approve(2, batch_id=2)
    assert story.queue.header.open_batch == 1
    story.apply(2, batch_id=2)
    assert story.queue.header.open_batch == 1
    story.apply(1)
    assert story.queue.header.open_batch is None
    assert story.queue.batches[2].status == BATCH_APPLIED


@pytest.mark.parametrize(
    "steps",
    ["approve approve", "reject approve", "reject reject", "approve apply reject", "approve apply apply", "apply"],
)
def test_a_step_that_the_state_does_not_allow_is_refused(story: Story, steps: str) -> None:
    story.enqueue("a")
    *before, last = steps.split()
    for verb in before:
        getattr(story, verb)(1)
    with pytest.raises(WrongState):
        getattr(story, last)(1)


@pytest.mark.parametrize("batch", [{}, {"batch_id": 1, "title": "T"}])
@pytest.mark.parametrize("bound", [(), (Approval(1, None, "9" * 40),), (Approval(2, None, f"{1001:040x}"),)])
def test_an_approval_of_other_content_is_refused(
    story: Story, bound: tuple[Approval, ...], batch: dict[str, Any]
) -> None:
    story.enqueue("a")
    with pytest.raises(WrongState, match="other content"):
        story.do("approve", 1, approvals=bound, **batch)


@pytest.mark.parametrize("ids", [(3,), (1, 3), ()])
def test_only_members_of_a_batch_are_applied_and_at_least_one(story: Story, ids: tuple[int, ...]) -> None:
    story.enqueue("a", "b", "c")
    story.approve(1, 2)
    with pytest.raises(WrongState):
        story.apply(*ids)


# --- rebase, withdraw, supersede -------------------------------------------------------------------------------------


def test_a_rebase_without_an_edit_keeps_the_approval_and_the_batch(story: Story) -> None:
    story.enqueue("a", "b")
    story.approve(1, 2)
    story.rebase(1)
    change = story.queue.changes[1]
    assert (change.commit, change.base, change.notes) == ("d" * 40, "e" * 40, "rebased")
    assert (change.status, change.approved_by, [given.by for given in change.approvals]) == (APPROVED, "3", ["3"])
    assert story.queue.batches[1].changes == (1, 2)


def test_an_edit_voids_every_approval_and_takes_the_change_out_of_its_batch(story: Story) -> None:
    story.enqueue("a", "b")
    story.approve(1, 2)
    story.rebase(1, blob="8" * 40, waived=((1, "name.url"),), merges=("f" * 40,))
    change = story.queue.changes[1]
    assert (change.status, change.approvals, change.approved_by, change.batch_id) == (PENDING, (), None, None)
    assert (change.blob, change.waived) == ("8" * 40, ("name.url",))
    batch = story.queue.batches[1]
    assert (batch.changes, batch.merges, batch.status) == ((2,), ("f" * 40,), BATCH_OPEN)
    story.approve(1)
    assert story.queue.batches[1].changes == (1, 2)


def test_an_edit_voids_approvals_that_were_too_few_still(story: Story) -> None:
    story.enqueue("a")
    story.approve_some_more(1)
    story.rebase(1)
    assert len(story.queue.changes[1].approvals) == 1
    story.rebase(1, blob="8" * 40)
    assert story.queue.changes[1].approvals == ()


@pytest.mark.parametrize("forged", [{"category": "blip"}, {"name": "b"}, {"requestor": ARTHUR}])
def test_a_rebase_makes_no_change_one_of_another_record_or_person(story: Story, forged: dict[str, Any]) -> None:
    story.enqueue("a")
    proposal = replace(story.queue.changes[1].proposal, **forged)
    with pytest.raises(IntegrityFailure):
        story.do("rebase", 1, proposals=(proposal,))


@pytest.mark.parametrize(("reason", "told"), [(None, "withdrawn"), ("a typo", "withdrawn: a typo")])
def test_a_withdrawn_change_is_rejected_and_the_reason_says_it_was_withdrawn(
    story: Story, reason: str | None, told: str
) -> None:
    story.enqueue("a", "b")
    story.approve(1, 2)
    story.do("withdraw", 1, actor=CAROL, reason=reason, merges=("f" * 40,))
    change = story.queue.changes[1]
    assert (change.status, change.reject_reason, change.rejected_by) == (REJECTED, told, "2")
    assert (change.batch_id, change.batch_title, change.approved_by) == (None, None, None)
    assert story.queue.batches[1].changes == (2,)
    assert story.queue.batches[1].rejected == ()


def test_a_superseded_change_names_the_one_that_took_its_place(story: Story) -> None:
    story.enqueue("a", "b")
    story.do("supersede", 1, actor=CAROL, superseded_by=2)
    assert (story.queue.changes[1].status, story.queue.changes[1].reject_reason) == (REJECTED, "superseded by change 2")
    assert story.statuses()[2] == PENDING


# --- hold, approvals that are not enough -----------------------------------------------------------------------------


def test_a_held_change_is_neither_approved_nor_applied_until_it_is_let_go(story: Story) -> None:
    story.enqueue("a", "b")
    story.approve(2)
    story.do("hold", 1, 2, reason="wait for the licence")
    held = story.queue.changes[1]
    assert held.is_held
    assert (held.held_by, held.held_username, held.hold_reason) == ("3", "arthur#3", "wait for the licence")
    assert held.held_at == held.updated_at == 105
    for step in (lambda: story.approve(1), lambda: story.apply(2), lambda: story.do("hold", 1, reason="again")):
        queue = copy.deepcopy(story.queue)
        with pytest.raises(WrongState, match="held"):
            step()
        story.queue = queue
    story.do("unhold", 1, 2)
    free = story.queue.changes[1]
    assert not free.is_held
    assert (free.held_username, free.held_at, free.hold_reason) == (None, None, None)
    story.approve(1)
    story.apply(1, 2)


def test_what_is_not_held_is_not_let_go(story: Story) -> None:
    story.enqueue("a")
    with pytest.raises(WrongState, match="not held"):
        story.do("unhold", 1)


def test_a_held_change_may_still_be_rejected_or_withdrawn(story: Story) -> None:
    story.enqueue("a", "b")
    story.do("hold", 1, 2, reason="r")
    story.reject(1)
    story.do("withdraw", 2, actor=CAROL)
    assert set(story.statuses().values()) == {REJECTED}


def test_an_approval_that_is_not_enough_is_kept_and_the_last_one_opens_the_batch(story: Story) -> None:
    story.enqueue("a")
    story.approve_some_more(1, actor=OLIVIA)
    waiting = story.queue.changes[1]
    assert (waiting.status, waiting.batch_id, waiting.approved_by) == (PENDING, None, None)
    assert waiting.approvals == (GivenApproval("1", "olivia#1", 103),)
    assert (story.queue.header.open_batch, story.queue.batches) == (None, {})
    story.approve(1)
    approved = story.queue.changes[1]
    assert (approved.status, approved.approved_by) == (APPROVED, "3")
    assert [given.by for given in approved.approvals] == ["1", "3"]


def test_nobody_approves_twice_unless_to_say_that_they_looked_again(story: Story) -> None:
    story.enqueue("a")
    story.approve_some_more(1)
    before = copy.deepcopy(story.queue)
    with pytest.raises(WrongState, match="already"):
        story.approve_some_more(1)
    story.queue = before
    story.approve_some_more(1, acknowledged=True)
    assert [(given.by, given.acknowledged) for given in story.queue.changes[1].approvals] == [("3", True)]


def test_whoever_has_approved_brings_what_is_enough_by_now_into_a_batch_with_one_approval_still(story: Story) -> None:
    story.enqueue("a")
    story.approve_some_more(1, acknowledged=True)
    story.approve(1)
    change = story.queue.changes[1]
    assert (change.status, change.batch_id) == (APPROVED, 1)
    assert change.approvals == (GivenApproval("3", "arthur#3", 104, acknowledged=True),)


def test_an_approved_change_takes_further_approvals_and_stays_where_it_is(story: Story) -> None:
    story.enqueue("a")
    story.approve(1)
    story.approve_some_more(1, actor=OLIVIA)
    change = story.queue.changes[1]
    assert (change.status, change.batch_id, change.approved_by) == (APPROVED, 1, "3")
    assert [given.by for given in change.approvals] == ["3", "1"]


# --- apply in parts, purge -------------------------------------------------------------------------------------------


def test_a_part_of_a_batch_is_applied_and_the_rest_is_a_new_batch_with_its_title_and_approver(story: Story) -> None:
    story.enqueue("a", "b", "c", "d")
    story.approve(1, 2, 3, 4)
    story.do("apply", 1, 3, actor=OLIVIA, batch_id=1, main="c" * 40, merges=("c" * 40,))
    assert story.queue.batches[1].changes == (1, 3)
    assert story.queue.batches[1].merges == ("c" * 40,)
    assert story.queue.header.open_batch is None
    story.split(1, 2, 2, returned=(4,), merges=("f" * 40,))
    rest = story.queue.batches[2]
    assert (rest.status, rest.changes, rest.merges, rest.title) == (BATCH_OPEN, (2,), ("f" * 40,), "June")
    assert (rest.approved_by, rest.approved_at) == ("3", 106), "who approved is who approved"
    assert story.queue.header.open_batch == story.queue.header.last_batch_id == 2
    moved, returned = story.queue.changes[2], story.queue.changes[4]
    assert (moved.status, moved.batch_id, moved.approved_by) == (APPROVED, 2, "3")
    assert (returned.status, returned.batch_id, returned.approvals) == (PENDING, None, ())
    assert story.queue.batches[1].last_event_id == story.queue.header.last_event_id
    story.apply(2, batch_id=2)


def test_a_split_of_which_nothing_merges_any_more_opens_no_batch(story: Story) -> None:
    story.enqueue("a", "b")
    story.approve(1, 2)
    story.apply(1)
    story.split(1, None, returned=(2,))
    assert story.statuses() == {1: APPLIED, 2: PENDING}
    assert (story.queue.header.open_batch, story.queue.header.last_batch_id) == (None, 1)


@pytest.mark.parametrize(
    ("split", "error"),
    [
        ((1, 2, 1), WrongState),
        ((1, 2, 3), WrongState),
        ((1, 2, 99), IntegrityFailure),
        ((1, 3, 2), IntegrityFailure),
        ((1, None, 2), IntegrityFailure),
        ((1, 2), IntegrityFailure),
        ((7, 2, 2), WrongState),
    ],
)
def test_a_split_moves_what_its_batch_left_over_and_nothing_else(
    story: Story, split: tuple[Any, ...], error: type[Exception]
) -> None:
    story.enqueue("a", "b", "c")
    story.approve(1, 2)
    story.apply(1)
    with pytest.raises(error):
        story.split(*split)


def test_a_batch_of_which_nothing_was_applied_is_not_split(story: Story) -> None:
    story.enqueue("a", "b")
    story.approve(1, 2)
    with pytest.raises(WrongState):
        story.split(1, 2, 2)


def test_members_that_no_longer_merge_are_pending_again_when_their_batch_is_merged_anew(story: Story) -> None:
    story.enqueue("a", "b", "c")
    story.approve(1, 2, 3)
    story.do("withdraw", 1, actor=CAROL, returned=(3,), merges=("f" * 40,))
    assert story.statuses() == {1: REJECTED, 2: APPROVED, 3: PENDING}
    assert (story.queue.changes[3].approvals, story.queue.changes[3].batch_id) == ((), None)
    assert story.queue.batches[1].changes == (2,)
    story.do("withdraw", 2, actor=CAROL)
    with pytest.raises(WrongState):
        story.do("withdraw", 3, actor=CAROL, returned=(3,))


def test_a_purged_change_is_gone_from_the_queue_and_kept_out_of_sight(story: Story) -> None:
    story.enqueue("a", "b", "c")
    story.approve(1, 2)
    story.do("purge", 1, 3, merges=("f" * 40,))
    assert story.statuses() == {2: APPROVED}
    assert {number: change.status for number, change in story.queue.purged.items()} == {1: APPROVED, 3: PENDING}
    kept = story.queue.purged[1]
    assert (kept.purged_by, kept.purged_username, kept.purged_at) == ("3", "arthur#3", 107)
    assert story.queue.batches[1].changes == (2,)
    assert {status: count for status, count in story.queue.header.counts.items() if count} == {APPROVED: 1}
    assert story.enqueue("d") == (4,), "a number that was spent stays spent"
    with pytest.raises(IntegrityFailure):
        story.do("purge", 1)


def test_a_purge_of_all_that_is_approved_closes_the_batch_and_an_applied_one_keeps_its_members(story: Story) -> None:
    story.enqueue("a", "b")
    story.approve(1)
    story.do("purge", 1)
    assert (story.queue.batches[1].status, story.queue.header.open_batch) == (BATCH_CLOSED, None)
    story.approve(2, batch_id=2)
    story.apply(2, batch_id=2, job_id="J")
    story.do("purge", 2)
    assert (story.queue.batches[2].status, story.queue.batches[2].changes) == (BATCH_APPLIED, (2,))
    assert story.queue.jobs == {"J": [(2, (2,))]}


# --- what moves main without a batch ---------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["import", "layout"])
def test_an_administrative_event_moves_main_and_nothing_else(story: Story, action: str) -> None:
    story.enqueue("a")
    before = story.queue.header
    story.do(action, actor=OLIVIA, main="7" * 40)
    assert story.queue.header == replace(before, main="7" * 40, last_event_id=3)


def test_an_adoption_gathers_approvals_until_it_moves_main(story: Story) -> None:
    stranger = "7" * 40
    story.do("adopt", actor=OLIVIA, stranger=stranger)
    assert story.queue.header.main == MAIN
    given = {"by": "1", "username": "olivia#1", "at": 102, "acknowledged": True}
    assert story.queue.header.as_state()["adopting"] == {stranger: [given]}
    story.do("adopt", actor=ARTHUR, stranger=stranger, main=stranger)
    assert (story.queue.header.main, story.queue.header.adopting) == (stranger, {})
    assert "adopting" not in story.queue.header.as_state()


def test_approvals_of_one_stranger_are_none_of_the_next(story: Story) -> None:
    story.do("adopt", actor=OLIVIA, stranger="7" * 40)
    story.do("adopt", actor=ARTHUR, stranger="8" * 40)
    assert [(key, [row["by"] for row in rows]) for key, rows in story.queue.header.adopting.items()] == [
        ("8" * 40, ["3"])
    ]
    story.do("disown", actor=OLIVIA, stranger="8" * 40, main="9" * 40)
    assert (story.queue.header.main, story.queue.header.adopting) == ("9" * 40, {})


def test_a_change_knows_who_put_it_into_the_queue_if_that_was_somebody_else(story: Story) -> None:
    proposal = Proposal("create", "clip", "a", CAROL, None, "1" * 40, MAIN, None, "2" * 40, origin="import")
    story.do("enqueue", 1, actor=CAROL, proposals=(proposal,))
    story.do("enqueue", 2, actor=OLIVIA, proposals=(proposal,))
    assert [story.queue.changes[n].enqueued_by for n in (1, 2)] == [None, "1"]
    assert story.queue.changes[1].origin == "import"
    assert story.queue.changes[1].proposal == proposal


def test_events_out_of_order_fail_the_integrity_of_the_log(story: Story) -> None:
    event = Event("import", OLIVIA, 0, 0, main=MAIN)
    for number in (1, 3, 99):
        with pytest.raises(IntegrityFailure):
            story.tell(event, first_id=number)


@pytest.mark.parametrize(
    "event",
    [
        Event("import", OLIVIA, 0, 0),
        Event("approve", ARTHUR, 0, 0, change_ids=(99,), batch_id=1, title="T"),
        Event("reject", ARTHUR, 0, 0, change_ids=(99,), reason="r"),
        Event("approve", ARTHUR, 0, 0, change_ids=(1,), batch_id=1),
        Event("layout", OLIVIA, 0, 0),
        Event("disown", OLIVIA, 0, 0, main=MAIN),
        Event("disown", OLIVIA, 0, 0, stranger=MAIN),
        Event("adopt", OLIVIA, 0, 0, main=MAIN),
        Event("adopt", OLIVIA, 0, 0, main=MAIN, stranger="7" * 40),
        Event("hold", ARTHUR, 0, 0, change_ids=(99,), reason="r"),
        Event("unhold", ARTHUR, 0, 0, change_ids=(99,)),
        Event("withdraw", CAROL, 0, 0, change_ids=(99,)),
        Event("purge", ARTHUR, 0, 0, change_ids=(99,)),
        Event("supersede", CAROL, 0, 0, change_ids=(1,)),
        Event("supersede", CAROL, 0, 0, change_ids=(1,), superseded_by=99),
        Event("supersede", CAROL, 0, 0, change_ids=(1,), superseded_by=1),
    ],
)
def test_an_event_about_nothing_fails_the_integrity_of_the_log(story: Story, event: Event) -> None:
    story.enqueue("a")
    with pytest.raises(IntegrityFailure):
        story.tell(event)


def test_a_change_and_a_batch_are_read_as_they_were_written(story: Story) -> None:
    story.enqueue("a", "b")
    story.approve(1)
    story.reject(2, batch_id=1)
    story.apply(1, job_id="J")
    story.enqueue("c", "d")
    story.approve_some_more(3, acknowledged=True)
    story.do("hold", 3, reason="r")
    story.do("purge", 4)
    for change in (*story.queue.changes.values(), *story.queue.purged.values()):
        row = json.loads(json.dumps(change.as_state()))
        assert None not in row.values()
        assert Change.from_state(row) == change
    for batch in story.queue.batches.values():
        assert Batch.from_state(json.loads(json.dumps(batch.as_state()))) == batch


@pytest.mark.parametrize("row", [{}, {"change_id": 1}, {"change_id": 1, "nothing": 2}])
def test_a_state_that_is_not_readable_fails_the_integrity(row: dict[str, object]) -> None:
    with pytest.raises(IntegrityFailure):
        Change.from_state(row)
    with pytest.raises(IntegrityFailure):
        Batch.from_state(row)
