"""A checked-out ``main``: brought along after an apply when it is clean, left alone when it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import CheckoutStrategy, FileStatus

from modelref_git.store import layout
from modelref_git.store.git import GitStore

LEFT: Final = (
    "the work tree has changes of its own, so it was left as it is; "
    "`git status` shows them, `git reset --keep main` brings it along"
)
"""What a person is told when :func:`bring_along` gives ``False``."""

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
    there = _already_there(repo, tree)
    if there is None:
        return False
    try:
        _check_out(repo, tree, there)
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


def _already_there(repo: pygit2.Repository, target: pygit2.Tree) -> list[str] | None:
    """The paths that are not as committed but as in *target* already, since a crash came in the middle.

    ``None`` when a tracked file is neither, or an untracked one stands where *target* has another.
    """
    there = []
    for path, status in repo.status(untracked_files="all").items():
        if status & ~_LEFT_ALONE == 0 and not (status & FileStatus.WT_NEW and path in target):
            continue
        if not _is_as_in(repo, target, path):
            return None
        there.append(path)
    return there


def _check_out(repo: pygit2.Repository, target: pygit2.Tree, there: list[str]) -> None:
    """Check out *target*; what is *there* already is only noted in the index, for libgit2 would call it a conflict."""
    strategy = CheckoutStrategy.SAFE | CheckoutStrategy.RECREATE_MISSING
    if not there:
        repo.checkout_tree(target, strategy=strategy)  # type: ignore[no-untyped-call] # the library types it not
        return
    rest = sorted(_changed(repo, target) - set(there))
    if rest:
        strategy |= CheckoutStrategy.DISABLE_PATHSPEC_MATCH
        repo.checkout_tree(target, strategy=strategy, paths=rest)  # type: ignore[no-untyped-call] # as above
    repo.index.read()
    for path in there:
        if path in target:
            repo.index.add(path)
        elif path in repo.index:
            repo.index.remove(path)
    repo.index.write()


def _changed(repo: pygit2.Repository, target: pygit2.Tree) -> set[str]:
    """The paths that differ between the commit that is checked out, if there is one, and *target*."""
    diff = target.diff_to_tree() if repo.head_is_unborn else repo.head.peel(pygit2.Tree).diff_to_tree(target)
    return {file.path for delta in diff.deltas for file in (delta.old_file, delta.new_file)}


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
