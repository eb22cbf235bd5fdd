"""Many clients at once, beside the command line: nothing that was answered is lost, and no number is left out."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient, Limits, Response, TransportError

from modelref_git.operations.changes import Filters, list_changes
from tests.support.calls import spawn
from tests.support.clones import server_and_clones
from tests.support.http import Q2, V1, V2, key_file
from tests.support.http_live import live
from tests.support.http_process import serving
from tests.support.world import CAROL, World, clip

FIRST = 3
"""The number of the first change that is made here: the members came by changes too."""
A_BATCH = 25
PATIENCE = 200
"""So often a request is repeated whose connection died, or that was told to come again."""


@dataclass(slots=True)
class Crowd:
    """What all clients of a test share."""

    url: str
    creates: int
    """So many records are still to be proposed."""
    made: dict[int, str] = field(default_factory=dict)
    """The names of what was answered with 202, by change id."""
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    """Requests whose connection died."""
    applied: set[int] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def take(self) -> bool:
        """Whether there is one more record to propose; it is then the caller's."""
        self.creates -= 1
        return self.creates >= 0


@dataclass(slots=True)
class Visitor:
    """One client, with one key."""

    crowd: Crowd
    client: AsyncClient
    who: str

    async def ask(self, method: str, path: str, *, body: Any = None) -> Response:
        """One request, which is repeated under one idempotency key until there is an answer."""
        headers = {"apikey": self.who}
        if method != "GET":
            headers["idempotency-key"] = uuid.uuid4().hex
        for _ in range(PATIENCE):
            try:
                answer = await self.client.request(method, path, headers=headers, json=body)
            except TransportError:
                self.crowd.broken += 1
                await asyncio.sleep(0.05)
                continue
            self.crowd.statuses[answer.status_code] += 1
            if answer.status_code != 503:
                if answer.status_code >= 500:
                    self.crowd.faults.append(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
                return answer
            assert int(answer.headers["retry-after"]) > 0
            await asyncio.sleep(0.2)
        raise AssertionError(f"{method} {path} was not answered")

    async def propose(self) -> None:
        """Propose records until there are none left, and read in between."""
        dice = random.Random(id(self))
        while self.crowd.take():
            name = f"of many {uuid.uuid4().hex}"
            answer = await self.ask("POST", f"{V2}/clip", body=clip(name))
            assert answer.status_code == 202, answer.text
            number = answer.json()["change_id"]
            assert number not in self.crowd.made, "a number is given once"
            self.crowd.made[number] = name
            path = dice.choice([f"{V2}/clip", f"{V1}/clip", f"{Q2}/changes/{number}", f"{Q2}/my_changes?limit=5"])
            assert (await self.ask("GET", path)).status_code == 200, path

    async def review(self, ended: Callable[[], bool]) -> None:
        """Approve what waits and apply it, again and again; others do the same, so much of it is done already."""
        while True:
            last = ended()
            page = await self.ask("GET", f"{Q2}/changes?statuses=pending&limit={A_BATCH}")
            ids = [row["change_id"] for row in page.json()["items"]]
            if ids:
                await self._pass(ids)
            elif last:
                return
            else:
                await asyncio.sleep(0.05)

    async def _pass(self, ids: list[int]) -> None:
        approved = await self.ask("POST", f"{Q2}/batches", body={"batch_title": "Of many", "approved_ids": ids})
        assert approved.status_code in (200, 400), approved.text
        if approved.status_code == 200:
            batch = approved.json()["batch_id"]
            applied = await self.ask("POST", f"{Q2}/apply_batch/{batch}")
            # 404: between approve and apply another approver applied the batch in parts, or it holds more by now.
            assert applied.status_code in (200, 400, 404), applied.text
            if applied.status_code == 200:
                self.crowd.applied |= {row["change_id"] for row in applied.json()["applied"]}


async def _visit(crowd: Crowd, proposers: int, approvers: tuple[str, ...], meanwhile: Callable[[], None]) -> None:
    """Everybody at once; *meanwhile* is done in a thread beside them."""
    # A connection for each request, or the worker that was first would have them all.
    limits = Limits(max_connections=None, max_keepalive_connections=0)
    async with AsyncClient(base_url=crowd.url, timeout=60, trust_env=False, limits=limits) as client:
        proposing = [asyncio.create_task(Visitor(crowd, client, "carol").propose()) for _ in range(proposers)]
        reviewing = [
            asyncio.create_task(Visitor(crowd, client, who).review(lambda: all(task.done() for task in proposing)))
            for who in approvers
        ]
        await asyncio.gather(asyncio.to_thread(meanwhile), *proposing, *reviewing)


def _check(world: World, crowds: list[Crowd], others: dict[int, str]) -> None:
    """All that was answered is in the queue, once; numbers have no gaps; what was applied is live; all is sound."""
    rows = list_changes(world.context(), Filters(), limit=None)["items"]
    assert [row["change_id"] for row in rows] == list(range(1, len(rows) + 1))
    found = {row["change_id"]: row["model_name"] for row in rows if row["change_id"] >= FIRST}
    answered = {number: name for crowd in crowds for number, name in crowd.made.items()} | others
    assert found == answered
    assert len(set(found.values())) == len(found), "each record was proposed once"
    for crowd in crowds:
        assert crowd.faults == []
        assert set(crowd.statuses) <= {200, 202, 400, 404, 503}, crowd.statuses
    status = {row["change_id"]: row["status"] for row in rows}
    live_now = set(world.context().dataset().names("clip"))
    for number, name in answered.items():
        assert status[number] in ("pending", "approved", "applied")
        assert (name in live_now) == (status[number] == "applied")
    for crowd in crowds:
        assert {status[number] for number in crowd.applied} <= {"applied"}
    assert world.run("verify").ok().json["ok"] is True


def test_a_few_clients_and_the_library_write_at_once(world: World) -> None:
    others: dict[int, str] = {}

    def write_too() -> None:
        for number in range(6):
            name = f"of the library {number}"
            others[world.create("clip", name, clip(name))] = name

    with live(world) as service:
        crowd = Crowd(service.url, creates=24)
        asyncio.run(_visit(crowd, 6, ("arthur",), write_too))
    assert len(crowd.made) == 24
    assert crowd.applied
    _check(world, [crowd], others)


@pytest.mark.long
@pytest.mark.parametrize(("creates", "is_killed"), [(200, False), (2_000, True)], ids=["all live", "one is killed"])
def test_64_clients_of_four_workers_and_the_command_line(world: World, creates: int, is_killed: bool) -> None:
    others: dict[int, str] = {}

    def write_too() -> None:
        for number in range(20):
            name = f"of the command line {number}"
            answer = spawn(
                "-C", str(world.path), "--json", "--actor", CAROL, "propose", "create", "clip", "-",
                stdin=json.dumps(clip(name)).encode(),
            )  # fmt: skip
            others[answer.ok().json["change_id"]] = name
            if is_killed and number in (5, 12):
                os.kill(random.choice(service.workers()), signal.SIGKILL)

    keys = key_file(world.path.parent / "keys.json")
    with serving(world, "--workers", "4", "--auth", "file", "--auth-file", str(keys), "--no-webhooks") as service:
        crowd = Crowd(service.url, creates)
        asyncio.run(_visit(crowd, 62, ("arthur", "olivia"), write_too))
        assert "Traceback" not in service.said
    assert len(crowd.made) == creates
    assert len(crowd.applied) > creates / 2
    assert is_killed == (crowd.broken > 0)
    _check(world, [crowd], others)


@pytest.mark.long
def test_two_services_on_two_clones_of_one_remote_write_one_log(tmp_path: Path) -> None:
    server, clones = server_and_clones(tmp_path, "one", "two")
    keys = key_file(tmp_path / "keys.json")
    words = ("--auth", "file", "--auth-file", str(keys), "--no-webhooks", "--follow", "1", "--write-wait", "60")
    with serving(clones[0], *words) as first, serving(clones[1], *words) as second:

        async def both() -> None:
            await asyncio.gather(
                _visit(crowds[0], 6, ("arthur",), lambda: None), _visit(crowds[1], 6, (), lambda: None)
            )

        crowds = [Crowd(service.url, creates=40) for service in (first, second)]
        asyncio.run(both())
        for service in (first, second):
            assert "Traceback" not in service.said
    _check(server, crowds, {})
    assert not set(crowds[0].made) & set(crowds[1].made)
    for clone in clones:
        clone.run("pull").ok()
        assert clone.run("verify").ok().json["ok"] is True
        assert clone.git("rev-parse", "refs/remotes/origin/queue") == server.git("rev-parse", "queue")
