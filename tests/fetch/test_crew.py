from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from modelref_git.fetch.crew import Stop, Stopped, work_through

Tell = Callable[[int], None]


def test_every_job_is_done_and_what_is_told_is_heard() -> None:
    def work(job: int, tell: Tell, _stop: Stop) -> None:
        tell(job)
        tell(-job)

    heard = list(work_through(range(1, 30), work, parallel=4))
    assert sorted(heard) == sorted([*range(1, 30), *(-job for job in range(1, 30))])
    assert list(work_through([], work, parallel=4)) == []


def test_no_host_has_more_jobs_at_a_time_than_allowed() -> None:
    lock = threading.Lock()
    now = {"a": 0, "b": 0}
    most = {"a": 0, "b": 0, "all": 0}

    def work(job: tuple[str, int], tell: Tell, _stop: Stop) -> None:
        host = job[0]
        with lock:
            now[host] += 1
            most[host] = max(most[host], now[host])
            most["all"] = max(most["all"], sum(now.values()))
        time.sleep(0.01)
        with lock:
            now[host] -= 1
        tell(1)

    jobs = [("a", number) for number in range(12)] + [("b", number) for number in range(12)]
    assert sum(work_through(jobs, work, parallel=6, per_host=2, host_of=lambda job: job[0])) == 24
    assert most["a"] <= 2
    assert most["b"] <= 2
    assert most["all"] > 2, "one host does not hold up the other"


def test_a_defect_in_a_thread_is_heard_and_stops_the_others() -> None:
    stopped = threading.Event()

    def work(job: int, _tell: Tell, stop: Stop) -> None:
        if job == 0:
            raise RuntimeError("a defect")
        try:
            stop.sleep(30)
        except Stopped:
            stopped.set()
            raise

    with pytest.raises(RuntimeError, match="a defect"):
        list(work_through([1, 0], work, parallel=2))
    assert stopped.wait(5)


def test_a_caller_who_leaves_takes_the_threads_along() -> None:
    def work(_job: int, tell: Tell, stop: Stop) -> None:
        tell(1)
        stop.sleep(30)

    before = threading.active_count()
    began = time.monotonic()
    crew = work_through([1, 2, 3], work, parallel=2)
    assert next(crew) == 1
    crew.close()  # type: ignore[attr-defined] # it is a generator
    assert time.monotonic() - began < 5
    assert threading.active_count() == before
