"""The network's part of a check: whether the downloads of records are where they are said to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

from modelref_git.errors import Problem
from modelref_git.fetch.cache import Cache
from modelref_git.fetch.client import Client
from modelref_git.fetch.crew import Stop, work_through
from modelref_git.fetch.faults import Kind, shown
from modelref_git.fetch.probe import Report, probe, summed
from modelref_git.fetch.transfer import Patience
from modelref_git.operations.checking.weighing import Finding, weighed
from modelref_git.proposals.config import DatasetConfig
from modelref_git.records.quality import addresses, network
from modelref_git.records.quality.catalogue import BY_ID
from modelref_git.records.quality.downloads import is_known, is_sum
from modelref_git.records.quality.marks import downloads
from modelref_git.records.quality.rule import Facts
from modelref_git.store.step import Clock
from modelref_git.store.writing import wall_clock

Progress = Callable[[str, int, int | None], None]
"""Told, while a file is read: its address without the query, how many bytes came, how many there will be if known."""

CACHE: Final = Path("cache", "fetch.sqlite")
"""Where the answers of hosts are kept, below the folder of a store's local files."""


_PATIENCE: Final = Patience(timeout=20.0, retries=2)
_RULE_OF: Final[Mapping[Kind, str]] = {
    "unreachable": network.UNREACHABLE,
    "gone": network.GONE,
    "refused": network.REFUSED,
    "page": network.PAGE,
}


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """How hosts are asked."""

    parallel: int = 8
    """Requests at a time."""
    per_host: int = 4
    """Of these, to one host."""
    patience: Patience = _PATIENCE
    """Seconds without a byte, and further tries."""


def fetch_findings(
    config: DatasetConfig,
    records: Iterable[tuple[str, str, Mapping[str, Any]]],
    *,
    full: bool = False,
    options: FetchOptions = FetchOptions(),
    cache: Path | None = None,
    answered: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - names of the arguments
    progress: Progress = lambda address, done, total: None,  # noqa: ARG005 - as above
    clock: Clock = wall_clock,
) -> Iterator[Finding]:
    """Ask the hosts of all downloads, each address once; gives what is wrong, in the order of the records.

    For ``check --fetch``::

        findings = fetch_findings(dataset.config, records, full=how == "full", cache=ctx.store.local_dir / CACHE)

    Addresses that are none are left out: `address.form` and `address.missing` speak of them. Nothing is given before
    all hosts have answered; to stop in the middle, raise in a callback, or interrupt. Both callbacks run in the
    caller's thread.

    Args:
        config: severities and exceptions; rules that are off are not judged.
        records: category, name and record of each, in any category.
        full: read every file to its end, to compare its sum and count its bytes.
        options: how hosts are asked.
        cache: the file of earlier answers (`CACHE`); none outside a repository.
        answered: called with how many addresses are done and how many there are: at once, and after each.
        progress: called as bytes come, with *full*.
        clock: Unix seconds, by which earlier answers grow old.
    """
    wanted = list(records)
    urls = dict.fromkeys(url for _, _, record in wanted for item in downloads(record) if (url := _address(item)))
    answered(0, len(urls))
    known: dict[str, Report] = {}
    with Cache(cache) as kept:
        for url, report in _asked(list(urls), kept, full, options, progress, clock()):
            known[url] = report
            answered(len(known), len(urls))
    for category, name, record in wanted:
        found = ((BY_ID[problem.rule], problem) for problem in _problems(record, known))
        yield from weighed(config, Facts(category, name, record), found)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a thread tells of an address: bytes that came, or the report at the end."""

    url: str
    done: int = 0
    total: int | None = None
    report: Report | None = None


def _asked(
    urls: list[str], cache: Cache, full: bool, options: FetchOptions, progress: Progress, now: int
) -> Iterator[tuple[str, Report]]:
    """A report of each address, as they come."""
    earlier = {url: report for url in urls if (report := cache.report(url, now)) is not None}
    unread: dict[str, Report] = {}
    client = Client(options.patience.timeout)
    for url, report in chain(earlier.items(), _probed(client, [url for url in urls if url not in earlier], options)):
        if url not in earlier:
            cache.keep(url, now, report)
        if not full or report.fault is not None:
            yield url, report
        elif (computed := cache.sum_of(url, report)) is not None:
            yield url, replace(report, sha256=computed)
        else:
            unread[url] = report
    for url, report in _summed(client, unread, options, progress):
        if report.fault is None:
            cache.keep_sum(url, report)
        yield url, report


def _probed(client: Client, urls: list[str], options: FetchOptions) -> Iterator[tuple[str, Report]]:
    def work(url: str, tell: Callable[[tuple[str, Report]], None], stop: Stop) -> None:
        tell((url, probe(client, url, options.patience, stop)))

    return work_through(urls, work, parallel=options.parallel, per_host=options.per_host, host_of=_host)


def _summed(
    client: Client, known: Mapping[str, Report], options: FetchOptions, progress: Progress
) -> Iterator[tuple[str, Report]]:
    def work(url: str, tell: Callable[[_Heard], None], stop: Stop) -> None:
        def count(done: int, total: int | None) -> None:
            tell(_Heard(url, done, total))

        tell(_Heard(url, report=summed(client, url, known[url], options.patience, stop, count)))

    urls = list(known)
    for heard in work_through(urls, work, parallel=options.parallel, per_host=options.per_host, host_of=_host):
        if heard.report is None:
            progress(shown(heard.url), heard.done, heard.total)
        else:
            yield heard.url, heard.report


def _host(url: str) -> str:
    return addresses.host_of(url.strip())


def _address(download: Mapping[str, Any]) -> str | None:
    """Where the file is, if that is an address at all."""
    url = download.get("file_url")
    if not isinstance(url, str) or addresses.form_fault(url.strip()) is not None:
        return None
    return url.strip()


def _problems(record: Mapping[str, Any], known: Mapping[str, Report]) -> Iterator[Problem]:
    entries = downloads(record)
    for index, entry in enumerate(entries):
        report = known.get(_address(entry) or "")
        if report is None:
            continue
        place = f"/config/download/{index}"
        if report.fault is not None:
            yield Problem(f"{place}/file_url", report.message, _RULE_OF[report.fault])
            continue
        if report.moved_to is not None:
            message = f"{shown(entry['file_url'])} has moved to {report.moved_to} for good"
            yield Problem(f"{place}/file_url", message, network.MOVED)
        size_place, size = _stated_size(record, entry, place, alone=len(entries) == 1)
        if size is not None and report.size not in (None, size):
            message = f"the host has {report.size} bytes, the record says {size}"
            yield Problem(size_place, message, network.SIZE)
        yield from _sum_problems(f"{place}/sha256sum", entry.get("sha256sum"), report)


def _sum_problems(place: str, stated: object, report: Report) -> Iterator[Problem]:
    if report.sha256 is None:
        return
    message = f"the sum of the host's file is {report.sha256}, the record"
    if not is_known(stated):
        yield Problem(place, f"{message} has none", network.SUM_UNKNOWN)
    elif is_sum(stated) and str(stated).lower() != report.sha256:
        yield Problem(place, f"{message} says {stated}", network.SUM)


def _stated_size(
    record: Mapping[str, Any], entry: Mapping[str, Any], place: str, *, alone: bool
) -> tuple[str, int | None]:
    """Where the record says how large a file is, and what it says; the size of all files is that of a single one."""
    size = entry.get("size_bytes")
    if size is None and alone:
        size = record.get("size_on_disk_bytes")
        return "/size_on_disk_bytes", size if _is_number(size) else None
    return f"{place}/size_bytes", size if _is_number(size) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
