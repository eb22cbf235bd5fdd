"""What several kinds of event do to the queue: changes found, counted, closed, and taken out of their batches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from modelref_git.errors import IntegrityFailure, WrongState
from modelref_git.proposals.events import Event
from modelref_git.proposals.header import APPROVED, OPEN, PENDING, POLICY, REJECTED
from modelref_git.proposals.queue import BATCH_CLOSED, BATCH_OPEN, Change, Queue


def close(queue: Queue, event: Event, reason: str) -> None:
    """Close open changes without a reviewer's verdict: on the wire they are rejected, and the reason says why."""
    leaving = []
    for change in open_changes(queue, event.change_ids, "closed"):
        if change.status == APPROVED:
            leaving.append(change)
        put(queue, replace(rejected(change, event, reason), batch_id=None, batch_title=None), change)
    leave_batches(queue, event, leaving)


def rejected(change: Change, event: Event, reason: str | None) -> Change:
    """*change* closed without being applied."""
    return replace(
        change,
        status=REJECTED,
        approved_by=None,
        approved_username=None,
        approved_at=None,
        rejected_by=event.actor.id,
        rejected_username=str(event.actor),
        rejected_at=event.time,
        reject_reason=reason,
        updated_at=event.time,
    )


def unapproved(change: Change) -> Change:
    """*change* as it was before anybody approved it."""
    return replace(
        change,
        status=PENDING,
        approvals=(),
        batch_id=None,
        batch_title=None,
        approved_by=None,
        approved_username=None,
        approved_at=None,
    )


def leave_batches(queue: Queue, event: Event, leaving: Iterable[Change]) -> None:
    """Approved changes left their batches: the open one was merged anew from the others; an empty one closes."""
    gone: dict[int, set[int]] = {}
    for change in leaving:
        gone.setdefault(change.batch_id or 0, set()).add(change.change_id)
    if event.merges or event.returned:
        gone.setdefault(queue.header.open_batch or 0, set()).update(event.returned)
    for change in changes_of(queue, event.returned, "return"):
        if change.status != APPROVED or change.batch_id != queue.header.open_batch:
            raise WrongState(f"change {change.change_id} is in no batch that was merged anew")
        put(queue, replace(unapproved(change), updated_at=event.time), change)
    for batch_id, ids in gone.items():
        batch = queue.batch(batch_id)
        if batch is None or batch.status != BATCH_OPEN:
            raise IntegrityFailure(f"event {event.first_id} takes changes out of a batch that is not open")
        members = tuple(change_id for change_id in batch.changes if change_id not in ids)
        merges = event.merges if batch_id == queue.header.open_batch else ()
        if members and not merges:
            raise IntegrityFailure(f"event {event.first_id} names no merge for what is left of batch {batch_id}")
        status = BATCH_OPEN if members else BATCH_CLOSED
        queue.put_batch(replace(batch, changes=members, merges=merges, status=status, last_event_id=event.last_id))
        if not members and batch_id == queue.header.open_batch:
            queue.header = replace(queue.header, open_batch=None)


def batch_of(event: Event) -> tuple[int, str]:
    """The batch that *event* names, and its title."""
    if event.batch_id is None or event.title is None:
        raise IntegrityFailure(f"the {event.action} event {event.first_id} names no batch")
    return event.batch_id, event.title


def is_policy(queue: Queue, change_id: int) -> bool:
    """Whether a change is one of the policy."""
    change = queue.change(change_id)
    return change is not None and change.category == POLICY


def open_changes(queue: Queue, change_ids: Iterable[int], done: str) -> Iterable[Change]:
    """The changes with these ids, which must be open to be *done*."""
    for change in changes_of(queue, change_ids, f"be {done}"):
        if change.status not in OPEN:
            raise WrongState(f"change {change.change_id} is {change.status}, it cannot be {done}")
        yield change


def changes_of(queue: Queue, change_ids: Iterable[int], verb: str) -> Iterable[Change]:
    """The changes with these ids, which must be there to *verb*."""
    for change_id in change_ids:
        change = queue.change(change_id)
        if change is None:
            raise IntegrityFailure(f"there is no change {change_id} to {verb}")
        yield change


def put(queue: Queue, change: Change, before: Change | None) -> None:
    """Keep *change*, which was *before*, and count it."""
    if before is None or before.status != change.status:
        count(queue, change.status, before.status if before is not None else None)
    queue.put_change(change, before)


def count(queue: Queue, status: str | None, before: str | None) -> None:
    """Count a change that has *status* now and had *before*; ``None`` is not in the queue."""
    counts = dict(queue.header.counts)
    for one, by in ((before, -1), (status, 1)):
        if one is not None:
            counts[one] = counts.get(one, 0) + by
    queue.header = replace(queue.header, counts=counts)
