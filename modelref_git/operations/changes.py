"""The queue, read: a page of changes, one change, and the difference that a change would make."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from modelref_git.store.index import Index
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
    policy: bool = True
    """Whether changes of the policy are wanted too."""

    @property
    def are_empty(self) -> bool:
        """Whether every change is wanted, or every one of a record."""
        return not (self.statuses or self.batch_id is not None or self.looks_at_facts)

    @property
    def looks_at_facts(self) -> bool:
        """Whether a change is wanted for what never changes of it: its category, its name, who asked."""
        return bool(self.categories or self.name_part or self.people)

    @property
    def name_part(self) -> str:
        """What the name of a wanted change contains, casefolded."""
        return self.model_name.strip().casefold()

    @property
    def people(self) -> set[str]:
        """The ids of those whose changes are wanted; none for everybody's."""
        return {text.strip().rpartition("#")[2] for text in self.requested_by if text.strip()}

    def test(self) -> Callable[[Change], bool] | None:
        """The test of a change, or ``None`` when nothing but the status filters."""
        wanted, people, categories = self.name_part, self.people, set(self.categories)
        if self.policy and self.batch_id is None and not self.looks_at_facts:
            return None

        def holds(change: Change) -> bool:
            return (
                (self.policy or change.category != POLICY)
                and (not categories or change.category in categories)
                and (self.batch_id is None or change.batch_id == self.batch_id)
                and (not people or change.requested_by in people)
                and wanted in change.model_name.casefold()
            )

        return holds


