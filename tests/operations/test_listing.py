from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelref_git.errors import NotFound
from modelref_git.operations import listing
from modelref_git.operations.listing import Row, list_records
from modelref_git.operations.order import rank_of, stored_order
from modelref_git.operations.read import dataset_at
from tests.support.world import World, clip


def rows(world: World) -> list[Row]:
    ctx = world.context()
    return list(list_records(ctx.store, dataset_at(ctx, None), "clip").rows.values())


def anew(world: World) -> list[Row]:
    """The rows as they are found without what was found before."""
    ctx = world.context()
    dataset = dataset_at(ctx, None)
    ordered = stored_order(ctx.store, dataset, "clip")
    return [Row(name, dataset.blob("clip", name) or "", rank_of(data)) for name, data in ordered]


STEPS = st.lists(st.tuples(st.sampled_from("abcde"), st.booleans()), min_size=1, max_size=3)


@settings(max_examples=20)
@given(st.lists(STEPS, min_size=1, max_size=3))
@pytest.mark.long
def test_a_listing_made_from_the_one_before_is_that_made_anew(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[str, bool]]]
) -> None:
    world = World.make(tmp_path_factory.mktemp("listing") / "w")
    live = {row.name for row in rows(world)}
    for steps in batches:
        changes = []
        world.clock.tick()
        for name, removes in dict(steps).items():
            if name not in live:
                changes.append(world.create("clip", name, clip(name)))
            elif removes:
                changes.append(world.delete("clip", name))
            else:
                changes.append(world.update("clip", name, {"/description": f"At {world.clock.now}."}))
        world.apply(world.approve(*changes))
        assert rows(world) == anew(world)
        live = {row.name for row in rows(world)}


def test_only_what_changed_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old = rows(world)
    change = world.update("clip", old[0].name, {"/description": "Another."})
    world.apply(world.approve(change))
    world.apply(world.approve(world.create("clip", "new", clip("new"))))
    read: list[bytes] = []
    monkeypatch.setattr(listing, "rank_of", lambda data: read.append(data))
    found = rows(world)
    assert [row.name for row in found] == [*(row.name for row in old), "new"]
    assert found[1:-1] == old[1:]
    assert len(read) == 2
    assert rows(world) == found
    assert len(read) == 2


def test_a_category_that_is_not_there_is_told(world: World) -> None:
    ctx = world.context()
    with pytest.raises(NotFound, match="no category 'toys'"):
        list_records(ctx.store, dataset_at(ctx, None), "toys")


def test_listings_are_forgotten_when_there_are_too_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_ROWS_AT_MOST", 1)
    ctx = world.context()
    for category in ("clip", "blip", "clip"):
        assert list_records(ctx.store, dataset_at(ctx, None), category).rows
        assert len(listing._KEPT) == 1


def test_a_record_that_moves_to_another_folder_is_the_same(world: World) -> None:
    before = rows(world)
    world.run_policy("category", "layout", "clip", "--fan-out", "1")
    assert rows(world) == before == anew(world)


def test_a_record_whose_place_changed_has_all_put_in_order_again() -> None:
    rows = {"a": Row("a", "1", 1), "b": Row("b", "2", 2)}
    assert listing._is_in_order(rows, {**rows, "a": Row("a", "3", 1)})
    assert listing._is_in_order(rows, {"b": rows["b"]})
    assert not listing._is_in_order(rows, {**rows, "a": Row("a", "1", 3)})
    assert not listing._is_in_order(rows, {**rows, "c": Row("c", "4", None)})
