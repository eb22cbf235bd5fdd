"""What was made once and can be given again: bodies by the Git ids they are made of, the ones used last first."""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from modelref_git.server.answers import JSON, is_known

MIN_COMPRESSED: Final = 1_024
"""Bytes from which a body is worth being compressed."""
_LEVEL: Final = 6
_BYTES_AT_MOST: Final = 512 << 20


@dataclass(frozen=True, slots=True)
class Body:
    """A body that many callers ask for: its bytes, plain and compressed, under one tag."""

    plain: bytes
    gzipped: bytes | None
    etag: str
    media_type: str = JSON

    @classmethod
    def of(cls, plain: bytes, etag: str, media_type: str = JSON) -> Body:
        """Keep *plain*. It is compressed here, once: call it in a thread."""
        squeezed = gzip.compress(plain, _LEVEL, mtime=0) if len(plain) >= MIN_COMPRESSED else None
        return cls(plain, squeezed, etag, media_type)

    @property
    def size(self) -> int:
        """The memory that it takes, about."""
        return len(self.plain) + len(self.gzipped or b"") + 512

    def response(self, request: Request, headers: dict[str, str] | None = None) -> Response:
        """The body, compressed if the caller takes that; or 304, if the caller has it already."""
        known = {"ETag": self.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding", **(headers or {})}
        if is_known(request, self.etag):
            return Response(None, 304, known)
        if self.gzipped is not None and _takes_gzip(request):
            known["Content-Encoding"] = "gzip"
            return Response(self.gzipped, 200, known, media_type=self.media_type)
        return Response(self.plain, 200, known, media_type=self.media_type)


def _takes_gzip(request: Request) -> bool:
    given = request.headers.get("accept-encoding", "")
    for part in given.split(","):
        name, _, weight = part.partition(";")
        if name.strip().lower() in ("gzip", "*"):
            return weight.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


class Kept:
    """A bounded store of bodies for one event loop. What several ask for at once is made once."""

    def __init__(self, at_most: int = _BYTES_AT_MOST) -> None:
        self._at_most = at_most
        self._bytes = 0
        self._bodies: OrderedDict[Hashable, Body] = OrderedDict()
        self._making: dict[Hashable, asyncio.Future[Body]] = {}

    def find(self, key: Hashable) -> Body | None:
        """The body under *key*, if it is there."""
        body = self._bodies.get(key)
        if body is not None:
            self._bodies.move_to_end(key)
        return body

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Body]]) -> Body:
        """The body under *key*, made if it is not there. What *make* raises, all who wait for it are told."""
        body = self.find(key)
        if body is not None:
            return body
        making = self._making.get(key)
        if making is None:
            making = asyncio.ensure_future(make())
            self._making[key] = making
            making.add_done_callback(lambda done: self._made(key, done))
        # A caller who leaves must not take the work from those who wait for it too.
        return await asyncio.shield(making)

    def _made(self, key: Hashable, done: asyncio.Future[Body]) -> None:
        self._making.pop(key, None)
        if done.cancelled() or done.exception() is not None:
            return
        body = done.result()
        self._bodies[key] = body
        self._bytes += body.size
        while self._bytes > self._at_most and len(self._bodies) > 1:
            _, dropped = self._bodies.popitem(last=False)
            self._bytes -= dropped.size
