from __future__ import annotations

import asyncio
import gzip

import pytest
from starlette.requests import Request

from modelref_git.server.kept import MIN_COMPRESSED, Body, Kept

LONG = b'{"a": "' + b"x" * MIN_COMPRESSED + b'"}'


def asked(**headers: str) -> Request:
    rows = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": rows})


def test_what_several_ask_for_at_once_is_made_once() -> None:
    made = 0

    async def make() -> Body:
        nonlocal made
        made += 1
        await asyncio.sleep(0)
        return Body.of(b"{}", '"1"')

    async def run() -> None:
        kept = Kept()
        found = await asyncio.gather(*(kept.get("key", make) for _ in range(5)))
        assert {body.plain for body in found} == {b"{}"}
        assert await kept.get("key", make) is kept.find("key")

    asyncio.run(run())
    assert made == 1


def test_what_fails_is_told_to_all_who_wait_and_tried_again() -> None:
    async def fail() -> Body:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def make() -> Body:
        return Body.of(b"{}", '"1"')

    async def run() -> None:
        kept = Kept()
        found = await asyncio.gather(*(kept.get("key", fail) for _ in range(3)), return_exceptions=True)
        assert [type(fault) for fault in found] == [ValueError] * 3
        assert (await kept.get("key", make)).plain == b"{}"

    asyncio.run(run())


def test_a_caller_who_leaves_does_not_take_the_work_from_the_others() -> None:
    async def run() -> None:
        kept, go = Kept(), asyncio.Event()

        async def make() -> Body:
            await go.wait()
            return Body.of(b"{}", '"1"')

        leaves = asyncio.ensure_future(kept.get("key", make))
        stays = asyncio.ensure_future(kept.get("key", make))
        await asyncio.sleep(0)
        leaves.cancel()
        go.set()
        assert (await stays).plain == b"{}"

    asyncio.run(run())


def test_what_was_used_longest_ago_goes_first_when_there_is_too_much() -> None:
    async def run() -> None:
        kept = Kept(at_most=2 * Body.of(LONG, '"x"').size)
        for key in "ab":
            await kept.get(key, lambda: made(LONG))
        assert kept.find("a") is not None
        await kept.get("c", lambda: made(LONG))
        assert [kept.find(key) is not None for key in "abc"] == [True, False, True]

    async def made(data: bytes) -> Body:
        return Body.of(data, '"x"')

    asyncio.run(run())


@pytest.mark.parametrize(
    ("accepted", "is_squeezed"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("gzip;q=0", False), ("identity", False), ("", False)],
)
def test_a_body_is_compressed_for_those_who_take_that(accepted: str, is_squeezed: bool) -> None:
    answer = Body.of(LONG, '"1"').response(asked(accept_encoding=accepted))
    assert ("content-encoding" in answer.headers) is is_squeezed
    body = bytes(answer.body)
    assert (gzip.decompress(body) if is_squeezed else body) == LONG
    assert answer.headers["vary"] == "Accept-Encoding"


def test_a_short_body_is_never_compressed() -> None:
    assert "content-encoding" not in Body.of(b"{}", '"1"').response(asked(accept_encoding="gzip")).headers


@pytest.mark.parametrize("known", ['W/"abc"', '"abc"', '"x", W/"abc"', "*"])
def test_who_has_the_body_already_gets_304_without_it(known: str) -> None:
    answer = Body.of(LONG, 'W/"abc"').response(asked(if_none_match=known))
    assert (answer.status_code, bytes(answer.body)) == (304, b"")
    assert answer.headers["etag"] == 'W/"abc"'


@pytest.mark.parametrize("known", ['"ab"', "abcd", ""])
def test_who_has_another_body_gets_this_one(known: str) -> None:
    assert Body.of(LONG, 'W/"abc"').response(asked(if_none_match=known)).status_code == 200
