"""Watch: a replica that syncs again and again, and tells a command of its operator what changed."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from modelref_git.errors import ModelrefError
from modelref_git.operations.replicas.folder import Folder
from modelref_git.operations.replicas.sources import SILENCE
from modelref_git.operations.replicas.sync import Told, sync_replica

LONGEST: Final = 900.0
"""Seconds to which the time between two attempts grows, at most, while they fail; a longer one that was asked for
stays."""

_DOUBLINGS: Final = 20


def sync_and_announce(
    folder: Folder,
    *,
    on_change: str | None = None,
    told: Told | None = None,
    patience: float = SILENCE,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Sync once, and run *on_change* if readers see something that it was not told of; answers as `sync_replica`.

    Raises:
        ModelrefError: as :func:`~modelref_git.operations.replicas.sync.sync_replica`.
    """
    answer = sync_replica(folder, told=told, patience=patience, dry_run=dry_run)
    if on_change is not None and not dry_run:
        _announce(folder, on_change, (told or Told()).warn)
    return answer


def watch_replica(
    folder: Folder,
    seconds: float,
    answered: Callable[[dict[str, Any]], None],
    failed: Callable[[ModelrefError], None],
    *,
    on_change: str | None = None,
    told: Told | None = None,
    patience: float = SILENCE,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Sync every so many seconds until interrupted; attempts that fail are made less and less often.

    Args:
        folder: the replica.
        seconds: between two syncs, about: replicas that started together do not stay in step.
        answered: told the answer of each sync.
        failed: told of each that failed; the next one is tried all the same.
        on_change: a command for the shell; see :func:`sync_and_announce`.
        told: who hears of the progress.
        patience: seconds without a word after which the source is given up.
        pause: waits so many seconds.

    Raises:
        NotFound: the folder is no replica.
        IntegrityFailure: what it remembers cannot be read.
    """
    failures = 0
    while True:
        folder.state()  # a folder that is no replica any more will not become one
        try:
            answer = sync_and_announce(folder, on_change=on_change, told=told, patience=patience)
        except ModelrefError as fault:
            failures += 1
            failed(fault)
        else:
            failures = 0
            answered(answer)
        pause(wait_after(failures, seconds) * random.uniform(0.9, 1.1))  # noqa: S311 - jitter


def wait_after(failures: int, seconds: float) -> float:
    """How many seconds lie between two attempts after so many *failures* in a row."""
    return min(seconds * 2.0 ** min(failures, _DOUBLINGS), max(seconds, LONGEST))


def _announce(folder: Folder, command: str, warn: Callable[[str], None]) -> None:
    """Run *command* if what is served is not what it was last told of; if that fails, the next sync runs it again."""
    served, before = folder.served(), folder.state().announced
    if served is None or served.commit == before:
        return
    told = {"MODELREF_FROM": before or "", "MODELREF_TO": served.commit, "MODELREF_DIR": str(folder.path)}
    # A shell, since it is the operator's own line; its output is not the answer, so it goes to stderr.
    done = subprocess.run(  # noqa: S602
        command, shell=True, check=False, stdin=subprocess.DEVNULL, stdout=2, env={**os.environ, **told}
    )
    if done.returncode:
        warn(f"--on-change ended with code {done.returncode}; it is run again after the next sync: {command}")
        return
    with folder.told(), folder.locked():
        folder.remember(replace(folder.state(), announced=served.commit))
