"""Cut the power at every write of the import of a queue: it has come in whole, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from modelref_git.operations.maintain import examine
from modelref_git.store.git import GitStore
from tests.crash.checks import Standing, age, check_fold, check_repaired, copied
from tests.crash.faults import LOCKED, TORN, Fuse, cut, fused
from tests.crash.quick import no_patience, no_syncing
from tests.support.clean import assert_clean
from tests.support.upstream import Upstream, alone, bring_queue
from tests.support.world import OWNER, World, clip

pytestmark = pytest.mark.usefixtures("no_patience", "no_syncing")
__all__ = ["no_patience", "no_syncing"]


def service() -> Upstream:
    """A service with a pending change, two approved ones, and a closed one."""
    found = Upstream()
    for name in "abcd":
        found.enqueue("create", "clip", name, clip(name))
    found.review([1, 2], [3])
    return found


def test_a_power_cut_at_any_write_leaves_the_queue_empty_or_whole(tmp_path: Path) -> None:
    world = alone(tmp_path / "world.git")
    shutil.rmtree(world.store.git_dir / "hooks", ignore_errors=True)
    source = service().write(tmp_path / "service")

    def act(on: World) -> Any:
        return bring_queue(on, source)

    before = Standing.of(world.path)
    control = World(copied(world.path, tmp_path / "control"))
    fuse = Fuse()
    with fused(fuse):
        act(control)
    after = Standing.of(control.path)
    assert set(after.refs) - set(before.refs) == {
        *(f"refs/heads/proposals/{number}" for number in (1, 2, 4)),
        "refs/heads/batches/1",
    }
    assert after.main == before.main
    for number, label in enumerate(fuse.points):
        place = World(copied(world.path, tmp_path / f"cut{number}"))
        kind = cut(lambda: act(place), number)  # noqa: B023 - called at once
        found = Standing.of(place.path)
        assert found.head in (before.head, after.head), label
        for name in found.refs.keys() | after.refs.keys():
            value = found.refs.get(name)
            assert value in (before.refs.get(name), after.refs.get(name)) or (kind == TORN and not value), label
            assert found.head == after.head or value == before.refs.get(name), f"{name} ran ahead: {label}"
        check_fold(GitStore.open(place.path))
        age(place.path)
        if kind == LOCKED:
            examine(place.context(), repair=True)
        if found.head == before.head:
            act(place)
            assert Standing.of(place.path) == after, label
        else:
            assert place.create("clip", "next", clip("next"), actor=OWNER) == 5
        check_repaired(place)
        assert_clean(place.path)
        shutil.rmtree(place.path)
    assert len(fuse.points) > 15
