"""Services to be measured, each in processes of its own on loopback: ours, and a bare application that is its rival."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

CHECKOUT: Final = Path(__file__).resolve().parents[1]
READY_WITHIN: Final = 60.0
_SIZES: Final = "BARE_SIZES"
_PLACE: Final = re.compile(r" at http://127\.0\.0\.1:(\d+) ")


@contextmanager
def ours(repository: Path, workers: int, *options: str) -> Iterator[int]:
    """``modelref-git serve`` over *repository*; gives the port."""
    command = [sys.executable, "-m", "modelref_git", "-C", str(repository), "serve", "--port", "0"]
    with _process([*command, "--workers", str(workers), "--no-webhooks", *options]) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = _PLACE.search(said)
        if found is None:
            sys.exit(f"the service did not start: {said}{process.stderr.read()}")
        # What it logs must be read, or the service would wait for the reader.
        threading.Thread(target=_drain, args=(process.stderr,), daemon=True).start()
        port = int(found[1])
        _await(port, "/heartbeat")
        yield port


@contextmanager
def bare(sizes: list[int], workers: int) -> Iterator[int]:
    """A bare FastAPI application that answers ``/SIZE`` with a constant of that many bytes; gives the port."""
    os.environ[_SIZES] = ",".join(str(size) for size in sizes)
    with _process([sys.executable, __file__, str(workers)]) as process:
        assert process.stderr is not None
        port = int(process.stderr.readline())
        threading.Thread(target=_drain, args=(process.stderr,), daemon=True).start()
        _await(port, f"/{sizes[0]}")
        yield port


@contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _drain(stream: Any) -> None:
    with stream:
        for _ in stream:
            pass


def _await(port: int, path: str) -> None:
    until = time.monotonic() + READY_WITHIN
    while True:
        try:
            ask(port, "GET", path)
        except OSError:
            if time.monotonic() > until:
                sys.exit("the service did not answer in time")
            time.sleep(0.05)
        else:
            return


def ask(
    port: int, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None
) -> tuple[int, bytes, dict[str, str]]:
    """One request over a connection of its own: the status, the body, the headers."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        sent = {**({"Content-Type": "application/json"} if body is not None else {}), **(headers or {})}
        client.request(method, path, None if body is None else json.dumps(body), sent)
        answer = client.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        client.close()


def make_bare() -> Any:
    """The rival, for the sizes in the environment."""
    from fastapi import FastAPI, Response

    app = FastAPI()

    def add(size: int) -> None:
        body = b"x" * size

        @app.get(f"/{size}")
        async def constant() -> Response:
            return Response(body, media_type="application/json")

    for text in os.environ[_SIZES].split(","):
        add(int(text))
    return app


def _serve_bare(workers: int) -> None:
    import socket

    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    print(port, file=sys.stderr, flush=True)
    # As modelref_git/server/run.py sets uvicorn up.
    options: dict[str, Any] = {"factory": True, "access_log": False, "log_level": "warning", "server_header": False}
    if workers > 1:
        options["workers"] = workers
    uvicorn.run("served:make_bare", host="127.0.0.1", port=port, backlog=2048, **options)


if __name__ == "__main__":
    _serve_bare(int(sys.argv[1]))
