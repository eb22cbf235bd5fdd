from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import Busy, NotFound
from modelref_git.operations.context import Context
from modelref_git.server.auth.interface import Login
from modelref_git.server.repository import Repository
from modelref_git.server.settings import Settings
from modelref_git.store.lock import writer_lock
from tests.support.world import World

CAROL = Login("2", "carol#2")


def running(world: World, work: Callable[[Repository], Coroutine[Any, Any, None]], **settings: Any) -> None:
    """Do *work* on an event loop, with the repository of *world*."""
    repository = Repository(Settings(repo=world.path, **settings))
    try:
        asyncio.run(work(repository))
    finally:
        repository.close()


def test_what_another_process_did_is_live_at_once(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")

    async def work(repository: Repository) -> None:
        before = repository.snapshot()
        assert repository.snapshot() is before
        change_id = world.run("propose", "delete", "clip", "ViT-L/14").json["change_id"]
        queued = repository.snapshot()
        assert (queued.head != before.head, queued.main) == (True, before.main)
        world.run("approve", str(change_id), "--title", "t", actor="arthur#3")
        world.run("apply", str(change_id), actor="arthur#3")
        after = repository.snapshot()
        assert after.main != before.main
        changed = {name for name, tree in after.trees.items() if before.trees[name] != tree}
        assert changed == {"clip"}
        assert repository.latest is after

    running(world, work)


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Repository(Settings(repo=tmp_path))


def test_a_write_whose_turn_does_not_come_in_time_has_changed_nothing(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    refs = world.refs()

    async def work(repository: Repository) -> None:
        with writer_lock(world.store.lock_path), pytest.raises(Busy):
            await repository.write(lambda ctx: ctx.write(lambda step: step.head), CAROL)
        assert repository.waiting == 0
        assert await repository.write(lambda ctx: ctx.write(lambda step: step.head), CAROL) == repository.head()

    running(world, work, write_wait=0.05)
    assert world.refs() == refs


def test_who_waits_behind_another_write_of_the_process_is_told_too(tmp_path: Path) -> None:
    go = threading.Event()

    async def work(repository: Repository) -> None:
        first = asyncio.ensure_future(repository.write(lambda _: go.wait(30), CAROL))
        second = asyncio.ensure_future(repository.write(lambda _: True, CAROL))
        await asyncio.sleep(0.1)
        assert repository.waiting == 2
        go.set()
        assert await first
        with pytest.raises(Busy):
            await second

    running(World.make(tmp_path / "w"), work, write_wait=0.02)


def test_nobody_who_reads_waits_for_who_writes(tmp_path: Path) -> None:
    go = threading.Event()

    async def work(repository: Repository) -> None:
        write = asyncio.ensure_future(repository.write(lambda _: go.wait(30), CAROL))
        assert await repository.read(lambda ctx: ctx.view().head) == repository.snapshot().head
        go.set()
        assert await write

    running(World.make(tmp_path / "w"), work)


def test_a_write_goes_on_when_its_caller_leaves(tmp_path: Path) -> None:
    go, done = threading.Event(), threading.Event()

    def slow(_ctx: Context) -> None:
        go.wait(30)
        done.set()

    async def work(repository: Repository) -> None:
        write = asyncio.ensure_future(repository.write(slow, CAROL))
        await asyncio.sleep(0)
        write.cancel()
        go.set()
        while repository.waiting:
            await asyncio.sleep(0.001)
        assert done.is_set()

    running(World.make(tmp_path / "w"), work)


def test_events_are_attested_by_a_member_who_is_a_service_and_by_nobody_else(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")

    async def work(repository: Repository) -> None:
        assert repository.context(CAROL).service is None
        world.run("member", "add", "web#90", "--email", "web@example.org", "--role", "service")
        change = world.run("changes", "--status", "pending").json["items"][0]["change_id"]
        world.run("approve", str(change), "--title", "t", actor="arthur#3")
        world.run("apply", str(change), actor="arthur#3")
        repository.snapshot()
        assert repository.context(CAROL).service == "90"
        assert repository.context(CAROL).claim == "carol#2"

    running(world, work, actor="web#90")
    running(world, lambda repository: _is_no_service(repository), actor="olivia#1")


async def _is_no_service(repository: Repository) -> None:
    assert repository.context(CAROL).service is None
