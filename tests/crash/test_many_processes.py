"""Two approvers and four requestors at once, each a process, killed in between: every answer that said yes is true."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modelref_git.operations.apply import apply_changes
from modelref_git.operations.maintain import examine
from modelref_git.operations.members import add_member
from modelref_git.store import log
from modelref_git.store.git import GitStore
from tests.crash.checks import age, check_fold, check_fsck, check_projections
from tests.crash.processes import CHECKOUT
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World

THING = "thing"
PEOPLE = (OWNER, ARTHUR, CAROL, "dora#4", "emil#5", "fay#6")
SLOW = 2.0
"""A lock that is held for so many seconds is one of a process that was killed; others are held for milliseconds."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path / "r.git", bare=True, empty=True)
    made.add_category(THING)
    for who in PEOPLE[3:]:
        email = f"{who.partition('#')[0]}@people.example"
        made.pass_policy(add_member(made.context(), who, emails=(email,), roles=("requestor",)))
    return made


@dataclass
class Office:
    """The people at work, what they were told, and the one who kills them."""

    world: World
    steps: int
    dice: random.Random
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    outs: list[Path] = field(default_factory=list)

    def start(self, actor: str, *words: str) -> None:
        """Somebody comes to work, for the first time or again."""
        out = self.world.path.parent / f"told-{len(self.outs)}"
        self.outs.append(out)
        env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
        with out.open("wb") as stdout, out.with_suffix(".err").open("wb") as stderr:
            words = (
                "-m",
                "tests.crash.person",
                str(self.world.path),
                actor,
                str(len(self.outs)),
                str(self.steps),
                *words,
            )
            self.running[actor] = subprocess.Popen(
                [sys.executable, *words], cwd=CHECKOUT, env=env, stdout=stdout, stderr=stderr
            )

    def kill(self) -> None:
        """Somebody is killed, wherever they are, and comes back."""
        alive = sorted(actor for actor, process in self.running.items() if process.poll() is None)
        if alive:
            actor = self.dice.choice(alive)
            self.running[actor].kill()
            self.running[actor].wait()
            self.start(actor)

    def sweep(self) -> None:
        """Remove the locks of those who were killed, and of nobody else."""
        # Not `rglob`: it stumbles over a folder that somebody removes meanwhile.
        locks = [Path(folder, name) for folder, _, files in os.walk(self.world.path) for name in files]
        for lock in (path for path in locks if path.suffix == ".lock"):
            try:
                found = lock.stat().st_mtime
                if time.time() - found > SLOW:
                    os.utime(lock, (found - 120, found - 120))
                    examine(self.world.context(), repair=True)
            except FileNotFoundError:
                continue

    def wait(self) -> None:
        """Until all have done their work."""
        until = time.monotonic() + 600
        while any(process.poll() is None for process in self.running.values()):
            assert time.monotonic() < until, "somebody is stuck"
            self.sweep()
            time.sleep(0.1)
        for out in self.outs:
            assert out.with_suffix(".err").read_text() == ""
        assert {process.returncode for process in self.running.values()} == {0}

    def go_home(self) -> None:
        """Whoever is still there leaves: a test that fails must not leave processes behind."""
        for process in self.running.values():
            process.kill()
            process.wait()

    def told(self) -> list[dict[str, Any]]:
        """Every answer that said yes; a line that a kill cut off was never told to anybody."""
        lines = [line for out in self.outs for line in out.read_bytes().split(b"\n")[:-1]]
        return [json.loads(line) for line in lines]


def work(world: World, steps: int, kills: int) -> list[dict[str, Any]]:
    """Let all work at once, and kill some; gives what they were told."""
    office = Office(world, steps, random.Random(steps))
    try:
        go = world.path.parent / "go"
        for actor in PEOPLE:
            office.start(actor, "--wait", str(go))
        go.touch()
        head = world.store.refs.read("refs/heads/queue")
        while world.store.refs.read("refs/heads/queue") == head:
            time.sleep(0.02)
        for _ in range(kills):
            time.sleep(office.dice.uniform(0.05, 0.6))
            office.sweep()
            office.kill()
        office.wait()
        return office.told()
    finally:
        office.go_home()


def check_all_is_true(world: World, told: list[dict[str, Any]]) -> None:
    """Each answer is in the log, as its actor's."""
    store = GitStore.open(world.path)
    happened = {
        (event.action, str(event.actor), number, event.batch_id)
        for _, event in log.history(store, log.read(store).head)
        for number in event.change_ids
    }
    without_batch = {row[:3] for row in happened}
    for row in told:
        for number in row["change_ids"]:
            one = (row["action"], row["actor"], number)
            if row["action"] == "apply":
                assert (*one, row["batch_id"]) in happened
            else:
                assert one in without_batch
    numbers = [number for action, _, number, _ in happened if action == "enqueue"]
    assert sorted(numbers) == list(range(1, len(numbers) + 1)), "no number is given twice, and none is left out"
    queue = world.context().view().queue
    assert all(queue.change(number) or queue.purged(number) for number in numbers), "nothing is lost"


def check_nothing_is_stuck(world: World) -> None:
    """The next command brings all in order, and whatever is asked for still goes."""
    age(world.path)
    examine(world.context(), repair=True)
    number = world.create(THING, "the last", {})
    check_projections(world.path)
    world.approve(number)
    assert [row["change_id"] for row in apply_changes(world.context(ARTHUR), [number])["applied"]] == [number]
    assert "the last" in world.context().view().dataset().names(THING)
    check_projections(world.path)


def check(world: World, told: list[dict[str, Any]]) -> None:
    check_all_is_true(world, told)
    check_nothing_is_stuck(world)
    check_all_is_true(world, told)
    check_fold(world.store)
    check_fsck(world.path)
    assert_clean(world.path)


@pytest.mark.long
def test_two_approvers_and_four_requestors_at_once_with_kills_in_between(world: World) -> None:
    told = work(world, steps=12, kills=3)
    assert {"enqueue", "approve"} <= {row["action"] for row in told}
    check(world, told)


@pytest.mark.long
def test_two_approvers_and_four_requestors_for_a_day_of_hundreds_of_steps(world: World) -> None:
    told = work(world, steps=120, kills=25)
    wanted = {"enqueue", "supersede", "rebase", "withdraw", "approve", "reject", "apply", "hold", "unhold", "purge"}
    assert wanted <= {row["action"] for row in told}
    check(world, told)
