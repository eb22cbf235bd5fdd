"""A checked-out ``main``: brought along after an apply when it is clean, left alone when it is not."""

from __future__ import annotations

from pathlib import Path

import pygit2
from pygit2.enums import CheckoutStrategy, FileStatus

from modelref_git.store import layout
from modelref_git.store.git import GitStore

_LEFT_ALONE = FileStatus.IGNORED | FileStatus.CURRENT | FileStatus.WT_NEW


def bring_along(store: GitStore, new: str) -> bool | None:
    """Check out *new* in the work tree that has ``main`` checked out, before ``main`` moves there.

    Returns:
        ``None`` when there is nothing to bring along (no work tree, or another branch is checked out), ``True`` when
        the files are those of *new* now, ``False`` when the work tree was left as it is, since it is not clean.
    """
    repo = _checked_out(store)
    if repo is None:
        return None
    tree = repo[new].peel(pygit2.Tree)
    if not _is_clean(repo, tree):
        return False
    strategy = CheckoutStrategy.SAFE | CheckoutStrategy.RECREATE_MISSING
    try:
        repo.checkout_tree(tree, strategy=strategy)  # type: ignore[no-untyped-call] # the library types it not
    except pygit2.GitError:
        return False  # a file that nobody tracks is in the way
    return True


def is_behind(store: GitStore) -> bool:
    """Whether ``main`` is checked out and the index is not that of the commit it is at."""
    repo = _checked_out(store)
    if repo is None or store.refs.read(layout.MAIN) is None:
        return False
    return str(repo.index.write_tree()) != str(repo.head.peel(pygit2.Tree).id)


def _checked_out(store: GitStore) -> pygit2.Repository | None:
    if store.is_bare:
        return None
    repo = pygit2.Repository(str(store.git_dir))
    head = repo.references.get("HEAD")
    if head is None or (head.raw_target != layout.MAIN.encode() and head.target != layout.MAIN):
        return None
    return repo


def _is_clean(repo: pygit2.Repository, target: pygit2.Tree) -> bool:
    """Whether every tracked file is as committed, or already as in *target* (a crash came in the middle)."""
    for path, status in repo.status(untracked_files="all").items():
        if status & ~_LEFT_ALONE == 0 and not (status & FileStatus.WT_NEW and path in target):
            continue
        if not _is_as_in(repo, target, path):
            return False
    return True


def _is_as_in(repo: pygit2.Repository, target: pygit2.Tree, path: str) -> bool:
    try:
        wanted = target[path].id
    except KeyError:
        wanted = None
    try:
        found = pygit2.hashfile(str(Path(repo.workdir) / path))
    except (KeyError, OSError, pygit2.GitError):
        found = None
    return bool(found == wanted)
