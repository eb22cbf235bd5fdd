"""Threads that work through jobs while the caller hears from them, and that leave when the caller does."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Generic, TypeVar

J = TypeVar("J")
E = TypeVar("E")

_GRACE: Final = 1.0
"""Seconds for which threads are waited for that were told to stop."""


class Stopped(Exception):
    """The caller has left; whoever works for it leaves too. Never seen outside the crew."""


class Stop:
    """The caller's word to stop."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    def say(self) -> None:
        """Tell everybody to stop."""
        self._event.set()

    def look(self) -> None:
        """Leave if told to.

        Raises:
            Stopped: the caller has left.
        """
        if self._event.is_set():
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Wait, and leave at once if told to.

        Raises:
            Stopped: the caller has left.
        """
        if self._event.wait(seconds):
            raise Stopped


class _Desk(Generic[J]):
    """Hands out jobs in order, but never more than some at a time of one host."""

    def __init__(self, jobs: Iterable[J], host_of: Callable[[J], str], per_host: int, stop: Stop) -> None:
        self._waiting: dict[str, deque[J]] = {}
        for job in jobs:
            self._waiting.setdefault(host_of(job), deque()).append(job)
        self._per_host = per_host
        self._busy: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._stop = stop

    @contextlib.contextmanager
    def job(self) -> Iterator[J | None]:
        """The next job; ``None`` when there is none left."""
        host, found = self._take()
        try:
            yield found
        finally:
            with self._changed:
                self._busy[host] -= 1
                self._changed.notify_all()

    def _take(self) -> tuple[str, J | None]:
        with self._changed:
            while self._waiting:
                self._stop.look()
                host = next((name for name in self._waiting if self._busy[name] < self._per_host), None)
                if host is None:
                    self._changed.wait(_GRACE)
                    continue
                self._busy[host] += 1
                jobs = self._waiting[host]
                found = jobs.popleft()
                if not jobs:
                    del self._waiting[host]
                return host, found
            return "", None


def work_through(
    jobs: Sequence[J],
    work: Callable[[J, Callable[[E], None], Stop], None],
    *,
    parallel: int,
    per_host: int | None = None,
    host_of: Callable[[J], str] = lambda _: "",
) -> Iterator[E]:
    """Run *work* on every job in threads; gives what they tell, as it comes, in the caller's thread.

    When the caller stops listening (an interrupt, an exception), the threads are told to stop. They are waited for one
    second: one that waits for a silent host cannot hear, and does not keep the program from ending.

    Args:
        jobs: begun in this order, as far as *per_host* lets them.
        work: is given a job, whom to tell, and where to look whether to stop.
        parallel: jobs at a time.
        per_host: jobs at a time of those with one *host_of*; no other limit than *parallel* if not given.
        host_of: which jobs share a limit.

    Raises:
        Exception: what *work* raised; the others are stopped.
    """
    stop = Stop()
    desk = _Desk(jobs, host_of, per_host or parallel, stop)
    told: queue.SimpleQueue[tuple[str, E | BaseException | None]] = queue.SimpleQueue()

    def serve() -> None:
        try:
            while True:
                with desk.job() as job:
                    if job is None:
                        break
                    work(job, lambda item: told.put(("told", item)), stop)
        except Stopped:
            pass
        except BaseException as error:  # a defect in a thread is the caller's to hear
            told.put(("broken", error))
        told.put(("left", None))

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(min(parallel, len(jobs)))]
    try:
        for thread in threads:
            thread.start()
        yield from _heard(told, len(threads))
    finally:
        stop.say()
        for thread in threads:
            thread.join(_GRACE / len(threads))


def _heard(told: queue.SimpleQueue[tuple[str, E | BaseException | None]], working: int) -> Iterator[E]:
    while working:
        try:
            # Not for ever: on Windows an interrupt is only heard between two waits.
            word, item = told.get(timeout=0.5)
        except queue.Empty:
            continue
        if word == "left":
            working -= 1
        elif isinstance(item, BaseException):
            raise item
        else:
            yield item  # type: ignore[misc] # what is told is an E
