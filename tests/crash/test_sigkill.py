"""Real processes, killed at random moments under load."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from modelref_git.operations.maintain import examine
from modelref_git.store import layout, refs
from tests.crash.checks import age, check_fold, check_fsck, check_projections, content
from tests.crash.processes import answers, happened, start
from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path / "r.git", bare=True, empty=True)
    made.add_category("thing")
    return made


def kill_round(world: World, number: int, workers: int) -> int:
    """Start workers, kill them all at a random moment; gives how many answers they had."""
    age(world.path)  # a kill may have left a lock behind, which stops everybody until doctor removes it
    examine(world.context(), repair=True)
    chance = random.Random(number)
    head = world.store.refs.read(layout.QUEUE)
    running = [start(world.path, f"w{number}-{worker}") for worker in range(workers)]
    while world.store.refs.read(layout.QUEUE) == head and all(process.poll() is None for process in running):
        time.sleep(0.005)
    time.sleep(chance.uniform(0.05, 0.5))
    for process in running:
        process.kill()
    told = []
    for process in running:
        out, err = process.communicate()
        assert (process.returncode, err) == (-signal.SIGKILL, b""), answers(out)
        told += answers(out)
    log = set(happened(world.path))
    for action, *change_ids in told:
        assert {(action, change_id) for change_id in change_ids} <= log
    return len(told)


def check_after_kills(world: World) -> None:
    age(world.path)
    examine(world.context(), repair=True)
    once = content(world.path)
    assert examine(world.context(), repair=True).findings == []
    assert content(world.path) == once
    check_projections(world.path)
    check_fsck(world.path)
    check_fold(world.store)
    enqueued = [change_id for action, change_id in happened(world.path) if action == "enqueue"]
    assert enqueued == list(range(1, len(enqueued) + 1))


def test_what_was_answered_survives_kills_at_random_moments(world: World) -> None:
    assert sum(kill_round(world, number, workers=2) for number in range(4)) >= 4
    check_after_kills(world)


@pytest.mark.long
def test_what_was_answered_survives_many_kills(world: World) -> None:
    for number in range(40):
        kill_round(world, 1000 + number, workers=3)
        if number % 5 == 4:
            check_after_kills(world)


def test_locks_that_a_killed_process_left_are_named_removed_and_then_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refs, "_LOCK_TRIES", 2)
    change = world.create("thing", "one", {})
    left = [layout.QUEUE, layout.MAIN, layout.proposal_ref(change), layout.proposal_ref(change + 1)]
    for name in left:
        (world.store.git_dir / f"{name}.lock").touch()
    before = world.refs()
    answer = world.say("propose", "create", "thing", "-", "--name", "two", stdin=b"{}")
    assert (answer.code, world.refs()) == (7, before)
    assert b"modelref-git doctor" in answer.err
    assert {item.code for item in examine(world.context(), repair=True).findings} == set()  # they may still be held
    age(world.path)
    found = examine(world.context(), repair=False).findings
    assert [(item.code, item.repaired) for item in found] == [("stale_lock", False)] * 4
    assert all(item.repaired for item in examine(world.context(), repair=True).findings)
    assert world.create("thing", "two", {}) == change + 1
    check_after_kills(world)
