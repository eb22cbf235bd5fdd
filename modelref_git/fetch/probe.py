"""What a host says about an address, without its content; and the sum of the content, when that is asked for."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Final

from modelref_git.fetch.client import Answer, Client, whole_number
from modelref_git.fetch.crew import Stop
from modelref_git.fetch.faults import FetchFault, Kind, of_status, shown
from modelref_git.fetch.transfer import Patience, Tell, transfer, validator_of, with_retries

_NO_HEAD: Final = frozenset({400, 403, 405, 501})
"""Answers of hosts that only speak of a file to those who fetch it."""
_SUM: Final = re.compile(r'"?([0-9A-Fa-f]{64})"?')
_TOTAL: Final = re.compile(r"bytes \d+-\d+/(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of an address."""

    fault: Kind | None = None
    message: str = ""
    """Of the fault: what happened, naming the address."""
    size: int | None = None
    """Bytes of the file, as far as the host says or they were counted."""
    sha256: str | None = None
    """The file's sum in small letters, as computed or as the host states it."""
    moved_to: str | None = None
    """The host to which the address has moved for good."""
    validator: str | None = None
    """What names the content: it is the same while this is."""


def probe(client: Client, url: str, patience: Patience, stop: Stop) -> Report:
    """Ask about *url*: a HEAD request, or one for the first byte where the host refuses that. Raises nothing."""
    try:
        with with_retries(lambda: client.ask("HEAD", url), patience, stop) as answer:
            if answer.status not in _NO_HEAD:
                return _report(answer, url)
        with with_retries(lambda: client.ask("GET", url, {"Range": "bytes=0-0"}), patience, stop) as answer:
            return _report(answer, url)
    except FetchFault as fault:
        return Report(fault.kind, fault.message)


def summed(client: Client, url: str, known: Report, patience: Patience, stop: Stop, tell: Tell) -> Report:
    """*known* with the sum and size of the content, which is read to its end and thrown away. Raises nothing."""
    digest = Digest()
    try:
        transfer(client, url, digest, patience, stop, tell)
    except FetchFault as fault:
        return replace(known, fault=fault.kind, message=fault.message)
    return replace(known, sha256=digest.hexdigest(), size=digest.length)


class Digest:
    """A :class:`~modelref_git.fetch.transfer.Sink` that keeps nothing but the sum."""

    __slots__ = ("_sum", "length", "validator")

    def __init__(self) -> None:
        self.validator: str | None = None
        self.restart()

    def begin(self, validator: str | None) -> None:
        """Content with this validator follows."""
        self.validator = validator

    def add(self, data: bytes) -> None:
        """Take *data* into the sum."""
        self._sum.update(data)
        self.length += len(data)

    def restart(self) -> None:
        """Forget everything."""
        self._sum = hashlib.sha256()
        self.length = 0

    def hexdigest(self) -> str:
        """The sum so far."""
        return self._sum.hexdigest()


def _report(answer: Answer, url: str) -> Report:
    if answer.status not in (200, 206, 416):  # 416: a file of no bytes has no first one
        fault = of_status(answer.status, answer.url)
        return Report(fault.kind, fault.message)
    if answer.is_page:
        return Report("page", f"{shown(url)} is a web page, not a file")
    stated = _SUM.fullmatch(answer.stated("X-Linked-Etag") or "")
    return Report(
        size=_size(answer),
        sha256=stated[1].lower() if stated else None,
        moved_to=_other_host(url, answer.moved_to),
        validator=validator_of(answer.headers),
    )


def _size(answer: Answer) -> int | None:
    """What the host says of the file's size, for pointers to large files where it is stated on the way to it."""
    linked = whole_number(answer.stated("X-Linked-Size"))
    if linked is not None or answer.status == 200:
        return answer.length if linked is None else linked
    ranged = answer.headers.get("Content-Range", "")
    found = _TOTAL.fullmatch(ranged.strip())
    return int(found[1]) if found else whole_number(ranged.rpartition("bytes */")[2])


def _other_host(url: str, target: str | None) -> str | None:
    from urllib.parse import urlsplit

    if target is None:
        return None
    host = urlsplit(target).hostname
    return host if host != urlsplit(url.strip()).hostname else None
