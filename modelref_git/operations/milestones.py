"""Milestones: the revisions that one may want to look at: tags, and what the last batches made of the dataset."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from modelref_git.errors import ModelrefError
from modelref_git.operations.batches import list_batches
from modelref_git.operations.context import Context
from modelref_git.store.index import Index
from modelref_git.store.log import View

TAGS: Final = "refs/tags/"


@dataclass(frozen=True, slots=True)
class Milestone:
    """A revision with a name."""

    revision: str
    """The name of a tag, or the id of a commit of ``main``."""
    batch_id: int | None = None
    """The batch that made it; ``None`` for a tag."""
    title: str = ""
    """The batch's title."""
    at: int | None = None
    """When the batch was applied, Unix seconds."""


_KEPT_AT_MOST: Final = 16
_LOCK: Final = threading.Lock()
_KEPT: Final[OrderedDict[str, tuple[object, tuple[Milestone, ...]]]] = OrderedDict()
"""By repository, what was found last and in which state: tags are looked for among all refs, open proposals too."""


def milestones(ctx: Context, *, batches: int = 10, tags: int = 20) -> list[Milestone]:
    """Tags of ``main``, the last by name first, and then the batches that were applied last, newest first.

    Batches of the policy change no record, and are left out.

    Args:
        ctx: the way in.
        batches: at most so many batches.
        tags: at most so many tags.

    Raises:
        NotFound: it is no dataset repository.
    """
    view = ctx.view()
    key = (view.head, ctx.store.refs.stamp(TAGS), batches, tags)
    with _LOCK:
        known = _KEPT.get(str(ctx.store.git_dir))
    if known is not None and known[0] == key:
        return list(known[1])
    made = _found(ctx, view, batches, tags)
    with _LOCK:
        _KEPT[str(ctx.store.git_dir)] = (key, tuple(made))
        while len(_KEPT) > _KEPT_AT_MOST:
            _KEPT.popitem(last=False)
    return made


def _found(ctx: Context, view: View, batches: int, tags: int) -> list[Milestone]:
    found: list[Milestone] = []
    with Index(view) as index:
        for name in sorted(ctx.store.refs.under(TAGS), reverse=True)[:tags]:
            try:
                commit = ctx.store.resolve(name)
            except ModelrefError:
                continue  # it names no commit
            if index.position(commit) is not None:
                found.append(Milestone(name.removeprefix(TAGS)))
        listed = list_batches(ctx, limit=batches, policy=False, applied_only=True).batches
        found += [
            Milestone(batch.head, batch.batch_id, batch.title, batch.applied_at)
            for batch in listed
            if batch.merges and index.position(batch.head) is not None
        ]
    return found
