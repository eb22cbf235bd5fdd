"""What the queue log tells: each event as its readers know it, and the story of each change and batch.

The log alone is folded here, without the queue's state, so that either can be held against the other.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from modelref_git.proposals import events
from modelref_git.proposals.brought import Brought, PastEvent
from modelref_git.proposals.events import Event, Proposal
from modelref_git.proposals.folds import asked
from modelref_git.proposals.folds.imported import batches_of, gone
from modelref_git.proposals.header import APPLIED, APPROVED, PENDING, REJECTED
from modelref_git.proposals.queue import Change
from modelref_git.proposals.spans import text_of

DOMAIN: Final = "v2"
"""What the audit views call the form of the records."""

PARTIAL_APPLY: Final = "partial_apply"
"""Why a batch was split, unless the event says otherwise."""


def event_row(event: Event, event_id: int, change_id: int | None, about: Proposal | None) -> dict[str, Any]:
    """One part of an event as a PendingQueueAuditEvent.

    Args:
        event: the event.
        event_id: the id of the part.
        change_id: the change that the part is about, if it is about one.
        about: what that change proposes; needed for ``enqueue``, ``rebase`` and ``purge``.
    """
    return {
        "event_id": event_id,
        "timestamp": event.time,
        "action": event.action,
        "logical_user_id": event.actor.id,
        "payload": payload(event, change_id, about),
    }


def payload(event: Event, change_id: int | None, about: Proposal | None) -> dict[str, Any]:
    """The fields of one part of an event, nulls left out; see :func:`event_row`."""
    row: dict[str, Any] = {"action": event.action}
    joins = event.is_of_batch(change_id)
    if event.action == events.BATCH_SPLIT:
        row |= {
            "original_batch_id": event.batch_id,
            "new_batch_id": event.new_batch_id,
            "reassigned_change_ids": list(event.reassigned),
            "reason": event.reason or PARTIAL_APPLY,
        }
    else:
        row["change_id"] = change_id
        if about is not None and event.action in (events.ENQUEUE, events.REBASE, events.IMPORT):
            row |= {"operation": about.operation, "category": about.category, "model": about.name}
        if about is not None and event.action == events.PURGE:
            row |= {"category": about.category, "model": about.name, "requested_by": about.requestor.id}
            row["purged_by_username"] = str(event.actor)
        row |= {
            "waived": [rule for number, rule in event.waived if number in (0, change_id)] or None,
            "batch_id": event.batch_id if joins else None,
            "batch_title": event.title if joins and event.action != events.APPLY else None,
            "reason": event.reason,
            "superseded_by": event.superseded_by,
            "job_id": event.job_id,
            "main": event.main,
            "stranger": event.stranger,
            "imported": event.imported,
            "skipped_changes": text_of(event.skipped_changes) or None,
            "skipped_batches": text_of(event.skipped_batches) or None,
            "skipped_events": text_of(event.skipped_events) or None,
            "note": event.note,
        }
    row |= {
        "returned_change_ids": list(event.returned) or None,
        "ack_critical": event.acknowledged or None,
        "sole_approver": event.sole or None,
        "attested_by": str(event.attested_by) if event.attested_by is not None else None,
        "flags": list(event.flags) or None,
        "route": event.route,
    }
    return {key: value for key, value in row.items() if value is not None}


def past_row(past: PastEvent) -> dict[str, Any]:
    """An event from before the queue was imported as a PendingQueueAuditEvent, which says that it is one."""
    return {
        "event_id": past.event_id,
        "timestamp": past.time,
        "action": past.action,
        "logical_user_id": past.actor,
        "payload": dict(past.said),
        "imported": True,
    }


@dataclass(slots=True)
class ChangeStory:
    """One change, as its events tell it; users are ids. Its fields are those of a PendingQueueAuditChange."""

    change_id: int
    status: str = PENDING
    operation: str | None = None
    category: str | None = None
    model_name: str | None = None
    requested_by: str | None = None
    requested_at: int | None = None
    approved_by: str | None = None
    approved_at: int | None = None
    rejected_by: str | None = None
    rejected_at: int | None = None
    reject_reason: str | None = None
    applied_by: str | None = None
    applied_at: int | None = None
    applied_job_id: str | None = None
    batch_id: int | None = None
    batch_title: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    is_purged: bool = False
    proposal: Proposal | None = None
    """What it asks for by now."""
    approved_content: tuple[str | None, str | None] | None = None
    """The blobs that its approval is bound to."""

    def as_json(self) -> dict[str, Any]:
        """The change as a PendingQueueAuditChange."""
        return {name: getattr(self, name) for name in _CHANGE_FIELDS}


_CHANGE_FIELDS: Final = (
    *("change_id", "status", "operation", "category", "model_name", "requested_by", "requested_at"),
    *("approved_by", "approved_at", "rejected_by", "rejected_at", "reject_reason"),
    *("applied_by", "applied_at", "applied_job_id", "batch_id", "batch_title", "events"),
)


@dataclass(slots=True)
class BatchStory:
    """One batch, as the events tell it."""

    batch_id: int
    title: str | None = None
    """The last that was given."""
    approved_by: str | None = None
    """Who approved first; who rejected, where nobody approved."""
    approved_at: int | None = None
    applied_at: int | None = None
    last_event_id: int | None = None
    approved: set[int] = field(default_factory=set)
    """The changes that are its members, applied or not."""
    rejected: set[int] = field(default_factory=set)
    applied: set[int] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        """The batch as a PendingQueueAuditBatchSummary."""
        return {
            "batch_id": self.batch_id,
            "batch_title": self.title,
            "approved_by": self.approved_by,
            "approved_at": self.approved_at,
            "applied_at": self.applied_at,
            "approved_change_count": len(self.approved),
            "rejected_change_count": len(self.rejected),
            "applied_change_count": len(self.applied),
            "total_change_count": len(self.approved | self.rejected),
            "last_event_id": self.last_event_id,
        }


class AuditFold:
    """Folds events, oldest first, to the stories of changes and batches.

    Args:
        wanted: the changes that are looked at; all unless given. A batch's story is right once all that were ever in
            it are, and in the batches that it was split off.
    """

    def __init__(self, wanted: Container[int] | None = None) -> None:
        self._wanted = wanted
        self.changes: dict[int, ChangeStory] = {}
        """In the order of their first events."""
        self.batches: dict[int, BatchStory] = {}

    def add(self, event: Event) -> None:
        """Take in the next event. What it brings, and its proposals of wanted changes, must have been read.

        Those of a rebase must have been read with their blobs.
        """
        if event.brought is not None:
            self._bring(event, event.brought)
        for place, (event_id, change_id) in enumerate(event.ids()):
            if change_id is not None and (self._wanted is None or change_id in self._wanted):
                story = self._story(change_id)
                if event.proposals:
                    self._propose(story, event, event.proposals[place], event_id)
                fold = _FOLDS.get(event.action)
                if fold is not None:
                    fold(self, story, event, event_id)
                story.events.append(event_row(event, event_id, change_id, story.proposal))
        if event.action == events.BATCH_SPLIT:
            self._split(event)
        for story in self._stories(event.returned):
            self._return(story, event.first_id)
            self._also(story, event)

    def members(self, batch: BatchStory) -> Iterator[ChangeStory]:
        """The changes of a batch, approved and rejected, in the order in which they came into the queue."""
        numbers = batch.approved | batch.rejected
        return (story for story in self.changes.values() if story.change_id in numbers)

    def _story(self, change_id: int) -> ChangeStory:
        return self.changes.setdefault(change_id, ChangeStory(change_id))

    def _stories(self, change_ids: tuple[int, ...]) -> Iterator[ChangeStory]:
        return (self._story(number) for number in change_ids if self._wanted is None or number in self._wanted)

    def _batch(self, batch_id: int, event_id: int) -> BatchStory:
        batch = self.batches.setdefault(batch_id, BatchStory(batch_id))
        batch.last_event_id = max(batch.last_event_id or 0, event_id)
        return batch

    def _also(self, story: ChangeStory, event: Event) -> None:
        """Note an event that speaks of the change besides others."""
        if not any(row["event_id"] == event.first_id for row in story.events):
            first = event.change_ids[0] if event.change_ids else None
            other = self.changes.get(first) if first is not None else None
            about = other.proposal if other is not None else None
            story.events.append(event_row(event, event.first_id, first, about))

    def _bring(self, event: Event, brought: Brought) -> None:
        """Take in a queue from before: its events tell what was done, the changes as they came in what they were."""
        for past in brought.events:
            about = dict.fromkeys(number for number, _ in past.about() if number is not None)
            for story in self._stories(tuple(about)):
                _tell(story, past)
        bound = {approval.change_id: (approval.base_blob, approval.blob) for approval in event.approvals}
        for change in brought.changes:
            for story in self._stories((change.change_id,)):
                _set(story, change)
                story.proposal, story.approved_content = change.proposal, bound.get(change.change_id)
        applied = {change.change_id for change in brought.changes if change.status == APPLIED}
        applied |= {number for number, (status, _) in gone(brought).items() if status == APPLIED}
        for batch in batches_of(brought, event):
            self.batches[batch.batch_id] = BatchStory(
                batch.batch_id,
                batch.title or None,
                batch.approved_by,
                batch.approved_at,
                batch.applied_at,
                batch.last_event_id or None,
                approved=set(batch.changes),
                rejected=set(batch.rejected),
                applied=applied & set(batch.changes),
            )

    def _propose(self, story: ChangeStory, event: Event, proposal: Proposal, event_id: int) -> None:
        if event.action == events.IMPORT:
            story.proposal = proposal
            return
        if event.action == events.ENQUEUE:
            story.requested_by, story.requested_at = proposal.requestor.id, event.time
        elif story.status == APPROVED and story.approved_content != (proposal.base_blob, proposal.blob):
            self._return(story, event_id)  # what was approved is not what it is now
        story.proposal = proposal
        story.operation, story.category, story.model_name = proposal.operation, proposal.category, proposal.name

    def _approve(self, story: ChangeStory, event: Event, event_id: int) -> None:
        if event.batch_id is None:
            return  # one approval of several
        story.status, story.approved_by, story.approved_at = APPROVED, event.actor.id, event.time
        story.batch_id, story.batch_title = event.batch_id, event.title
        story.approved_content = next(
            ((bound.base_blob, bound.blob) for bound in event.approvals if bound.change_id == story.change_id), None
        )
        batch = self._batch(event.batch_id, event_id)
        batch.title = event.title or batch.title
        if batch.approved_by is None:
            batch.approved_by, batch.approved_at = event.actor.id, event.time
        batch.approved.add(story.change_id)

    def _reject(self, story: ChangeStory, event: Event, event_id: int) -> None:
        self._close(story, event, event_id, event.reason)
        story.batch_id, story.batch_title = event.batch_id, event.title
        if event.batch_id is None:
            return
        batch = self._batch(event.batch_id, event_id)
        batch.title = event.title or batch.title
        batch.approved_by = batch.approved_by or event.actor.id
        batch.rejected.add(story.change_id)

    def _withdraw(self, story: ChangeStory, event: Event, event_id: int) -> None:
        self._close(story, event, event_id, asked.withdrawn(event.reason))

    def _supersede(self, story: ChangeStory, event: Event, event_id: int) -> None:
        self._close(story, event, event_id, asked.superseded(event.superseded_by or 0))

    def _close(self, story: ChangeStory, event: Event, event_id: int, reason: str | None) -> None:
        self._leave(story, event_id)
        story.status = REJECTED
        story.rejected_by, story.rejected_at, story.reject_reason = event.actor.id, event.time, reason

    def _apply(self, story: ChangeStory, event: Event, event_id: int) -> None:
        story.status, story.applied_job_id = APPLIED, event.job_id
        story.applied_by, story.applied_at = event.actor.id, event.time
        if event.batch_id is not None:
            batch = self._batch(event.batch_id, event_id)
            batch.applied_at = max(batch.applied_at or 0, event.time)
            batch.applied.add(story.change_id)

    def _purge(self, story: ChangeStory, _event: Event, event_id: int) -> None:
        """What is said of the change stays; its place in a batch that is not applied does not."""
        story.is_purged = True
        if story.status == APPROVED and story.batch_id is not None:
            self._batch(story.batch_id, event_id).approved.discard(story.change_id)

    def _leave(self, story: ChangeStory, event_id: int) -> None:
        """The change is in no batch any more."""
        if story.status == APPROVED and story.batch_id is not None:
            self._batch(story.batch_id, event_id).approved.discard(story.change_id)
        story.approved_by = story.approved_at = story.batch_id = story.batch_title = None

    def _return(self, story: ChangeStory, event_id: int) -> None:
        self._leave(story, event_id)
        story.status = PENDING

    def _split(self, event: Event) -> None:
        old = self._batch(event.batch_id or 0, event.first_id)
        if event.new_batch_id is None:
            return
        new = self._batch(event.new_batch_id, event.first_id)
        new.title, new.approved_by, new.approved_at = old.title, old.approved_by, old.approved_at
        for story in self._stories(event.reassigned):
            old.approved.discard(story.change_id)
            new.approved.add(story.change_id)
            story.batch_id = event.new_batch_id
            self._also(story, event)


def _tell(story: ChangeStory, past: PastEvent) -> None:
    """Take an event from before into a change's story."""
    story.events.append(past_row(past))
    said = past.said
    if past.action == events.ENQUEUE:
        story.operation, story.category, story.model_name = (said.get(k) for k in ("operation", "category", "model"))
        story.requested_by, story.requested_at = past.actor, past.time
    elif past.action == events.APPROVE:
        story.status, story.approved_by, story.approved_at = APPROVED, past.actor, past.time
    elif past.action == events.REJECT:
        story.status, story.rejected_by, story.rejected_at = REJECTED, past.actor, past.time
        story.reject_reason = said.get("reason")
    elif past.action == events.APPLY:
        story.status, story.applied_by, story.applied_at = APPLIED, past.actor, past.time
        story.applied_job_id = said.get("job_id")
    elif past.action == events.BATCH_SPLIT:
        story.batch_id = said.get("new_batch_id")
        return
    elif past.action == events.PURGE:
        story.is_purged = True
        return
    story.batch_id = said.get("batch_id") or story.batch_id
    story.batch_title = said.get("batch_title") or story.batch_title


def _set(story: ChangeStory, change: Change) -> None:
    """Let a story tell what its change was when it came in: events can be lost, and can lie."""
    for name in _CHANGE_FIELDS:
        if name != "events":
            setattr(story, name, getattr(change, name))
    story.is_purged = False


_FOLDS: Final = {
    events.APPROVE: AuditFold._approve,
    events.REJECT: AuditFold._reject,
    events.WITHDRAW: AuditFold._withdraw,
    events.SUPERSEDE: AuditFold._supersede,
    events.APPLY: AuditFold._apply,
    events.PURGE: AuditFold._purge,
}
"""What an event makes of each change that it is about. Of the others, it is only noted that they were."""
