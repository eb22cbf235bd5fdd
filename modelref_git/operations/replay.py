"""Replay: the queue's state made anew from its events alone, and the records from the history of ``main`` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from modelref_git.errors import IntegrityFailure, ModelrefError
from modelref_git.operations.context import Context
from modelref_git.operations.merging import Merging
from modelref_git.proposals import lifecycle, trailers
from modelref_git.proposals.folds.asked import queued
from modelref_git.store import log
from modelref_git.store.dataset import DatasetTree, changed_records
from modelref_git.store.git import GitStore
from modelref_git.store.objects import Commit
from modelref_git.store.state import StoredQueue, state_files
from modelref_git.store.trees import compare

Progress = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What differs between what is stored and what the histories give."""

    differences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether nothing does."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """The answer of ``audit replay``."""
        return {"equal": self.equal, "differences": self.differences}


def replay(
    ctx: Context,
    *,
    queue: bool = True,
    dataset: bool = True,
    revision: str | None = None,
    progress: Progress = lambda: None,
) -> Replayed:
    """Rebuild the queue's state from its events alone, and the records from the history of ``main`` alone; compare.

    Args:
        ctx: the way in.
        queue: do the first.
        dataset: do the second.
        revision: a commit of ``queue``, for both as they were then; or one of ``main``, for the dataset alone.
        progress: called for each commit.

    Raises:
        NotFound: there is no such revision.
        IntegrityFailure: the revision is of neither history, or not of the one that is asked for.
    """
    view = ctx.view()
    head, main = view.head, view.main
    if revision is not None:
        found = ctx.store.resolve(revision)
        if any(commit.id == found for commit in ctx.store.first_parents(head)):
            head = found
            main = StoredQueue(view.objects, ctx.store.read_commit(found).tree).header.main or main
        elif any(commit.id == found for commit in ctx.store.first_parents(main)) and (dataset or not queue):
            main, queue = found, False
        else:
            branches = "queue or main" if dataset else "queue"
            raise IntegrityFailure(
                f"{revision!r} is {found}, which is no commit of {branches}",
                hint="`git log --first-parent queue` and `git log --first-parent main` list them",
            )
    differences = []
    if queue:
        differences += list(_queue(ctx.store, head, progress))
    if dataset:
        differences += list(_dataset(ctx.store, main, progress))
    return Replayed(differences)


def _queue(store: GitStore, head: str, progress: Progress) -> Iterator[dict[str, Any]]:
    """Fold all events up to *head* from nothing, and compare file by file."""
    objects = store.buffer()
    rebuilt = StoredQueue(objects, None)
    try:
        for _, event in reversed(list(log.history(store, head))):
            lifecycle.apply_event(rebuilt, event)
            progress()
    except (ModelrefError, ValueError) as fault:
        message = fault.message if isinstance(fault, ModelrefError) else str(fault)
        yield {"history": "queue", "message": f"the events cannot be folded: {message}"}
        return
    stored, made = store.read_commit(head).tree, rebuilt.write()
    if stored == made:
        return
    left, right = state_files(objects, stored), state_files(objects, made)
    for path in sorted(left.keys() | right.keys()):
        if left.get(path) != right.get(path):
            yield {"history": "queue", "path": path, "stored": left.get(path), "rebuilt": right.get(path)}


def _dataset(store: GitStore, head: str, progress: Progress) -> Iterator[dict[str, Any]]:
    """Make every batch on the first parents of *head* anew from the commit before it, and compare records.

    Any other commit is what it says: its difference to the commit before it. So each commit is looked at beside what
    the one before gives, and a difference is told of the very commit in which it lies.
    """
    for oid in reversed([found.id for found in store.first_parents(head)]):
        commit = store.read_commit(oid)
        numbers = _batch_of(commit)
        if numbers is not None:
            yield from _batch(store, commit, numbers)
        progress()


def _batch_of(commit: Commit) -> list[int] | None:
    """The numbers of the changes that a batch's merge takes in; ``None`` for a commit that is no such merge."""
    try:
        rows = trailers.read(commit.message)
    except IntegrityFailure:
        return None
    keys = {key for key, _ in rows}
    numbers = [int(value) for key, value in rows if key == "Change-Id" and value.isdecimal()]
    return numbers if len(commit.parents) > 1 and "Batch-Id" in keys and "Actor" not in keys else None


def _batch(store: GitStore, commit: Commit, numbers: list[int]) -> Iterator[dict[str, Any]]:
    where = {"history": "dataset", "commit": commit.id}
    objects = store.buffer()
    try:
        merging = Merging(objects, DatasetTree.at(objects, commit.parents[0]))
        for number, parent in zip(numbers, commit.parents[1:], strict=True):
            if merging.add(queued(log.read_proposal(store, parent), number, commit.committer.time)):
                yield {**where, "message": f"change {number} does not merge"}
                return
        made = merging.dataset().tree
    except (ModelrefError, ValueError) as fault:
        message = fault.message if isinstance(fault, ModelrefError) else str(fault)
        yield {**where, "message": f"the merge cannot be made anew: {message}"}
        return
    changed = changed_records(objects, commit.tree, made)
    for (category, name), (stored, rebuilt) in changed.items():
        yield {**where, "category": category, "model_name": name, "stored": stored, "rebuilt": rebuilt}
    if not changed:
        for path, left, right in compare(objects, commit.tree, made):
            stored, rebuilt = (entry.oid if entry is not None else None for entry in (left, right))
            yield {**where, "path": path, "stored": stored, "rebuilt": rebuilt}
