from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import NotFound
from modelref_git.operations.feed import NotOfMain, feed_page, feed_point, read_feed
from tests.support.world import World, clip


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of which one event did five things, and others one each."""
    world = World.make(tmp_path_factory.mktemp("feed") / "w", empty=True)
    world.apply(world.approve(*(world.create("clip", name, clip(name)) for name in "abcde")))
    world.apply(world.approve(world.update("clip", "a", {"/description": "Another."})))
    world.apply(world.approve(world.delete("clip", "b")))
    return world


def paged(world: World, since: str | None, limits: list[int]) -> list[dict[str, Any]]:
    """The feed from *since* on, in pages of these sizes, the last one again and again."""
    rows: list[dict[str, Any]] = []
    for turn in range(100):
        page = feed_page(world.context(), since=since, limit=limits[min(turn, len(limits) - 1)])
        rows += [row for _, row in page.rows]
        since = page.next
        if not page.has_more:
            return rows
    raise AssertionError("the feed has no end")


@given(limits=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_pages_of_any_size_are_the_feed(fed: World, limits: list[int]) -> None:
    assert paged(fed, None, limits) == list(read_feed(fed.context()))


def test_every_row_has_a_point_behind_which_the_feed_goes_on(fed: World) -> None:
    everything = list(read_feed(fed.context()))
    for since in (None, "0", fed.refs()["refs/heads/main"], fed.git("rev-parse", "main~1").strip()):
        rows = feed_page(fed.context(), since=since).rows
        for place, (point, row) in enumerate(rows, 1):
            assert feed_point(fed.context(), point) == point
            assert everything[everything.index(row) + 1 :] == paged(fed, point, [3]), (since, place)


def test_the_last_row_of_an_event_has_its_number_as_a_point(fed: World) -> None:
    rows = feed_page(fed.context()).rows
    whole = {str(row["event_id"]): row["model_name"] for point, row in rows if point == str(row["event_id"])}
    assert list(whole.values()) == ["e", "a", "b"]
    assert [point for point, _ in rows[:4]] == ["0:1", "0:2", "0:3", "0:4"]


def test_a_moving_name_becomes_a_commit_that_stays(fed: World) -> None:
    refs = fed.refs()
    assert feed_point(fed.context(), "main") == refs["refs/heads/main"]
    assert feed_page(fed.context(), since="queue").next == refs["refs/heads/queue"]


def test_now_is_behind_everything(fed: World) -> None:
    now = feed_point(fed.context())
    page = feed_page(fed.context(), since=now)
    assert (page.rows, page.next, page.has_more) == ((), now, False)
    assert page.main == fed.refs()["refs/heads/main"]


@pytest.mark.parametrize("point", ["999", "nowhere", "0:99", "0:", "0:-1", "0:1:1", "0:\u0661", "0:" + "9" * 13])
def test_a_point_that_never_was_is_not_found(fed: World, point: str) -> None:
    with pytest.raises(NotFound):
        feed_page(fed.context(), since=point)
    with pytest.raises(NotFound):
        feed_point(fed.context(), point)


def test_a_commit_of_something_else_is_no_point(fed: World) -> None:
    number = fed.create("clip", "z", clip("z"))
    with pytest.raises(NotOfMain):
        feed_page(fed.context(), since=f"proposals/{number}")
