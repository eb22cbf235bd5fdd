"""The queue, read: a page of changes, one change, and the difference that a change would make."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge as merge_sorted
from itertools import islice
from typing import Any, Final

from modelref_git.operations.answers import STAMPS, find_change, payload, pending_record
from modelref_git.operations.context import Context
from modelref_git.proposals.events import DELETE
from modelref_git.proposals.header import APPLIED, APPROVED, PENDING, POLICY, REJECTED
from modelref_git.proposals.lifecycle import Change
from modelref_git.records import codec
from modelref_git.records.diff import field_diffs, is_critical, net_operation
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import View
from modelref_git.store.state import FOLDERS, folder_of


@dataclass(frozen=True, slots=True)
class Filters:
    """Which changes are wanted: every filter that is given must hold; empty ones do not filter."""

    statuses: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    batch_id: int | None = None
    model_name: str = ""
    requested_by: tuple[str, ...] = ()

    def test(self) -> Callable[[Change], bool] | None:
        """The test of a change, or ``None`` when nothing but the status filters."""
        wanted = self.model_name.strip().casefold()
        people = {text.rpartition("#")[2] for text in self.requested_by if text.strip()}
        categories = set(self.categories)
        if not (wanted or people or categories or self.batch_id is not None):
            return None

        def holds(change: Change) -> bool:
            return (
                (not categories or change.category in categories)
                and (self.batch_id is None or change.batch_id == self.batch_id)
                and (not people or change.requested_by in people)
                and wanted in change.model_name.casefold()
            )

        return holds


def list_changes(
    ctx: Context, filters: Filters, *, offset: int = 0, limit: int | None = 50, mine: bool = False
) -> dict[str, Any]:
    """A PendingQueuePage, oldest change first. With *mine*, only the caller's own."""
    view = ctx.view()
    if mine:
        person = ctx.person(view.dataset().config)
        filters = Filters(
            filters.statuses, filters.categories, filters.batch_id, filters.model_name, (person.actor.id,)
        )
    found, total = _selected(view, filters, offset, limit)
    items = [pending_record(view.objects, change, nulls=True) for change in found]
    return {"items": items, "total": total, "offset": offset, "limit": limit}


def _selected(view: View, filters: Filters, offset: int, limit: int | None) -> tuple[list[Change], int]:
    """The changes of one page, and how many there are on all pages."""
    # No change is ever found in the status "applying": asking for it alone finds nothing.
    statuses = set(filters.statuses or _STATUSES_FOUND) & _STATUSES_FOUND
    folders = [folder for folder in FOLDERS if any(folder_of(status) == folder for status in statuses)]
    ids = merge_sorted(*(view.queue.change_ids(folder) for folder in folders))
    test = filters.test()
    counts = view.queue.header.counts
    whole = not statuses & {APPLIED, REJECTED} or {APPLIED, REJECTED} <= statuses
    offset = min(offset, sys.maxsize)
    stop = None if limit is None else min(offset + limit, sys.maxsize)
    if test is None and whole:
        # The folders and the header's counts say all: only the page itself is read.
        return list(_read(view, islice(ids, offset, stop))), sum(counts.get(status, 0) for status in statuses)
    matching = [c for c in _read(view, ids) if c.status in statuses and (test is None or test(c))]
    return matching[offset:stop], len(matching)


_STATUSES_FOUND: Final = frozenset({PENDING, APPROVED, APPLIED, REJECTED})


def _read(view: View, ids: Iterator[int]) -> Iterator[Change]:
    return (find_change(view.queue, change_id) for change_id in ids)


def show_change(ctx: Context, change_id: int) -> dict[str, Any]:
    """One change: a PendingChangeRecord.

    Raises:
        NotFound: there is none with that number.
    """
    view = ctx.view()
    change = find_change(view.queue, change_id)
    _tell_waivers(ctx, change)
    return pending_record(view.objects, change, nulls=True)


def diff_change(ctx: Context, change_id: int) -> dict[str, Any]:
    """One PendingChangeDiff: what the change would do to today's record.

    Raises:
        NotFound: there is no change with that number.
    """
    view = ctx.view()
    change = find_change(view.queue, change_id)
    _tell_waivers(ctx, change)
    return _diff(view, view.dataset(), change)


def _tell_waivers(ctx: Context, change: Change) -> None:
    """Tell which rules a proposal was let pass in spite of: the shapes of the wire have no place for it."""
    if change.waived:
        ctx.warn(f"change {change.change_id} was let in with these rules waived: {', '.join(change.waived)}")


def diff_changes(ctx: Context, change_ids: Sequence[int]) -> dict[str, Any]:
    """A PendingChangeDiffPage: the differences of several changes, and the numbers that are none."""
    view = ctx.view()
    dataset = view.dataset()
    diffs, errors = [], []
    for change_id in change_ids:
        change = view.queue.change(change_id)
        if change is None:
            errors.append({"change_id": change_id, "error": "Change not found", "error_type": "NotFound"})
        else:
            _tell_waivers(ctx, change)
            diffs.append(_diff(view, dataset, change))
    return {"diffs": diffs, "total": len(change_ids), "errors": errors}


def _diff(view: View, dataset: DatasetTree, change: Change) -> dict[str, Any]:
    current: dict[str, Any] | None = None
    critical: tuple[str, ...] = ()
    if change.category == POLICY:
        current = tomllib.loads(dataset.config_bytes.decode())
    elif change.category in dataset.config.categories:
        blob = dataset.blob(change.category, change.model_name)
        if blob is not None:
            current = codec.without_remainder(codec.decode(view.objects.read_blob(blob)))
        critical = dataset.schema(change.category).critical
    proposed = payload(view.objects, change)
    after = None if change.operation == DELETE else proposed
    # Stamps are set by the program: they are no part of what somebody asks for.
    diffs = [item for item in field_diffs(current, after) if not _is_stamp(item.path)]
    rows = [item.as_json() for item in diffs]
    kinds = {kind: [row["field_path"] for row in rows if row["change_type"] == kind] for kind in _KINDS}
    return {
        "change_id": change.change_id,
        "category": change.category,
        "model_name": change.model_name,
        "operation": change.operation,
        "current_state": current,
        "proposed_state": proposed,
        "net_operation": net_operation(change.operation, _unstamped(current), _unstamped(after)),
        "field_diffs": rows,
        "is_critical": is_critical([item.path for item in diffs], critical),
        "fields_added": kinds["added"],
        "fields_removed": kinds["removed"],
        "fields_modified": kinds["modified"],
    }


def readable_difference(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    """Two records' difference in lines for people, down to the members of lists; stamps are left out."""
    from modelref_git.records.diff import describe

    return describe(_unstamped(before), _unstamped(after))


_KINDS: Final = ("added", "removed", "modified")


def _is_stamp(path: tuple[str, ...]) -> bool:
    return len(path) == 2 and path[0] == "metadata" and path[1] in STAMPS


def _unstamped(record: dict[str, Any] | None) -> dict[str, Any] | None:
    if record is None or not isinstance(record.get("metadata"), dict):
        return record
    kept = {key: value for key, value in record["metadata"].items() if key not in STAMPS}
    return {**record, "metadata": kept}
