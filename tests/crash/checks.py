"""What must hold of a repository whatever happened to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from modelref_git.operations.maintain import examine
from modelref_git.proposals import lifecycle
from modelref_git.store import layout, log, projections
from modelref_git.store.git import GitStore
from modelref_git.store.state import StoredQueue
from tests.support.world import World


@dataclass(frozen=True, slots=True)
class Standing:
    """Where every ref of a repository is."""

    refs: dict[str, str]

    @classmethod
    def of(cls, path: Path) -> Standing:
        """As a handle opened now reads them."""
        return cls(GitStore.open(path).refs.under("refs/"))

    @property
    def head(self) -> str | None:
        """The newest event."""
        return self.refs.get(layout.QUEUE)

    @property
    def main(self) -> str | None:
        """The branch ``main``."""
        return self.refs.get(layout.MAIN)


def check_fsck(path: Path) -> None:
    """Stock ``git`` finds nothing wrong, and nothing to remark on."""
    words = ["git", "-C", str(path), "fsck", "--strict", "--no-dangling", "--no-progress"]
    done = subprocess.run(words, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def check_fold(store: GitStore) -> None:
    """The state of the queue is the fold of its events, read back from the commits alone."""
    view = log.read(store)
    objects = store.buffer()
    queue = StoredQueue(objects, None)
    states = []
    commits = []
    for commit, event in reversed(list(log.history(store, view.head))):
        lifecycle.apply_event(queue, event)
        commits.append(commit.tree)
        states.append(queue.write())
    assert states == commits


def check_projections(path: Path) -> None:
    """Every branch is where the log says."""
    store = GitStore.open(path)
    head = store.refs.read(layout.QUEUE)
    assert head is not None
    assert projections.find_behind(store, head) == []


def age(path: Path) -> None:
    """Make two minutes pass for every lock and half-written file."""
    then = time.time() - 120
    for pattern in ("*.lock", "tmp_modelref_*"):
        for left in path.rglob(pattern):
            os.utime(left, (then, then))


def content(path: Path) -> dict[str, bytes]:
    """Every file of a repository, but the advisory lock."""
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def copied(source: Path, target: Path) -> Path:
    """A copy of a repository."""
    shutil.copytree(source, target, symlinks=True)
    return target


def check_repaired(world: World) -> None:
    """A repair brings everything along, and a second one finds nothing to do."""
    check_projections(world.path)
    examine(world.context(), repair=True)
    once = content(world.path)
    assert examine(world.context(), repair=True).findings == []
    assert content(world.path) == once
    check_fsck(world.path)
    check_fold(world.store)
    if not world.store.is_bare:
        assert world.git("status", "--porcelain") == ""
    assert world.warnings == []
