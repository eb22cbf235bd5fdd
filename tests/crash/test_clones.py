"""Clones of one remote, somebody at work in each, over wires that break: no change is lost, and none is double."""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modelref_git.operations.clone import clone
from modelref_git.operations.exchange import pull
from modelref_git.operations.members import add_member
from modelref_git.store import log
from modelref_git.store.git import GitStore
from tests.crash.checks import check_fold, check_fsck, check_projections
from tests.crash.processes import CHECKOUT
from tests.support.clean import assert_clean
from tests.support.transports import cutting
from tests.support.transports.cutting import Gate
from tests.support.transports.fixtures import Files, Server, Transport
from tests.support.transports.proxy import Cut, Plan, Proxy
from tests.support.world import ARTHUR, OWNER, World

THING = "thing"
QUEUE = "refs/heads/queue"
PEOPLE = (OWNER, ARTHUR, *(f"person{number}#{number}" for number in range(11, 19)))


@functools.cache
def _template() -> Path:
    """A dataset with ten people who may all approve, made once."""
    folder = Path(tempfile.mkdtemp(prefix="modelref-office-"))
    world = World.make(folder / "server.git", bare=True, empty=True)
    world.add_category(THING)
    for who in PEOPLE[2:]:
        email = f"{who.partition('#')[0]}@people.example"
        world.pass_policy(add_member(world.context(), who, emails=(email,), roles=("requestor", "approver")))
    return folder


@pytest.fixture(scope="module", autouse=True)
def _swept() -> Any:
    yield
    if _template.cache_info().currsize:
        shutil.rmtree(_template())
        _template.cache_clear()


@dataclass
class Office:
    """A remote, a clone for each of those at work, and what they were told."""

    server: World
    clones: dict[str, World]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def over(cls, way: Transport, folder: Path, count: int) -> Office:
        """So many clones of a new remote, each reached by *way*."""
        shutil.copytree(_template() / "server.git", folder / "server.git")
        clone(way.url(folder / "server.git"), folder / "clone-0")
        for number in range(1, count):
            shutil.copytree(folder / "clone-0", folder / f"clone-{number}", symlinks=True)
        clones = {PEOPLE[number]: World(folder / f"clone-{number}") for number in range(count)}
        return cls(World(folder / "server.git"), clones)

    def work(self, steps: int) -> list[dict[str, Any]]:
        """Let all work at once; gives what they were told."""
        go = self.server.path.parent / "go"
        try:
            for who, world in self.clones.items():
                self._start(world, who, str(steps), "--wait", str(go))
            go.touch()
            until = time.monotonic() + 300
            while any(process.poll() is None for process in self.running):
                assert time.monotonic() < until, "somebody is stuck"
                time.sleep(0.05)
        finally:
            for process in self.running:
                process.kill()
                process.wait()
        for world in self.clones.values():
            assert world.path.with_suffix(".err").read_text() == ""
        lines = [
            line for world in self.clones.values() for line in world.path.with_suffix(".out").read_text().splitlines()
        ]
        return [json.loads(line) for line in lines]

    def _start(self, world: World, *words: str) -> None:
        env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
        with world.path.with_suffix(".out").open("wb") as out, world.path.with_suffix(".err").open("wb") as err:
            command = [sys.executable, "-m", "tests.crash.contributor", str(world.path), *words]
            self.running.append(subprocess.Popen(command, cwd=CHECKOUT, env=env, stdout=out, stderr=err))

    def set_urls(self, url: str) -> None:
        """Have all clones use another address."""
        for world in self.clones.values():
            world.git("config", "remote.origin.url", url)


# --- what must hold afterwards ---


def check_the_log(server: World, told: list[dict[str, Any]]) -> None:
    """Each answer that said yes is in the log; nothing is there twice, and the numbers have no gap."""
    store = GitStore.open(server.path)
    rows = list(log.history(store, log.read(store).head))
    events = [event for _, event in rows]
    happened = {(event.action, str(event.actor), number) for event in events for number in event.change_ids}
    for row in told:
        for number in row.get("change_ids", ()):
            assert (row["action"], row["actor"], number) in happened
    asked = Counter(
        proposal.note for event in events for proposal in event.proposals if event.action == "enqueue" and proposal.note
    )
    assert {note: count for note, count in asked.items() if count > 1} == {}, "a request is there twice"
    said = [number for row in told if row.get("action") == "enqueue" for number in row["change_ids"]]
    assert len(said) == len(set(said)), "two people were given one number"

    for numbers in (
        [number for event in events if event.action == "enqueue" for number in event.change_ids],
        [
            number
            for event in events
            for number in range(event.first_id, event.first_id + max(1, len(event.change_ids)))
        ],
    ):
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), "no number twice, and none left out"
    applied = Counter(number for event in events if event.action == "apply" for number in event.change_ids)
    assert set(applied.values()) <= {1}, "a change is applied twice"


