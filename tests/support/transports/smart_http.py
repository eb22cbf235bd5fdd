"""``git http-backend`` behind a small server on the loopback: smart HTTP, as git speaks it to any host."""

from __future__ import annotations

import base64
import binascii
import io
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PIECE = 65536

_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM")
"""A host has none of its clients' settings."""


class NoBackend(Exception):
    """There is no ``git http-backend`` here; says so."""


@dataclass(slots=True)
class Door:
    """Who comes in to one repository."""

    path: Path
    passwords: dict[str, str] = field(default_factory=dict)
    """Of those who have one; whoever has none is asked for it, if there are any."""
    writers: set[str] | None = None
    """Those who may push; everybody unless given."""
    status: int | None = None
    """Answers all requests with this."""
    late: bool = False
    """Answers a push only when all of the answer is there, as hosts behind other servers do."""
    failures: list[int] = field(default_factory=list)
    """Answers the next requests with these, one by one."""


class HttpServer:
    """Serves the repositories that were asked for by :meth:`url`.

    Raises:
        NoBackend: git came without it.
    """

    name = "http"

    def __init__(self) -> None:
        folder = subprocess.run(["git", "--exec-path"], capture_output=True, check=True).stdout.decode().strip()
        found = shutil.which("git-http-backend", path=folder)
        if found is None:
            raise NoBackend("git came without http-backend")
        self.backend: str = found
        self.doors: dict[str, Door] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path with its question, and headers in small letters, of every request that came."""
        server = self

        class Handler(_Handler):
            host = server

        self._http = _Server(("127.0.0.1", 0), Handler)
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def url(self, repository: Path, *, port: int | None = None, user: str = "") -> str:
        """The address of *repository*, or that of a proxy's *port*; *user* is ``name:password``."""
        who = f"{user}@" if user else ""
        return f"http://{who}127.0.0.1:{port or self.port}/{self._slug(repository)}"

    def door(self, repository: Path) -> Door:
        """Who comes in there."""
        return self.doors[self._slug(repository)]

    @property
    def env(self) -> dict[str, str]:
        """The variables with which git comes in: whatever proxy this machine has knows nothing of the loopback."""
        return {"no_proxy": "*", "NO_PROXY": "*"}

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)

    def _slug(self, repository: Path) -> str:
        path = repository.resolve()
        for slug, door in self.doors.items():
            if door.path == path:
                return slug
        slug = f"{len(self.doors) + 1}/{path.name}"
        if path.is_dir():
            subprocess.run(["git", "-C", str(path), "config", "http.receivepack", "true"], check=True)
        self.doors[slug] = Door(path)
        return slug


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    host: HttpServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.host.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        path, _, question = self.path.partition("?")
        slug, inner = _split(path)
        door = self.host.doors.get(slug)
        if door is None:
            self._refuse(404)
            return
        user = self._user(door)
        pushes = "git-receive-pack" in self.path
        status = door.failures.pop(0) if door.failures else door.status
        if status is not None:
            self._refuse(status)
        elif user is None:
            self._refuse(401, {"WWW-Authenticate": 'Basic realm="modelref"'})
        elif pushes and door.writers is not None and user not in door.writers:
            self._refuse(403)
        else:
            self._serve(f"{door.path}/{inner}", question, user, late=door.late and self.command == "POST")

    def _user(self, door: Door) -> str | None:
        """Who asks: nobody in particular, where no passwords are; ``None`` for somebody who has not said it right."""
        if not door.passwords:
            return ""
        kind, _, said = self.headers.get("Authorization", "").partition(" ")
        try:
            name, _, word = base64.b64decode(said, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return name if kind.lower() == "basic" and door.passwords.get(name) == word and name else None

    def _refuse(self, status: int, headers: dict[str, str] | None = None) -> None:
        for _ in self._body():
            pass
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _body(self) -> Iterator[bytes]:
        """The body as it was meant, piece by piece, however it was sent."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self._exactly(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0:
            piece = self._exactly(min(left, PIECE))
            left -= len(piece)
            yield piece

    def _exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionError("the client broke off")
        return data

    def _serve(self, path: str, question: str, user: str, *, late: bool) -> None:
        headers = self.headers
        env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key in _KEPT},
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_TRANSLATED": path,
            "QUERY_STRING": question,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "GIT_PROTOCOL": headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": user,
        }
        if headers.get("Content-Length"):
            env["CONTENT_LENGTH"] = headers["Content-Length"]
        process = subprocess.Popen(
            [self.host.backend], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
        )
        with process:
            feeder = threading.Thread(target=self._feed, args=(process,), daemon=True)
            feeder.start()
            assert process.stdout is not None
            try:
                self._pass_on(io.BytesIO(process.stdout.read()) if late else process.stdout)
            finally:
                while process.stdout.read(PIECE):  # a client that is gone does not stop a push that is being taken
                    pass
                feeder.join()

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """Give the program what the client sends; when the client is gone, that is all."""
        assert process.stdin is not None
        try:
            for piece in self._body():
                process.stdin.write(piece)
        except (OSError, ValueError):
            process.kill()  # it would wait for the rest for ever, and busily
            self.close_connection = True
        try:
            process.stdin.close()
        except OSError:
            self.close_connection = True

    def _pass_on(self, answer: Any) -> None:
        status, rows = 200, []
        while line := answer.readline().strip():
            name, _, value = line.decode("latin-1").partition(": ")
            if name.lower() == "status":
                status = int(value.split()[0])
            else:
                rows.append((name, value))
        self.send_response(status)
        for name, value in rows:
            self.send_header(name, value)
        sized = any(name.lower() == "content-length" for name, _ in rows)
        if not sized:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := answer.read1(PIECE):
            self.wfile.write(piece if sized else b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        if not sized:
            self.wfile.write(b"0\r\n\r\n")


def _split(path: str) -> tuple[str, str]:
    """The repository's part of a path, and the rest."""
    rows = path.strip("/").split("/")
    return "/".join(rows[:2]), "/".join(rows[2:])
