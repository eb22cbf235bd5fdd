"""Server-sent events: the feed as it grows, to as many listeners as one process can bear."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from modelref_git.errors import ModelrefError
from modelref_git.operations.feed import FeedPage, feed_page
from modelref_git.server.answers import rendered
from modelref_git.server.faults import Refusal
from modelref_git.server.repository import Repository

AT_MOST: Final = 200
"""Streams of one process."""
HEARTBEAT: Final = 15.0
"""Seconds after which a stream that had nothing to tell shows that it is there, so that no proxy ends it."""
TICK: Final = 0.5
"""Seconds between two looks at the repository, and at whether the service ends."""
SENT_WITHIN: Final = 60.0
"""Seconds for which a listener may take nothing of what is sent to it."""
RETRY: Final = 3000
"""Milliseconds after which a listener whose stream ended asks again."""

_ROWS: Final = 100
"""Of the feed that are read at a time."""
_PAGES_KEPT: Final = 8


class Streams:
    """The streams of one process: their number is bounded, and what several are told is read once."""

    def __init__(self, repository: Repository, stopping: threading.Event) -> None:
        self.repository = repository
        self.stopping = stopping
        self.count = 0
        self._pages: OrderedDict[tuple[str, str], asyncio.Future[FeedPage]] = OrderedDict()

    async def page(self, point: str, main: str) -> FeedPage:
        """What is behind *point* when the newest commit is *main*."""
        reading = self._pages.get((point, main))
        if reading is None:
            work = self.repository.read(lambda ctx: feed_page(ctx, since=point, limit=_ROWS))
            reading = asyncio.ensure_future(work)
            self._pages[point, main] = reading
            reading.add_done_callback(lambda done: self._read((point, main), done))
            if len(self._pages) > _PAGES_KEPT:
                self._pages.popitem(last=False)
        # A listener who leaves must not take the page from the others.
        return await asyncio.shield(reading)

    def _read(self, key: tuple[str, str], done: asyncio.Future[FeedPage]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._pages.pop(key, None)


class EventStream(Response):
    """The changes of records behind *point* as they come, until the listener leaves or the service ends.

    Each is an event ``change``, whose id is the point behind it. An event ``reset`` says that the feed does not know
    the point that was asked for, or knows it no more: the listener's copy must be made anew, and what follows is told
    from now on.

    Args:
        streams: those of this process.
        point: where it begins.
        reset: why the point that was asked for is no good.
    """

    media_type = "text/event-stream"

    def __init__(self, streams: Streams, point: str, reset: str | None = None) -> None:
        self.status_code = 200
        self.background = None
        self._streams = streams
        self._point = point
        self._reset = reset
        self._gone = asyncio.Event()
        self.init_headers({"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; 503 when there are as many as can be borne."""
        if self._streams.count >= AT_MOST:
            full = Refusal(503, f"there are {AT_MOST} streams already: ask for pages of the feed", "busy")
            await full.response()(scope, receive, send)
            return
        self._streams.count += 1
        watching = asyncio.ensure_future(self._watch(receive))
        try:
            start: Message = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            async for text in self._texts():
                if not await self._is_taken(send, text):
                    return
            await send({"type": "http.response.body", "body": b""})
        finally:
            watching.cancel()
            self._streams.count -= 1

    async def _watch(self, receive: Receive) -> None:
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        except HTTPException:
            pass  # with a body that nobody asked for, and more of it than is taken
        finally:
            self._gone.set()

    @property
    def _is_over(self) -> bool:
        return self._gone.is_set() or self._streams.stopping.is_set()

    async def _is_taken(self, send: Send, text: bytes) -> bool:
        """Whether the listener takes *text*: one that is slow is waited for, and nothing more is read meanwhile."""
        sending = asyncio.ensure_future(send({"type": "http.response.body", "body": text, "more_body": True}))
        until = time.monotonic() + SENT_WITHIN
        try:
            while not sending.done():
                if self._is_over or time.monotonic() > until:
                    return False
                await asyncio.wait({sending}, timeout=TICK)
            sending.result()
        except OSError:
            return False
        finally:
            sending.cancel()
        return True

    async def _texts(self) -> AsyncIterator[bytes]:
        # An id without data is no event, but is what a listener resumes from who has heard of nothing yet.
        told = b"" if self._reset is None else _event("reset", self._point, {"reason": self._reset})
        yield f"retry: {RETRY}\nid: {self._point}\n\n".encode() + told
        seen, heard = "", time.monotonic()
        while not self._is_over:
            try:
                main = self._streams.repository.snapshot().main
                page = None if main == seen else await self._page(main)
            except ModelrefError:
                return  # the repository cannot be read: whoever asks again is told why
            if page is not None:
                seen = "" if page.has_more else main
                self._point = page.next
            if page is not None and page.rows:
                yield b"".join(_event("change", point, row) for point, row in page.rows)
                heard = time.monotonic()
            elif time.monotonic() - heard >= HEARTBEAT:
                yield b":\n\n"
                heard = time.monotonic()
            elif page is None or not page.has_more:
                await self._tick()

    async def _page(self, main: str) -> FeedPage:
        return await self._streams.page(self._point, main)

    async def _tick(self) -> None:
        waiting = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait({waiting}, timeout=TICK)
        finally:
            waiting.cancel()


def _event(kind: str, point: str, data: object) -> bytes:
    return f"id: {point}\nevent: {kind}\ndata: ".encode() + rendered(data) + b"\n\n"
