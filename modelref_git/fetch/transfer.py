"""The bytes at an address, to the last one: resumed where the host allows it, asked for again where it stumbles."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from modelref_git.fetch.client import Answer, Client, whole_number
from modelref_git.fetch.crew import Stop
from modelref_git.fetch.faults import FetchFault, of_status, shown

if TYPE_CHECKING:
    from email.message import Message

Tell = Callable[[int, int | None], None]
"""Told how many bytes there are now, and how many there will be, if that is known."""

_GAIN: Final = 1 << 20
"""A host that gave so many bytes before it broke off has all its retries again."""
_LONGEST_PAUSE: Final = 30.0
_RANGE: Final = re.compile(r"bytes (\d{1,18})-\d{1,18}/(?:\d{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long hosts are waited for."""

    timeout: float = 30.0
    """Seconds without a byte."""
    retries: int = 4
    """Further tries after one that failed and may succeed in a moment."""
    pause: float = 0.5
    """Seconds before the first further try; each waits twice as long as the one before, at most 30."""
    longest_wait: float = 60.0
    """A host that asks to be left alone for more seconds than these is given up."""


class Sink(Protocol):
    """Where the bytes go."""

    @property
    def length(self) -> int:
        """How many there are."""
        ...

    @property
    def validator(self) -> str | None:
        """By which the host knows whether it still has the content that they are the beginning of."""
        ...

    def begin(self, validator: str | None) -> None:
        """Content with this validator follows, from the first byte on or from where it ends now."""
        ...

    def add(self, data: bytes) -> None:
        """Put *data* behind what there is."""
        ...

    def restart(self) -> None:
        """Forget everything."""
        ...


@dataclass(slots=True)
class Course:
    """How a transfer went."""

    resumed: bool
    """Whether it went on from what was there before."""
    pieced: bool = False
    """Whether what is there now came in more than one answer."""


def transfer(client: Client, url: str, sink: Sink, patience: Patience, stop: Stop, tell: Tell) -> Course:
    """Bring *sink* to hold everything at *url*.

    Raises:
        FetchFault: the host does not give it; what came so far stays in *sink*.
    """
    course = Course(resumed=sink.length > 0)
    failed = 0
    while True:
        before = sink.length
        try:
            _once(client, url, sink, course, stop, tell)
        except FetchFault as fault:
            failed = 1 if sink.length - before >= _GAIN else failed + 1
            if not fault.passing or failed > patience.retries:
                raise
            stop.sleep(_pause(fault, failed, patience))
        else:
            return course


def with_retries(ask: Callable[[], Answer], patience: Patience, stop: Stop) -> Answer:
    """What *ask* gives, asked again while its faults or its answer are passing ones.

    Raises:
        FetchFault: the last one; an answer with a passing status counts as one.
    """
    failed = 0
    while True:
        try:
            answer = ask()
            fault = of_status(answer.status, answer.url, answer.wait)
            if not fault.passing:
                return answer
            with answer:
                raise fault
        except FetchFault as fault:
            failed += 1
            if not fault.passing or failed > patience.retries:
                raise
            stop.sleep(_pause(fault, failed, patience))


def validator_of(headers: Message | Mapping[str, str]) -> str | None:
    """What names the content in a request for the rest of it: a strong ETag, else the time of its last change."""
    etag = headers.get("ETag")
    if etag is not None and etag.startswith('"') and is_sendable(etag):
        return str(etag)
    changed = headers.get("Last-Modified")
    return str(changed) if changed and is_sendable(changed) else None


def is_sendable(validator: str) -> bool:
    """Whether a validator can go into a header as it is."""
    return validator.isascii() and validator.isprintable()


def _once(client: Client, url: str, sink: Sink, course: Course, stop: Stop, tell: Tell) -> None:
    """One request for what is missing; a second one for all of it where the host has no such rest."""
    asked = {}
    if sink.length and sink.validator is not None:
        asked = {"Range": f"bytes={sink.length}-", "If-Range": sink.validator}
    elif sink.length:
        sink.restart()
    with client.ask("GET", url, asked) as answer:
        if not asked or not _is_no_rest(answer, sink.length):
            _read(answer, url, sink, course, stop, tell)
            return
    sink.restart()
    _once(client, url, sink, course, stop, tell)


def _read(answer: Answer, url: str, sink: Sink, course: Course, stop: Stop, tell: Tell) -> None:
    """Take in the body of *answer*."""
    total = _judge(answer, url, sink)
    course.pieced = answer.status == 206
    course.resumed &= course.pieced
    sink.begin(validator_of(answer.headers) or (sink.validator if sink.length else None))
    tell(sink.length, total)
    for piece in answer.pieces():
        stop.look()
        sink.add(piece)
        tell(sink.length, total)
    if total is not None and sink.length < total:
        missing = f"{sink.length} of {total} bytes came"
        raise FetchFault("unreachable", f"{shown(url)} broke off: {missing}", passing=True)


def _is_no_rest(answer: Answer, held: int) -> bool:
    """Whether a host that was asked for the bytes behind the first *held* answers with something else of that kind."""
    if answer.status != 206:
        return answer.status == 416
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    return found is None or int(found[1]) != held


def _judge(answer: Answer, url: str, sink: Sink) -> int | None:
    """Refuse an answer that is not the file; gives how long the file is, if that is known."""
    if answer.status != 200 and not (answer.status == 206 and sink.length):
        raise of_status(answer.status, answer.url, answer.wait)
    if answer.is_page:
        raise FetchFault("page", f"{shown(url)} is a web page, not a file")
    packed = answer.headers.get("Content-Encoding", "").strip().lower()
    if packed not in ("", "identity"):
        raise FetchFault("refused", f"{shown(url)} is sent packed ({packed}), which was not asked for")
    if answer.status == 206:
        return whole_number(answer.headers.get("Content-Range", "").rpartition("/")[2])
    if sink.length:
        sink.restart()
    return answer.length


def _pause(fault: FetchFault, failed: int, patience: Patience) -> float:
    """Seconds until the next try.

    Raises:
        FetchFault: the host asks for more patience than there is.
    """
    if fault.wait is not None:
        if fault.wait > patience.longest_wait:
            message = f"{fault.message}, and asks to be left alone for {fault.wait:.0f} seconds"
            raise FetchFault(fault.kind, message, passing=True, wait=fault.wait) from fault
        return fault.wait
    # Not all at once again: whoever was refused together would come back together.
    return min(patience.pause * 2.0 ** (failed - 1), _LONGEST_PAUSE) * (0.5 + random.random() / 2)  # noqa: S311
