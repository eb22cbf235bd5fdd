"""A clone that has not everything: one without the queue log, as plain ``git clone`` makes it, or without old history.

Such a clone can read ``main``. What needs more is refused with the command that fetches it, and not as a fault of the
repository.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pygit2

from modelref_git.errors import NotFound
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.trees import find

if TYPE_CHECKING:
    from modelref_git.store.git import GitStore

_ORIGIN: Final = "origin"
_PARENT: Final = re.compile(rb"^parent ([0-9a-f]{40})$", re.MULTILINE)


class Unfetched(NotFound):
    """An object that the history has and that this clone, which is shallow or partial, did not fetch."""


def live_dataset(store: GitStore) -> DatasetTree | None:
    """The dataset of ``main`` where there is no log to say where that is; ``None`` where there is no dataset.

    With ``modelref.remote`` it is the remote's branch that counts, else the clone's own; in a clone that is on another
    branch it may have none, and then it is the remote's.
    """
    remotes = [f"refs/remotes/{name}/main" for name in _remotes(store)]
    for ref in dict.fromkeys([store.counted(layout.MAIN), layout.MAIN, *remotes]):
        commit = store.refs.read(ref)
        if commit is not None:
            dataset = DatasetTree.at(store.buffer(), commit)
            if find(dataset.objects, dataset.tree, layout.CONFIG) is not None:
                return dataset
    return None


def without_log(store: GitStore) -> NotFound:
    """Why there is no log to read, and what to do about it."""
    if live_dataset(store) is None and not any(
        store.refs.read(f"refs/remotes/{name}/queue") for name in _remotes(store)
    ):
        return NotFound(
            f"{store.git_dir} is a Git repository but no dataset repository: it has no branch `queue`",
            hint="make one with `modelref-git init DIR`",
        )
    command = how_to_fetch(store)
    return NotFound(
        f"{store.git_dir} has the branch `main` of a dataset, and not the log: this needs its branch `queue`",
        hint=f"this is a plain clone: `{command}` fetches the log" if command else None,
    )


def how_to_fetch(store: GitStore) -> str | None:
    """The command by which this clone gets all that it lacks; ``None`` where there is no remote."""
    name = next(_remotes(store), None)
    if name is None:
        return None
    quoted = shlex.quote(name)
    fetching = "modelref-git pull"
    if is_shallow(store):
        fetching = _fetching(name, "--unshallow")
    return fetching if store.remote is not None else f"git config modelref.remote {quoted} && {fetching}"


def _fetching(name: str, options: str) -> str:
    # With the branches by name: a shallow clone is usually set up to fetch one alone.
    return f"git fetch {options} {shlex.quote(name)} {shlex.quote(f'+refs/heads/*:refs/remotes/{name}/*')}"


def is_shallow(store: GitStore) -> bool:
    """Whether old history was left where it was cloned from."""
    return bool(store.pygit2.is_shallow)


def unfetched(store: GitStore, oid: str) -> Unfetched | None:
    """Why the object *oid* is not there, if that is because it was never fetched."""
    name = next(_remotes(store), None)
    if store.has(oid) or name is None:
        return None
    if is_shallow(store) and oid in _behind_the_cut(store):
        hint = f"`{_fetching(name, '--unshallow')}` fetches it"
        return Unfetched(f"this clone is shallow and lacks the history from {oid} back", hint=hint)
    if store.config(f"remote.{name}.promisor") == "true":
        hint = f"`{_fetching(name, '--refetch --no-filter')}` fetches all"
        return Unfetched(f"this clone is partial and lacks the object {oid}", hint=hint)
    return None


def _behind_the_cut(store: GitStore) -> set[str]:
    """The commits with which the history begins that was not fetched."""
    found: set[str] = set()
    try:
        last = (store.git_dir / "shallow").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return found
    for oid in last:
        if store.has(oid):
            found |= {parent.decode() for parent in _PARENT.findall(store.read(oid)[1].partition(b"\n\n")[0])}
    return found


def _remotes(store: GitStore) -> Iterator[str]:
    """The names of the remotes: the one that counts first, then the one that git makes, then any others."""
    try:
        names = [name for name in store.pygit2.remotes.names() if name]
    except pygit2.GitError:
        names = []
    wanted = [store.remote, _ORIGIN]
    yield from sorted(names, key=lambda name: (wanted.index(name) if name in wanted else len(wanted), name))
