"""A small file that other processes replace: read again when it is another one, and only then."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from modelref_git.errors import Invalid, ModelrefError, Problem

_T = TypeVar("_T")
_Stamp = tuple[int, ...]

_SETTLED: Final = 100_000_000
"""Nanoseconds after which a file that changes once more has another time: those of file systems are coarse."""


@dataclass(frozen=True, slots=True)
class _Kept(Generic[_T]):
    """What the file with a stamp was read as, or why it could not be."""

    stamp: _Stamp | None
    value: _T | None = None
    error: ModelrefError | None = None


class Watched(Generic[_T]):
    """The value of a file, as it is whenever it is asked for. May be used by several threads.

    As long as the file is the same, asking costs one ``stat``; a file that cannot be read is not read again either
    until it changes.

    Args:
        path: the file.
        parse: makes the value of its bytes, of ``None`` where there is no file; raises a `ModelrefError` if it cannot.
    """

    __slots__ = ("_kept", "_parse", "path")

    def __init__(self, path: Path, parse: Callable[[bytes | None], _T]) -> None:
        self.path = path
        self._parse = parse
        self._kept: _Kept[_T] | None = None

    def value(self) -> _T:
        """What the file holds now.

        Raises:
            Invalid: it cannot be read.
            ModelrefError: what `parse` raises.
        """
        stamp = self._stamp()
        kept = self._kept
        if kept is None or kept.stamp is None or kept.stamp != stamp:
            kept = self._kept = self._read(stamp)
        if kept.error is not None:
            raise kept.error.with_traceback(None)
        return kept.value  # type: ignore[return-value]  # there is a value where there is no error

    def _stamp(self) -> _Stamp:
        """What differs between one file and another at the same path; nothing where there is no file."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - half the price of Path.stat, at every request
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise unreadable(self.path, error) from error
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

    def _read(self, stamp: _Stamp) -> _Kept[_T]:
        # The stamp is older than the bytes: should they be another file's, the next stamp differs. One that is just
        # made may be that of the next file too, so it is not kept.
        settled = stamp if not stamp or abs(time.time_ns() - stamp[0]) > _SETTLED else None
        try:
            return _Kept(settled, self._parse(self.path.read_bytes() if stamp else None))
        except FileNotFoundError:
            return self._read(())
        except OSError as error:
            return _Kept(settled, error=unreadable(self.path, error))
        except ModelrefError as error:
            return _Kept(settled, error=error)


def unreadable(path: Path, error: OSError) -> Invalid:
    """The fault of a file that the system does not let us read."""
    return Invalid.of(str(path), [Problem("", f"it cannot be read: {error.strerror or error}", "file.unreadable")])
