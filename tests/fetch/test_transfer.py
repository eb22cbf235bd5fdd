from __future__ import annotations

import time
from typing import Any

import pytest

from modelref_git.fetch.client import Client
from modelref_git.fetch.crew import Stop, Stopped
from modelref_git.fetch.faults import FetchFault
from modelref_git.fetch.probe import Digest
from modelref_git.fetch.transfer import Course, Patience, transfer, validator_of
from tests.support.files_server import FilesServer, Mood, digest

QUICK = Patience(timeout=5, retries=3, pause=0.001)
DATA = bytes(range(256)) * 400


def _get(host: FilesServer, sink: Digest, **more: Any) -> Course:
    patience = more.get("patience", QUICK)
    tell = more.get("tell", lambda _done, _total: None)
    return transfer(Client(patience.timeout), host.url("/a"), sink, patience, more.get("stop", Stop()), tell)


@pytest.mark.parametrize("how", [{}, {"chunked": True}, {"says_length": False}, {"etag": None}, {"ranges": False}])
def test_everything_comes_at_once_where_nothing_goes_wrong(host: FilesServer, how: dict[str, Any]) -> None:
    host.put("/a", DATA, **how)
    sink = Digest()
    assert _get(host, sink) == Course(resumed=False)
    assert (sink.hexdigest(), sink.length) == (digest(DATA), len(DATA))
    assert len(host.asked) == 1


def test_progress_tells_what_came_and_what_will(host: FilesServer) -> None:
    host.put("/a", DATA)
    told: list[tuple[int, int | None]] = []
    _get(host, Digest(), tell=lambda done, total: told.append((done, total)))
    assert told[0] == (0, len(DATA))
    assert told[-1] == (len(DATA), len(DATA))


@pytest.mark.parametrize("chunked", [False, True])
def test_what_broke_off_goes_on_where_it_stopped(host: FilesServer, chunked: bool) -> None:
    host.put("/a", DATA, chunked=chunked, moods=[Mood(cut_after=40_000), Mood(cut_after=20_000)])
    sink = Digest()
    assert _get(host, sink) == Course(resumed=False, pieced=True)
    assert sink.hexdigest() == digest(DATA)
    first, second, third = (row.headers for row in host.asked)
    assert "Range" not in first
    assert (second["Range"], third["Range"]) == ("bytes=40000-", "bytes=60000-")
    assert second["If-Range"] == third["If-Range"]


def test_a_host_without_ranges_starts_from_the_beginning(host: FilesServer) -> None:
    host.put("/a", DATA, ranges=False, moods=[Mood(cut_after=40_000)])
    sink = Digest()
    assert _get(host, sink) == Course(resumed=False)
    assert sink.hexdigest() == digest(DATA)


def test_content_that_changes_in_between_is_fetched_whole(host: FilesServer) -> None:
    file = host.put("/a", DATA, moods=[Mood(cut_after=40_000)])

    def change(done: int, _total: int | None) -> None:
        if done:
            file.data = b"new" * 30_000

    sink = Digest()
    assert _get(host, sink, tell=change) == Course(resumed=False)
    assert sink.hexdigest() == digest(b"new" * 30_000)


def test_content_that_shrank_is_fetched_whole(host: FilesServer) -> None:
    file = host.put("/a", DATA, etag='"same"', moods=[Mood(cut_after=40_000)])

    def change(done: int, _total: int | None) -> None:
        if done:
            file.data = b"short"

    sink = Digest()
    _get(host, sink, tell=change)
    assert sink.hexdigest() == digest(b"short")


def test_without_a_validator_nothing_is_gone_on_from(host: FilesServer) -> None:
    host.put("/a", DATA, etag='W/"weak"', moods=[Mood(cut_after=40_000)])
    sink = Digest()
    assert _get(host, sink) == Course(resumed=False)
    assert sink.hexdigest() == digest(DATA)
    assert all("Range" not in row.headers for row in host.asked)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_stumbling_host_is_asked_again(host: FilesServer, status: int) -> None:
    host.put("/a", DATA, moods=[Mood(status=status), Mood(status=status, retry_after="0")])
    sink = Digest()
    _get(host, sink)
    assert sink.hexdigest() == digest(DATA)
    assert len(host.asked) == 3


