"""The queue, read: a page of changes, one change, and the difference that a change would make."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import merge as merge_sorted
from itertools import islice
from typing import Any, Final

from modelref_git.operations.answers import METADATA, STAMPS, find_change, payload, pending_record, without_stamps
from modelref_git.operations.context import Context
from modelref_git.proposals.events import DELETE
from modelref_git.proposals.header import APPLIED, APPROVED, PENDING, POLICY, REJECTED
from modelref_git.proposals.queue import Change
from modelref_git.records import codec
from modelref_git.records.diff import FieldDiff, field_diffs, is_critical, net_operation
from modelref_git.records.json_text import parse
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.layout import SCHEMAS
from modelref_git.store.log import View
from modelref_git.store.state import FOLDERS, StoredQueue, folder_of
from modelref_git.store.trees import compare, find

Sides = tuple[str | None, str | None]
"""The blobs of two states of a record; ``None`` is no record."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which changes are wanted: every filter that is given must hold; empty ones do not filter."""

    statuses: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    batch_id: int | None = None
    model_name: str = ""
    requested_by: tuple[str, ...] = ()

    @property
    def are_empty(self) -> bool:
        """Whether every change is wanted."""
        return not self.statuses and self.test() is None

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
    statuses = _found_statuses(filters)
    counts = view.queue.header.counts
    whole = not statuses & {APPLIED, REJECTED} or {APPLIED, REJECTED} <= statuses
    offset = min(offset, sys.maxsize)
    stop = None if limit is None else min(offset + limit, sys.maxsize)
    if filters.test() is None and whole:
        # The folders and the header's counts say all: only the page itself is read.
        page = islice(_ids(view.queue, statuses), offset, stop)
        return [find_change(view.queue, number) for number in page], sum(counts.get(status, 0) for status in statuses)
    matching = matching_changes(view.queue, filters)
    return matching[offset:stop], len(matching)


def matching_changes(queue: StoredQueue, filters: Filters) -> list[Change]:
    """Every change that *filters* hold for, ascending."""
    statuses, test = _found_statuses(filters), filters.test()
    found = (find_change(queue, number) for number in _ids(queue, statuses))
    return [change for change in found if change.status in statuses and (test is None or test(change))]


def _found_statuses(filters: Filters) -> set[str]:
    # No change is ever found in the status "applying": asking for it alone finds nothing.
    return set(filters.statuses or _STATUSES_FOUND) & _STATUSES_FOUND


def _ids(queue: StoredQueue, statuses: set[str]) -> Iterator[int]:
    folders = [folder for folder in FOLDERS if any(folder_of(status) == folder for status in statuses)]
    return merge_sorted(*(queue.change_ids(folder) for folder in folders))


_STATUSES_FOUND: Final = frozenset({PENDING, APPROVED, APPLIED, REJECTED})


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
    return pending_diff(view, view.dataset(), change)


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
            diffs.append(pending_diff(view, dataset, change))
    return {"diffs": diffs, "total": len(change_ids), "errors": errors}


def pending_diff(view: View, dataset: DatasetTree, change: Change, sides: Sides | None = None) -> dict[str, Any]:
    """The PendingChangeDiff of *change* against *dataset*; one of the policy shows the schemas that it touches too.

    With *sides*, two blobs or none, what changes from the one to the other is shown instead.
    """
    critical: tuple[str, ...] = ()
    current: dict[str, Any] | None
    if change.category == POLICY:
        current, proposed = _policies(view, dataset, change)
    else:
        live = None
        if change.category in dataset.config.categories:
            live = dataset.blob(change.category, change.model_name)
            critical = dataset.schema(change.category).critical
        asked = change.blob if change.blob is not None else change.base_blob
        # What legacy files alone hold is shown of an import, which may change it, and left out of all others.
        current, proposed = (_shown(view, blob, whole=change.origin is not None) for blob in sides or (live, asked))
    after = None if change.operation == DELETE and sides is None else proposed
    # Stamps are set by the program: they are no part of what somebody asks for.
    diffs = [item for item in field_diffs(current, after) if not _is_stamp(item.path)]
    net = net_operation(None if sides else change.operation, _unstamped(current), _unstamped(after))
    schemas = list(_schema_diffs(view, dataset, change)) if change.category == POLICY else []
    if schemas:
        diffs, net = diffs + schemas, "modified"
    rows = [item.as_json() for item in diffs]
    kinds = {kind: [row["field_path"] for row in rows if row["change_type"] == kind] for kind in _KINDS}
    return {
        "change_id": change.change_id,
        "category": change.category,
        "model_name": change.model_name,
        "operation": change.operation,
        "current_state": current,
        "proposed_state": proposed,
        "net_operation": net,
        "field_diffs": rows,
        "is_critical": is_critical([item.path for item in diffs], critical),
        "fields_added": kinds["added"],
        "fields_removed": kinds["removed"],
        "fields_modified": kinds["modified"],
    }


def _shown(view: View, blob: str | None, *, whole: bool) -> dict[str, Any] | None:
    if blob is None:
        return None
    record = codec.decode(view.objects.read_blob(blob))
    return record if whole else codec.without_remainder(record)


def _policies(view: View, dataset: DatasetTree, change: Change) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The policy now and as proposed: one that touches schemas alone leaves it as it is."""
    now = tomllib.loads(dataset.config_bytes.decode())
    return now, now if change.blob == change.base_blob else payload(view.objects, change)


def _schema_diffs(view: View, dataset: DatasetTree, change: Change) -> Iterator[FieldDiff]:
    """What a change of the policy does to schemas; the first part of each path is the file."""
    base, mine = (view.objects.read_commit(commit).tree for commit in (change.base, change.commit))
    for path, _, new in compare(view.objects, base, mine):
        if not path.startswith(f"{SCHEMAS}/"):
            continue
        now = find(view.objects, dataset.tree, path)
        before, after = (
            parse(view.objects.read_blob(entry.oid), what=path, max_bytes=None) if entry is not None else None
            for entry in (now, new)
        )
        for item in field_diffs(before, after):
            yield replace(item, path=(path, *item.path))


def readable_difference(
    before: dict[str, Any] | None, after: dict[str, Any] | None, *, stamps: bool = False
) -> list[str]:
    """Two records' difference in lines for people, down to the members of lists; *stamps* are left out unless asked."""
    from modelref_git.records.diff import describe

    return describe(before, after) if stamps else describe(_unstamped(before), _unstamped(after))


_KINDS: Final = ("added", "removed", "modified")


def _is_stamp(path: tuple[str, ...]) -> bool:
    return len(path) == 2 and path[0] == METADATA and path[1] in STAMPS


def _unstamped(record: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if record is None else without_stamps(record)
