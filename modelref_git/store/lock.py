"""The advisory lock that local writers queue behind.

It only saves work: what decides is the compare and swap of ``queue``. The kernel frees it when a process dies.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: writers race, and the compare and swap sorts them out
    fcntl = None  # type: ignore[assignment]


@contextmanager
def writer_lock(path: Path) -> Iterator[None]:
    """Hold the lock file *path* (made if it is not there); waits for as long as another writer holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
