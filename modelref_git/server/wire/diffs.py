"""The shapes of differences: what a change would do, and what a batch did."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from modelref_git.server.wire.changes import Operation

NetOperation = Literal["added", "modified", "deleted", "unchanged"]


class FieldDiff(BaseModel):
    """One field in which two states of a record differ."""

    field_path: str = Field(description="The keys that lead to it, with dots between them.")
    old_value: Any | None
    new_value: Any | None
    change_type: Literal["added", "removed", "modified"]


class PendingChangeDiff(BaseModel):
    """What a change would do to the record that is live now."""

    change_id: int
    category: str
    model_name: str
    operation: Operation
    current_state: dict[str, Any] | None
    proposed_state: dict[str, Any] | None
    net_operation: NetOperation
    field_diffs: list[FieldDiff]
    is_critical: bool = Field(description="Whether it touches a field that a reviewer must not overlook.")
    fields_added: list[str]
    fields_removed: list[str]
    fields_modified: list[str]


class PendingChangeDiffError(BaseModel):
    """A change whose difference cannot be told."""

    change_id: int
    error: str
    error_type: str


class PendingChangeDiffPage(BaseModel):
    """The differences of several changes, in the order asked for."""

    diffs: list[PendingChangeDiff]
    total: int = Field(description="How many were asked for.")
    errors: list[PendingChangeDiffError]


class ModelNetChange(BaseModel):
    """What a batch did to one record."""

    model_name: str
    category: str
    net_operation: NetOperation
    before_state: dict[str, Any] | None
    after_state: dict[str, Any] | None
    field_diffs: list[FieldDiff]
    is_critical: bool


class BatchNetChangeResponse(BaseModel):
    """What a batch did to the dataset."""

    batch_id: int
    batch_title: str | None
    domain: Literal["legacy", "v2"]
    model_changes: list[ModelNetChange]
    models_added: int
    models_modified: int
    models_deleted: int
    models_unchanged: int
    total_field_changes: int
    has_critical_changes: bool
    generated_at: int
