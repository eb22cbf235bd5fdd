"""Pictures that somebody sent along and has not proposed yet: files in the cache, for as long as a session at most.

A browser sends a file once and not again with the next form, so it has to wait somewhere. Nobody else gets at it: the
folder is that of its sender, and it becomes part of the dataset only as part of their proposal.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from modelref_git.errors import UsageFault
from modelref_git.operations.picture_files import name_of
from modelref_git.records.pictures import is_name
from modelref_git.server.sessions import LONGEST

FOLDER: Final = "uploads"
BYTES_AT_MOST: Final = 250_000_000
"""Of one sender."""
SENDERS_AT_MOST: Final = 1_000


class Staged:
    """What one sender has waiting.

    Args:
        cache: the folder of what may be deleted at any time.
        user_id: the sender.
        clock: Unix seconds.
    """

    def __init__(self, cache: Path, user_id: str, clock: Callable[[], float] = time.time) -> None:
        self._all = cache / FOLDER
        self._own = self._all / hashlib.sha256(user_id.encode(errors="surrogatepass")).hexdigest()[:32]
        self._clock = clock

    def put(self, data: bytes) -> str:
        """Keep a picture; gives its name.

        Raises:
            UsageFault: the sender, or all of them together, have too much waiting.
            OSError: it cannot be written.
        """
        self._own.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._forget_old()
        name = name_of(data)
        waiting = sum(path.stat().st_size for path in self._own.iterdir() if path.name != name)
        if waiting + len(data) > BYTES_AT_MOST or sum(1 for _ in self._all.iterdir()) > SENDERS_AT_MOST:
            raise UsageFault(
                "too many pictures were sent along and not proposed yet", hint="propose with those that are there first"
            )
        path = self._own / name
        part = self._own / f"{name}.part"
        part.write_bytes(data)
        part.replace(path)
        return name

    def get(self, names: Iterable[str]) -> dict[str, bytes]:
        """Those of the pictures *names* that wait, by name."""
        found = {}
        for name in names:
            if is_name(name):
                with contextlib.suppress(OSError):
                    data = (self._own / name).read_bytes()
                    if name_of(data) == name:
                        found[name] = data
        return found

    def has(self, names: Iterable[str]) -> set[str]:
        """Those of the pictures *names* that wait."""
        return {name for name in names if is_name(name) and (self._own / name).is_file()}

    def drop(self, names: Iterable[str]) -> None:
        """Forget the pictures *names*: they are proposed."""
        for name in names:
            if is_name(name):
                with contextlib.suppress(OSError):
                    (self._own / name).unlink()

    def _forget_old(self) -> None:
        until = self._clock() - LONGEST
        for folder in self._all.iterdir():
            with contextlib.suppress(OSError):  # another process does the same
                for path in folder.iterdir():
                    if path.stat().st_mtime < until:
                        path.unlink()
                if folder != self._own:
                    folder.rmdir()
