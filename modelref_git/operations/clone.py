"""Clone: a working copy of a dataset repository, with its remote set as the place where changes go."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from modelref_git.errors import Conflict, NotFound
from modelref_git.store import drivers, layout, log, notes, projections, transport
from modelref_git.store.git import GitStore
from modelref_git.store.transport import Unknown

REMOTE: Final = "origin"


def clone(
    url: str,
    directory: Path | None = None,
    *,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Clone the dataset repository at *url* into *directory*; answers its path, remote, ``main`` and ``queue``.

    Args:
        url: whatever git takes as an address.
        directory: where to; named after the address unless given.
        progress: told how far it is.

    Raises:
        NotFound: there is no repository at that address, or none that holds a dataset. Nothing is left behind.
        Conflict: the folder is there already, and is not empty.
        RemoteFailure: the remote did not answer, or let nobody in. Nothing is left behind.
    """
    target = directory if directory is not None else Path(_folder_of(url))
    existed = target.exists()
    if existed and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} is there already, and is not empty", hint="name another folder")
    try:
        store = _cloned(url, target, progress)
        view = log.read(store)
        _check_out(store, view.head, view.main, target)
    except BaseException:
        _take_back(target, existed=existed)
        raise
    return {"path": str(target.absolute()), "remote": REMOTE, "main": view.main, "queue": view.head}


def _check_out(store: GitStore, head: str, main: str, target: Path) -> None:
    """Bring the local branches to where the log says, and the files of ``main`` into the folder."""
    store.refs.move(layout.QUEUE, store.refs.read(layout.QUEUE), head)
    store.refs.move(layout.MAIN, store.refs.read(layout.MAIN), main)
    notes.follow(store)
    store.run_git("symbolic-ref", "HEAD", layout.MAIN)
    store.run_git("--work-tree", str(target), "reset", "--quiet", "--hard", layout.MAIN)
    if projections.find_behind(store, head) == []:
        projections.note_projected(store, head)


def _cloned(url: str, target: Path, progress: Callable[[str], None] | None) -> GitStore:
    """Git's own clone, without files yet, with the settings of ours."""
    words = ["clone", "--no-checkout", "--no-tags", "--origin", REMOTE]
    words += ["--progress"] if progress is not None else ["--quiet"]
    try:
        transport.run([*words, "--", url, str(target)], progress=progress)
    except Unknown as error:
        raise NotFound(f"there is no repository at {url}", hint="check the address, and your rights there") from error
    store = GitStore.open(target, upward=False)
    store.set_config("modelref.remote", REMOTE)
    drivers.set_drivers(store)
    if store.refs.read(store.counted(layout.QUEUE)) is None:
        raise NotFound(
            f"{url} is a Git repository but no dataset repository: it has no branch `queue`",
            hint="`git clone` takes it as it is; `modelref-git init` makes a dataset repository",
        )
    _ = log.read(store).dataset().config  # a format that this version does not read
    return store


def _folder_of(url: str) -> str:
    """The folder's name after an address, as git chooses it."""
    name = re.split(r"[/:\\]", url.rstrip("/\\"))[-1].removesuffix(".git")
    if name == "" and url.rstrip("/\\").endswith(".git"):
        name = re.split(r"[/:\\]", url.rstrip("/\\"))[-2]
    return name or "dataset"


def _take_back(target: Path, *, existed: bool) -> None:
    """Remove what an unfinished clone has left."""
    if not target.is_dir():
        return
    if not existed:
        shutil.rmtree(target, ignore_errors=True)
        return
    for left in target.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
