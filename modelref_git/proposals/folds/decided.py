"""What approvers decide: approve, reject, purge."""

from __future__ import annotations

from dataclasses import replace

from modelref_git.errors import IntegrityFailure, WrongState
from modelref_git.proposals.events import Approval, Event
from modelref_git.proposals.folds.common import (
    batch_of,
    changes_of,
    count,
    is_policy,
    leave_batches,
    open_changes,
    put,
    rejected,
)
from modelref_git.proposals.header import APPROVED, PENDING, POLICY
from modelref_git.proposals.queue import BATCH_OPEN, Batch, GivenApproval, Queue


def approve(queue: Queue, event: Event) -> None:
    """Changes get an approval, and join or open a batch where it is the last that they need."""
    bound = {approval.change_id: approval for approval in event.approvals}
    joined = _joined_batch(queue, event) if event.batch_id is not None else None
    for change in open_changes(queue, event.change_ids, "approved"):
        if bound.get(change.change_id) != Approval(change.change_id, change.base_blob, change.blob):
            raise WrongState(f"the approval of change {change.change_id} is of other content")
        if change.is_held:
            raise WrongState(f"change {change.change_id} is held")
        own = next((given for given in change.approvals if given.by == event.actor.id), None)
        # A second approval of one person counts for nothing, but it brings what has enough by now into a batch.
        if own is not None and own.acknowledged >= event.acknowledged and joined is None:
            raise WrongState(f"change {change.change_id} is approved by {event.actor} already")
        acknowledged = event.acknowledged or (own is not None and own.acknowledged)
        given = GivenApproval(event.actor.id, str(event.actor), event.time, acknowledged, event.flags)
        others = tuple(other for other in change.approvals if other.by != event.actor.id)
        approvals = (*others, given)
        if joined is None:
            put(queue, replace(change, approvals=approvals, updated_at=event.time), change)
            continue
        if change.status != PENDING:
            raise WrongState(f"change {change.change_id} is {change.status}, not {PENDING}")
        if (change.category == POLICY) != (queue.header.open_batch != joined.batch_id):
            raise WrongState("a change of the policy is a batch of its own")
        approved = replace(
            change,
            approvals=approvals,
            status=APPROVED,
            batch_id=joined.batch_id,
            batch_title=event.title,
            approved_by=event.actor.id,
            approved_username=str(event.actor),
            approved_at=event.time,
            updated_at=event.time,
        )
        put(queue, approved, change)
    if joined is not None:
        members = tuple(sorted({*joined.changes, *event.change_ids}))
        merges = (*joined.merges, *event.merges)
        title = event.title or joined.title
        queue.put_batch(replace(joined, title=title, changes=members, merges=merges, last_event_id=event.last_id))


def _joined_batch(queue: Queue, event: Event) -> Batch:
    """The batch that an approval joins or opens."""
    batch_id, title = batch_of(event)
    batch = queue.batch(batch_id)
    if batch is not None:
        if batch.status != BATCH_OPEN:
            raise WrongState(f"batch {batch_id} is {batch.status}")
        return batch
    policy = any(is_policy(queue, change_id) for change_id in event.change_ids)
    return new_batch(queue, event, Batch(batch_id, title, BATCH_OPEN), opens=not policy)


def new_batch(queue: Queue, event: Event, batch: Batch, *, opens: bool) -> Batch:
    """*batch* with its number counted, and with who approved it first."""
    if batch.batch_id != queue.header.last_batch_id + 1:
        raise IntegrityFailure(f"batch {batch.batch_id} does not follow batch {queue.header.last_batch_id}")
    queue.header = replace(queue.header, last_batch_id=batch.batch_id)
    if opens:
        if queue.header.open_batch is not None:
            raise WrongState(f"batch {queue.header.open_batch} is open still")
        queue.header = replace(queue.header, open_batch=batch.batch_id)
    if batch.approved_by is not None:
        return batch
    by = event.actor
    return replace(batch, approved_by=by.id, approved_username=str(by), approved_at=event.time)


def reject(queue: Queue, event: Event) -> None:
    """Changes are turned down; approved ones leave their batches."""
    leaving = []
    for change in open_changes(queue, event.change_ids, "rejected"):
        if change.status == APPROVED:
            leaving.append(change)
        after = replace(rejected(change, event, event.reason), batch_id=event.batch_id, batch_title=event.title)
        put(queue, after, change)
    leave_batches(queue, event, leaving)
    batch = queue.batch(event.batch_id) if event.batch_id is not None else None
    if batch is not None:
        rejected_ids = tuple(sorted({*batch.rejected, *event.change_ids}))
        queue.put_batch(replace(batch, rejected=rejected_ids, last_event_id=event.last_id))


def purge(queue: Queue, event: Event) -> None:
    """Changes of any status leave the queue; approved ones leave their batches too."""
    leaving = []
    for change in changes_of(queue, event.change_ids, "purge"):
        if change.status == APPROVED:
            leaving.append(change)
        by = event.actor
        queue.purge_change(replace(change, purged_by=by.id, purged_username=str(by), purged_at=event.time), change)
        count(queue, None, change.status)
    leave_batches(queue, event, leaving)
