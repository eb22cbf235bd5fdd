"""The registered receivers: a file beside the repository, with the secrets and how far each receiver was told.

It is no part of the dataset: nothing of it is a change in the queue, and a clone has a file of its own.
``docs/webhooks.md`` describes it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from modelref_git.errors import IntegrityFailure, Invalid, NotFound, Problem
from modelref_git.records.json_text import parse
from modelref_git.store.git import GitStore
from modelref_git.store.lock import writer_lock
from modelref_git.store.watched import Watched

FILE: Final = "webhooks.json"
DELIVERING: Final = "webhooks.lock"
"""The lock of whoever delivers: one process at a time."""
FORMAT: Final = 1
SECRET: Final = "whsec_"  # noqa: S105 - only how one begins
"""How a secret begins; the rest is its bytes in base64."""

_MOST_EVENTS: Final = 2**53

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to where a receiver was told: an event, and the commit of ``queue`` that holds it."""

    event_id: int = 0
    """0 before the first event."""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a delivery failed."""

    time: int
    """Unix seconds."""
    message: str
    status: int | None = None
    """What the receiver answered, if it did."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One receiver."""

    webhook_id: str
    url: str = field(repr=False)
    """Whole, with a query that may be a secret: for sending only."""
    secret: str = field(repr=False)
    events: tuple[str, ...]
    """The actions that it is told of; all of them if there is none here."""
    allow_private: bool
    """Whether it may stand in a network that is not public."""
    created: int
    """Unix seconds."""
    created_by: str
    """``name#id``."""
    cursor: Cursor
    last_success: int | None = None
    last_error: Failure | None = None
    """Of the newest delivery, if that failed."""
    failures: int = 0
    """Since the last success."""
    failing_since: int | None = None
    next_try: int | None = None
    """Unix seconds before which it is left alone."""
    paused: str | None = None
    """Why it is not told anything until somebody resumes it."""

    def is_due(self, now: int) -> bool:
        """Whether it may be told something at *now*, Unix seconds."""
        return self.paused is None and (self.next_try is None or now >= self.next_try)

    @property
    def status(self) -> str:
        """``active``, ``failing`` (it is tried again) or ``paused``."""
        return "paused" if self.paused is not None else "failing" if self.failures else "active"


Webhooks = dict[str, Webhook]
"""Receivers by their ids, the oldest first."""


class Registry:
    """The receivers of one repository. Its file may be used by several processes."""

    def __init__(self, store: GitStore) -> None:
        self.path = store.local_dir / FILE
        self._disk = store.disk
        self._file = Watched(self.path, lambda data: {} if data is None else _parsed(data, str(self.path)))

    def webhooks(self) -> Webhooks:
        """All receivers. Asking again costs next to nothing while the file is the same.

        Raises:
            IntegrityFailure: the file is broken, or of a format that this version does not read.
            Invalid: it cannot be read.
        """
        return self._file.value()

    def change(self, change: Callable[[Webhooks], _T]) -> _T:
        """Have *change* edit the receivers; written unless that leaves them as they were.

        Raises:
            Invalid: the file cannot be written; it is as it was.
            ModelrefError: as :meth:`webhooks`, or what *change* raises; nothing was written.
        """
        with _refusals(self.path), writer_lock(self.path.with_name(f"{FILE}.lock")):
            before = self._file.value()
            webhooks = dict(before)
            answer = change(webhooks)
            if webhooks != before:
                self._disk.write_file(self.path, _encoded(webhooks), mode=0o600)
        return answer


def found(webhooks: Mapping[str, Webhook], webhook_id: str) -> Webhook:
    """The receiver with that id.

    Raises:
        NotFound: there is none.
    """
    webhook = webhooks.get(webhook_id)
    if webhook is None:
        raise NotFound(f"there is no webhook {webhook_id!r}", hint="`modelref-git webhook list` lists them")
    return webhook


def _encoded(webhooks: Mapping[str, Webhook]) -> bytes:
    rows = {}
    for webhook_id, webhook in webhooks.items():
        row = asdict(webhook)
        del row["webhook_id"]
        rows[webhook_id] = row
    return (json.dumps({"format": FORMAT, "webhooks": rows}, indent=2) + "\n").encode()


def _parsed(data: bytes, what: str) -> Webhooks:
    try:
        document = parse(data, what="it", max_bytes=None)
        if not isinstance(document, dict):
            raise ValueError("it is no object")
        if document.get("format") != FORMAT:
            raise IntegrityFailure(
                f"{what} has format {document.get('format')!r}, and this version reads format {FORMAT}",
                hint="a newer modelref-git reads it",
            )
        return {webhook_id: _webhook(webhook_id, row) for webhook_id, row in document["webhooks"].items()}
    except (Invalid, ValueError, TypeError, KeyError, AttributeError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise IntegrityFailure(
            f"{what} is no file of webhooks: {why}",
            hint="put back a copy of it, or move it away and add the webhooks again",
        ) from error


def _webhook(webhook_id: str, row: dict[str, Any]) -> Webhook:
    _check(row, _KINDS, webhook_id)
    _check(row["cursor"], _CURSOR_KINDS, webhook_id)
    if row["last_error"] is not None:
        _check(row["last_error"], _FAILURE_KINDS, webhook_id)
    if not all(type(action) is str for action in row["events"]):
        raise ValueError(f"events of {webhook_id} are not texts")
    failure = row["last_error"]
    parts = {
        "events": tuple(row["events"]),
        "cursor": Cursor(**row["cursor"]),
        "last_error": Failure(**failure) if failure is not None else None,
    }
    if not 0 <= row["cursor"]["event_id"] <= _MOST_EVENTS:
        raise ValueError(f"the cursor of {webhook_id} is no number of an event")
    base64.b64decode(row["secret"].removeprefix(SECRET), validate=True)
    return Webhook(**{**row, **parts, "webhook_id": webhook_id})


def _check(row: Mapping[str, Any], kinds: Mapping[str, tuple[type, ...]], webhook_id: str) -> None:
    for name, types in kinds.items():
        if type(row[name]) not in types:
            raise ValueError(f"{name} of {webhook_id} is {type(row[name]).__name__}")


_NONE: Final = type(None)
_CURSOR_KINDS: Final[dict[str, tuple[type, ...]]] = {"event_id": (int,), "commit": (str,)}
_FAILURE_KINDS: Final[dict[str, tuple[type, ...]]] = {"time": (int,), "message": (str,), "status": (int, _NONE)}
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "url": (str,),
    "secret": (str,),
    "events": (list,),
    "allow_private": (bool,),
    "created": (int,),
    "created_by": (str,),
    "cursor": (dict,),
    "last_success": (int, _NONE),
    "last_error": (dict, _NONE),
    "failures": (int,),
    "failing_since": (int, _NONE),
    "next_try": (int, _NONE),
    "paused": (str, _NONE),
}


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Tell what the file system refuses as an error about *path*."""
    try:
        yield
    except OSError as error:
        problem = Problem("", f"it cannot be changed: {error.strerror or error}", "file.unwritable")
        raise Invalid.of(str(path), [problem]) from error
