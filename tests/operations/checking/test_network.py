from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modelref_git.fetch.transfer import Patience
from modelref_git.operations.checking.network import FetchOptions, fetch_findings
from modelref_git.proposals.config import DatasetConfig
from modelref_git.records.quality import network
from tests.support.files_server import FilesServer, Mood, digest
from tests.support.world import FixedClock, clip

QUICK = FetchOptions(patience=Patience(timeout=0.4, retries=0, pause=0.001))
DATA = b"content" * 1000


def record(*downloads: Any, **more: Any) -> dict[str, Any]:
    return clip("model", config={"download": list(downloads)}, **more)


def found(*records: Mapping[str, Any], **more: Any) -> list[tuple[str, str, str]]:
    """Rule, severity and place of each finding."""
    rows = [("clip", f"model {at}", item) for at, item in enumerate(records)]
    options = {"options": QUICK, "config": DatasetConfig(), **more}
    findings = list(fetch_findings(options.pop("config"), rows, **options))
    return [(row.rule.id, row.severity, row.problem.path) for row in findings]


def test_what_is_there_and_right_is_no_finding(host: FilesServer) -> None:
    entry = {**host.entry("a.pt", DATA), "size_bytes": len(DATA)}
    assert found(record(entry)) == found(record(entry), full=True) == []


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        ({"head": False, "moods": [Mood(status=404)]}, network.GONE),
        ({"head": False, "moods": [Mood(status=403)]}, network.REFUSED),
        ({"head": False, "moods": [Mood(status=503)]}, network.UNREACHABLE),
        ({"head": False, "moods": [Mood(stall_after=-1)]}, network.UNREACHABLE),
        ({"content_type": "text/html"}, network.PAGE),
        ({"redirect": (302, "/a.pt")}, network.UNREACHABLE),
    ],
)
def test_an_address_that_gives_no_file_is_told(host: FilesServer, how: dict[str, Any], rule: str) -> None:
    assert found(record(host.entry("a.pt", DATA, **how))) == [(rule, "warning", "/config/download/0/file_url")]


def test_a_host_that_is_not_there_is_told(host: FilesServer) -> None:
    entry = host.entry("a.pt", DATA)
    host.close()
    assert found(record(entry)) == [(network.UNREACHABLE, "warning", "/config/download/0/file_url")]


def test_a_size_that_is_not_the_records_is_told_where_the_record_says_it(host: FilesServer) -> None:
    one, two = host.entry("a.pt", DATA), host.entry("b.pt", DATA)
    here = (network.SIZE, "warning", "/config/download/0/size_bytes")
    assert found(record({**one, "size_bytes": 5})) == [here]
    assert found(record({**one, "size_bytes": 5}, two, size_on_disk_bytes=5)) == [here]
    assert found(record(one, size_on_disk_bytes=5)) == [(network.SIZE, "warning", "/size_on_disk_bytes")]
    assert found(record({**one, "size_bytes": len(DATA)}, size_on_disk_bytes=5)) == []


def test_a_sum_is_compared_when_the_file_is_read(host: FilesServer) -> None:
    entry = {**host.entry("a.pt", DATA), "sha256sum": "ab" * 32}
    assert found(record(entry)) == []
    assert found(record(entry), full=True) == [(network.SUM, "warning", "/config/download/0/sha256sum")]
    assert found(record({**entry, "sha256sum": digest(DATA).upper()}), full=True) == []


@pytest.mark.parametrize("unknown", ["FIXME", ""])
def test_a_sum_that_nobody_knew_is_told(host: FilesServer, unknown: str) -> None:
    rows = [("clip", "model", record({**host.entry("a.pt", DATA), "sha256sum": unknown}))]
    assert list(fetch_findings(DatasetConfig(), rows, options=QUICK)) == []
    (finding,) = fetch_findings(DatasetConfig(), rows, options=QUICK, full=True)
    assert (finding.rule.id, finding.severity) == (network.SUM_UNKNOWN, "hint")
    assert digest(DATA) in finding.problem.message


def test_a_sum_that_the_host_states_is_compared_without_reading(host: FilesServer) -> None:
    entry = host.entry("a.pt", DATA, headers={"X-Linked-Etag": f'"{"cd" * 32}"'})
    assert found(record(entry)) == [(network.SUM, "warning", "/config/download/0/sha256sum")]
    assert host.methods("/a.pt") == ["HEAD"]
    assert found(record(entry), full=True) == [], "what was read counts more than what was stated"


def test_a_file_that_breaks_off_while_it_is_read_is_told(host: FilesServer) -> None:
    entry = host.entry("a.pt", DATA, ranges=False, moods=[Mood(cut_after=9)])
    assert found(record(entry), full=True) == [(network.UNREACHABLE, "warning", "/config/download/0/file_url")]


