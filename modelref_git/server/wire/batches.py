"""The shapes of a review and of a purge."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field, field_validator, model_validator

from modelref_git.operations.wording import REASON_AT_MOST, TITLE_AT_MOST
from modelref_git.server.categories import CategoryName
from modelref_git.server.wire.changes import PendingChangeRecord
from modelref_git.server.wire.queue import NAME_AT_MOST, PendingChangeStatus


class PendingBatchRequest(BaseModel):
    """Changes to approve, as one titled batch, and changes to reject: all or nothing."""

    batch_title: str = Field(min_length=1, max_length=TITLE_AT_MOST)
    approved_ids: list[int] | None = None
    rejected_ids: list[int] | None = None
    reject_reason: str | None = Field(default=None, max_length=REASON_AT_MOST)
    ack_critical: bool = Field(
        default=False, description="Whether the caller looked at critical fields a second time, as the policy may ask."
    )

    @field_validator("batch_title", "reject_reason")
    @classmethod
    def _trimmed(cls, text: str | None) -> str | None:
        return text.strip() if text is not None else None

    @field_validator("approved_ids", "rejected_ids")
    @classmethod
    def _numbers(cls, numbers: list[int] | None) -> list[int]:
        return sorted({number for number in numbers or () if number > 0})

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        approved, rejected = self.approved_ids or [], self.rejected_ids or []
        if not approved and not rejected:
            raise ValueError("Provide at least one approved or rejected change id.")
        both = sorted(set(approved) & set(rejected))
        if both:
            raise ValueError(f"Change ids cannot be both approved and rejected: {both}")
        if rejected and not self.reject_reason:
            raise ValueError("reject_reason is required when rejecting changes.")
        if not self.batch_title:
            raise ValueError("batch_title must not be blank.")
        return self


class PendingBatchResult(BaseModel):
    """What a review decided."""

    batch_id: int | None = Field(description="The batch that the approved changes are in; null if none is.")
    batch_title: str
    approved: list[PendingChangeRecord]
    rejected: list[PendingChangeRecord]


class PurgePendingChangesRequest(BaseModel):
    """Which changes to take out of the queue. Filters win over `purge_all`."""

    statuses: list[PendingChangeStatus] | None = None
    categories: list[CategoryName] | None = None
    model_name: str | None = Field(default=None, max_length=NAME_AT_MOST)
    requested_by: list[str] | None = None
    purge_all: bool = False
    dry_run: bool = Field(default=False, description="Only tell what would go.")

    @field_validator("model_name")
    @classmethod
    def _trimmed(cls, text: str | None) -> str | None:
        return (text or "").strip() or None

    @field_validator("requested_by")
    @classmethod
    def _people(cls, texts: list[str] | None) -> list[str]:
        return [text.strip() for text in texts or () if text.strip()]

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if not (self.statuses or self.categories or self.model_name or self.requested_by or self.purge_all):
            raise ValueError("Provide at least one filter or set purge_all=true to clear the entire queue.")
        return self


class PurgePendingChangesResponse(BaseModel):
    """What a purge took out of the queue, or would take."""

    removed_count: int = Field(ge=0)
    removed_change_ids: list[int]
    dry_run: bool
