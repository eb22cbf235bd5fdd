"""A host of files on this machine, with the moods that hosts have. Nothing here ever leaves the loopback."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(slots=True)
class Mood:
    """What a host does once instead of what it should."""

    status: int | None = None
    """Answers this."""
    retry_after: str | None = None
    cut_after: int | None = None
    """Breaks the connection after so many bytes of the body."""
    stall_after: int | None = None
    """Falls silent after so many bytes of the body; before the answer with -1."""


@dataclass(slots=True)
class Served:
    """One file of the host."""

    data: bytes
    etag: str | None = ""
    """Made of the data unless given; ``None`` for none."""
    ranges: bool = True
    shift: int = 0
    """Sends a part that begins so many bytes behind the one that was asked for, and says so."""
    chunked: bool = False
    says_length: bool = True
    length: int | None = None
    """The length that it says, if that is not the true one."""
    content_type: str = "application/octet-stream"
    head: bool = True
    """Whether it answers a HEAD request."""
    redirect: tuple[int, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every answer."""
    moods: list[Mood] = field(default_factory=list)
    """Each for one GET request, the first one first."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came."""

    method: str
    path: str
    headers: dict[str, str]


class FilesServer:
    """Serves what is put into `files`; remembers what was asked in `asked`."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self.most_at_once = 0
        """The most requests that waited for their answers at a time."""
        self.thinks_for = 0.0
        """Seconds before each answer begins: with them, requests that come together are seen together."""
        self._at_once = 0
        self._lock = threading.Lock()
        server = self

        class Handler(_Handler):
            host = server

        self._http = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def put(self, path: str, data: bytes = b"", **how: Any) -> Served:
        """Serve *data* at *path*."""
        self.files[path] = Served(data, **how)
        return self.files[path]

    def url(self, path: str, *, host: str = "127.0.0.1") -> str:
        """The address of *path*; ``localhost`` is another host on the same machine."""
        return f"http://{host}:{self._http.server_address[1]}{path}"

    def entry(self, file_name: str, data: bytes, **how: Any) -> dict[str, Any]:
        """Serve *data*, and the download of a record that describes it."""
        self.put(f"/{file_name}", data, **how)
        return {"file_name": file_name, "file_url": self.url(f"/{file_name}"), "sha256sum": digest(data)}

    def methods(self, path: str) -> list[str]:
        """The requests for *path*, by method."""
        return [row.method for row in self.asked if row.path == path]

    def close(self) -> None:
        """Stop serving."""
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Note how many requests wait for their answers at a time.

        It is over before the answer begins: a client that has the last byte may ask again before this thread goes on.
        """
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1


def digest(data: bytes) -> str:
    """The SHA-256 of *data* in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[FilesServer]:
    """A host of files, gone after the test; asked without whatever proxy this machine has."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")
    server = FilesServer()
    yield server
    server.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host: FilesServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        self.host.asked.append(Asked(self.command, self.path, dict(self.headers.items())))
        with self.host.counted():
            self.host.closing.wait(self.host.thinks_for)
        file = self.host.files.get(self.path.partition("?")[0])
        mood = file.moods.pop(0) if file is not None and with_body and file.moods else Mood()
        if mood.stall_after == -1:
            self._stall()
        elif file is None:
            self._plain(404)
        elif mood.status is not None:
            self._plain(mood.status, {"Retry-After": mood.retry_after} if mood.retry_after else {})
        elif file.redirect is not None:
            self._plain(file.redirect[0], {"Location": file.redirect[1], **file.headers})
        elif not with_body and not file.head:
            self._plain(405)
        else:
            self._serve(file, mood, with_body=with_body)

    def _plain(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _serve(self, file: Served, mood: Mood, *, with_body: bool) -> None:
        etag = f'"{digest(file.data)[:16]}"' if file.etag == "" else file.etag
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = 0, len(file.data)
        if wanted is not None and file.ranges and self.headers.get("If-Range", etag) == etag:
            start = int(wanted[1]) + file.shift
            end = min(end, int(wanted[2]) + 1) if wanted[2] else end
            if start >= len(file.data):
                self._plain(416, {"Content-Range": f"bytes */{len(file.data)}"})
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(file.data)}")
        else:
            self.send_response(200)
        body = file.data[start:end]
        self.send_header("Content-Type", file.content_type)
        if etag is not None:
            self.send_header("ETag", etag)
        for name, value in file.headers.items():
            self.send_header(name, value)
        if file.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif file.says_length:
            self.send_header("Content-Length", str(len(body) if file.length is None else file.length))
        self.end_headers()
        if with_body:
            self._send(file, mood, body)
        self.close_connection = True

    def _send(self, file: Served, mood: Mood, body: bytes) -> None:
        stop = next((at for at in (mood.cut_after, mood.stall_after) if at is not None), None)
        rest = memoryview(body)[:stop]
        while rest:
            piece, rest = rest[:4096], rest[4096:]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)) if file.chunked else piece)
        if mood.stall_after is not None:
            self._stall()
        elif file.chunked and stop is None:
            self.wfile.write(b"0\r\n\r\n")

    def _stall(self) -> None:
        self.wfile.flush()
        self.host.closing.wait(60)
        self.close_connection = True
