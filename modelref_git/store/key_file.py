"""The file of API keys: what is kept of a key, and how that is written down (``docs/keys.md`` describes it)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from modelref_git.errors import IntegrityFailure, Invalid
from modelref_git.records.json_text import parse

FILE: Final = "keys.json"
FORMAT: Final = 1
KEY_ID: Final = re.compile(r"[0-9a-f]{12}")

_DIGEST_BYTES: Final = 32
"""SHA-256."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What is kept of a key. Nothing in it lets anybody in."""

    key_id: str
    user_id: str
    label: str
    created: int
    """Unix seconds; of the secret, if that was made anew."""
    expires: int | None
    """Unix seconds from which on it is no key any more."""
    last_used: int | None
    """Unix seconds, not exact: it is noted at most once a minute."""
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    def is_expired(self, now: int) -> bool:
        """Whether its time is over at *now*, Unix seconds."""
        return self.expires is not None and now >= self.expires

    def as_json(self) -> dict[str, Any]:
        """The entry as ``key list`` answers it."""
        return {
            "key_id": self.key_id,
            "user_id": self.user_id,
            "label": self.label,
            "created": self.created,
            "expires": self.expires,
            "last_used": self.last_used,
        }


def encoded(keys: Mapping[str, KeyEntry]) -> bytes:
    """The bytes of a file with *keys*, by their ids."""
    rows = {}
    for key_id, entry in keys.items():
        row = entry.as_json()
        del row["key_id"]
        rows[key_id] = {**row, "salt": entry.salt.hex(), "hash": entry.digest.hex()}
    return (json.dumps({"format": FORMAT, "keys": rows}, indent=2) + "\n").encode()


def parsed(data: bytes, what: str) -> dict[str, KeyEntry]:
    """The keys that *data* holds, by their ids; messages call it *what*.

    Raises:
        IntegrityFailure: it is none, or of a format that this version does not read.
    """
    try:
        document = parse(data, what="it", max_bytes=None)
        if not isinstance(document, dict):
            raise ValueError("it is no object")
        if document.get("format") != FORMAT:
            shown = document.get("format")
            raise IntegrityFailure(
                f"{what} has format {shown!r}, and this version reads format {FORMAT}",
                hint="a newer modelref-git reads it",
            )
        rows = document["keys"]
        return {key_id: _entry(key_id, row) for key_id, row in rows.items()}
    except (Invalid, ValueError, TypeError, KeyError, AttributeError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise IntegrityFailure(
            f"{what} is no file of keys: {why}",
            hint="put back a copy of it, or move it away and make new keys with `modelref-git key create`",
        ) from error


def _entry(key_id: str, row: dict[str, Any]) -> KeyEntry:
    for name, kinds in _KINDS.items():
        if type(row[name]) not in kinds:
            raise ValueError(f"{name} of the key {key_id} is {type(row[name]).__name__}")
    salt, digest = bytes.fromhex(row["salt"]), bytes.fromhex(row["hash"])
    if not KEY_ID.fullmatch(key_id) or len(digest) != _DIGEST_BYTES:
        raise ValueError("a key's id or hash is none")
    lasting = (row["created"], row["expires"], row["last_used"])
    return KeyEntry(key_id, row["user_id"], row["label"], *lasting, salt, digest)


_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "user_id": (str,),
    "label": (str,),
    "created": (int,),
    "expires": (int, type(None)),
    "last_used": (int, type(None)),
    "salt": (str,),
    "hash": (str,),
}
