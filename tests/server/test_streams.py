from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from httpx import Response, TransportError

from modelref_git.operations.feed import read_feed
from modelref_git.server import streams
from tests.support.http import V2
from tests.support.http_live import Live, live
from tests.support.world import World, clip

EVENTS = f"{V2}/feed/events"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(World.make(tmp_path_factory.mktemp("streams") / "w")) as service:
        yield service


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "TICK", 0.02)


Parts = Iterator[dict[str, str]]


@contextmanager
def listening(served: Live, query: str = "", resume: str | None = None) -> Iterator[Parts]:
    """The parts of a stream as they come; a comment is a part ``{"": …}``."""
    headers = {} if resume is None else {"Last-Event-ID": resume}
    with served.client(None) as client, client.stream("GET", EVENTS + query, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield parts_of(answer)


def parts_of(answer: Response) -> Parts:
    part: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(":")
            part[name] = value.removeprefix(" ")
        elif part:
            yield part
            part = {}


def add(world: World, *names: str) -> None:
    world.apply(world.approve(*(world.create("clip", name, clip(name)) for name in names)))


def told(part: dict[str, str]) -> tuple[str, Any]:
    return part["event"], json.loads(part["data"])


def test_who_listens_is_told_what_comes_and_nothing_before(served: Live) -> None:
    with listening(served) as parts:
        begin = next(parts)
        assert begin.keys() == {"retry", "id"}
        add(served.world, "one", "two")
        came = [next(parts), next(parts)]
    assert [told(part)[1]["model_name"] for part in came] == ["one", "two"]
    assert [told(part) for part in came] == [
        ("change", row) for row in read_feed(served.world.context(), since=begin["id"])
    ]
    assert came[-1]["id"] == str(told(came[-1])[1]["event_id"])


def test_a_listener_resumes_behind_what_it_has(served: Live) -> None:
    add(served.world, "r1", "r2", "r3")
    since = str(list(read_feed(served.world.context()))[-4]["event_id"])
    with listening(served, f"?since={since}") as parts:
        next(parts)
        first = next(parts)
    with listening(served, "?since=1", resume=first["id"]) as parts:
        assert next(parts)["id"] == first["id"]
        names = [told(next(parts))[1]["model_name"] for _ in range(2)]
    assert (told(first)[1]["model_name"], *names) == ("r1", "r2", "r3")


def test_everything_is_told_in_parts_to_who_begins_at_the_beginning(
    served: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_ROWS", 7)
    everything = list(read_feed(served.world.context()))
    assert len(everything) > 30
    with listening(served, "?since=0") as parts:
        next(parts)
        assert [told(next(parts))[1] for _ in everything] == everything


@pytest.mark.parametrize("resume", ["99999", "nowhere", ":/create", "0:999", "\u00e4", "x" * 5000])
def test_a_listener_from_an_unknown_point_is_told_to_begin_anew(served: Live, resume: str) -> None:
    with served.client(None) as client:
        sent = {"Last-Event-ID": resume.encode("latin-1")}
        with client.stream("GET", EVENTS, headers=sent) as answer:
            parts = parts_of(answer)
            begin = next(parts)
            reset = next(parts)
            assert (reset["event"], reset["id"]) == ("reset", begin["id"])
            assert json.loads(reset["data"])["reason"]
            add(served.world, f"after {hash(resume)}")
            assert next(parts)["event"] == "change"


def test_a_page_that_asks_for_an_unknown_point_is_refused(served: Live) -> None:
    with served.client(None) as client:
        assert client.get(f"{EVENTS}?since=99999").status_code == 404
        assert client.get(f"{EVENTS}?since=:/x").status_code == 422


def test_a_stream_without_news_shows_that_it_is_there(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    with listening(served) as parts:
        next(parts)
        assert next(parts) == {"": ""}


def test_no_more_streams_are_begun_than_can_be_borne(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    until_count(served, 0)
    monkeypatch.setattr(streams, "AT_MOST", 2)
    with listening(served) as one, listening(served) as two, served.client(None) as client:
        next(one), next(two)
        refused = client.get(EVENTS)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert refused.json()["reason"] == {"code": "busy"}
    until_count(served, 0)
    with listening(served) as parts:
        assert next(parts)


def until_count(served: Live, count: int) -> None:
    """Wait until so many streams are open: a worker learns a moment later that a listener has left."""
    until = time.monotonic() + 20
    while served.service.streams.count != count:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_listener_that_takes_nothing_is_left(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not taken is not read from the repository either, so nothing piles up; after a while it is given up."""
    monkeypatch.setattr(streams, "SENT_WITHIN", 0.3)
    until_count(served, 0)
    read: list[str] = []
    row = {"filler": "x" * 1_000_000}

    async def page(point: str, main: str) -> Any:
        read.append(point)
        return streams.FeedPage(main, ((point, row),), point, True)

    monkeypatch.setattr(streams.Streams, "page", lambda _self, point, main: page(point, main))
    host, port = served.url.removeprefix("http://").split(":")
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((host, int(port)))
        deaf.sendall(f"GET {EVENTS}?since=0 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until_count(served, 1)
        until_count(served, 0)
    assert 0 < len(read) < 50


def test_a_listener_that_sends_without_end_is_left(served: Live) -> None:
    sent = (b"x" * 65536 for _ in range(20))
    # The connection may be closed while it still sends.
    with suppress(TransportError), served.client(None) as client, client.stream("GET", EVENTS, content=sent) as answer:
        assert len(list(parts_of(answer))) <= 1
    until_count(served, 0)


def test_what_several_listeners_are_told_is_read_once(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = streams.feed_page

    def counted(ctx: Any, *, since: str, limit: int) -> Any:
        read.append(since)
        return real(ctx, since=since, limit=limit)

    async def several() -> None:
        own = streams.Streams(served.service.repository, threading.Event())
        pages = await asyncio.gather(*(own.page("1", "main") for _ in range(5)), own.page("2", "main"))
        assert all(page is pages[0] for page in pages[:5])
        assert await own.page("1", "main") is pages[0]
        await own.page("1", "another main")

    monkeypatch.setattr(streams, "feed_page", counted)
    asyncio.run(several())
    assert sorted(read) == ["1", "1", "2"]


def test_streams_end_when_the_service_does(tmp_path: Any) -> None:
    ended = threading.Event()
    with live(World.make(tmp_path / "w"), grace=60) as service, listening(service) as parts:
        next(parts)
        service.service.stopping.set()
        assert list(parts) == []
        ended.set()
    assert ended.is_set()
    assert service.service.streams.count == 0


def test_a_page_that_failed_is_read_again(served: Live) -> None:
    """What one listener was refused is no answer for the next."""

    async def twice() -> None:
        own = streams.Streams(served.service.repository, threading.Event())
        for _ in range(2):
            with pytest.raises(streams.ModelrefError):
                await own.page("nowhere", "main")
        assert not own._pages

    asyncio.run(twice())
