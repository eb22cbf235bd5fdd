"""The life of a change: what an event makes of the queue. The state is exactly the fold of the events.

:func:`apply_event` is used both to write the state after a new event and to rebuild it from the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Protocol

from modelref_git.errors import IntegrityFailure, WrongState
from modelref_git.proposals import events
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import Approval, Event, Proposal
from modelref_git.proposals.header import APPLIED, APPROVED, OPEN, PENDING, POLICY, REJECTED, Header

BATCH_OPEN: Final = "open"
BATCH_APPLIED: Final = "applied"
BATCH_CLOSED: Final = "closed"


@dataclass(frozen=True, slots=True)
class Change:
    """One change as the queue's state holds it: the wire's record with its payload replaced by ids."""

    change_id: int
    category: str
    model_name: str
    operation: str
    commit: str
    base: str
    base_blob: str | None
    blob: str | None
    requested_by: str
    requested_username: str
    requested_at: int
    status: str
    updated_at: int
    notes: str | None = None
    batch_id: int | None = None
    batch_title: str | None = None
    approved_by: str | None = None
    approved_username: str | None = None
    approved_at: int | None = None
    rejected_by: str | None = None
    rejected_username: str | None = None
    rejected_at: int | None = None
    reject_reason: str | None = None
    applied_at: int | None = None
    applied_by: str | None = None
    applied_username: str | None = None
    applied_job_id: str | None = None
    waived: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the change is still to be decided or applied."""
        return self.status in OPEN

    @property
    def requestor(self) -> Actor:
        """Who asked."""
        return Actor.parse(self.requested_username)

    @property
    def proposal(self) -> Proposal:
        """The proposal that the change is about."""
        return Proposal(
            self.operation,
            self.category,
            self.model_name,
            self.requestor,
            self.notes,
            self.commit,
            self.base,
            self.base_blob,
            self.blob,
        )

    def as_state(self) -> dict[str, Any]:
        """The change as JSON for the state tree: nulls omitted."""
        row = {name: getattr(self, name) for name in _CHANGE_FIELDS}
        return {key: list(value) if key == "waived" else value for key, value in row.items() if value not in (None, ())}

    @classmethod
    def from_state(cls, row: Mapping[str, Any]) -> Change:
        """Read what :meth:`as_state` wrote."""
        known = {"base_blob": None, "blob": None, **row, "waived": tuple(row.get("waived", ()))}
        try:
            return cls(**known)
        except TypeError as error:
            raise IntegrityFailure(f"the state of a change is not readable: {error}") from error


_CHANGE_FIELDS: Final = tuple(item.name for item in fields(Change))


@dataclass(frozen=True, slots=True)
class Batch:
    """Approved changes, merged together."""

    batch_id: int
    title: str
    status: str
    changes: tuple[int, ...] = ()
    """The approved members, ascending; an applied batch keeps them."""
    rejected: tuple[int, ...] = ()
    """Changes that the requests which approved into this batch rejected."""
    merges: tuple[str, ...] = ()
    """The chain of merges, oldest first; the last is the batch."""
    approved_by: str | None = None
    approved_username: str | None = None
    approved_at: int | None = None
    applied_at: int | None = None
    applied_by: str | None = None
    last_event_id: int = 0

    @property
    def head(self) -> str:
        """The merge that ``main`` moves to when the batch is applied."""
        return self.merges[-1]

    def as_state(self) -> dict[str, Any]:
        """The batch as JSON for the state tree: nulls omitted."""
        row = {item.name: getattr(self, item.name) for item in fields(self)}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in row.items() if v is not None}

    @classmethod
    def from_state(cls, row: Mapping[str, Any]) -> Batch:
        """Read what :meth:`as_state` wrote."""
        try:
            known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
            return cls(**known)
        except TypeError as error:
            raise IntegrityFailure(f"the state of a batch is not readable: {error}") from error


