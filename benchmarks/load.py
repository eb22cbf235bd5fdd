"""A light load generator: raw sockets that are kept open, in a process of its own.

Each connection asks one request after the other, as the answers come (or, paced, at fixed times), and reads its answer
by ``Content-Length``. Nothing is parsed beyond that, so it takes little of the machine that it shares with the service.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"
_APART = 0.002
"""Seconds between two connections: of a burst, one worker would take all."""


@dataclass
class Answers:
    """What came of a load: how many answers in how many seconds, each one's wait, and their statuses."""

    seconds: float
    waits: list[float] = field(repr=False)
    statuses: dict[str, int]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.waits) / self.seconds if self.seconds else 0.0

    def part(self, share: float) -> float:
        """The wait, in seconds, that so large a share of the answers stayed within."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def request(method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    """One request as it goes over the wire."""
    rows = {"host": "models.example", **(headers or {})}
    if body or method in ("POST", "PUT"):
        rows |= {"content-type": "application/json", "content-length": str(len(body))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in rows.items())]
    return "\r\n".join(lines).encode("latin-1") + _END + body


class Load:
    """A load under way in its own process; `answers` waits for its end.

    Args:
        port: on loopback.
        requests: asked in turn, over all connections; once each if *once*.
        connections: how many ask at the same time.
        seconds: how long.
        once: ends when each request was asked.
        pause: seconds from one request of a connection to its next, whatever the answers take; 0 asks at once.
    """

    def __init__(
        self,
        port: int,
        requests: list[bytes],
        *,
        connections: int = 16,
        seconds: float = 3.0,
        once: bool = False,
        pause: float = 0.0,
    ) -> None:
        plan = {"port": port, "connections": connections, "seconds": seconds, "once": once, "pause": pause}
        plan["requests"] = [data.decode("latin-1") for data in requests]
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(plan))
        self._process.stdin.close()

    def answers(self) -> Answers:
        """What came of it."""
        assert self._process.stdout is not None
        text = self._process.stdout.read()
        self._process.stdout.close()
        if self._process.wait():
            sys.exit("the load generator failed")
        return Answers(**json.loads(text))


class _Plan:
    """What the connections share."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.requests = [text.encode("latin-1") for text in plan["requests"]]
        self.once: bool = plan["once"]
        self.pause: float = plan["pause"]
        self.until = 0.0
        self.asked = 0
        self.waits: list[float] = []
        self.statuses: Counter[str] = Counter()

    def next(self) -> bytes | None:
        """The next request, if there is one."""
        if time.perf_counter() >= self.until or (self.once and self.asked >= len(self.requests)):
            return None
        found = self.requests[self.asked % len(self.requests)]
        self.asked += 1
        return found


class _Connection(asyncio.Protocol):
    def __init__(self, plan: _Plan, done: asyncio.Future[None]) -> None:
        self._plan = plan
        self.done = done
        self._due = 0.0
        self._head = bytearray()
        self._left = 0
        self._has_head = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def begin(self, due: float) -> None:
        """Ask the first request when it is due."""
        self._due = due
        self._ask_later()

    def _ask_later(self) -> None:
        wait = self._due - time.perf_counter() if self._plan.pause else 0.0
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        data = self._plan.next()
        if data is None:
            self._transport.close()
            return
        # Paced, the wait counts from when it was due: a stall counts for all whom it kept waiting.
        self._since = self._due if self._plan.pause else time.perf_counter()
        self._due += self._plan.pause
        self._transport.write(data)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if self._has_head:
            self._left -= len(data)
        else:
            self._head += data
            end = self._head.find(_END)
            if end < 0:
                return
            self._has_head = True
            head = bytes(self._head[:end]).lower()
            self._left = _length(head) - (len(self._head) - end - len(_END))
        if self._left <= 0:
            self._answered()

    def _answered(self) -> None:
        self._plan.waits.append(time.perf_counter() - self._since)
        self._plan.statuses[bytes(self._head[9:12]).decode("latin-1")] += 1
        self._head.clear()
        self._has_head = False
        self._ask_later()

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._has_head or self._head:
            self._plan.statuses["broken"] += 1
        if not self.done.done():
            self.done.set_result(None)


def _length(head: bytes) -> int:
    if b"transfer-encoding: chunked" in head:
        raise SystemExit("an answer came in chunks: its end is not looked for")
    at = head.find(_LENGTH)
    return int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def _run(plan: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    shared = _Plan(plan)
    connections = []
    for _ in range(plan["connections"]):
        _, made = await loop.create_connection(
            lambda: _Connection(shared, loop.create_future()), "127.0.0.1", plan["port"]
        )
        connections.append(made)
        await asyncio.sleep(_APART)
    begin = time.perf_counter()
    shared.until = begin + plan["seconds"]
    for number, connection in enumerate(connections):
        connection.begin(begin + shared.pause * number / len(connections))
    await asyncio.gather(*(connection.done for connection in connections))
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "waits": shared.waits, "statuses": dict(shared.statuses)}


def _main() -> None:
    plan = json.load(sys.stdin)
    try:
        import uvloop
    except ImportError:
        answers = asyncio.run(_run(plan))
    else:
        answers = uvloop.run(_run(plan))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    _main()
