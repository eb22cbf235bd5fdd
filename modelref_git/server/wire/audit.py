"""The shapes of the audit views."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from modelref_git.server.settings import CanonicalFormat
from modelref_git.server.wire.changes import Operation, Status


class PendingQueueAuditEvent(BaseModel):
    """One thing that happened to a change."""

    event_id: int
    timestamp: int
    action: str
    logical_user_id: str | None
    payload: dict[str, Any]


class PendingQueueAuditChange(BaseModel):
    """One change, as its events tell it. Users are ids."""

    change_id: int
    status: Status
    operation: Operation | None
    category: str | None
    model_name: str | None
    requested_by: str | None
    requested_at: int | None
    approved_by: str | None
    approved_at: int | None
    rejected_by: str | None
    rejected_at: int | None
    reject_reason: str | None
    applied_by: str | None
    applied_at: int | None
    applied_job_id: str | None
    batch_id: int | None
    batch_title: str | None
    events: list[PendingQueueAuditEvent]


class PendingQueueAuditCurrentResponse(BaseModel):
    """What waits for a decision, newest first."""

    domain: CanonicalFormat
    pending_changes: list[PendingQueueAuditChange]
    total_pending: int
    generated_at: int


class PendingQueueAuditBatchSummary(BaseModel):
    """One batch, as the events tell it."""

    batch_id: int
    batch_title: str | None
    approved_by: str | None
    approved_at: int | None
    applied_at: int | None
    approved_change_count: int
    rejected_change_count: int
    applied_change_count: int
    total_change_count: int
    last_event_id: int | None


class PendingQueueAuditBatchPage(BaseModel):
    """Some batches, newest first."""

    domain: CanonicalFormat
    batches: list[PendingQueueAuditBatchSummary]
    next_cursor: int | None


class PendingQueueAuditBatchDetail(PendingQueueAuditBatchSummary):
    """One batch with its changes."""

    changes: list[PendingQueueAuditChange]
