"""Whose a key of AI-Horde is: its ``find_user``, of whose answer only what is needed is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from modelref_git.fetch.client import Answer, Client, normal
from modelref_git.fetch.faults import FetchFault, shown

FLAGS: Final = (
    "customizer",
    "deleted",
    "education",
    "flagged",
    "moderator",
    "pseudonymous",
    "service",
    "special",
    "trusted",
    "vpn",
)
"""What a user of AI-Horde can be, as its user model has it (members that are true or false)."""

PATH: Final = "v2/find_user"

_LONGEST_NAME: Final = 256
_MOST_BYTES: Final = 1 << 20
"""Bytes of an answer that are read: a user with thousands of workers has some hundred thousand."""


@dataclass(frozen=True, slots=True)
class User:
    """What is kept of a user. Contact details and the admins' comments are not."""

    id: str
    username: str
    """``name#id``."""
    flags: tuple[str, ...] = ()
    """Those of :data:`FLAGS` that are true."""
    kudos: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: the user, if there is one, and the status."""

    status: int
    user: User | None = None


class Silence(FetchFault):
    """The host did not answer in time."""


def address(base: str) -> str:
    """Where to ask below *base*, the address of the API, with a slash at its end or without.

    Raises:
        FetchFault: it is no whole http or https address, or has a password in it.
    """
    return normal(base.strip().rstrip("/") + "/" + PATH)


def is_sendable(key: str) -> bool:
    """Whether a text can be a key: what cannot go into a header is none, and is not tried."""
    return 0 < len(key) <= _LONGEST_NAME and key.isascii() and key.isprintable() and " " not in key


def find_user(client: Client, url: str, key: str) -> Found:
    """Ask *url* (see :func:`address`) whose *key* is. It goes to that host only: no redirect is followed.

    Raises:
        Silence: no answer in time.
        FetchFault: no answer.
    """
    try:
        with client.ask("GET", url, {"apikey": key, "Accept": "application/json"}, follow=False) as answer:
            if answer.status != 200:
                return Found(answer.status)
            return Found(200, _user(_body(answer)))
    except FetchFault as fault:
        cause = fault.__cause__
        if isinstance(cause, TimeoutError) or isinstance(getattr(cause, "reason", None), TimeoutError):
            raise Silence("unreachable", f"{shown(url)} does not answer in time", passing=True) from None
        raise


def _body(answer: Answer) -> bytes:
    data = bytearray()
    for piece in answer.pieces():
        data += piece
        if len(data) > _MOST_BYTES:
            return b""
    return bytes(data)


def _user(data: bytes) -> User | None:
    """The user whom the JSON text *data* describes: one whose ``username`` has an id behind its last ``#``."""
    try:
        row: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    username = row.get("username") if isinstance(row, dict) else None
    if not isinstance(username, str) or len(username) > _LONGEST_NAME or not username.isprintable():
        return None
    _, mark, ident = username.rpartition("#")
    if not mark or not ident.strip():
        return None
    return User(
        ident.strip(), username, tuple(name for name in FLAGS if row.get(name) is True), _number(row.get("kudos"))
    )


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    except OverflowError:
        return None
