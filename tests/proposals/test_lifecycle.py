from __future__ import annotations

import json

import pytest

from modelref_git.errors import IntegrityFailure, WrongState
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import Approval, Event, Proposal
from modelref_git.proposals.header import APPLIED, APPROVED, PENDING, POLICY, REJECTED
from modelref_git.proposals.lifecycle import (
    BATCH_APPLIED,
    BATCH_CLOSED,
    BATCH_OPEN,
    Batch,
    Change,
    apply_event,
)
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
        fields = {name: getattr(event, name) for name in event.__dataclass_fields__}
        apply_event(self.queue, Event(**{**fields, "first_id": number, "time": 100 + number}))

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
        bound = self.approvals(*ids)
        event = Event("approve", ARTHUR, 0, 0, change_ids=ids, approvals=bound, batch_id=batch_id, title=title)
        fields = {name: getattr(event, name) for name in event.__dataclass_fields__}
        self.tell(Event(**{**fields, "merges": (merge,)}))

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


def test_an_approval_of_other_content_is_refused(story: Story) -> None:
    story.enqueue("a")
    wrong = (Approval(1, None, "9" * 40),)
    with pytest.raises(WrongState):
        story.tell(Event("approve", ARTHUR, 0, 0, change_ids=(1,), approvals=wrong, batch_id=1, title="T"))
    with pytest.raises(WrongState):
        story.tell(Event("approve", ARTHUR, 0, 0, change_ids=(1,), batch_id=1, title="T"))


def test_a_part_of_a_batch_is_not_applied(story: Story) -> None:
    story.enqueue("a", "b")
    story.approve(1, 2)
    with pytest.raises(WrongState):
        story.apply(1)


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
        Event("approve", ARTHUR, 0, 0, change_ids=(1,), title="T"),
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
    for change in story.queue.changes.values():
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
