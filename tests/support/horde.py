"""A host on this machine that answers ``find_user`` as AI-Horde does, and has the moods that hosts have."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

ANN = "annskey0123456789abcdef"
BOB = "bobskey0123456789abcdef"

SECRETS = {"contact": "ann@private.example", "admin_comment": "watch her", "sharedkey_ids": ["shared-secret"]}
"""What a user model may hold and nobody here needs."""


class Horde:
    """Knows whose the keys in `users` are; remembers what was asked in `asked`."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {
            ANN: {"username": "ann#12", "id": 12, "moderator": True, "trusted": True, "flagged": False, **SECRETS},
            BOB: {"username": "bob#the#builder#7", "id": 7, "kudos": 3.5},
        }
        self.asked: list[tuple[str, str | None]] = []
        """Path and key of each request."""
        self.status: int | None = None
        """Answers this to everybody."""
        self.body: bytes | None = None
        """Answers this to everybody, with 200."""
        self.location: str | None = None
        """Redirects everybody there."""
        self.gate = threading.Event()
        """No answer is given before it is set."""
        self.gate.set()
        server = self

        class Handler(_Handler):
            host = server

        self._http = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def url(self, host: str = "127.0.0.1") -> str:
        """The address of the API; ``localhost`` is another host on the same machine."""
        return f"http://{host}:{self._http.server_address[1]}/api/"

    def close(self) -> None:
        """Stop answering: from now on the address is dead."""
        self.gate.set()
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def horde(monkeypatch: pytest.MonkeyPatch) -> Iterator[Horde]:
    """The host, gone after the test; asked without whatever proxy this machine has."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")
    server = Horde()
    yield server
    server.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not wait is what is tested."""


class _Handler(BaseHTTPRequestHandler):
    host: Horde

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing."""

    def do_GET(self) -> None:
        key = self.headers.get("apikey")
        self.host.asked.append((self.path, key))
        self.host.gate.wait(30)
        user = self.host.users.get(key or "")
        if self.host.location is not None:
            self.send_response(self.host.status or 302)
            self.send_header("Location", self.host.location)
            body = b""
        elif self.host.status is not None:
            self.send_response(self.host.status)
            body = b'{"message": "no"}'
        elif self.host.body is not None:
            self.send_response(200)
            body = self.host.body
        elif user is None:
            self.send_response(404)
            body = b'{"message": "No user matching sent API Key found.", "rc": "UserNotFound"}'
        else:
            self.send_response(200)
            body = json.dumps(user).encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