class Queue(Protocol):
    """The state that events are folded into, wherever it is kept. Indexes of open changes are its own affair."""

    header: Header

    def change(self, change_id: int) -> Change | None:
        """The change with that number."""
        ...

    def put_change(self, change: Change, before: Change | None) -> None:
        """Keep *change*, which was *before*."""
        ...

    def batch(self, batch_id: int) -> Batch | None:
        """The batch with that number."""
        ...

    def put_batch(self, batch: Batch) -> None:
        """Keep *batch*."""
        ...

    def put_job(self, job_id: str, batch_id: int, change_ids: tuple[int, ...]) -> None:
        """Keep which changes were applied under *job_id*."""
        ...


def apply_event(queue: Queue, event: Event) -> None:
    """Make of *queue* what it is after *event*.

    Raises:
        WrongState: the event is not possible in this state.
        IntegrityFailure: its numbers do not follow those before.
    """
    header = queue.header
    if event.first_id != header.last_event_id + 1:
        raise IntegrityFailure(f"event {event.first_id} does not follow event {header.last_event_id}")
    queue.header = replace(
        header,
        last_event_id=event.last_id,
        main=event.main or header.main,
        genesis=header.genesis or event.genesis,
    )
    _FOLDS[event.action](queue, event)


def _administrative(_queue: Queue, event: Event) -> None:
    if event.main is None:
        raise IntegrityFailure(f"the {event.action} event {event.first_id} names no commit for main")


def _enqueue(queue: Queue, event: Event) -> None:
    waived: dict[int, list[str]] = {}
    for change_id, rule in event.waived:
        waived.setdefault(change_id, []).append(rule)
    for change_id, proposal in zip(event.change_ids, event.proposals, strict=True):
        if change_id != queue.header.last_change_id + 1:
            raise IntegrityFailure(f"change {change_id} does not follow change {queue.header.last_change_id}")
        queue.header = replace(queue.header, last_change_id=change_id)
        change = Change(
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
            requested_at=event.time,
            status=PENDING,
            updated_at=event.time,
            notes=proposal.note,
            waived=tuple(waived.get(change_id, ())),
        )
        _put(queue, change, None)


def _approve(queue: Queue, event: Event) -> None:
    batch_id, title = _batch_of(event)
    bound = {approval.change_id: approval for approval in event.approvals}
    policy = False
    for change in _members(queue, event.change_ids, PENDING, "approve"):
        if bound.get(change.change_id) != Approval(change.change_id, change.base_blob, change.blob):
            raise WrongState(f"the approval of change {change.change_id} is of other content")
        policy = policy or change.category == POLICY
        approved = replace(
            change,
            status=APPROVED,
            batch_id=batch_id,
            batch_title=title,
            approved_by=event.actor.id,
            approved_username=str(event.actor),
            approved_at=event.time,
            updated_at=event.time,
        )
        _put(queue, approved, change)
    batch = queue.batch(batch_id)
    if batch is None:
        if batch_id != queue.header.last_batch_id + 1:
            raise IntegrityFailure(f"batch {batch_id} does not follow batch {queue.header.last_batch_id}")
        queue.header = replace(queue.header, last_batch_id=batch_id)
        batch = Batch(
            batch_id,
            title,
            BATCH_OPEN,
            approved_by=event.actor.id,
            approved_username=str(event.actor),
            approved_at=event.time,
        )
    if not policy:
        queue.header = replace(queue.header, open_batch=batch_id)
    members = tuple(sorted({*batch.changes, *event.change_ids}))
    merges = (*batch.merges, *event.merges)
    queue.put_batch(replace(batch, title=title, changes=members, merges=merges, last_event_id=event.last_id))


