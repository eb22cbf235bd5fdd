"""Processes that deliver webhooks, killed at random moments: no event is lost, and each comes in its turn."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from itertools import groupby
from pathlib import Path

import pytest

from tests.support.calls import CHECKOUT
from tests.support.receiver import Receiver, receiver
from tests.support.webhooks import add, propose, run, webhook
from tests.support.world import World

__all__ = ["receiver"]

_SERVICE = """
import sys, threading
from pathlib import Path
from modelref_git.operations.context import Context
from modelref_git.operations.webhooks.deliver import deliver
deliver(lambda: Context.open(Path(sys.argv[1])), threading.Event(), poll=0.05, tell=print)
"""


def start(world: World) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))}
    words = [sys.executable, "-c", _SERVICE, str(world.path)]
    return subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL)


@pytest.mark.long
def test_of_processes_that_are_killed_again_and_again_every_event_arrives_in_order(
    tmp_path: Path, receiver: Receiver
) -> None:
    world = World.make(tmp_path / "world.git", bare=True, empty=True)
    world.add_category("thing")
    hooks = [add(world, receiver.url(f"/{number}")) for number in range(2)]
    before = hooks[0].cursor.event_id
    stop = threading.Event()
    writer = threading.Thread(target=write, args=(World(world.path, world.clock), stop))
    writer.start()
    chance, kills, running = random.Random(1), 0, [start(world), start(world)]
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            receiver.wait_for(len(receiver.told) + chance.randint(1, 9))
            time.sleep(chance.uniform(0, 0.02))
            running[0].kill()
            running[0].wait()
            running = [*running[1:], start(world)]
            kills += 1
    finally:
        stop.set()
        writer.join()
        for process in running:
            process.kill()
            process.wait()
    run(world)
    last = world.context().view().queue.header.last_event_id
    assert kills > 20
    for number, hook in enumerate(hooks):
        told = [(one.id, one.event_ids) for one in receiver.told if one.path == f"/{number}"]
        repeats = len(told) - len({ident for ident, _ in told})
        in_turn = [event for (_, events), _ in groupby(told) for event in events]
        assert in_turn == list(range(before + 1, last + 1)), "a repeat follows what it repeats"
        assert repeats <= kills, "a kill costs a receiver one repeat at most"
        assert webhook(world, hook.webhook_id).cursor.event_id == last


def write(world: World, stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        world.clock.tick()
        propose(world, f"n{number}")
        time.sleep(0.01)
