"""The shapes of applying approved changes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, field_validator

from modelref_git.operations.apply import JOB_ID_AT_MOST
from modelref_git.server.wire.changes import PendingChangeRecord
from modelref_git.server.wire.errors import Reason

FailureType = Literal[
    "PendingChangeNotFoundError",
    "PendingChangeStateError",
    "PendingChangePayloadError",
    "PendingChangeBackendError",
]


def trimmed(text: str | None) -> str | None:
    """*text* without white space at its ends; blank is none."""
    return (text or "").strip() or None


JobId = Annotated[
    str | None,
    Field(max_length=JOB_ID_AT_MOST, description="What the caller calls this apply: sent again, it answers the same."),
    AfterValidator(trimmed),
]


class ApplyPendingChangeRequest(BaseModel):
    """How one change is to be applied."""

    job_id: JobId = None


class ApplyPendingChangesRequest(BaseModel):
    """Which approved changes to apply, all of one batch unless told otherwise: all or none of them."""

    change_ids: list[int] = Field(min_length=1, description="They are answered in this order.")
    job_id: JobId = None
    allow_mixed_batch: bool = False

    @field_validator("change_ids")
    @classmethod
    def _numbers(cls, numbers: list[int]) -> list[int]:
        if any(number <= 0 for number in numbers):
            raise ValueError("change_ids must be positive integers")
        return list(dict.fromkeys(numbers))


class _Split(BaseModel):
    batch_split_occurred: bool = Field(description="Whether the rest of the batch became a batch of its own.")
    batch_split_original_batch_id: int | None = None
    batch_split_new_batch_id: int | None = None
    batch_split_reassigned_count: int | None = None


class ApplySingleChangeResponse(_Split):
    """A change that was applied. What is null is left out."""

    record: PendingChangeRecord


class ApplyPendingChangesResponse(_Split):
    """Changes that were applied, or, with a status that is not 200, what kept all of them from it.

    What is null is left out.
    """

    applied: list[PendingChangeRecord]
    failed_change_id: int | None = None
    failed_error: str | None = None
    failed_error_type: FailureType | None = None
    reason: Reason | None = Field(default=None, description="Of a failure: why, for programs.")
