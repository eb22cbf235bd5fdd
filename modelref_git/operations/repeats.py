"""Requests that a client may send twice: the second time nothing is done, and the answer is the first one's.

What a client calls its request stands in the events that answered it, so any process on any host knows it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from modelref_git.errors import KeyReused, ModelrefError
from modelref_git.operations.answers import find_change, pending_record, pending_records
from modelref_git.operations.context import Context
from modelref_git.operations.revert import revert_conflicts
from modelref_git.operations.wording import check_title
from modelref_git.proposals import events
from modelref_git.proposals.events import APPLY, APPROVE, BATCH_SPLIT, PURGE, REJECT, Event
from modelref_git.proposals.request_key import RequestKey
from modelref_git.store.git import GitStore
from modelref_git.store.index import Index
from modelref_git.store.log import View
from modelref_git.store.state import StoredQueue
from modelref_git.store.step import Step

_T = TypeVar("_T")

Again = Callable[[View, list[Event]], _T]
"""Gives an answer once more: from the repository as the step left it, and from its events, oldest first."""


class _AnsweredBefore(Exception):
    """The log has the step that answered the request."""

    def __init__(self, view: View, step: list[Event]) -> None:
        super().__init__()
        self.view = view
        self.step = step


def once_only(ctx: Context, do: Callable[[Context], _T], again: Again[_T]) -> _T:
    """What *do* answers; or, if the request that *ctx* names was answered before, what *again* makes of that step.

    It is asked where the step is decided, at the newest event, so of two callers at once one does it. A request that
    names itself by no key is done each time, and so is one whose step had nothing to write.

    Args:
        ctx: the caller, with or without a ``request``.
        do: the operation, of one step at most, with the way in that it is given.
        again: the answer that a step gave; its events have no more of their proposals than the commits.

    Raises:
        KeyReused: the caller gave the key to another request before.
        ModelrefError: as *do*.
    """
    request = ctx.request
    if request is None:
        return do(ctx)
    looked = ""

    def look(store: GitStore, head: str) -> None:
        nonlocal looked
        if head != looked:
            _check(store, head, request)
            looked = head

    def before(step: Step) -> None:
        if step.start is not None:
            look(step.store, step.start)

    try:
        # Before its turn: the derived index is brought up to date while others write.
        look(ctx.store, ctx.view().head)
        try:
            return do(replace(ctx, before=before))
        except ModelrefError:
            look(ctx.store, ctx.view().head)  # what it was refused for may be what it did itself, a moment ago
            raise
    except _AnsweredBefore as done:
        return again(done.view, done.step)


def _check(store: GitStore, head: str, request: RequestKey) -> None:
    """Raise what the log up to *head* has of *request*, if it has anything.

    Raises:
        KeyReused: another request had the key.
    """
    with Index(_view_at(store, head)) as index:
        found = index.request(request.key)
    if not found:
        return
    if any(content != request.content for _, content in found):
        raise KeyReused(
            "the key of this request was used for another request before; nothing was changed",
            hint="give each request a key of its own, and the same one only when it is sent again",
        )
    commits = [store.read_commit(oid) for oid, _ in found]
    step = [events.decode(commit.id, commit.message, commit.committer.time) for commit in commits]
    raise _AnsweredBefore(_view_at(store, commits[-1].id), step)


def _view_at(store: GitStore, head: str) -> View:
    objects = store.buffer()
    return View(store, head, StoredQueue(objects, store.read_commit(head).tree), objects)


# --- answers, given once more -----------------------------------------------------------------------------------------


def record_again(view: View, step: list[Event]) -> dict[str, Any]:
    """The PendingChangeRecord, without nulls, of the first change of a step: a proposal, or a rebase."""
    return pending_record(view.objects, find_change(view.queue, step[0].change_ids[0]), nulls=False)


def records_again(view: View, step: list[Event]) -> list[dict[str, Any]]:
    """The PendingChangeRecords, with nulls, of all changes of a step, ascending: of a withdraw, hold or unhold."""
    return pending_records(view.objects, view.queue, _about(step), nulls=True)


def review_again(view: View, step: list[Event], title: str | None = None) -> dict[str, Any]:
    """The PendingBatchResult of a review.

    *title* is the one that the request gave: approvals that completed nothing leave none behind.
    """
    titles = [event.title for event in step if event.title is not None]
    approved, rejected = (_about(event for event in step if event.action == action) for action in (APPROVE, REJECT))
    batches = (event.batch_id for event in step if event.action == APPROVE and event.batch_id is not None)
    return {
        "batch_id": next(batches, None),
        "batch_title": check_title(title) if title is not None else next(iter(titles), None),
        "approved": pending_records(view.objects, view.queue, approved, nulls=True),
        "rejected": pending_records(view.objects, view.queue, rejected, nulls=True),
    }


def apply_again(view: View, step: list[Event], change_ids: Sequence[int] = ()) -> dict[str, Any]:
    """The ApplyPendingChangesResponse of an apply; *change_ids* are those that the request named, in its order."""
    applied = _about(event for event in step if event.action == APPLY)
    splits = [event for event in step if event.action == BATCH_SPLIT and event.new_batch_id is not None]
    split = (
        {
            "batch_split_original_batch_id": splits[-1].batch_id,
            "batch_split_new_batch_id": splits[-1].new_batch_id,
            "batch_split_reassigned_count": len(splits[-1].reassigned),
        }
        if splits
        else {}
    )
    return {
        "applied": pending_records(view.objects, view.queue, change_ids or applied, nulls=False),
        "batch_split_occurred": bool(splits),
        **split,
    }


def purge_again(_view: View, step: list[Event]) -> dict[str, Any]:
    """The PurgePendingChangesResponse of a purge."""
    removed = _about(event for event in step if event.action == PURGE)
    return {"removed_count": len(removed), "removed_change_ids": removed, "dry_run": False}


def revert_again(batch_id: int) -> Again[dict[str, Any]]:
    """What gives the answer of the revert of a batch once more; its conflicts are those of the moment before it."""

    def answer(view: View, step: list[Event]) -> dict[str, Any]:
        commits = view.store.first_parents(view.head)
        before = [next(commits) for _ in range(len(step) + 1)][-1]
        at_that_time = Step(view.store, before.id, lambda: step[0].time, dry_run=True)
        return {"change_ids": _about(step), "conflicts": revert_conflicts(at_that_time, batch_id)}

    return answer


def _about(step: Iterable[Event]) -> list[int]:
    return sorted({change_id for event in step for change_id in event.change_ids})
