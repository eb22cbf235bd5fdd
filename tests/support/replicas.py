"""A dataset with a replica of it, and a reader that believes nothing."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from modelref_git.formats import manifest
from modelref_git.operations.replicas.folder import Folder
from modelref_git.operations.replicas.init import init_replica
from modelref_git.operations.replicas.state import Trust
from modelref_git.operations.replicas.status import replica_status
from modelref_git.operations.replicas.sync import Told, sync_replica
from modelref_git.store.disk import Disk
from tests.support.world import World, clip

MEMBERS = ["at", "age_seconds", "last_success", "last_error", "verified"]


@dataclass(slots=True)
class Followed:
    """A world, and a replica of it whose clock is the world's."""

    world: World
    folder: Folder
    warnings: list[str] = field(default_factory=list)
    patience: float = 60.0

    @classmethod
    def make(
        cls,
        place: Path,
        *,
        source: str | None = None,
        layout: Literal["v2", "legacy", "all"] = "v2",
        verify: Trust = "full",
    ) -> Followed:
        """A new one below *place*: ``source.git`` and ``replica``."""
        world = World.make(place / "source.git", bare=True, empty=True)
        followed = cls(world, Folder(place / "replica"))
        followed.init(source or str(world.path), layout=layout, verify=verify)
        return followed

    @property
    def told(self) -> Told:
        """Who hears of a sync."""
        return Told(clock=self.world.clock, warn=self.warnings.append)

    def init(self, source: str, **how: Any) -> dict[str, Any]:
        """Make the replica."""
        return init_replica(source, self.folder, told=self.told, patience=self.patience, **how)

    def sync(self, **how: Any) -> dict[str, Any]:
        """Sync once."""
        return sync_replica(self.folder, told=self.told, patience=self.patience, **how)

    def status(self) -> dict[str, Any]:
        """How the replica stands."""
        answer = replica_status(self.folder, clock=self.world.clock)
        assert list(answer) == MEMBERS
        return answer

    def wrong(self) -> str | None:
        """The name of what the status says is wrong."""
        error = self.status()["last_error"]
        return None if error is None else str(error["rule"])

    def add(self, *names: str) -> str:
        """Apply creates of records of ``clip``; gives the new ``main``."""
        numbers = [self.world.create("clip", name, clip(name)) for name in names]
        self.world.apply(self.world.approve(*numbers))
        return self.world.refs()["refs/heads/main"]

    def names(self) -> set[str]:
        """The records of ``clip`` that readers see, in an export that is whole."""
        return read_clip(self.folder.path)

    def at(self) -> str:
        """The commit that readers see."""
        return manifest.read(self.folder.current).commit


def read_clip(replica: Path) -> set[str]:
    """What a reader of ``clip`` sees who resolves ``current`` once and checks every byte."""
    import json

    here = replica / (replica / "current").readlink()
    assert manifest.check(here) == []
    return set(json.loads((here / "clip.json").read_bytes()))


def copied(followed: Followed, place: Path) -> Followed:
    """A copy of both, for a test that spoils them; the replica follows the copied world."""
    shutil.copytree(followed.world.path.parent, place, symlinks=True)
    path = place / "replica" / "replica.json"
    path.write_text(path.read_text().replace(str(followed.world.path), str(place / "source.git")))
    world = World(place / "source.git")
    world.clock.now = followed.world.clock.now
    return Followed(world, Folder(place / "replica"))


def rewind(world: World, **refs: str) -> None:
    """Set branches of the source to other commits, as one who restores an old copy does."""
    for name, oid in refs.items():
        world.git("update-ref", f"refs/heads/{name}", oid)


class FullDisk(Disk):
    """A disk that is full from the write number *left* on; removing things does not help."""

    def __init__(self, left: int) -> None:
        self.left = left

    def _take(self, path: Path) -> None:
        if self.left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self.left -= 1

    def make_folder(self, path: Path) -> None:
        """As there, while there is room."""
        if not path.is_dir():
            self._take(path)
        super().make_folder(path)

    def write_file(self, path: Path, data: bytes, *, mode: int = 0o644, sync: bool = True) -> None:
        """As there, while there is room."""
        self._take(path)
        super().write_file(path, data, mode=mode, sync=sync)

    def link_file(self, source: Path, target: Path) -> bool:
        """As there, while there is room."""
        self._take(target)
        return super().link_file(source, target)

    def move(self, old: Path, new: Path) -> None:
        """As there, while there is room."""
        self._take(new)
        super().move(old, new)

    def point(self, link: Path, target: str) -> None:
        """As there, while there is room."""
        self._take(link)
        super().point(link, target)


def fake_ssh(place: Path, patch: pytest.MonkeyPatch, lines: Iterable[str]) -> None:
    """Have git's ssh be a script of these lines, in which ``$command`` is what would run on the other side."""
    script = place / "ssh"
    script.write_text("#!/bin/sh\nfor command; do :; done\n" + "".join(f"{line}\n" for line in lines))
    script.chmod(0o755)
    patch.setenv("GIT_SSH_COMMAND", str(script))
    patch.setenv("GIT_SSH_VARIANT", "simple")


def cut_off(place: Path, patch: pytest.MonkeyPatch, count: int) -> None:
    """Have the other side of git's ssh die when it has said *count* bytes."""
    relay = place / "relay.py"
    relay.write_text(
        "import os, subprocess, sys\n"
        "other = subprocess.Popen(sys.argv[1], shell=True, stdout=subprocess.PIPE)\n"
        f"left = {count}\n"
        "while left and (data := os.read(other.stdout.fileno(), left)):\n"
        "    left -= os.write(1, data)\n"
        "other.kill()\n"
        "os._exit(0 if left else 1)\n"
    )
    fake_ssh(place, patch, [f'exec {sys.executable} -SE {relay} "$command"'])


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    followed = Followed.make(tmp_path_factory.mktemp("followed"))
    followed.add("A")
    followed.sync()
    return followed


@pytest.fixture
def followed(template: Followed, tmp_path: Path) -> Followed:
    """A replica that serves the record ``A`` of ``clip``."""
    return copied(template, tmp_path / "place")
