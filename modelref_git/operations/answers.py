"""The shapes of answers that several operations give: a change as the wire has it, a payload, a batch result."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any, Final

from modelref_git.errors import NotFound, WrongState
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.queue import Batch, Change
from modelref_git.records import codec, text
from modelref_git.records.categories import TEXT_GENERATION
from modelref_git.store.objects import ObjectBuffer
from modelref_git.store.state import StoredQueue

_WIRE_FIELDS: Final = (
    *("change_id", "category", "model_name", "operation", "payload"),
    *("requested_by", "requested_username", "requested_at", "status", "notes", "batch_id", "batch_title"),
    *("approved_by", "approved_username", "approved_at"),
    *("rejected_by", "rejected_username", "rejected_at", "reject_reason"),
    *("applied_at", "applied_by", "applied_username", "applied_job_id"),
    *("updated_at", "request_metadata", "related_models"),
)
"""The fields of a PendingChangeRecord in the order of the wire."""

STAMPS: Final = ("created_at", "updated_at", "created_by", "updated_by")
"""The members of a record's ``metadata`` that the program sets."""

METADATA: Final = "metadata"

PROVISIONAL: Final = "provisional"
"""The member that marks a proposal which waits in the outbox of a clone: ``push`` gives it its number."""


class ChangeNotFound(NotFound):
    """There is no change with a number, or none any more."""

    def __init__(self, change_id: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.change_id = change_id


class BatchNotFound(NotFound):
    """There is no batch with a number."""

    def __init__(self, batch_id: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.batch_id = batch_id


class Held(WrongState):
    """A change that is to be approved or applied is stopped for now."""

    def __init__(self, change: Change, *, hint: str) -> None:
        by = f"held by {change.held_username}: {change.hold_reason}"
        super().__init__(f"change {change.change_id} is {by}", hint=hint)
        self.change = change


def without_stamps(record: dict[str, Any]) -> dict[str, Any]:
    """What somebody asks for of *record*: without the stamps that the program sets."""
    metadata = record.get(METADATA)
    if not isinstance(metadata, dict):
        return record
    return {**record, METADATA: {key: value for key, value in metadata.items() if key not in STAMPS}}


def payload(objects: ObjectBuffer, change: Change) -> dict[str, Any] | None:
    """What a change is about: the proposed record, or for a delete the record that was live when it was queued."""
    blob = change.blob if change.blob is not None else change.base_blob
    if blob is None:
        return None
    if change.category == POLICY:
        return tomllib.loads(objects.read_blob(blob).decode())
    return codec.without_remainder(codec.decode(objects.read_blob(blob)))


def pending_record(objects: ObjectBuffer, change: Change, *, nulls: bool) -> dict[str, Any]:
    """A PendingChangeRecord, with or without the fields that are null."""
    row = {name: getattr(change, name, None) for name in _WIRE_FIELDS}
    row["payload"] = payload(objects, change)
    if change.category == TEXT_GENERATION:
        row["related_models"] = text.related_models(change.model_name)
    return row if nulls else {key: value for key, value in row.items() if value is not None}


def pending_records(
    objects: ObjectBuffer, queue: StoredQueue, change_ids: Iterable[int], *, nulls: bool
) -> list[dict[str, Any]]:
    """The PendingChangeRecords of several changes."""
    return [pending_record(objects, find_change(queue, change_id), nulls=nulls) for change_id in change_ids]


def find_change(queue: StoredQueue, change_id: int, *, policy: bool = True) -> Change:
    """The change with that number; without *policy*, only if it is one of a record.

    Raises:
        ChangeNotFound: there is none.
    """
    change = queue.change(change_id)
    if change is not None and change.category == POLICY and not policy:
        raise ChangeNotFound(change_id, f"change {change_id} is one of the policy, and of no record")
    purged = queue.purged(change_id) if change is None else None
    if purged is not None:
        raise ChangeNotFound(
            change_id,
            f"there is no change {change_id} any more: {purged.purged_username} purged it",
            hint=f"`modelref-git audit events --change {change_id}` tells what became of it",
        )
    if change is None:
        last = queue.header.last_change_id
        hint = f"the newest change is {last}; `modelref-git changes` lists them" if last else "the queue is empty"
        if 0 < change_id <= last:  # the import of the queue skipped it
            hint = f"`modelref-git audit events --change {change_id}` tells what is known of it"
        raise ChangeNotFound(change_id, f"there is no change {change_id}", hint=hint)
    return change


def find_batch(queue: StoredQueue, batch_id: int) -> Batch:
    """The batch with that number.

    Raises:
        BatchNotFound: there is none.
    """
    batch = queue.batch(batch_id)
    if batch is None:
        raise batch_not_found(queue, batch_id)
    return batch


def batch_not_found(queue: StoredQueue, batch_id: int) -> BatchNotFound:
    """What is said of a batch that is not there."""
    last = queue.header.last_batch_id
    hint = f"the newest batch is {last}; `modelref-git audit batches` lists them" if last else None
    return BatchNotFound(batch_id, f"there is no batch {batch_id}", hint=hint)
