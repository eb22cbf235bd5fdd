from __future__ import annotations

import pytest

from modelref_git.operations.near import AT_MOST, near_categories, near_records
from tests.support.world import World, clip

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with some names that are alike."""
    world = World.make(tmp_path_factory.mktemp("near") / "world")
    names = ["ViT-L/16", "Openclip Large", "openclip small", "Ünïcode", *(f"row {number}" for number in range(9))]
    world.apply(world.approve(*(world.create("clip", name, clip(name)) for name in names)))
    return world


def test_what_somebody_may_have_meant_is_told_nearest_first(shelf: World) -> None:
    ctx = shelf.context()
    assert near_records(ctx, "clip", "openclip larg")[0] == ("clip", "Openclip Large")
    assert near_records(ctx, "clip", "openclop lrge")[0] == ("clip", "Openclip Large")
    assert near_records(ctx, "clip", "vit-l/16")[0] == ("clip", "ViT-L/16")
    assert near_records(ctx, "clip", "ünïcodes") == [("clip", "Ünïcode")]
    assert near_records(ctx, "clip", "small") == [("clip", "openclip small")]
    assert near_records(ctx, "clip", "nothing like it") == []
    assert len(near_records(ctx, "clip", "row")) == AT_MOST


def test_a_record_of_another_category_comes_first_and_bad_names_are_no_fault(shelf: World) -> None:
    ctx = shelf.context()
    assert near_records(ctx, "blip", "Openclip Large")[0] == ("clip", "Openclip Large")
    assert near_records(ctx, "klip", "Openclip Large") == [("clip", "Openclip Large")]
    assert near_categories(ctx, "klip") == ["clip", "blip"]
    for name in ("", " ", "\0", "a" * 5_000, "\udcff", "../x"):
        assert near_records(ctx, "clip", name) == []
