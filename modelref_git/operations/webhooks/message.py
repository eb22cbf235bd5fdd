"""What a receiver is sent: one request for the events of one commit of the log, signed.

The headers and the signature are those of the Standard Webhooks specification, so that its libraries verify them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from modelref_git.operations.audit_events import event_rows, read_event
from modelref_git.operations.webhooks.registry import SECRET, Cursor
from modelref_git.store.log import View
from modelref_git.store.state import StoredQueue

MOST_EVENTS: Final = 50
"""Events in one request: what tells of them stays near the 20 kB that receivers are used to."""

TYPE: Final = "queue."
"""Before the action in the type of a request."""
PING: Final = "ping"
"""The type of a request that only tries whether the receiver is there."""

_CHANGE_FIELDS: Final = (
    *("change_id", "category", "model_name", "operation", "status", "requested_by", "requested_username"),
    *("batch_id", "batch_title"),
)
"""What is told of a change: fields of a PendingChangeRecord, without the record itself, which may be large."""

_LAST_MOMENT: Final = 253_402_300_799
"""The end of the year 9999, Unix seconds: a log made by hand may hold any time."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request. It is the same however often it is sent, but for its time and so its signature."""

    message_id: str
    body: bytes
    reaches: Cursor = field(default_factory=Cursor)
    """Up to where the receiver is told, once it has taken it."""
    events: int = 0
    """How many events it tells of."""

    def headers(self, secret: str, now: int) -> dict[str, str]:
        """The headers of an attempt at *now*, Unix seconds."""
        return {
            "Content-Type": "application/json",
            "webhook-id": self.message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(secret, self.message_id, now, self.body),
        }


def new_secret() -> str:
    """A secret for one receiver: 32 random bytes, as the specification writes them."""
    return SECRET + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``: ``v1,`` and the HMAC-SHA256 of id, time and body, with dots between them."""
    key = base64.b64decode(secret.removeprefix(SECRET))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def message_of(view: View, step: tuple[int, int, str], *, after: int) -> Message:
    """What is sent of the events behind *after* in one commit of the log: all of them, or the next 50.

    The borders are the same for every receiver, so an id always names the same events.

    Args:
        view: the repository at that commit, or later.
        step: the first and the last id of its events, and the commit.
        after: the last id that the receiver was told.

    Raises:
        IntegrityFailure: the commit is no event.
    """
    first, last, commit = step
    begin = max(first, after + 1)
    end = min(last, begin + MOST_EVENTS - 1 - (begin - first) % MOST_EVENTS)
    event_ids = range(begin, end + 1)
    event = read_event(view, commit)
    data: dict[str, Any] = {
        "repository": view.queue.header.genesis or view.head,
        "commit": commit,
        "event_ids": list(event_ids),
        "action": event.action,
        "actor": str(event.actor),
        "batch_id": event.batch_id,
        "main": event.main,
        "changes": _changes(view, commit, [number for at, number in event.ids() if at in event_ids]),
        "events": list(event_rows(view, commit, event, event_ids)),
    }
    data = {key: value for key, value in data.items() if value is not None}
    body = _encoded(f"{TYPE}{event.action}", event.time, data)
    return Message(f"{commit}-{begin}", body, Cursor(end, commit), len(event_ids))


def ping(repository: str, webhook_id: str, now: int) -> Message:
    """A request that tells of nothing."""
    data = {"repository": repository, "webhook_id": webhook_id}
    return Message(f"ping-{secrets.token_hex(16)}", _encoded(PING, now, data))


def _changes(view: View, commit: str, change_ids: list[int | None]) -> list[dict[str, Any]]:
    """The changes as they were right after the event, so that a request is the same whenever it is sent."""
    objects = view.store.buffer()
    queue = StoredQueue(objects, view.store.read_commit(commit).tree)
    rows = []
    for change_id in change_ids:
        change = None if change_id is None else queue.change(change_id) or queue.purged(change_id)
        if change is not None:
            row = {name: getattr(change, name) for name in _CHANGE_FIELDS}
            rows.append({key: value for key, value in row.items() if value is not None})
    return rows


def _encoded(kind: str, time: int, data: Mapping[str, Any]) -> bytes:
    moment = datetime.fromtimestamp(min(time, _LAST_MOMENT), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"type": kind, "timestamp": moment, "data": data}, separators=(",", ":")).encode()
