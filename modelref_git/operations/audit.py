"""The audit views: what is pending, what became of each batch, and what a batch did to the dataset.

The queue's part is folded from its events, the dataset's is read off the history of ``main``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from modelref_git.operations.answers import batch_not_found, payload
from modelref_git.operations.audit_events import read_event
from modelref_git.operations.context import Context
from modelref_git.proposals.audit import DOMAIN, AuditFold, BatchStory
from modelref_git.proposals.events import APPLY, BATCH_SPLIT, DELETE, UPDATE
from modelref_git.proposals.header import APPLIED, PENDING, POLICY
from modelref_git.proposals.queue import Change
from modelref_git.records import codec
from modelref_git.records.diff import field_diffs, is_critical, net_operation
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.index import Index
from modelref_git.store.log import View

_Key = tuple[str, str]
"""Category and name of a record."""
_States = tuple[dict[str, Any] | None, dict[str, Any] | None]
"""A record before and after."""

_NO_BATCH: Final = 2**62
"""No batch has a number so high, and no database holds much higher ones."""


def audit_current(ctx: Context, *, policy: bool = True) -> dict[str, Any]:
    """What waits for a decision: a PendingQueueAuditCurrentResponse, newest first.

    Without *policy*, here and in the other views, what is about the policy is left out.
    """
    view = ctx.view()
    with Index(view) as index:
        # The state says which changes are worth looking at; what is told of them, and whether they wait, says the log.
        fold = _fold(view, index, set(view.queue.change_ids(PENDING)))
    shown = (story for story in fold.changes.values() if policy or story.category != POLICY)
    waiting = [story for story in shown if story.status == PENDING and not story.is_purged]
    waiting.sort(key=lambda story: (story.requested_at or 0, story.change_id), reverse=True)
    return {
        "domain": DOMAIN,
        "pending_changes": [story.as_json() for story in waiting],
        "total_pending": len(waiting),
        "generated_at": ctx.clock(),
    }


def audit_batches(ctx: Context, *, cursor: int | None = None, limit: int = 50, policy: bool = True) -> dict[str, Any]:
    """The batches, newest first: a PendingQueueAuditBatchPage.

    Args:
        ctx: the way in.
        cursor: only batches with lower numbers.
        limit: at most so many.
        policy: whether batches of the policy are among them.
    """
    view = ctx.view()
    with Index(view) as index:
        hidden = hidden_batches(index, policy=policy)
        found = index.batches(None if cursor is None else min(cursor, _NO_BATCH), limit + 1 + len(hidden))
        numbers = [number for number in found if number not in hidden]
        page, more = numbers[:limit], len(numbers) > limit
        fold = _fold_of_batches(view, index, page)
    return {
        "domain": DOMAIN,
        "batches": [fold.batches[number].as_json() for number in page],
        "next_cursor": page[-1] if more else None,
    }


def audit_batch(ctx: Context, batch_id: int, *, policy: bool = True) -> dict[str, Any]:
    """One batch with its changes: a PendingQueueAuditBatchDetail.

    Raises:
        NotFound: there is no batch with that number.
    """
    view = ctx.view()
    with Index(view) as index:
        fold, batch = _story(view, index, batch_id, policy=policy)
    return {**batch.as_json(), "changes": [story.as_json() for story in fold.members(batch)]}


def audit_net_changes(ctx: Context, batch_id: int, *, policy: bool = True) -> dict[str, Any]:
    """What a batch did to the dataset, by the trees before and after it: a BatchNetChangeResponse.

    A batch that is not applied has done nothing yet. Of one that was applied before the queue was imported only its
    payloads are known: what a create made and a delete took, and what an update made, but not of what.

    Raises:
        NotFound: there is no batch with that number.
    """
    view = ctx.view()
    with Index(view) as index:
        fold, batch = _story(view, index, batch_id, policy=policy)
        asked = {
            (story.category or "", story.model_name or "") for story in fold.members(batch) if story.status == APPLIED
        }
        trees, changed = applied_trees(view, index, batch_id)
    rows: list[dict[str, Any]] = []
    if trees is None:
        rows = list(_before_the_import(ctx, view, batch_id))
    else:
        before, after = trees
        keys = sorted(asked | changed.keys())
        rows = [net_change(before, after, key, states_of(before, after, key, changed)) for key in keys]
    kinds = [row["net_operation"] for row in rows]
    return {
        "batch_id": batch_id,
        "batch_title": batch.title,
        "domain": DOMAIN,
        "model_changes": rows,
        "models_added": kinds.count("added"),
        "models_modified": kinds.count("modified"),
        "models_deleted": kinds.count("deleted"),
        "models_unchanged": kinds.count("unchanged"),
        "total_field_changes": sum(len(row["field_diffs"]) for row in rows),
        "has_critical_changes": any(row["is_critical"] for row in rows),
        "generated_at": ctx.clock(),
    }


def _before_the_import(ctx: Context, view: View, batch_id: int) -> Iterator[dict[str, Any]]:
    """The net changes of a batch that was applied before the queue was imported, as far as payloads tell them."""
    batch = view.queue.batch(batch_id)
    changes = (view.queue.change(number) or view.queue.purged(number) for number in (batch.changes if batch else ()))
    asked: dict[_Key, list[Change]] = {}
    for change in changes:
        if change is not None and change.status == APPLIED and change.is_imported:
            asked.setdefault((change.category, change.model_name), []).append(change)
    if any(rows[0].operation == UPDATE for rows in asked.values()):
        ctx.warn(f"batch {batch_id} was applied before the queue was imported: its updates do not tell of what")
    for key in sorted(asked):
        first, last = asked[key][0], asked[key][-1]
        before = payload(view.objects, first) if first.operation == DELETE else None
        after = payload(view.objects, last) if last.operation != DELETE else None
        known = first.operation != UPDATE
        row = net_change(view.dataset(), view.dataset(), key, (before, after if known else None))
        yield row if known else {**row, "net_operation": _UNKNOWN[after is None], "after_state": after}


_UNKNOWN: Final = {True: "deleted", False: "modified"}
"""What an update, and what came after it in its batch, did to a record, where the state before it is not known."""


def _fold(view: View, index: Index, changes: Collection[int], batches: Collection[int] = ()) -> AuditFold:
    fold = AuditFold(changes)
    for commit in index.commits_about(changes, batches):
        fold.add(read_event(view, commit, changes))
    return fold


def _fold_of_batches(view: View, index: Index, batches: Iterable[int]) -> AuditFold:
    """The story of *batches*, and of those that they were split off: title and first approver come from there."""
    known: set[int] = set()
    new = set(batches)
    while new:
        known |= new
        rows = [row for number in new for row in index.events(batch_id=number, actions=(BATCH_SPLIT,))]
        splits = [read_event(view, commit) for _, commit in rows]
        new = {split.batch_id for split in splits if split.new_batch_id in new and split.batch_id is not None} - known
    return _fold(view, index, index.members(known), known)


def _story(view: View, index: Index, batch_id: int, *, policy: bool) -> tuple[AuditFold, BatchStory]:
    if not 0 < batch_id < _NO_BATCH or batch_id in hidden_batches(index, policy=policy):
        raise batch_not_found(view.queue, batch_id)
    fold = _fold_of_batches(view, index, [batch_id])
    if batch_id not in fold.batches:
        raise batch_not_found(view.queue, batch_id)
    return fold, fold.batches[batch_id]


def hidden_batches(index: Index, *, policy: bool) -> set[int]:
    """The batches that are not told of: without *policy* those of the policy, each of which holds nothing else."""
    return set() if policy else index.batches_of(index.changes((POLICY,)))


_Trees = tuple[DatasetTree, DatasetTree]
_Changed = dict[_Key, tuple[str | None, str | None]]


def applied_trees(view: View, index: Index, batch_id: int) -> tuple[_Trees | None, _Changed]:
    """The dataset before and after a batch was applied, and the blobs of the records that it changed there."""
    changed: _Changed = {}
    # Each part of the apply is one event; a batch is applied once, and what is left of it then is another batch.
    applies = index.events(batch_id=batch_id, actions=(APPLY,))
    commits = index.commits_by(applies[0][0]) if applies else []
    if not commits:
        return None, changed
    for row in index.changes_by(applies[0][0]):
        first, _ = changed.get((row.category, row.name), (row.before, None))
        changed[row.category, row.name] = first, row.after
    base = view.objects.read_commit(commits[0]).parents[0]
    return (view.dataset(base), view.dataset(commits[-1])), changed


def states_of(before: DatasetTree, after: DatasetTree, key: _Key, changed: _Changed) -> _States:
    """A record before and after, of whose blobs *changed* knows those that differ."""
    category, name = key
    if category == POLICY:
        left, right = (tomllib.loads(tree.config_bytes.decode()) for tree in (before, after))
        return left, right
    blob = after.blob(category, name) if category in after.config.categories else None
    first, last = (
        None if oid is None else codec.without_remainder(codec.decode(after.objects.read_blob(oid)))
        for oid in changed.get(key, (blob, blob))
    )
    return first, last


def net_change(before: DatasetTree, after: DatasetTree, key: _Key, states: _States) -> dict[str, Any]:
    """What became of a record between two datasets: an entry of a BatchNetChangeResponse."""
    category, name = key
    old, new = states
    tree = after if category in after.config.categories else before
    critical = tree.schema(category).critical if category in tree.config.categories else ()
    diffs = field_diffs(old, new)
    return {
        "model_name": name,
        "category": category,
        "net_operation": net_operation(None, old, new),
        "before_state": old,
        "after_state": new,
        "field_diffs": [item.as_json() for item in diffs],
        "is_critical": is_critical([item.path for item in diffs], critical),
    }
