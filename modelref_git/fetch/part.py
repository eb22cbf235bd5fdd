"""A file that is not whole yet: locked while somebody writes it, kept for whoever goes on, renamed when it is right."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.fetch.client import PIECE
from modelref_git.fetch.crew import Stop
from modelref_git.fetch.transfer import is_sendable

PART: Final = ".part"
"""What is behind the name of a file while it is not whole."""
NOTE: Final = ".part.json"
"""What is behind the name of the note on it: ``{"url", "validator"}``."""
NEW_NOTE: Final = ".part.json.new"
"""What is behind the name of a note that is being written."""

_LOOK_AGAIN: Final = 0.2
"""Seconds between two looks whether another process has let go."""


class Part:
    """A :class:`~modelref_git.fetch.transfer.Sink` in a file, ``<name>.part`` beside the file that it is to become.

    What is in it is always a beginning of what one host had under the validator that the note beside it names, so
    whoever comes next goes on from there, even after a kill. Use :func:`held_part`.
    """

    def __init__(self, target: Path, url: str, file: Any) -> None:
        self._target = target
        self._url = url
        self._file = file
        self._note = target.with_name(target.name + NOTE)
        self._new_note = target.with_name(target.name + NEW_NOTE)
        self._sum = hashlib.sha256()
        self.length = 0
        self.validator: str | None = None

    def load(self, stop: Stop) -> None:
        """Take up what an earlier run left, if it came from the same address; else begin with nothing."""
        self.validator = _validator_in(self._note, self._url)
        if self.validator is None:
            self.restart()
            return
        self._file.seek(0)
        while data := self._file.read(PIECE):
            stop.look()
            self._sum.update(data)
            self.length += len(data)

    def begin(self, validator: str | None) -> None:
        """Content with this validator follows; without one nobody can go on later."""
        if validator == self.validator:
            return
        if validator is None:
            self._drop_note()
        else:
            self._write_note(validator)
        self.validator = validator

    def add(self, data: bytes) -> None:
        """Put *data* behind what there is."""
        rest = memoryview(data)
        while rest:  # a raw file may take less than it is given
            rest = rest[self._file.write(rest) :]
        self._sum.update(data)
        self.length += len(data)

    def restart(self) -> None:
        """Forget everything."""
        # The note goes first: bytes that nobody vouches for are never gone on from.
        self._drop_note()
        self._file.seek(0)
        self._file.truncate()
        self._sum = hashlib.sha256()
        self.length = 0
        self.validator = None

    def hexdigest(self) -> str:
        """The SHA-256 of what is there, in small letters."""
        return self._sum.hexdigest()

    def finish(self) -> None:
        """Give the file its final name, synced before and after. A link of that name is replaced, not followed."""
        os.fsync(self._file.fileno())
        if os.name == "nt":  # an open file cannot be renamed there
            self._file.close()
        self._path.replace(self._target)
        self._drop_note()
        _sync_folder(self._target.parent)

    def discard(self) -> None:
        """Remove what is there: it is not what was wanted."""
        self._drop_note()
        if os.name == "nt":
            self._file.close()
        self._path.unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        return self._target.with_name(self._target.name + PART)

    def _write_note(self, validator: str) -> None:
        self._new_note.unlink(missing_ok=True)
        with os.fdopen(_open(self._new_note, os.O_WRONLY | os.O_EXCL), "wb") as file:
            file.write(json.dumps({"url": self._url, "validator": validator}).encode())
        self._new_note.replace(self._note)

    def _drop_note(self) -> None:
        for path in (self._note, self._new_note):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def held_part(target: Path, url: str, stop: Stop, waiting: Callable[[], None]) -> Iterator[Part]:
    """The part of *target*, held alone, with what an earlier run left of *url*.

    Args:
        target: where the file goes; its folder is there.
        url: where it comes from.
        stop: looked at while waiting.
        waiting: called once if another process holds it.

    Raises:
        Invalid: the part is a link or no file (rule ``file.in_the_way``).
        OSError: the folder cannot be written to.
    """
    path = target.with_name(target.name + PART)
    file = _locked(path, stop, waiting)
    try:
        part = Part(target, url, file)
        part.load(stop)
        yield part
    finally:
        file.close()


def tidy(target: Path) -> None:
    """Remove a note without a part, as a kill right after the renaming leaves it beside a file that is whole."""
    if not target.with_name(target.name + PART).exists():
        target.with_name(target.name + NOTE).unlink(missing_ok=True)


def read_sum(path: Path, stop: Stop) -> tuple[str, int] | None:
    """The SHA-256 and size of the file at *path*; ``None`` if there is nothing.

    Raises:
        Invalid: it is no file (rule ``file.in_the_way``).
        OSError: it cannot be read.
    """
    if not path.exists():
        return None
    if not path.is_file():
        raise in_the_way(path)
    digest, length = hashlib.sha256(), 0
    with path.open("rb") as file:
        while data := file.read(PIECE):
            stop.look()
            digest.update(data)
            length += len(data)
    return digest.hexdigest(), length


def in_the_way(path: Path) -> Invalid:
    """That something stands at *path* which is no file."""
    problem = Problem("", f"{path} is in the way: it is a link, a folder or something else that is no file", IN_THE_WAY)
    return Invalid.of(str(path), [problem])


IN_THE_WAY: Final = "file.in_the_way"


def _locked(path: Path, stop: Stop, waiting: Callable[[], None]) -> Any:
    """The file at *path*, open and locked, and surely the one that is there by that name."""
    told = False
    while True:
        try:
            handle = _open(path, os.O_RDWR)
        except OSError as error:
            if path.is_symlink() or path.is_dir():
                raise in_the_way(path) from error
            raise
        file = os.fdopen(handle, "r+b", buffering=0)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise in_the_way(path)
            if _try_lock(handle):
                if _is_at(handle, path):
                    return file
                file.close()  # whoever held it has renamed or removed it: look anew
                continue
        except BaseException:
            file.close()
            raise
        file.close()
        if not told:
            waiting()
            told = True
        stop.sleep(_LOOK_AGAIN)


def _open(path: Path, flags: int) -> int:
    flags |= os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise in_the_way(path)
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _try_lock(handle: int) -> bool:
    """Lock an open file for this process alone; whether that worked. The kernel frees it when the process dies."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, 1 << 62, os.SEEK_SET)  # a byte that is never read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _validator_in(note: Path, url: str) -> str | None:
    """What the note says of the part, if it is about *url*."""
    try:
        found = json.loads(note.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("url") != url:
        return None
    validator = found.get("validator")
    # It goes into a header: a note that somebody wrote by hand must not make two of it.
    return validator if isinstance(validator, str) and validator and is_sendable(validator) else None


def _sync_folder(path: Path) -> None:
    if os.name == "nt":  # a folder cannot be synced there
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
