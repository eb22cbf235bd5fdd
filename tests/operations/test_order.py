from __future__ import annotations

import pytest

from modelref_git.operations import order
from modelref_git.operations.read import get_category
from tests.support.world import World, clip


@pytest.fixture
def grown(empty_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A category whose records came one after the other, not in the order of their names."""
    monkeypatch.setattr(order, "_CACHED_FROM", 1)
    for name in ("c", "a", "b"):
        empty_world.apply(empty_world.approve(empty_world.create("clip", name, clip(name))))
    return empty_world


def test_records_stand_in_the_order_in_which_they_came(grown: World) -> None:
    assert list(get_category(grown.context(), "clip")) == ["c", "a", "b"]
    cache = grown.store.local_dir / "cache" / "order" / "clip.json"
    assert cache.exists()
    grown.apply(grown.approve(grown.delete("clip", "c")))
    grown.apply(grown.approve(grown.create("clip", "c", clip("c"))))
    assert list(get_category(grown.context(), "clip")) == ["a", "b", "c"], "created again, it is new"
    cache.unlink()
    assert list(get_category(grown.context(), "clip")) == ["a", "b", "c"]


def test_a_reader_who_may_not_write_reads_all_the_same(grown: World) -> None:
    (grown.store.local_dir / "cache" / "order").write_text("in the way", encoding="utf-8")
    assert list(get_category(grown.context(), "clip")) == ["c", "a", "b"]


def test_a_cache_that_is_garbage_is_passed_over(grown: World) -> None:
    folder = grown.store.local_dir / "cache" / "order"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "clip.json").write_text("{", encoding="utf-8")
    assert list(get_category(grown.context(), "clip")) == ["c", "a", "b"]