def test_the_pause_that_a_host_asks_for_is_kept(host: FilesServer) -> None:
    host.put("/a", DATA, moods=[Mood(status=503, retry_after="1")])
    began = time.monotonic()
    _get(host, Digest())
    assert time.monotonic() - began >= 1


def test_a_host_that_asks_for_too_much_patience_is_given_up(host: FilesServer) -> None:
    host.put("/a", DATA, moods=[Mood(status=429, retry_after="3600")])
    with pytest.raises(FetchFault, match="left alone for 3600 seconds"):
        _get(host, Digest())
    assert len(host.asked) == 1


def test_patience_ends(host: FilesServer) -> None:
    host.put("/a", DATA, moods=[Mood(status=503)] * 9)
    with pytest.raises(FetchFault, match="answers 503"):
        _get(host, Digest())
    assert len(host.asked) == 4


def test_a_length_that_never_comes_true_is_given_up_and_keeps_what_came(host: FilesServer) -> None:
    host.put("/a", DATA, length=len(DATA) + 1, ranges=False)
    sink = Digest()
    with pytest.raises(FetchFault, match=f"{len(DATA)} of {len(DATA) + 1} bytes came"):
        _get(host, sink)
    assert sink.length == len(DATA)


@pytest.mark.parametrize(("status", "kind"), [(404, "gone"), (403, "refused"), (400, "refused")])
def test_what_will_not_change_is_asked_once(host: FilesServer, status: int, kind: str) -> None:
    host.put("/a", DATA, moods=[Mood(status=status)])
    with pytest.raises(FetchFault) as caught:
        _get(host, Digest())
    assert caught.value.kind == kind
    assert len(host.asked) == 1


def test_a_web_page_is_no_file(host: FilesServer) -> None:
    host.put("/a", b"<html>", content_type="text/html; charset=utf-8")
    sink = Digest()
    with pytest.raises(FetchFault, match="is a web page") as caught:
        _get(host, sink)
    assert caught.value.kind == "page"
    assert sink.length == 0


def test_what_is_packed_is_refused(host: FilesServer) -> None:
    host.put("/a", DATA, headers={"Content-Encoding": "gzip"})
    with pytest.raises(FetchFault, match="packed"):
        _get(host, Digest())


def test_another_part_than_was_asked_for_is_not_taken(host: FilesServer) -> None:
    host.put("/a", DATA, shift=7, moods=[Mood(cut_after=40_000)])
    sink = Digest()
    assert _get(host, sink) == Course(resumed=False)
    assert sink.hexdigest() == digest(DATA)
    assert ["Range" in row.headers for row in host.asked] == [False, True, False]


def test_the_rest_is_never_taken_from_another_file(host: FilesServer) -> None:
    file = host.put("/a", DATA, moods=[Mood(cut_after=40_000)])
    host.put("/b", DATA[1:])

    def redirect(done: int, _total: int | None) -> None:
        if done:
            file.redirect = (302, "/b")

    sink = Digest()
    _get(host, sink, tell=redirect)
    assert sink.hexdigest() == digest(DATA[1:])


def test_whoever_is_told_to_stop_stops_between_two_tries(host: FilesServer) -> None:
    host.put("/a", DATA, moods=[Mood(status=503)] * 9)
    stop = Stop()
    stop.say()
    began = time.monotonic()
    with pytest.raises(Stopped):
        _get(host, Digest(), stop=stop, patience=Patience(pause=20))
    assert time.monotonic() - began < 5


def test_a_validator_is_a_strong_etag_or_a_time() -> None:
    assert validator_of({"ETag": '"a"', "Last-Modified": "Mon"}) == '"a"'
    assert validator_of({"ETag": 'W/"a"', "Last-Modified": "Mon"}) == "Mon"
    assert validator_of({"ETag": '"\n"'}) is None
    assert validator_of({}) is None
