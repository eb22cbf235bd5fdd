"""The shapes of what tells how the dataset came to be what it is: history, blame, feed, differences."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from modelref_git.server.wire.changes import Operation


class HistoryField(BaseModel):
    """What one step did to one field of a record."""

    path: str = Field(description="JSON pointer into the record.")
    old: Any = None
    new: Any = None


class HistoryEntry(BaseModel):
    """One step in the life of a record."""

    commit: str = Field(description="The commit of `main` that took it in.")
    change_id: int | None = Field(description="Null for what was done without a proposal.")
    batch_id: int | None
    operation: Operation
    author: str | None = Field(description="Who asked for it, as `name#id`.")
    approver: str | None
    applied_by: str | None
    time: int = Field(description="When it came to `main`, Unix seconds.")
    fields: list[HistoryField]


class BlameEntry(BaseModel):
    """What gave one field of a record its present value."""

    path: str = Field(description="JSON pointer into the record.")
    value: Any
    change_id: int | None
    batch_id: int | None
    author: str | None
    approver: str | None
    time: int
    commit: str


class FeedItem(BaseModel):
    """What one event did to one record."""

    commit: str
    event_id: int = Field(description="The last id of the event; the rows of one event stand together.")
    category: str
    model_name: str
    operation: Operation
    record: dict[str, Any] | None = Field(description="The record as it is then; null after a delete.")


class FeedPage(BaseModel):
    """A part of the feed."""

    items: list[FeedItem]
    next: str = Field(description="What `since` takes to go on behind the last item.")
    has_more: bool = Field(description="Whether there is more behind it already.")


class FieldDifference(BaseModel):
    """In what one field differs."""

    field_path: str
    old_value: Any = None
    new_value: Any = None
    change_type: Literal["added", "removed", "modified"]


class RecordDifference(BaseModel):
    """In what one record differs between two revisions."""

    category: str
    model_name: str
    net_operation: Literal["added", "modified", "deleted"]
    field_diffs: list[FieldDifference]


class DifferencePage(BaseModel):
    """A part of what differs between two revisions, by category and name."""

    items: list[RecordDifference]
    total: int = Field(description="The number of records that differ.")
    offset: int
    limit: int
    has_more: bool
