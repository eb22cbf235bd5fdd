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


def without_nulls(row: dict[str, Any]) -> bool:
    """Whether *row* is a PendingChangeRecord with its nulls omitted, in order."""
    return list(row) == [name for name in CHANGE_FIELDS if name in row] and None not in row.values()


def with_nulls(row: dict[str, Any]) -> bool:
    """Whether *row* is a PendingChangeRecord with every field."""
    return list(row) == CHANGE_FIELDS


def is_oid(text: Any) -> bool:
    """Whether *text* is a full object id."""
    return isinstance(text, str) and len(text) == 40 and set(text) <= set("0123456789abcdef")