def _reject(queue: Queue, event: Event) -> None:
    leaving: set[int] = set()
    for change in _members(queue, event.change_ids, None, "reject"):
        if change.status not in OPEN:
            raise WrongState(f"change {change.change_id} is {change.status}, it cannot be rejected")
        if change.status == APPROVED:
            leaving.add(change.change_id)
        rejected = replace(
            change,
            status=REJECTED,
            batch_id=event.batch_id,
            batch_title=event.title,
            approved_by=None,
            approved_username=None,
            approved_at=None,
            rejected_by=event.actor.id,
            rejected_username=str(event.actor),
            rejected_at=event.time,
            reject_reason=event.reason,
            updated_at=event.time,
        )
        _put(queue, rejected, change)
    if leaving:
        _leave_batch(queue, event, leaving)
    batch = queue.batch(event.batch_id) if event.batch_id is not None else None
    if batch is not None:
        rejected_ids = tuple(sorted({*batch.rejected, *event.change_ids}))
        queue.put_batch(replace(batch, rejected=rejected_ids, last_event_id=event.last_id))


def _leave_batch(queue: Queue, event: Event, leaving: set[int]) -> None:
    """Members left the open batch: it was merged anew from the others, or closes when none is left."""
    batch = queue.batch(queue.header.open_batch) if queue.header.open_batch is not None else None
    if batch is None:
        raise IntegrityFailure(f"event {event.first_id} takes changes out of a batch, and none is open")
    members = tuple(change_id for change_id in batch.changes if change_id not in leaving)
    status = BATCH_OPEN if members else BATCH_CLOSED
    queue.put_batch(replace(batch, changes=members, merges=event.merges, status=status, last_event_id=event.last_id))
    if not members:
        queue.header = replace(queue.header, open_batch=None)


def _apply(queue: Queue, event: Event) -> None:
    batch = queue.batch(event.batch_id or 0)
    if batch is None or batch.status != BATCH_OPEN or event.main is None:
        raise WrongState(f"batch {event.batch_id} is not open")
    if event.change_ids != batch.changes:
        raise WrongState(f"event {event.first_id} applies a part of batch {batch.batch_id}")
    for change in _members(queue, event.change_ids, APPROVED, "apply"):
        applied = replace(
            change,
            status=APPLIED,
            applied_at=event.time,
            applied_by=event.actor.id,
            applied_username=str(event.actor),
            applied_job_id=event.job_id,
            updated_at=event.time,
        )
        _put(queue, applied, change)
    if queue.header.open_batch == batch.batch_id:
        queue.header = replace(queue.header, open_batch=None)
    queue.put_batch(
        replace(
            batch,
            status=BATCH_APPLIED,
            merges=event.merges or batch.merges,
            applied_at=event.time,
            applied_by=event.actor.id,
            last_event_id=event.last_id,
        )
    )
    if event.job_id is not None:
        queue.put_job(event.job_id, batch.batch_id, event.change_ids)


_FOLDS: Final = {
    events.ENQUEUE: _enqueue,
    events.APPROVE: _approve,
    events.REJECT: _reject,
    events.APPLY: _apply,
    events.INIT: _administrative,
    events.IMPORT: _administrative,
}


def _batch_of(event: Event) -> tuple[int, str]:
    if event.batch_id is None or event.title is None:
        raise IntegrityFailure(f"the {event.action} event {event.first_id} names no batch")
    return event.batch_id, event.title


def _members(queue: Queue, change_ids: Iterable[int], status: str | None, verb: str) -> Iterable[Change]:
    for change_id in change_ids:
        change = queue.change(change_id)
        if change is None:
            raise IntegrityFailure(f"there is no change {change_id} to {verb}")
        if status is not None and change.status != status:
            raise WrongState(f"change {change_id} is {change.status}, not {status}")
        yield change


def _put(queue: Queue, change: Change, before: Change | None) -> None:
    counts = dict(queue.header.counts)
    if before is not None:
        counts[before.status] = counts.get(before.status, 0) - 1
    counts[change.status] = counts.get(change.status, 0) + 1
    queue.header = replace(queue.header, counts=counts)
    queue.put_change(change, before)
