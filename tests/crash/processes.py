"""Worker processes on one repository, and what they were told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from modelref_git.store import log
from modelref_git.store.git import GitStore

CHECKOUT = Path(__file__).parents[2]


def start(path: Path, name: str, *words: str) -> subprocess.Popen[bytes]:
    """A worker; see :mod:`tests.crash.worker`."""
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.crash.worker", str(path), name, *words],
        cwd=CHECKOUT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def answers(out: bytes) -> list[list[Any]]:
    """What a worker was told; a line that a kill cut off was never told to anybody."""
    return [json.loads(line) for line in out.split(b"\n")[:-1]]


def happened(path: Path) -> list[tuple[str, int]]:
    """``(action, change id)`` of everything in the log, oldest first."""
    store = GitStore.open(path)
    rows = []
    for _, event in reversed(list(log.history(store, log.read(store).head))):
        rows += [(event.action, change_id) for change_id in event.change_ids]
    return rows
