"""API keys of the HTTP service: a file of salted hashes beside the repository, and the check of a key against it.

A key is ``mrk_<key id>_<secret>``. The file holds the SHA-256 of a salt and the whole key. One round of it is enough:
guessing is hopeless against a secret of 256 random bits however quick the hash is, and every request pays for it. Slow
hashes are for passwords, which people choose.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from modelref_git.errors import Invalid, ModelrefError, NotFound, Problem
from modelref_git.store.disk import Disk
from modelref_git.store.key_file import KEY_ID, KeyEntry, encoded, parsed
from modelref_git.store.lock import writer_lock
from modelref_git.store.watched import Watched

PREFIX: Final = "mrk"
"""How a key begins, so that people and scanners of secrets know one."""
USE_NOTED_EVERY: Final = 60
"""Seconds between two notes of the last use of one key."""

_KEY: Final = re.compile(rf"{PREFIX}_([0-9a-f]{{12}})_.*", re.DOTALL)
_LONGEST: Final = 256
"""Characters of what callers send that are looked at; a key has 60."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key in the one moment in which it is known."""

    key: str = field(repr=False)
    entry: KeyEntry


def key_id_of(text: str) -> str | None:
    """The id in what looks like one of our keys; ``None`` for any other text."""
    found = _KEY.fullmatch(text[:_LONGEST])
    return found[1] if found is not None else None


class Keyring:
    """The keys in one file. May be used by several threads, and its file by several processes.

    Args:
        path: the file, which need not be there; it is made with the first key. A lock stands beside it.
        disk: the door to the file system; tests put one here that fails.
    """

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self.path = path
        self._disk = disk or Disk()
        self._file = Watched(path, self._parsed)
        self._noted: dict[str, int] = {}
        self._unwritten: dict[str, int] = {}
        self._timer: threading.Timer | None = None
        self._timing = threading.Lock()
        self._written_at = 0.0

    def entries(self) -> list[KeyEntry]:
        """Every key, the oldest first.

        Raises:
            IntegrityFailure: the file is broken, or of a format that this version does not read.
            Invalid: it cannot be read.
        """
        return sorted(self._file.value().values(), key=lambda entry: (entry.created, entry.key_id))

    def entry(self, key_id: str) -> KeyEntry:
        """The key with that id.

        Raises:
            NotFound: there is none.
            ModelrefError: as :meth:`entries`.
        """
        return _found(self._file.value(), key_id)

    @property
    def open_mode(self) -> str | None:
        """The mode of the file, such as ``0644``, if others than its owner can read or write it."""
        if os.name == "nt":  # modes say nothing there
            return None
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode)
        except OSError:
            return None
        return f"{mode:04o}" if mode & 0o077 else None

    def create(self, user_id: str, label: str, now: int, lifetime: int | None) -> NewKey:
        """Make a key that is good for *lifetime* seconds from *now*, or for ever.

        Raises:
            Invalid: the file cannot be written.
            ModelrefError: as :meth:`entries`; nothing was written.
        """

        def add(keys: dict[str, KeyEntry]) -> NewKey:
            expires = None if lifetime is None else now + lifetime
            made = _made(_new_id(keys), user_id, label, now, expires)
            keys[made.entry.key_id] = made.entry
            return made

        return self._change(add)

    def regenerate(self, key_id: str, now: int) -> NewKey:
        """Give a key another secret, and as much time as it once had; the old secret is dead when this returns.

        Raises:
            NotFound: there is no such key.
            ModelrefError: as :meth:`create`.
        """

        def renew(keys: dict[str, KeyEntry]) -> NewKey:
            old = _found(keys, key_id)
            expires = None if old.expires is None else now + old.expires - old.created
            made = _made(old.key_id, old.user_id, old.label, now, expires)
            keys[old.key_id] = made.entry
            return made

        return self._change(renew)

    def revoke(self, key_id: str) -> KeyEntry:
        """Take a key away; gives what it was.

        Raises:
            NotFound: there is no such key.
            ModelrefError: as :meth:`create`.
        """
        return self._change(lambda keys: keys.pop(_found(keys, key_id).key_id))

    def verify(self, token: str, now: int) -> KeyEntry | None:
        """The entry of the key that *token* is, if it is one at *now*; ``None`` for any other text.

        The file is read only when it changed. How long this takes tells nothing about which ids there are.

        Raises:
            ModelrefError: as :meth:`entries`.
        """
        token = token[:_LONGEST]
        entry = self._file.value().get(key_id_of(token) or "", _NOBODY)
        is_right = hmac.compare_digest(_digest(entry.salt, token), entry.digest)
        if not is_right or entry is _NOBODY or entry.is_expired(now):
            return None
        if now - self._noted.get(entry.key_id, entry.last_used or 0) >= USE_NOTED_EVERY:
            self._note_use(entry.key_id, now)
        return entry

    def note_uses(self) -> None:
        """Write down when keys were used, as far as that is not done; what cannot be written is forgotten.

        A service calls this when it stops; while it runs, a thread does, at most once a minute.
        """
        with self._timing:
            uses, self._unwritten = self._unwritten, {}
            self._written_at = time.monotonic()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        with suppress(OSError, ModelrefError):
            if uses:
                self._change(lambda keys: _used(keys, uses))

    def _note_use(self, key_id: str, now: int) -> None:
        with self._timing:
            self._noted[key_id] = self._unwritten[key_id] = now
            if self._timer is None:
                due = self._written_at + USE_NOTED_EVERY - time.monotonic() if self._written_at else 0.0
                self._timer = threading.Timer(max(_SOON, due), self.note_uses)
                self._timer.daemon = True
                self._timer.start()

    def _change(self, change: Callable[[dict[str, KeyEntry]], _T]) -> _T:
        """Have *change* edit the keys; written unless that leaves them as they were."""
        place = self.path.resolve()  # what a link leads to is replaced, not the link
        with _refusals(self.path), writer_lock(place.with_name(f"{place.name}.lock")):
            data = place.read_bytes() if place.exists() else None
            before = self._parsed(data)
            keys = dict(before)
            answer = change(keys)
            if keys != before:
                self._disk.write_file(place, encoded(keys), mode=0o600)
        return answer

    def _parsed(self, data: bytes | None) -> dict[str, KeyEntry]:
        return {} if data is None else parsed(data, str(self.path))


