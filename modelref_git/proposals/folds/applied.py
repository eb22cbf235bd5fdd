"""What moves ``main``: apply with its split, and the administrative events."""

from __future__ import annotations

from dataclasses import replace

from modelref_git.errors import IntegrityFailure, WrongState
from modelref_git.proposals.events import Event
from modelref_git.proposals.folds.common import changes_of, is_policy, put, unapproved
from modelref_git.proposals.folds.decided import new_batch
from modelref_git.proposals.header import APPLIED, APPROVED
from modelref_git.proposals.queue import BATCH_APPLIED, BATCH_OPEN, Batch, Change, GivenApproval, Queue


def apply(queue: Queue, event: Event) -> None:
    """A batch, or a part of it, becomes ``main``."""
    batch = queue.batch(event.batch_id or 0)
    if batch is None or batch.status != BATCH_OPEN or event.main is None:
        raise WrongState(f"batch {event.batch_id} is not open")
    if not event.change_ids or not set(event.change_ids) <= set(batch.changes):
        raise WrongState(f"event {event.first_id} applies what is not in batch {batch.batch_id}")
    for change in changes_of(queue, event.change_ids, "apply"):
        if change.status != APPROVED:
            raise WrongState(f"change {change.change_id} is {change.status}, not {APPROVED}")
        if change.is_held:
            raise WrongState(f"change {change.change_id} is held")
        applied = replace(
            change,
            status=APPLIED,
            applied_at=event.time,
            applied_by=event.actor.id,
            applied_username=str(event.actor),
            applied_job_id=event.job_id,
            updated_at=event.time,
        )
        put(queue, applied, change)
    if queue.header.open_batch == batch.batch_id:
        queue.header = replace(queue.header, open_batch=None)
    queue.put_batch(
        replace(
            batch,
            status=BATCH_APPLIED,
            changes=event.change_ids,
            merges=event.merges or batch.merges,
            applied_at=event.time,
            applied_by=event.actor.id,
            last_event_id=event.last_id,
        )
    )
    if event.job_id is not None:
        queue.put_job(event.job_id, batch.batch_id, event.change_ids)


def batch_split(queue: Queue, event: Event) -> None:
    """A part of a batch was applied: the rest is a batch of its own, with the title and approvers that it had."""
    old = queue.batch(event.batch_id or 0)
    if old is None or old.status != BATCH_APPLIED:
        raise WrongState(f"no part of batch {event.batch_id} was applied")
    if bool(event.reassigned) != (event.new_batch_id is not None):
        raise IntegrityFailure(f"the batch_split event {event.first_id} does not say what its new batch is")
    if event.new_batch_id is not None:
        new = Batch(
            event.new_batch_id,
            old.title,
            BATCH_OPEN,
            event.reassigned,
            merges=event.merges,
            approved_by=old.approved_by,
            approved_username=old.approved_username,
            approved_at=old.approved_at,
            last_event_id=event.last_id,
        )
        opens = not any(is_policy(queue, change_id) for change_id in event.reassigned)
        queue.put_batch(new_batch(queue, event, new, opens=opens))
    for change in changes_of(queue, event.reassigned, "move"):
        _check_left_over(change, old)
        put(queue, replace(change, batch_id=event.new_batch_id, updated_at=event.time), change)
    for change in changes_of(queue, event.returned, "return"):
        _check_left_over(change, old)
        put(queue, replace(unapproved(change), updated_at=event.time), change)
    queue.put_batch(replace(old, last_event_id=event.last_id))


def _check_left_over(change: Change, batch: Batch) -> None:
    if change.status != APPROVED or change.batch_id != batch.batch_id:
        raise WrongState(f"change {change.change_id} is none that batch {batch.batch_id} left over")


def administrative(_queue: Queue, event: Event) -> None:
    """``main`` moves to a commit of its own, which the event must name."""
    if event.main is None:
        raise IntegrityFailure(f"the {event.action} event {event.first_id} names no commit for main")


def adopt(queue: Queue, event: Event) -> None:
    """Other hands' commit is taken into the record, or has one approval more on its way there."""
    if event.stranger is None or event.main not in (None, event.stranger):
        raise IntegrityFailure(f"the adopt event {event.first_id} names no commit of other hands")
    # It was looked at whole.
    given = GivenApproval(event.actor.id, str(event.actor), event.time, acknowledged=True, flags=event.flags)
    adopting = () if event.main is not None else (*_adopters(queue, event.stranger), given)
    waiting = {event.stranger: [one.as_state() for one in adopting]} if adopting else {}
    queue.header = replace(queue.header, adopting=waiting)


def _adopters(queue: Queue, stranger: str) -> tuple[GivenApproval, ...]:
    return tuple(GivenApproval.from_state(row) for row in queue.header.adopting.get(stranger, ()))


def disown(queue: Queue, event: Event) -> None:
    """Other hands' commit is undone."""
    administrative(queue, event)
    if event.stranger is None:
        raise IntegrityFailure(f"the disown event {event.first_id} names no commit of other hands")
    queue.header = replace(queue.header, adopting={})
