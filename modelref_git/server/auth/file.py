"""Logins by the keys of a file that somebody wrote, for tests and small set-ups."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from modelref_git.errors import Invalid, ModelrefError, NotFound, Problem
from modelref_git.records.json_text import parse
from modelref_git.server.auth.interface import Login
from modelref_git.store.watched import Watched


class FileProvider:
    """The keys in a JSON file: ``{"keys": {KEY: {"user_id", "username", "flags"?}}}``.

    It is read again when it changes. While it is broken the keys read before stay good, and `tell` is told.

    Args:
        path: the file.
        tell: told what is wrong with the file.

    Raises:
        NotFound: there is no file.
        Invalid: it cannot be read, or is not of that form.
    """

    name: Final = "file"
    is_local: Final = True

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._file = Watched(path, lambda data: _logins(data, path))
        self._tell = tell
        self._good = self._file.value()
        self._told: str | None = None

    def identify(self, token: str, *, for_write: bool) -> Login | None:  # noqa: ARG002 - nothing is remembered here
        """Whose key *token* is."""
        try:
            self._good = self._file.value()
            self._told = None
        except ModelrefError as fault:
            if fault.message != self._told:
                self._told = fault.message
                self._tell(f"{fault.message}; the keys that were read before stay good")
        return self._good.get(_sum(token))

    def close(self) -> None:
        """Nothing is to be done."""


def _sum(key: str) -> bytes:
    # Found by its sum, a key is neither kept in memory nor compared letter by letter.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _logins(data: bytes | None, path: Path) -> Mapping[bytes, Login]:
    if data is None:
        raise NotFound(f"there is no file {path}, which should hold the keys of the provider file")
    try:
        document = parse(data, what="it", max_bytes=None)
    except Invalid as error:
        # Its own words could repeat a key.
        detail = error.details[0]
        place = "".join(f", {name} {detail[name]}" for name in ("line", "column") if name in detail)
        raise _refusal(path, f"it is not valid JSON{place} ({detail['rule']})") from None
    rows = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(rows, dict):
        raise _refusal(path, 'it has no object "keys"')
    return {_sum(key): _login(key, row, number, path) for number, (key, row) in enumerate(rows.items(), 1)}


def _login(key: str, row: Any, number: int, path: Path) -> Login:
    """The login of the *number*-th key, which is named by that and never shown."""
    where = f"key {number}"
    if not key or not isinstance(row, dict) or not (_is_text(row.get("user_id")) and _is_text(row.get("username"))):
        raise _refusal(path, f"{where} has no user_id and username, as texts without line breaks")
    user_id, username = row["user_id"].strip(), row["username"].strip()
    flags = row.get("flags", [])
    if not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
        raise _refusal(path, f"the flags of {where} are no list of texts")
    if "#" not in username:
        username = f"{username}#{user_id}"
    if username.rpartition("#")[2] != user_id:
        raise _refusal(path, f"the username of {where} ends with another id than its user_id")
    return Login(user_id, username, tuple(flags), FileProvider.name)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _refusal(path: Path, why: str) -> Invalid:
    return Invalid.of(str(path), [Problem("", why, "file.keys")])
