"""The shape of a page of the queue, and the words by which it is filtered."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from modelref_git.server.categories import CategoryName
from modelref_git.server.wire.changes import PendingChangeRecord

NAME_AT_MOST = 200


class PendingChangeStatus(StrEnum):
    """Where a change stands. None is ever found `applying`: an apply is one step."""

    PENDING = "pending"
    APPROVED = "approved"
    APPLYING = "applying"
    APPLIED = "applied"
    REJECTED = "rejected"


class PendingQueuePage(BaseModel):
    """Some of the changes in the queue, oldest first."""

    items: list[PendingChangeRecord]
    total: int = Field(description="How many there are on all pages.")
    offset: int
    limit: int | None


Statuses = Annotated[list[PendingChangeStatus] | None, Query(description="Only changes in any of these.")]
Categories = Annotated[list[CategoryName] | None, Query(description="Only changes of records in any of these.")]
Batch = Annotated[int | None, Query(ge=1, description="Only changes of this batch.")]
NamePart = Annotated[
    str | None, Query(min_length=1, max_length=NAME_AT_MOST, description="A part of the model's name, whatever case.")
]
People = Annotated[list[str] | None, Query(description="Only what any of these users asked for, by their ids.")]
Offset = Annotated[int, Query(ge=0, description="So many are passed over.")]
Limit = Annotated[int, Query(ge=1, le=500, description="At most so many on a page.")]