def test_a_move_for_good_is_a_hint(host: FilesServer) -> None:
    host.put("/b.pt", DATA)
    entry = host.entry("a.pt", DATA, redirect=(301, host.url("/b.pt", host="localhost")))
    assert found(record(entry)) == [(network.MOVED, "hint", "/config/download/0/file_url")]


def test_each_address_is_asked_once_and_every_record_with_it_is_told(host: FilesServer) -> None:
    entry = host.entry("a.pt", DATA, content_type="text/html")
    assert len(found(record(entry, {**entry, "file_name": "b"}), record(entry))) == 3
    assert host.methods("/a.pt") == ["HEAD"]


def test_findings_come_in_the_order_of_the_records(host: FilesServer) -> None:
    entries = [host.entry(f"{number}.pt", DATA, content_type="text/html") for number in range(20)]
    rows = [("clip", f"model {at}", record(entry)) for at, entry in enumerate(entries)]
    keys = [finding.key for finding in fetch_findings(DatasetConfig(), rows, options=QUICK)]
    assert keys == [key for _, key, _ in rows]


def test_the_dataset_decides_what_counts(host: FilesServer) -> None:
    entry = host.entry("a.pt", DATA, content_type="text/html")
    off = DatasetConfig(rules={network.PAGE: "off"})
    assert found(record(entry), config=off) == []
    grave = DatasetConfig(rules={network.PAGE: "error"})
    assert [row[1] for row in found(record(entry), config=grave)] == ["error"]


@pytest.mark.parametrize(
    "odd", [{}, {"config": 5}, {"config": {"download": [5, None, {}, {"file_url": 5}, {"file_url": "no address"}]}}]
)
def test_what_has_no_address_is_not_asked(odd: dict[str, Any]) -> None:
    assert found(odd) == found(odd, full=True) == []


def test_no_more_requests_run_at_a_time_than_allowed(host: FilesServer) -> None:
    rows = record(*(host.entry(f"{number}.pt", DATA) for number in range(16)))
    host.thinks_for = 0.02
    assert found(rows, options=FetchOptions(8, 2, QUICK.patience), full=True) == []
    assert host.most_at_once == 2


def test_progress_tells_addresses_and_bytes(host: FilesServer) -> None:
    rows = record(host.entry("a.pt", DATA), host.entry("b.pt", DATA))
    answered: list[tuple[int, int]] = []
    told: list[tuple[str, int, int | None]] = []
    found(rows, full=True, answered=lambda *row: answered.append(row), progress=lambda *row: told.append(row))
    assert answered == [(0, 2), (1, 2), (2, 2)]
    assert (host.url("/a.pt"), len(DATA), len(DATA)) in told


# --- the cache -------------------------------------------------------------------------------------------------------


def test_a_good_answer_is_believed_for_a_day_and_a_bad_one_for_an_hour(host: FilesServer, tmp_path: Path) -> None:
    good, bad = host.entry("good.pt", DATA), host.entry("bad.pt", DATA, content_type="text/html")
    clock, cache = FixedClock(), tmp_path / "fetch.sqlite"

    def ask() -> tuple[int, int]:
        before = len(host.methods("/good.pt")), len(host.methods("/bad.pt"))
        rows = found(record(good, bad), cache=cache, clock=clock)
        assert rows == [(network.PAGE, "warning", "/config/download/1/file_url")]
        return len(host.methods("/good.pt")) - before[0], len(host.methods("/bad.pt")) - before[1]

    assert ask() == (1, 1)
    assert ask() == (0, 0)
    clock.tick(3600)
    assert ask() == (0, 1)
    clock.tick(86_400 - 3600)
    assert ask() == (1, 1)
    cache.unlink()
    assert ask() == (1, 1)


def test_a_sum_is_not_computed_again_while_the_content_is_the_same(host: FilesServer, tmp_path: Path) -> None:
    entry = host.entry("a.pt", DATA)
    clock, cache = FixedClock(), tmp_path / "fetch.sqlite"

    def ask() -> list[tuple[str, str, str]]:
        host.asked.clear()
        clock.tick(86_400)
        return found(record(entry), cache=cache, clock=clock, full=True)

    assert ask() == []
    assert host.methods("/a.pt") == ["HEAD", "GET"]
    assert ask() == []
    assert host.methods("/a.pt") == ["HEAD"]
    host.put("/a.pt", DATA[::-1])
    assert ask() == [(network.SUM, "warning", "/config/download/0/sha256sum")]
    assert ask() == [(network.SUM, "warning", "/config/download/0/sha256sum")]
    assert host.methods("/a.pt") == ["HEAD"]


def test_a_sum_that_was_computed_says_nothing_where_nothing_is_read(host: FilesServer, tmp_path: Path) -> None:
    entry = {**host.entry("a.pt", DATA), "sha256sum": "ab" * 32}
    cache = tmp_path / "fetch.sqlite"
    assert len(found(record(entry), cache=cache, full=True)) == 1
    assert found(record(entry), cache=cache) == []