def _used(keys: dict[str, KeyEntry], uses: Mapping[str, int]) -> None:
    """Note *uses*, unless another process did so a moment ago."""
    for key_id, when in uses.items():
        entry = keys.get(key_id)
        if entry is not None and when - (entry.last_used or 0) >= USE_NOTED_EVERY:
            keys[key_id] = replace(entry, last_used=when)


def _found(keys: Mapping[str, KeyEntry], key_id: str) -> KeyEntry:
    entry = keys.get(key_id)
    if entry is None:
        # What is no id may be a secret that was taken for one: it is not repeated.
        named = f"with the id {key_id}" if KEY_ID.fullmatch(key_id) else "with such an id"
        raise NotFound(f"there is no key {named}", hint="`modelref-git key list` lists them")
    return entry


def _new_id(taken: Mapping[str, KeyEntry]) -> str:
    while (key_id := secrets.token_hex(6)) in taken:
        pass
    return key_id


def _made(key_id: str, user_id: str, label: str, now: int, expires: int | None) -> NewKey:
    key = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    salt = secrets.token_bytes(16)
    return NewKey(key, KeyEntry(key_id, user_id, label, now, expires, None, salt, _digest(salt, key)))


def _digest(salt: bytes, key: str) -> bytes:
    return hashlib.sha256(salt + key.encode("utf-8", "surrogatepass")).digest()


_NOBODY: Final = KeyEntry("", "", "", 0, 0, None, secrets.token_bytes(16), secrets.token_bytes(32))
"""What a key is compared with that nobody has, so that this takes as long."""

_SOON: Final = 1.0
"""Seconds after which a first use is written: more keys may be used at once."""


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Tell what the file system refuses as an error about *path*."""
    try:
        yield
    except OSError as error:
        problem = Problem("", f"it cannot be changed: {error.strerror or error}", "file.unwritable")
        raise Invalid.of(str(path), [problem]) from error
