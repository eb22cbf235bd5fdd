"""Full records that were edited from an older state: what they changed since then is merged onto today's record.

Never a silent return to yesterday: what does not merge is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modelref_git.errors import Conflict
from modelref_git.operations.drafting import Request, stored_form
from modelref_git.records import codec
from modelref_git.records.json_text import same
from modelref_git.records.merge import FieldConflict, merge_records
from modelref_git.store import log
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step


def by_stamp(step: Step, dataset: DatasetTree, request: Request, name: str, live: dict[str, Any]) -> Request:
    """*request* for today's record, found stale by its ``metadata.updated_at``.

    Raises:
        Conflict: no state of the record had that stamp, or what was changed since does not merge.
    """
    stamp, now = _stamp(request.payload), _stamp(live)
    if stamp is None or same(stamp, now):
        return request
    then = _state_with(step, request.category, name, stamp)
    if then is None:
        raise Conflict(
            f"{request.category} {name!r} was edited from a state that never was on main: its metadata.updated_at is "
            f"{stamp}, today's is {now}",
            hint=f"take today's record with `modelref-git get {request.category} {name!r}` and edit that",
        )
    return brought_up(dataset, request, name, live, then, f"the state of {stamp}")


def brought_up(
    dataset: DatasetTree,
    request: Request,
    name: str,
    live: dict[str, Any],
    then: dict[str, Any] | None,
    what: str,
) -> Request:
    """*request* with what it changed since *then* (*what*, for messages) made on the *live* record.

    Raises:
        Conflict: both sides changed a field; ``details`` lists them.
    """
    if then is None or request.payload is None:
        raise Conflict(f"{request.category} has no record {name!r} at {what}, so it cannot have been edited from there")
    if same(then, live):
        return request
    schema = dataset.schema(request.category)
    edited, faults = stored_form(schema, codec.without_remainder(dict(request.payload)), then)
    if faults:
        return request  # the checks on the way in list them
    before, today = codec.without_remainder(then), codec.without_remainder(live)
    merged = merge_records(before, today, edited, schema.merge_hints)
    if merged.conflicts:
        raise refusal(request.category, name, merged.conflicts, what)
    return replace(request, payload=merged.record)


def refusal(category: str, name: str, conflicts: Sequence[FieldConflict], what: str) -> Conflict:
    """The refusal of a record that was edited from *what*, and does not merge with today's."""
    details = [
        {
            "change_id": None,
            "category": category,
            "model_name": name,
            "path": conflict.path,
            "base": conflict.base,
            "ours": conflict.ours,
            "theirs": conflict.theirs,
            "other_change_id": None,
            "authors": [],
        }
        for conflict in conflicts
    ]
    at = f" at {conflicts[0].path}" if conflicts[0].path else ""
    return Conflict(
        f"{category} {name!r} was edited from {what}, and has changed since{at}",
        hint=f"take today's record with `modelref-git get {category} {name!r}` and edit that",
        details=details,
    )


def _stamp(record: Any) -> Any:
    metadata = (record or {}).get("metadata")
    return metadata.get("updated_at") if isinstance(metadata, dict) else None


def _state_with(step: Step, category: str, name: str, stamp: Any) -> dict[str, Any] | None:
    """The newest state of a record on ``main`` that has the *stamp*."""
    from modelref_git.store.index import Index

    with Index(log.read(step.store)) as index:
        for row in index.record(category, name):
            for blob in (row.after, row.before):
                state = codec.decode(step.objects.read_blob(blob)) if blob is not None else None
                if same(_stamp(state), stamp):
                    return state
    return None
