"""The service as processes: started by the command line, ended by a signal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.calls import CHECKOUT
from tests.support.http import V2, key_file
from tests.support.world import World

pytestmark = pytest.mark.long


@contextmanager
def started(world: World, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process of ``serve``, and the address that it tells."""
    keys = key_file(world.path.parent / "keys.json")
    command = [sys.executable, "-m", "modelref_git", "-C", str(world.path), "serve", "--port", "0"]
    command += ["--auth", "file", "--auth-file", str(keys), "--no-webhooks", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT) as process:
        try:
            assert process.stderr is not None
            told = re.search(r"http://\S+", process.stderr.readline())
            assert told is not None
            wait_for(told[0])
            yield process, told[0]
        finally:
            process.terminate()
            process.communicate(timeout=60)


def wait_for(base: str) -> None:
    """Wait until the service answers."""
    until = time.monotonic() + 60
    while True:
        try:
            asked(f"{base}/heartbeat")
        except OSError:
            assert time.monotonic() < until, "it does not answer"
            time.sleep(0.05)
        else:
            return


def asked(url: str) -> bytes:
    """The body of an answer."""
    request = urllib.request.Request(url, headers={"apikey": "carol"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def workers_of(pid: int) -> set[int]:
    """The processes that *pid* has started, but for Python's own tracker."""
    found = set()
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            found.add(int(child))
    return found


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_ends_it_and_nothing_is_left(tmp_path: Path, workers: str) -> None:
    world = World.make(tmp_path / "w")
    with started(world, "--workers", workers) as (process, base):
        assert json.loads(asked(f"{base}/api{V2}/me/roles"))["user_id"] == "2"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        with pytest.raises(OSError, match=r"refused|urlopen"):
            asked(f"{base}/heartbeat")


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the workers are found as Linux tells of processes")
def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    with started(world, "--workers", "2") as (process, base):
        before = workers_of(process.pid)
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        until = time.monotonic() + 60
        while len(workers_of(process.pid) - before) < 1 or min(before) in workers_of(process.pid):
            assert time.monotonic() < until, "nobody took its place"
            time.sleep(0.05)
        wait_for(base)


def test_several_workers_count_together(tmp_path: Path) -> None:
    with started(World.make(tmp_path / "w"), "--workers", "2", "--no-access-log") as (_, base):
        for _ in range(20):
            asked(f"{base}/replicate_mode")
        told = asked(f"{base}/metrics").decode()
        assert 'route="/replicate_mode",status="200"} 20.0' in told


def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    with started(world) as (_, base):
        port = base.rpartition(":")[2]
        words = ["-C", str(world.path), "serve", "--port", port]
        done = subprocess.run(
            [sys.executable, "-m", "modelref_git", *words], capture_output=True, text=True, cwd=CHECKOUT, check=False
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert f"port {port} cannot be listened on" in done.stderr
