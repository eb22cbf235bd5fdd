"""A receiver of webhooks on this machine, with the moods that receivers have. It verifies what it is sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.files_server import Mood


@dataclass(frozen=True, slots=True)
class Told:
    """One request that came."""

    path: str
    headers: dict[str, str]
    """By names in lower case."""
    body: bytes
    status: int | None
    """What it was answered; ``None`` for nothing."""

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def event_ids(self) -> list[int]:
        ids: list[int] = self.json["data"]["event_ids"]
        return ids

    def is_signed_with(self, secret: str) -> bool:
        """Whether the signature is right, by the specification and not by our code."""
        signed = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        made = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
        return self.headers["webhook-signature"] == "v1," + base64.b64encode(made.digest()).decode()


class Receiver:
    """Remembers what it was told in `told`; has its `moods` first, one for each request."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.moods: list[Mood] = []
        self.location: str | None = None
        """Where an answer of 3xx says that it went."""
        self.closing = threading.Event()
        self.changed = threading.Condition()
        receiver = self

        class Handler(_Handler):
            owner = receiver

        self._http = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def url(self, path: str = "/hook", *, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self._http.server_address[1]}{path}"

    @property
    def taken(self) -> list[int]:
        """The ids of the events that it took, repeats included, in order."""
        return [number for one in list(self.told) if one.status == 200 for number in one.event_ids]

    def wait_for(self, count: int, seconds: float = 30.0) -> None:
        """Until so many requests came."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.told) >= count, seconds), self.told

    def note(self, told: Told) -> None:
        with self.changed:
            self.told.append(told)
            self.changed.notify_all()

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver, gone after the test."""
    made = Receiver()
    yield made
    made.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who delivers may leave in the middle."""


class _Handler(BaseHTTPRequestHandler):
    owner: Receiver

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing."""

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            return  # whoever sent it died in the middle: nothing was told
        mood = self.owner.moods.pop(0) if self.owner.moods else Mood(status=200)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answered = mood.status if mood.stall_after is None and mood.cut_after is None else None
        self.owner.note(Told(self.path, headers, body, answered))
        if mood.stall_after is not None:
            self.owner.closing.wait()
        if answered is None:
            return
        said = b"busy \x1b[31m\n now" if answered >= 400 else b"taken"
        self.send_response(answered)
        if mood.retry_after is not None:
            self.send_header("Retry-After", mood.retry_after)
        if self.owner.location is not None:
            self.send_header("Location", self.owner.location)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
