"""The advisory lock that local writers queue behind.

It only saves work: what decides is the compare and swap of ``queue``. The kernel frees it when a process dies.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from modelref_git.errors import Busy

try:
    import fcntl
except ImportError:  # Windows: writers race, and the compare and swap sorts them out
    fcntl = None  # type: ignore[assignment]


_LOOK_AGAIN: Final = 0.004
"""Seconds after which a writer that does not wait for ever looks again whether it is its turn."""


@contextmanager
def writer_lock(path: Path, *, wait: float | None = None) -> Iterator[None]:
    """Hold the lock file *path*, which is made if it is not there.

    Args:
        path: the lock file.
        wait: seconds to wait for another writer at most; for as long as it takes unless given.

    Raises:
        Busy: another writer held it for longer than that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if fcntl is not None:
            _take(handle, wait)
        yield
    finally:
        os.close(handle)


def _take(handle: int, wait: float | None) -> None:
    """Take the lock; for a while only by looking again and again: the kernel has no lock that waits for so long."""
    if wait is None:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise Busy(
                    f"other writers kept this one waiting for {wait:.0f} seconds; nothing was changed",
                    hint="try again in a moment",
                ) from None
            time.sleep(_LOOK_AGAIN)
        else:
            return