def check_all_converge(office: Office) -> None:
    """After a pull, every clone is where the remote is, and the next step goes everywhere."""
    worlds = list(office.clones.values())
    actor = next(iter(office.clones))
    number = worlds[0].create(THING, "the last", {}, actor=actor)
    for world in worlds:
        pull(world.context())
        here, there = world.refs(), office.server.refs()
        assert {ref: here.get(ref.replace("heads", "remotes/origin", 1)) for ref in there} == there
        assert (here[QUEUE], here["refs/heads/main"]) == (there[QUEUE], there["refs/heads/main"])
        assert world.git("status", "--porcelain") == ""
        assert not [ref for ref in here if ref.startswith("refs/modelref/")], "nothing is left open"
        assert world.run("show", str(number)).ok().json["model_name"] == "the last"
    check_projections(office.server.path)


def check(office: Office, told: list[dict[str, Any]], *, steps: int) -> None:
    assert {"enqueue", "approve", "apply"} <= {row["action"] for row in told if "action" in row}
    assert len([row for row in told if "action" in row]) >= steps * len(office.clones)
    check_the_log(office.server, told)
    check_all_converge(office)
    check_the_log(office.server, told)
    check_fold(office.server.store)
    check_fsck(office.server.path)
    assert_clean(office.server.path)
    assert_clean(next(iter(office.clones.values())).path)


# --- wires that break ---


def breaking(server: World, seed: str, share: float) -> Plan:
    """Break a share of the connections: early, in the middle of the pack, or once the push was taken."""
    dice = random.Random(seed)
    file = server.path / QUEUE

    def head() -> str | None:
        return file.read_text() if file.exists() else None

    def plan(number: int) -> Cut | None:
        before = head()
        kinds: list[Callable[[], Cut]] = [
            lambda: Cut(to_server=dice.choice([0, 300])),
            lambda: Cut(to_server=dice.randrange(1000, 7000)),
            lambda: Cut(to_client=dice.randrange(200, 6000)),
            lambda: Cut(when=lambda: head() != before),
        ]
        return dice.choice(kinds)() if dice.random() < share else None

    return plan


def gates(office: Office, seed: str, most: int) -> list[Gate]:
    """Break the first pushes of each clone at points of all kinds."""
    dice = random.Random(seed)
    made = []
    for world in office.clones.values():
        gate = Gate(world.path.with_suffix(".plan"))
        points = [cutting.before(), cutting.within(dice.randrange(200, 1500)), cutting.after(), cutting.after()]
        gate.expect(*(dice.choice([*points, *[cutting.let_through()] * 3]) for _ in range(most)))
        gate.stand_before(world.path)
        made.append(gate)
    return made


def work_over_files(folder: Path, clones: int, steps: int) -> None:
    office = Office.over(Files(), folder, clones)
    standing = gates(office, "files", 12)
    before = sum(gate.left for gate in standing)
    told = office.work(steps)
    assert sum(gate.left for gate in standing) < before
    for gate in standing:
        gate.expect()
    check(office, told, steps=steps)


def work_over_a_wire(way: Server, folder: Path, clones: int, steps: int, share: float) -> None:
    office = Office.over(way, folder, clones)
    wire = Proxy(way.port, breaking(office.server, way.name, share))
    try:
        office.set_urls(way.url(office.server.path, port=wire.port))
        told = office.work(steps)
    finally:
        wire.close()
    assert wire.cut
    office.set_urls(way.url(office.server.path))
    check(office, told, steps=steps)


@pytest.mark.long
def test_four_clones_at_once_over_files_whose_pushes_are_cut_off(tmp_path: Path) -> None:
    work_over_files(tmp_path, clones=4, steps=3)


@pytest.mark.long
def test_three_clones_at_once_over_http_whose_wire_is_cut(http: Server, tmp_path: Path) -> None:
    # With fewer steps it happens that nobody gets to apply anything.
    work_over_a_wire(http, tmp_path, clones=3, steps=6, share=0.2)


@pytest.mark.long
def test_ten_clones_at_once_over_files_whose_pushes_are_cut_off(tmp_path: Path) -> None:
    work_over_files(tmp_path, clones=10, steps=4)


@pytest.mark.long
def test_ten_clones_at_once_over_http_whose_wire_is_cut(http: Server, tmp_path: Path) -> None:
    work_over_a_wire(http, tmp_path, clones=10, steps=4, share=0.15)


@pytest.mark.long
def test_ten_clones_at_once_over_ssh_whose_wire_is_cut(ssh: Server, tmp_path: Path) -> None:
    work_over_a_wire(ssh, tmp_path, clones=10, steps=3, share=0.1)
