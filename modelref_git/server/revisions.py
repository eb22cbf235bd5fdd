"""The query parameter ``at``: which state of the dataset a read answers from."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Final

from fastapi import Query, Request

from modelref_git.errors import NotFound
from modelref_git.operations.context import Context
from modelref_git.operations.read import dataset_at
from modelref_git.server.repository import Snapshot
from modelref_git.server.service import service_of

LONGEST: Final = 200
PLAIN: Final = r"^[A-Za-z0-9_+][A-Za-z0-9_+-]*(?:[./][A-Za-z0-9_+-]+)*(?:[~^][0-9]{0,6})*$"
"""Names of branches and tags, and ids, each perhaps with ``~n`` and ``^n`` behind it; none of git's other forms."""
_KEPT_AT_MOST: Final = 256

_SNAPSHOTS: Final[OrderedDict[tuple[str, str], Snapshot]] = OrderedDict()
"""What is behind ``main``, by repository and commit. It stays true: ``main`` moves forward only."""


At = Annotated[
    str | None,
    Query(
        max_length=LONGEST,
        pattern=PLAIN,
        description="A revision of the dataset: a branch, a tag or a commit id. What is live now unless given.",
    ),
]
"""The parameter of every read that shows the dataset; 422 for what is no plain revision."""


def commit_at(ctx: Context, at: str | None) -> str | None:
    """The commit that *at* names, to be given to operations as ``revision``; ``None`` for what is live. In a thread.

    Only what went into the live dataset can be read so: open proposals, and what strangers pushed, are no revisions
    here.

    Raises:
        NotFound: there is no such revision, or it never went into ``main``.
    """
    return None if at is None else snapshot_at(ctx, at).main


def snapshot_at(ctx: Context, at: str) -> Snapshot:
    """What was live at the revision *at*; `Snapshot.head` is empty, as no event is meant. In a thread.

    Raises:
        NotFound: there is no such revision, or it never went into ``main``.
    """
    commit = ctx.store.resolve(at)
    key = (str(ctx.store.git_dir), commit)
    known = _SNAPSHOTS.get(key)
    if known is None:
        if not ctx.store.is_ancestor(commit, ctx.view().main):
            raise NotFound(f"there is no revision {at!r} of the live dataset", hint="a commit of main is one")
        known = _SNAPSHOTS[key] = Snapshot.of("", dataset_at(ctx, commit))
        while len(_SNAPSHOTS) > _KEPT_AT_MOST:
            _SNAPSHOTS.popitem(last=False)
    return known


async def snapshot_of(request: Request, at: str | None) -> Snapshot:
    """What a read answers from: what is live now, or was at the revision *at*.

    Raises:
        NotFound: there is no such revision, or it never went into ``main``.
    """
    repository = service_of(request).repository
    if at is None:
        return repository.snapshot()
    return await repository.read(lambda ctx: snapshot_at(ctx, at))
