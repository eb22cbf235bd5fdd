"""Batches as the queue's state has them: a page of them, and one with some of its members and what they did."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from modelref_git.operations.answers import batch_not_found, find_batch
from modelref_git.operations.audit import applied_trees, hidden_batches, net_change, states_of
from modelref_git.operations.context import Context
from modelref_git.proposals.queue import BATCH_APPLIED, Batch, Change
from modelref_git.store.index import Index
from modelref_git.store.log import View


@dataclass(frozen=True, slots=True)
class BatchList:
    """Batches, newest first."""

    batches: tuple[Batch, ...]
    next_cursor: int | None
    """Give it for those with lower numbers; ``None`` at the end."""


@dataclass(frozen=True, slots=True)
class Member:
    """One change of a batch."""

    change: Change
    effect: dict[str, Any] | None = None
    """What the batch did to its record, as ``audit net-changes`` tells it; ``None`` where it did nothing yet."""
    is_live: bool = False
    """Whether its record is there today."""


@dataclass(frozen=True, slots=True)
class BatchSheet:
    """One batch with some of its members."""

    batch: Batch
    members: tuple[Member, ...]
    next_after: int | None
    """Behind which change the next members begin; ``None`` at the end."""
    rejected: tuple[Change, ...]
    added: int = 0
    modified: int = 0
    deleted: int = 0
    """Records of the whole batch, where it is applied."""
    commits: tuple[str, ...] = ()
    """What it brought to ``main``, oldest first."""


def list_batches(
    ctx: Context, *, cursor: int | None = None, limit: int = 50, policy: bool = True, applied_only: bool = False
) -> BatchList:
    """A page of the batches, at most *limit*; without *policy* those of the policy are left out.

    It reads the batches alone, not what befell their changes, so that a page of large ones is as quick as any other.
    """
    view = ctx.view()
    with Index(view) as index:
        hidden = hidden_batches(index, policy=policy)
    # The state knows every batch; of those that only the log tells of, as of an old import, there is none.
    numbers = sorted(view.queue.batch_ids(), reverse=True)
    wanted = (number for number in numbers if number not in hidden and (cursor is None or number < cursor))
    found = (batch for number in wanted if (batch := view.queue.batch(number)) is not None)
    shown = (batch for batch in found if not applied_only or batch.status == BATCH_APPLIED)
    page = list(islice(shown, limit + 1))
    return BatchList(tuple(page[:limit]), page[limit - 1].batch_id if len(page) > limit else None)


def batch_sheet(ctx: Context, batch_id: int, *, after: int = 0, limit: int = 50, policy: bool = True) -> BatchSheet:
    """A batch with at most *limit* of its members, behind the change *after*.

    Raises:
        BatchNotFound: there is none, or it is one of the policy and those are left out.
    """
    view = ctx.view()
    batch = find_batch(view.queue, batch_id)
    with Index(view) as index:
        if batch_id in hidden_batches(index, policy=policy):
            raise batch_not_found(view.queue, batch_id)
        trees, changed = applied_trees(view, index, batch_id)
        applies = index.events(batch_id=batch_id, actions=("apply",))
        commits = index.commits_by(applies[0][0]) if applies else []
    numbers = [number for number in batch.changes if number > after]
    live = view.dataset()
    members = []
    for change in _changes(view, numbers[:limit]):
        key = (change.category, change.model_name)
        effect = net_change(*trees, key, states_of(*trees, key, changed)) if trees is not None else None
        known = change.category in live.config.categories
        members.append(Member(change, effect, known and live.blob(*key) is not None))
    added = sum(1 for before, _ in changed.values() if before is None)
    deleted = sum(1 for _, now in changed.values() if now is None)
    return BatchSheet(
        batch,
        tuple(members),
        numbers[limit - 1] if len(numbers) > limit else None,
        tuple(_changes(view, batch.rejected[:limit])),
        added,
        len(changed) - added - deleted,
        deleted,
        tuple(commits),
    )


def _changes(view: View, numbers: tuple[int, ...] | list[int]) -> list[Change]:
    """The changes with these numbers; of one that was purged what is kept of it."""
    found = (view.queue.change(number) or view.queue.purged(number) for number in numbers)
    return [change for change in found if change is not None]