def list_changes(
    ctx: Context,
    filters: Filters,
    *,
    offset: int = 0,
    limit: int | None = 50,
    mine: bool = False,
    indexed: bool = False,
) -> dict[str, Any]:
    """A PendingQueuePage, oldest change first.

    Args:
        ctx: the caller.
        filters: which changes.
        offset: so many of them are passed over.
        limit: at most so many are listed.
        mine: only the caller's own.
        indexed: ask the derived index which changes are wanted instead of reading them. It is made for the first who
            asks, so this is for those who ask often.
    """
    view = ctx.view()
    if mine:
        person = ctx.person(view.dataset().config)
        filters = replace(filters, requested_by=(person.actor.id,))
    found, total = (_selected_by_index if indexed else _selected)(view, filters, offset, limit)
    items = [pending_record(view.objects, change, nulls=True) for change in found]
    return {"items": items, "total": total, "offset": offset, "limit": limit}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some changes in a row, oldest first."""

    changes: tuple[Change, ...]
    is_last: bool
    """Whether no wanted change comes behind them."""
    total: int | None
    """How many are wanted in all; ``None`` where only reading every one of them would tell."""


def changes_after(view: View, filters: Filters, after: int, limit: int) -> Stretch:
    """At most *limit* of the changes that *filters* hold for, behind the change *after*, by the derived index.

    What is decided meanwhile shifts nothing, as it would shift pages.
    """
    statuses = _found_statuses(filters)
    numbers, hidden = _indexed(view, filters, statuses)
    whole = _are_whole(statuses) and filters.batch_id is None
    total: int | None = None
    if whole and not filters.looks_at_facts:
        total = _count(view, statuses) - sum(1 for _ in _holding(view.queue, hidden, statuses, Filters()))
    elif whole:
        listed = list(numbers)
        numbers, total = iter(listed), len(listed)
    rest = (number for number in numbers if number > after)
    found = list(islice(_holding(view.queue, rest, statuses, filters), limit + 1))
    return Stretch(tuple(found[:limit]), len(found) <= limit, total)


def _selected(view: View, filters: Filters, offset: int, limit: int | None) -> tuple[list[Change], int]:
    """The changes of one page, and how many there are on all pages."""
    statuses = _found_statuses(filters)
    page = _page(offset, limit)
    if filters.test() is None and _are_whole(statuses):
        # The folders and the header's counts say all: only the page itself is read.
        numbers = islice(_ids(view.queue, statuses), page.start, page.stop)
        return [find_change(view.queue, number) for number in numbers], _count(view, statuses)
    matching = matching_changes(view.queue, filters)
    return matching[page], len(matching)


def _selected_by_index(view: View, filters: Filters, offset: int, limit: int | None) -> tuple[list[Change], int]:
    """What `_selected` gives, with as little read as can be."""
    statuses, page = _found_statuses(filters), _page(offset, limit)
    by_facts, by_batch = filters.looks_at_facts, filters.batch_id is not None
    numbers, hidden = _indexed(view, filters, statuses)
    if by_facts and _are_whole(statuses) and not by_batch:
        found = list(numbers)
        return [find_change(view.queue, number) for number in found[page]], len(found)
    if by_facts or by_batch:
        matching = list(_holding(view.queue, numbers, statuses, filters))
        return matching[page], len(matching)
    gone = sum(1 for _ in _holding(view.queue, hidden, statuses, Filters()))
    total = _count(view, statuses) - gone
    if _are_whole(statuses):
        return [find_change(view.queue, number) for number in islice(numbers, page.start, page.stop)], total
    return list(islice(_holding(view.queue, numbers, statuses, filters), page.start, page.stop)), total


def _indexed(view: View, filters: Filters, statuses: set[str]) -> tuple[Iterator[int], set[int]]:
    """The numbers of the changes that may be wanted, by the index, ascending; and those that must not be shown."""
    by_facts, by_batch = filters.looks_at_facts, filters.batch_id is not None
    with Index(view) as index:
        wanted = set(index.changes(filters.categories, filters.name_part, filters.people)) if by_facts else set()
        members = index.members([filters.batch_id]) if filters.batch_id is not None else set()
        hidden = set() if filters.policy else set(index.changes((POLICY,)))
    numbers = (
        number
        for number in _ids(view.queue, statuses)
        if number not in hidden and (not by_facts or number in wanted) and (not by_batch or number in members)
    )
    return numbers, hidden


def _page(offset: int, limit: int | None) -> slice:
    offset = min(offset, sys.maxsize)
    return slice(offset, None if limit is None else min(offset + limit, sys.maxsize))


def _are_whole(statuses: set[str]) -> bool:
    """Whether the folders of *statuses* hold no change of another one."""
    return not statuses & {APPLIED, REJECTED} or {APPLIED, REJECTED} <= statuses


def _count(view: View, statuses: set[str]) -> int:
    return sum(view.queue.header.counts.get(status, 0) for status in statuses)


def matching_changes(queue: StoredQueue, filters: Filters) -> list[Change]:
    """Every change that *filters* hold for, ascending."""
    statuses = _found_statuses(filters)
    return list(_holding(queue, _ids(queue, statuses), statuses, filters))


def _holding(queue: StoredQueue, numbers: Iterable[int], statuses: set[str], filters: Filters) -> Iterator[Change]:
    """Those of the changes with these *numbers* that *filters* hold for, read one by one."""
    test = filters.test()
    for number in numbers:
        change = queue.change(number)
        if change is not None and change.status in statuses and (test is None or test(change)):
            yield change


def _found_statuses(filters: Filters) -> set[str]:
    # No change is ever found in the status "applying": asking for it alone finds nothing.
    return set(filters.statuses or _STATUSES_FOUND) & _STATUSES_FOUND


def _ids(queue: StoredQueue, statuses: set[str]) -> Iterator[int]:
    folders = [folder for folder in FOLDERS if any(folder_of(status) == folder for status in statuses)]
    return merge_sorted(*(queue.change_ids(folder) for folder in folders))


_STATUSES_FOUND: Final = frozenset({PENDING, APPROVED, APPLIED, REJECTED})


def show_change(ctx: Context, change_id: int, *, policy: bool = True) -> dict[str, Any]:
    """One change: a PendingChangeRecord; without *policy* only if it is one of a record.

    Raises:
        NotFound: there is none with that number.
    """
    view = ctx.view()
    change = find_change(view.queue, change_id, policy=policy)
    _tell_waivers(ctx, change)
    return pending_record(view.objects, change, nulls=True)


def diff_change(ctx: Context, change_id: int, *, policy: bool = True) -> dict[str, Any]:
    """One PendingChangeDiff: what the change would do to today's record; *policy* is as for `show_change`.

    Raises:
        NotFound: there is no change with that number.
    """
    view = ctx.view()
    change = find_change(view.queue, change_id, policy=policy)
    _tell_waivers(ctx, change)
    return pending_diff(view, view.dataset(), change)


def _tell_waivers(ctx: Context, change: Change) -> None:
    """Tell which rules a proposal was let pass in spite of: the shapes of the wire have no place for it."""
    if change.waived:
        ctx.warn(f"change {change.change_id} was let in with these rules waived: {', '.join(change.waived)}")


def diff_changes(ctx: Context, change_ids: Sequence[int], *, policy: bool = True) -> dict[str, Any]:
    """A PendingChangeDiffPage: the differences of several changes, and the numbers that are none.

    Without *policy* the numbers of changes of the policy are none.
    """
    view = ctx.view()
    dataset = view.dataset()
    diffs, errors = [], []
    for change_id in change_ids:
        change = view.queue.change(change_id)
        if change is None or (change.category == POLICY and not policy):
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
