from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelref_git.errors import Busy
from modelref_git.store import lock
from modelref_git.store.lock import writer_lock

HOLDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from modelref_git.store.lock import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_waits_for_the_first(tmp_path: Path) -> None:
    path = tmp_path / "modelref" / "lock"
    order: list[str] = []

    def second() -> None:
        with writer_lock(path):
            order.append("second")

    with writer_lock(path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    checkout = str(Path(lock.__file__).parents[2])
    words = [sys.executable, "-c", HOLDER, str(tmp_path / "lock"), checkout]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
        with writer_lock(tmp_path / "lock"):
            pass


def test_a_step_that_fails_lets_go(tmp_path: Path) -> None:
    for _ in range(2):
        try:
            with writer_lock(tmp_path / "lock"):
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass


def test_who_waits_for_a_while_is_told_that_others_are_busy(tmp_path: Path) -> None:
    with (
        writer_lock(tmp_path / "lock"),
        pytest.raises(Busy, match="nothing was changed"),
        writer_lock(tmp_path / "lock", wait=0.02),
    ):
        raise AssertionError("two writers at once")


def test_who_waits_for_a_while_has_the_lock_when_it_is_let_go(tmp_path: Path) -> None:
    taken, order = threading.Event(), []

    def hold() -> None:
        with writer_lock(tmp_path / "lock"):
            taken.set()
            waits.wait(0.05)
            order.append("first")

    waits = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    with writer_lock(tmp_path / "lock", wait=30):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
