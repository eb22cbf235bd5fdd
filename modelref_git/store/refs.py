"""The one door through which refs move: compare and swap, with libgit2's failures translated.

libgit2 publishes several refs one by one, also in a transaction, so nothing here promises that two refs move
together. Each operation has one deciding move, that of ``queue``.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

import pygit2

from modelref_git.errors import WrongState
from modelref_git.store.disk import files_under

_LOCK_TRIES: Final = 60
_STUCK_AT_MOST: Final = 3
"""After so many refs that cannot be removed, the others are left too: waiting for each takes seconds."""

_MANY: Final = 32
"""From so many packed refs on, one run of the ``git`` program beats libgit2, which rewrites their file for each."""

_T = TypeVar("_T")


class LostRace(Exception):
    """A ref was not where it was read: somebody else moved it. The step must be decided anew."""


class Refs:
    """The refs of one repository.

    Two handles on it: libgit2 decides when it opens a ref store whether moves are synced to the disk. ``queue`` and
    ``main`` are; the branches of proposals and batches, which the log can restore, are not.
    """

    def __init__(self, git_dir: Path) -> None:
        self._git_dir = git_dir
        pygit2.settings.enable_fsync_gitdir(True)
        self._synced = pygit2.Repository(str(git_dir))
        self._synced.references.get("HEAD")  # opens the ref store while the setting holds
        self._unsynced: pygit2.Repository | None = None

    @property
    def repository(self) -> pygit2.Repository:
        """The library's handle whose ref moves are synced."""
        return self._synced

    def read(self, name: str) -> str | None:
        """The commit that the ref *name* is at, or ``None`` when it is absent or unreadable."""
        return self._target(self._synced, name)

    def under(self, prefix: str) -> dict[str, str]:
        """Every ref whose name starts with *prefix*, with the commit it is at.

        ``""`` stands for a file without a commit id in it, as a power cut can leave an unsynced ref.
        """
        found = {}
        for name in self._synced.raw_listall_references():
            text = name.decode("utf-8", "replace")
            if text.startswith(prefix):
                target = self.read(text)
                if target is not None:
                    found[text] = target
        for path in files_under(self._git_dir / prefix):
            text = path.relative_to(self._git_dir).as_posix()
            if text not in found and path.suffix != ".lock" and self._broken(text):
                found[text] = ""
        return found

    def stamp(self, prefix: str) -> tuple[int, ...]:
        """What is another one once a ref whose name starts with *prefix* came, went or moved; other refs may change it.

        It costs a look at some folders, where `under` goes through all refs there are.
        """
        folders = (Path(place) for place, _, _ in os.walk(self._git_dir / prefix))
        found = []
        for path in (self._git_dir / "packed-refs", *sorted(folders)):
            with contextlib.suppress(OSError):
                found.append(path.stat().st_mtime_ns)
        return tuple(found)

    def move(self, name: str, expected: str | None, new: str, *, sync: bool = True) -> None:
        """Move *name* from *expected* (``None``: it must be absent) to *new*.

        Raises:
            LostRace: it is at another commit.
            WrongState: its lock file stays held.
        """
        repo = self._synced if sync else self._quick()

        def attempt() -> None:
            if expected is None:
                if self._broken(name):
                    (self._git_dir / name).unlink(missing_ok=True)
                repo.references.create(name, new, force=False)
                return
            ref = repo.references.get(name)
            if ref is None or str(ref.target) != expected:
                raise LostRace(name)
            ref.set_target(new)

        self._translated(name, expected, attempt)

    def remove(self, name: str, expected: str) -> None:
        """Remove *name*, which must be at *expected* (``""``: it has no commit id in it).

        Raises:
            LostRace: it is at another commit, or gone.
            WrongState: its lock file stays held.
        """

        def attempt() -> None:
            if not expected and self._broken(name):
                (self._git_dir / name).unlink(missing_ok=True)
                return
            ref = self._quick().references.get(name)
            if ref is None or str(ref.target) != expected:
                raise LostRace(name)
            ref.delete()
            if self.read(name) == expected:  # libgit2 is silent about it
                raise OSError("packed-refs is locked")

        self._translated(name, expected, attempt)

    def remove_many(self, refs: Iterable[tuple[str, str]]) -> None:
        """Remove each ``(name, commit)`` that is still there; one that has moved meanwhile is left alone.

        Raises:
            WrongState: the lock file of one stays held; others are removed all the same.
        """
        rows = list(refs)
        if len(rows) >= _MANY and self._has_packed(name for name, _ in rows) and self._remove_by_git(rows):
            return
        stuck: list[WrongState] = []
        for name, expected in rows:
            try:
                self.remove(name, expected)
            except LostRace:
                continue
            except WrongState as fault:
                stuck.append(fault)
                if len(stuck) == _STUCK_AT_MOST:
                    break
        if stuck:
            raise stuck[0]

    def _has_packed(self, names: Iterable[str]) -> bool:
        """Whether any of *names* is in the file of packed refs, which libgit2 would write anew for each."""
        try:
            packed = {line.partition(b" ")[2] for line in (self._git_dir / "packed-refs").read_bytes().split(b"\n")}
        except FileNotFoundError:
            return False
        return any(name.encode() in packed for name in names)

    def _remove_by_git(self, rows: list[tuple[str, str]]) -> bool:
        import subprocess

        lines = b"".join(b"delete %s\0%s\0" % (name.encode(), oid.encode()) for name, oid in rows)
        try:
            done = subprocess.run(
                ["git", "--git-dir", str(self._git_dir), "update-ref", "--stdin", "-z"],
                input=lines,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            return False
        return done.returncode == 0

    def _quick(self) -> pygit2.Repository:
        if self._unsynced is None:
            pygit2.settings.enable_fsync_gitdir(False)
            try:
                self._unsynced = pygit2.Repository(str(self._git_dir))
                self._unsynced.references.get("HEAD")
            finally:
                pygit2.settings.enable_fsync_gitdir(True)
        return self._unsynced

    def _broken(self, name: str) -> bool:
        """Whether *name* is a file without a commit id in it, as a power cut can leave an unsynced ref."""
        path = self._git_dir / name
        if not path.is_file():
            return False
        content = path.read_bytes().strip()
        return len(content) != 40 and not content.startswith(b"ref:")

    def _in_the_way(self, name: str) -> bool:
        """Whether another branch takes the place of *name*: Git has no ``a`` beside ``a/b``."""
        parts = name.split("/")
        above = ("/".join(parts[:count]) for count in range(3, len(parts)))
        return any(self.read(other) is not None for other in above) or bool(self.under(f"{name}/"))

    @staticmethod
    def _target(repo: pygit2.Repository, name: str) -> str | None:
        try:
            ref = repo.references.get(name)
            return None if ref is None else str(ref.resolve().target)
        except (pygit2.GitError, KeyError, ValueError):
            return None

    def _translated(self, name: str, expected: str | None, attempt: Callable[[], _T]) -> _T:
        """Run *attempt*; contention, which libgit2 reports in three ways, is waited out or named."""
        failure: Exception | None = None
        for number in range(_LOCK_TRIES):
            try:
                return attempt()
            except LostRace:
                raise
            except (pygit2.GitError, OSError, KeyError, ValueError) as error:
                failure = error
                if self.read(name) != expected:
                    raise LostRace(name) from error
                if self._in_the_way(name):
                    break
                import random

                time.sleep(min(0.05, 0.001 * 2**number) * (0.5 + random.random()))  # noqa: S311 - jitter
        raise WrongState(
            f"the ref {name} cannot be moved: {failure}",
            hint="if no other git process is running, `modelref-git doctor` names what holds it",
        ) from failure
