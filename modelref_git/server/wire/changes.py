"""The shape of a change on the wire."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

Operation = Literal["create", "update", "delete"]
Status = Literal["pending", "approved", "applying", "applied", "rejected"]


class PendingChangeRecord(BaseModel):
    """One requested create, update or delete of one record, and what has become of it.

    Answers of writes and of applies leave out what is null; all others name every field.
    """

    change_id: int = Field(ge=1, description="Its number in the queue.")
    category: str = Field(description="One of the shipped categories, or one of the dataset's own.")
    model_name: str = Field(description="The record's key.")
    operation: Operation
    payload: dict[str, Any] | None = Field(
        default=None, description="The full new record; for a delete, the one that was live when it was queued."
    )
    requested_by: str = Field(description="The id of who asked.")
    requested_username: str = Field(description="Who asked, as `name#id`.")
    requested_at: int = Field(description="Unix seconds, as all times.")
    status: Status
    notes: str | None = Field(default=None, description="What the requestor said about it.")
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
    applied_job_id: str | None = Field(default=None, description="What the apply was called by who asked for it.")
    updated_at: int = Field(description="When something last became of it.")
    request_metadata: dict[str, Any] | None = Field(default=None, description="How it came: `route`.")
    related_models: list[str] | None = Field(
        default=None, description="The names that a text model has besides, one a backend."
    )
