"""Figures of the dataset over time, as the histories tell them."""

from __future__ import annotations

from modelref_git.operations.statistics import statistics
from tests.support.world import World, clip


def test_what_was_applied_counts_with_its_time_and_its_records(world: World) -> None:
    before = statistics(world.context())
    numbers = [world.create("clip", name, clip(name)) for name in ("one", "two")]
    world.clock.tick(7_200)
    batch = world.approve(*numbers)
    assert statistics(world.context()) == before  # nothing of it is live yet
    world.apply(batch)
    found = statistics(world.context())
    assert found.growth[-1] == (world.clock.now, before.growth[-1][1] + 2)
    assert found.applied == before.applied + 2
    assert dict(found.times)["within a day"] == dict(before.times)["within a day"] + 2


def test_what_neither_adds_nor_takes_a_record_is_no_growth(world: World) -> None:
    before = statistics(world.context())
    world.apply(world.approve(world.update("esrgan", _any(world), {"/description": "Sharper."})))
    assert statistics(world.context()).growth == before.growth


def _any(world: World) -> str:
    name: str = world.run("ls", "esrgan").ok().json[0]
    return name
