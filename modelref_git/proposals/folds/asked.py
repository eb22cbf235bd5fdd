"""What requestors do: enqueue, rebase, withdraw, supersede; and an approver's hold on what they asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from modelref_git.errors import IntegrityFailure, WrongState
from modelref_git.proposals.events import Event, Proposal
from modelref_git.proposals.folds.common import close, leave_batches, open_changes, put, unapproved
from modelref_git.proposals.header import APPROVED, PENDING
from modelref_git.proposals.queue import Change, Queue

WITHDRAWN: Final = "withdrawn"

ROUTE: Final = "route"
"""The member of a change's ``request_metadata`` that names the HTTP route by which it came."""


def withdrawn(reason: str | None) -> str:
    """The reason with which its requestor takes a change back."""
    return f"{WITHDRAWN}: {reason}" if reason else WITHDRAWN


def superseded(change_id: int) -> str:
    """The reason with which a change is closed in favour of *change_id*."""
    return f"superseded by change {change_id}"


def queued(proposal: Proposal, change_id: int, time: int) -> Change:
    """The pending change that *proposal* is when it enters the queue at *time* (Unix seconds)."""
    return Change(
        change_id=change_id,
        category=proposal.category,
        model_name=proposal.name,
        operation=proposal.operation,
        commit=proposal.commit,
        base=proposal.base,
        base_blob=proposal.base_blob,
        blob=proposal.blob,
        requested_by=proposal.requestor.id,
        requested_username=str(proposal.requestor),
        requested_at=time,
        status=PENDING,
        updated_at=time,
        notes=proposal.note,
        origin=proposal.origin,
        pictures=proposal.pictures,
    )


def _waivers(event: Event) -> dict[int, tuple[str, ...]]:
    """The rules that were waived for each change."""
    waived: dict[int, tuple[str, ...]] = {}
    for change_id, rule in event.waived:
        waived[change_id] = (*waived.get(change_id, ()), rule)
    return waived


def enqueue(queue: Queue, event: Event) -> None:
    """Changes enter the queue."""
    waived = _waivers(event)
    for change_id, proposal in zip(event.change_ids, event.proposals, strict=True):
        if change_id != queue.header.last_change_id + 1:
            raise IntegrityFailure(f"change {change_id} does not follow change {queue.header.last_change_id}")
        queue.header = replace(queue.header, last_change_id=change_id)
        by = event.actor.id if event.actor.id != proposal.requestor.id else None
        change = replace(
            queued(proposal, change_id, event.time),
            waived=waived.get(change_id, ()),
            enqueued_by=by,
            request_metadata={ROUTE: event.route} if event.route is not None else None,
        )
        put(queue, change, None)
    for key in filter(None, (event.intake, event.source)):
        queue.put_intake(key, event.change_ids)


def rebase(queue: Queue, event: Event) -> None:
    """Open changes are brought up to another ``main``; one whose content is not what was approved is pending again."""
    rebased = dict(zip(event.change_ids, event.proposals, strict=True))
    waived = _waivers(event)
    leaving = []
    for change in open_changes(queue, event.change_ids, "rebased"):
        proposal = rebased[change.change_id]
        if (proposal.category, proposal.name) != (change.category, change.model_name):
            raise IntegrityFailure(f"event {event.first_id} makes change {change.change_id} one of another record")
        if proposal.requestor != change.requestor:
            raise IntegrityFailure(f"event {event.first_id} gives change {change.change_id} another requestor")
        after = replace(
            change,
            operation=proposal.operation,
            commit=proposal.commit,
            base=proposal.base,
            base_blob=proposal.base_blob,
            blob=proposal.blob,
            updated_at=event.time,
            notes=proposal.note,
            pictures=proposal.pictures,
            waived=waived.get(change.change_id, ()),
        )
        if (after.base_blob, after.blob) != (change.base_blob, change.blob):
            after = unapproved(after)  # what was approved is not what it is now
        if change.status == APPROVED and after.status != APPROVED:
            leaving.append(change)
        put(queue, after, change)
    leave_batches(queue, event, leaving)


def withdraw(queue: Queue, event: Event) -> None:
    """Requestors take their changes back."""
    close(queue, event, withdrawn(event.reason))


def supersede(queue: Queue, event: Event) -> None:
    """Changes are closed in favour of another one."""
    instead = event.superseded_by
    if instead is None or instead in event.change_ids or queue.change(instead) is None:
        raise IntegrityFailure(f"the supersede event {event.first_id} names no change that takes the place")
    close(queue, event, superseded(instead))


def hold(queue: Queue, event: Event) -> None:
    """An approver stops changes for now."""
    for change in open_changes(queue, event.change_ids, "held"):
        if change.is_held:
            raise WrongState(f"change {change.change_id} is held already")
        held = replace(
            change,
            held_by=event.actor.id,
            held_username=str(event.actor),
            held_at=event.time,
            hold_reason=event.reason,
            updated_at=event.time,
        )
        put(queue, held, change)


def unhold(queue: Queue, event: Event) -> None:
    """Held changes go on."""
    for change in open_changes(queue, event.change_ids, "let go"):
        if not change.is_held:
            raise WrongState(f"change {change.change_id} is not held")
        free = replace(change, held_by=None, held_username=None, held_at=None, hold_reason=None, updated_at=event.time)
        put(queue, free, change)
