"""A wire on the loopback that can be cut: a TCP proxy that breaks a connection at a point of the test's choice."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PIECE = 65536


@dataclass(frozen=True, slots=True)
class Cut:
    """Where one connection breaks, both ways and without a farewell."""

    to_server: int | None = None
    """After so many bytes of the client's were passed on."""
    to_client: int | None = None
    """After so many bytes of the server's were passed on."""
    when: Callable[[], bool] | None = None
    """Once this holds, in the place of the next bytes for the client: after a ref has moved, a push's answer."""


Plan = Callable[[int], Cut | None]
"""What becomes of the connection with a number; they are counted from 0."""


def in_order(*cuts: Cut | None) -> Plan:
    """The first connections in this order; all others go through."""

    def plan(number: int) -> Cut | None:
        return cuts[number] if number < len(cuts) else None

    return plan


class Proxy:
    """Passes on what comes to a port of its own, to and from the *target* port, as far as its plan lets it."""

    def __init__(self, target: int, plan: Plan | None = None) -> None:
        self.plan = plan or in_order()
        self.connections = 0
        self.cut = 0
        """So many connections were cut."""
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def expect(self, *cuts: Cut | None) -> None:
        """Cut the next connections in this order."""
        self.connections = 0
        self.cut = 0
        self.plan = in_order(*cuts)

    def close(self) -> None:
        """Let nobody in any more, and break what is open."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for end in left:
            _break(end)
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: Callable[..., None], *words: object) -> None:
        thread = threading.Thread(target=work, args=words, daemon=True)
        self._threads = [row for row in self._threads if row.is_alive() or not row.ident]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            cut = self.plan(self.connections) or Cut()
            self.connections += 1
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                _break(client)
                continue
            wire = _Wire(self, client, server, cut)
            with self._lock:
                self._open |= {client, server}
            self._start(wire.to_server)
            self._start(wire.to_client)

    def done(self, ends: Sequence[socket.socket], *, cut: bool) -> None:
        """Forget a connection."""
        with self._lock:
            self.cut += cut
            self._open -= set(ends)


class _Wire:
    """One connection, passed on in both directions."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket, cut: Cut) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._cut = cut
        self._lock = threading.Lock()
        self._left = 2
        self._broken = False

    def to_server(self) -> None:
        self._carry(self._client, self._server, self._cut.to_server, None)

    def to_client(self) -> None:
        self._carry(self._server, self._client, self._cut.to_client, self._cut.when)

    def _carry(
        self, source: socket.socket, sink: socket.socket, most: int | None, when: Callable[[], bool] | None
    ) -> None:
        left = most
        try:
            while data := source.recv(PIECE):
                if when is not None and when():
                    self._end(self._client, self._server)
                    return
                sink.sendall(data if left is None else data[:left])
                if left is not None:
                    left -= len(data)
                    if left <= 0:
                        self._end(source)  # whoever is sent the last bytes still gets them
                        return
            if when is not None and when():
                self._end(self._client, self._server)
                return
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self._end()
            return
        with self._lock:
            self._left -= 1
            over = not self._left
        if over:
            self._end()

    def _end(self, *cut: socket.socket) -> None:
        with self._lock:
            if self._broken:
                return
            self._broken = True
        self._proxy.done((self._client, self._server), cut=bool(cut))
        for end in (self._client, self._server):
            _break(end) if end in cut else _close(end)


def _break(end: socket.socket) -> None:
    """Reset a connection: the other end is told nothing but that it is gone."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RD)  # wakes whoever reads here; the other way, it would say good-bye
    end.close()


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port
