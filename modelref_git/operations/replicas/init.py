"""Init: a new replica, with the history fetched and believed, and its first export."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelref_git.errors import Conflict
from modelref_git.formats import manifest
from modelref_git.formats.manifest import Layout
from modelref_git.operations.replicas import sources
from modelref_git.operations.replicas.folder import LOCK, STATE, Folder
from modelref_git.operations.replicas.sources import SILENCE
from modelref_git.operations.replicas.state import State, Trust
from modelref_git.operations.replicas.sync import Told, sync_replica


def init_replica(
    source: str,
    folder: Folder,
    *,
    layout: Layout = "v2",
    verify: Trust = "full",
    told: Told | None = None,
    patience: float = SILENCE,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Make a replica of *source* in *folder*; answers the commit that it serves, and the files.

    If it fails, nothing of it stays. One that is killed leaves a replica that has nothing yet, which a sync goes on
    with.

    Args:
        source: a repository, at any address that git takes, or a bundle: a file, or an ``https`` address that ends in
            ``.bundle``.
        folder: where; a folder without anything in it, or none.
        layout: which files are exported.
        verify: what of the history is checked before it is served.
        told: who hears of the progress.
        patience: seconds without a word after which the source is given up.
        dry_run: make it in another place, and take it away again.

    Raises:
        Conflict: there is something at that place already.
        UsageFault: the source is no address.
        ModelrefError: as :func:`~modelref_git.operations.replicas.sync.sync_replica`.
    """
    state = State(sources.named(source), layout, verify)
    with folder.told():
        _refuse_taken(folder)
        if not dry_run:
            return _made(folder, state, told, patience)
        with tempfile.TemporaryDirectory() as scratch:
            return _made(Folder(Path(scratch) / "replica"), state, told, patience)


def _made(folder: Folder, state: State, told: Told | None, patience: float) -> dict[str, Any]:
    was_there = folder.path.exists()
    folder.disk.make_folder(folder.path)
    with folder.locked():
        _refuse_taken(folder)
        folder.remember(state)
    try:
        sync_replica(folder, told=told, patience=patience)
        with folder.locked():
            made = manifest.read(folder.current)
            # Nobody was told of the first export: who asks to be told is told of what comes after it.
            folder.remember(replace(folder.state(), announced=made.commit))
    except BaseException:
        _take_away(folder, was_there)
        raise
    return {"at": made.commit, "files": [row.as_json() for row in made.files]}


def _take_away(folder: Folder, was_there: bool) -> None:
    if not was_there:
        folder.disk.remove_folder(folder.path)
        return
    for path in folder.path.iterdir():
        if path.is_dir() and not path.is_symlink():
            folder.disk.remove_folder(path)
        else:
            folder.disk.remove(path)


def _refuse_taken(folder: Folder) -> None:
    """Refuse a place where something is already.

    Raises:
        Conflict: there is.
    """
    path = folder.path
    if (path / STATE).exists():
        raise Conflict(f"{path} is a replica already", hint=f"`modelref-git replica sync {path}` brings it up to date")
    if not os.path.lexists(path):
        return
    if not path.is_dir() or any(item.name != LOCK for item in path.iterdir()):
        raise Conflict(f"{path} holds something else", hint="a replica needs a folder of its own")
