from __future__ import annotations

from typing import Any

import pytest

from modelref_git.fetch.client import Client
from modelref_git.fetch.crew import Stop
from modelref_git.fetch.probe import Report, probe, summed
from modelref_git.fetch.transfer import Patience
from tests.support.files_server import FilesServer, Mood, digest

DATA = b"content" * 1000
QUICK = Patience(timeout=0.3, retries=1, pause=0.001)


def _asked(host: FilesServer, path: str = "/a") -> Report:
    return probe(Client(QUICK.timeout), host.url(path), QUICK, Stop())


def test_a_file_that_is_there_is_asked_about_and_not_fetched(host: FilesServer) -> None:
    host.put("/a", DATA)
    assert _asked(host) == Report(size=len(DATA), validator=f'"{digest(DATA)[:16]}"')
    assert host.methods("/a") == ["HEAD"]


@pytest.mark.parametrize("ranges", [True, False])
def test_where_head_is_refused_the_first_byte_is_asked_for(host: FilesServer, ranges: bool) -> None:
    host.put("/a", DATA, head=False, ranges=ranges)
    assert _asked(host).size == len(DATA)
    assert host.methods("/a") == ["HEAD", "GET"]
    assert host.asked[-1].headers["Range"] == "bytes=0-0"


def test_an_empty_file_has_a_size_too(host: FilesServer) -> None:
    host.put("/a", b"", head=False)
    assert _asked(host).size == 0


@pytest.mark.parametrize(("status", "kind"), [(403, "refused"), (401, "refused"), (404, "gone"), (410, "gone")])
def test_what_is_not_given_is_told(host: FilesServer, status: int, kind: str) -> None:
    host.put("/a", DATA, head=False, moods=[Mood(status=status)])
    report = _asked(host)
    assert report.fault == kind
    assert str(status) in report.message


def test_what_is_not_there_is_gone(host: FilesServer) -> None:
    assert _asked(host).fault == "gone"


def test_a_host_that_stays_silent_or_overloaded_is_unreachable(host: FilesServer) -> None:
    host.put("/a", DATA, head=False, moods=[Mood(stall_after=-1)] * 2)
    assert _asked(host).fault == "unreachable"
    host.put("/b", DATA, head=False, moods=[Mood(status=503)] * 2)
    assert _asked(host, "/b").fault == "unreachable"
    host.put("/c", DATA, head=False, moods=[Mood(status=503)])
    assert _asked(host, "/c").fault is None, "the second try is answered"


def test_a_page_is_told(host: FilesServer) -> None:
    host.put("/a", DATA, content_type="text/html")
    assert _asked(host).fault == "page"


@pytest.mark.parametrize(
    ("headers", "size", "sum_"),
    [
        ({"X-Linked-Size": "99", "X-Linked-Etag": f'"{"AB" * 32}"'}, 99, "ab" * 32),
        ({"X-Linked-Size": "many", "X-Linked-Etag": '"0123456789abcdef0123456789abcdef01234567"'}, 7000, None),
    ],
)
def test_what_a_host_states_on_the_way_to_a_large_file_counts(
    host: FilesServer, headers: dict[str, str], size: int, sum_: str | None
) -> None:
    host.put("/a", redirect=(302, "/b"), headers=headers)
    host.put("/b", DATA)
    report = _asked(host)
    assert (report.size, report.sha256) == (size, sum_)


def test_a_move_for_good_to_another_host_is_noted(host: FilesServer) -> None:
    host.put("/a", redirect=(308, host.url("/b", host="localhost")))
    host.put("/b", DATA)
    host.put("/c", redirect=(301, "/b"))
    host.put("/d", redirect=(302, host.url("/b", host="localhost")))
    assert _asked(host).moved_to == "localhost"
    assert _asked(host, "/c").moved_to is None
    assert _asked(host, "/d").moved_to is None


def _summed(host: FilesServer, told: list[Any]) -> Report:
    return summed(Client(QUICK.timeout), host.url("/a"), Report(size=1), QUICK, Stop(), lambda *row: told.append(row))


def test_the_sum_is_that_of_the_whole_content_also_when_it_breaks_off(host: FilesServer) -> None:
    told: list[Any] = []
    host.put("/a", DATA, moods=[Mood(cut_after=3000)])
    assert _summed(host, told) == Report(size=len(DATA), sha256=digest(DATA))
    assert told[-1] == (len(DATA), len(DATA))


def test_content_that_does_not_come_has_no_sum(host: FilesServer) -> None:
    report = _summed(host, [])
    assert (report.fault, report.sha256) == ("gone", None)
