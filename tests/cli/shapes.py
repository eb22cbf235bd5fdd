"""The shapes that the contract of the command line fixes, word for word."""

from __future__ import annotations

from typing import Any

CHANGE_FIELDS = [
    *("change_id", "category", "model_name", "operation", "payload"),
    *("requested_by", "requested_username", "requested_at", "status", "notes", "batch_id", "batch_title"),
    *("approved_by", "approved_username", "approved_at"),
    *("rejected_by", "rejected_username", "rejected_at", "reject_reason"),
    *("applied_at", "applied_by", "applied_username", "applied_job_id"),
    *("updated_at", "request_metadata", "related_models"),
]
"""A PendingChangeRecord in the order of the wire."""

DIFF_FIELDS = [
    *("change_id", "category", "model_name", "operation", "current_state", "proposed_state", "net_operation"),
    *("field_diffs", "is_critical", "fields_added", "fields_removed", "fields_modified"),
]
"""A PendingChangeDiff in the order of the wire."""

AUDIT_EVENT_FIELDS = ["event_id", "timestamp", "action", "logical_user_id", "payload"]
"""A PendingQueueAuditEvent in the order of the wire."""

AUDIT_CHANGE_FIELDS = [
    *("change_id", "status", "operation", "category", "model_name", "requested_by", "requested_at"),
    *("approved_by", "approved_at", "rejected_by", "rejected_at", "reject_reason"),
    *("applied_by", "applied_at", "applied_job_id", "batch_id", "batch_title", "events"),
]
"""A PendingQueueAuditChange in the order of the wire."""

AUDIT_BATCH_FIELDS = [
    *("batch_id", "batch_title", "approved_by", "approved_at", "applied_at", "approved_change_count"),
    *("rejected_change_count", "applied_change_count", "total_change_count", "last_event_id"),
]
"""A PendingQueueAuditBatchSummary in the order of the wire."""

NET_CHANGES_FIELDS = [
    *("batch_id", "batch_title", "domain", "model_changes", "models_added", "models_modified", "models_deleted"),
    *("models_unchanged", "total_field_changes", "has_critical_changes", "generated_at"),
]
"""A BatchNetChangeResponse in the order of the wire."""

MODEL_NET_CHANGE_FIELDS = [
    *("model_name", "category", "net_operation", "before_state", "after_state", "field_diffs", "is_critical"),
]
"""A ModelNetChange in the order of the wire."""

CONFLICT_FIELDS = [
    *("change_id", "category", "model_name", "path", "base", "ours", "theirs", "other_change_id", "authors"),
]
"""A conflict entry, in answers and in the details of errors."""


def without_nulls(row: dict[str, Any]) -> bool:
    """Whether *row* is a PendingChangeRecord with its nulls omitted, in order."""
    return list(row) == [name for name in CHANGE_FIELDS if name in row] and None not in row.values()


def with_nulls(row: dict[str, Any]) -> bool:
    """Whether *row* is a PendingChangeRecord with every field."""
    return list(row) == CHANGE_FIELDS


def is_oid(text: Any) -> bool:
    """Whether *text* is a full object id."""
    return isinstance(text, str) and len(text) == 40 and set(text) <= set("0123456789abcdef")
