"""Settings that make many small steps quick: what they leave out is not what is tested there."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pygit2
import pytest

from modelref_git.store import refs


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock of a dead process is not waited for long."""
    monkeypatch.setattr(refs, "_LOCK_TRIES", 2)


@pytest.fixture
def no_syncing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing waits for the disk: the cut is that of a process, and what it wrote the kernel still has."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    real = pygit2.settings.enable_fsync_gitdir
    monkeypatch.setattr(type(pygit2.settings), "enable_fsync_gitdir", lambda _self, _on: None)
    real(False)
    yield
    real(True)
