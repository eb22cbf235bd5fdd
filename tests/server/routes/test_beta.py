from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelref_git.operations.changes import show_change
from modelref_git.operations.hold import hold
from modelref_git.operations.review import review_changes
from tests.support.http import V2, Wire, wire
from tests.support.world import ARTHUR, OWNER, World, clip


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A world whose tests each have a category, with one record that is live."""
    world = World.make(tmp_path_factory.mktemp("beta") / "w", empty=True)
    categories = ("clip", "blip", "esrgan", "gfpgan")
    world.apply(world.approve(*(world.create(category, "live", clip("live")) for category in categories)))
    with wire(world) as served:
        yield served


def pending(category: str) -> str:
    return f"{V2}/{category}/pending"


def test_an_empty_queue_gives_an_empty_object(http: Wire) -> None:
    answer = http.get(pending("lora"), "nina")
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["cache-control"] == "private, no-cache"


def test_creates_and_updates_that_are_open_are_given(http: Wire) -> None:
    world = http.world
    approved = world.create("clip", "approved", clip("approved"))
    world.approve(approved)
    asked = world.create("clip", "a/b", clip("a/b"))
    changed = world.update("clip", "live", {"/description": "Another."})
    held = world.create("clip", "held", clip("held"))
    hold(world.context(ARTHUR), [held], reason="until later")
    rejected = world.create("clip", "rejected", clip("rejected"))
    review_changes(world.context(ARTHUR), (), [rejected], title=None, reason="no")
    world.create("controlnet", "other", clip("other"))
    found = http.get(pending("clip"), "nina").json()
    assert list(found) == ["approved", "a/b", "live", "held"]
    for number, name in ((approved, "approved"), (asked, "a/b"), (changed, "live")):
        assert found[name] == show_change(world.context(), number)["payload"]
    assert http.get(f"{V2}/clip", None).json().keys() == {"live"}


def test_deletes_are_passed_over(http: Wire) -> None:
    http.world.delete("blip", "live")
    assert http.get(pending("blip")).json() == {}


def test_of_several_changes_of_a_record_the_one_touched_last_counts(http: Wire) -> None:
    world, path = http.world, pending("esrgan")
    first = world.update("esrgan", "live", {"/description": "The first."})
    world.update("esrgan", "live", {"/description": "The second."}, actor=OWNER)
    assert http.get(path).json()["live"]["description"] == "The second.", "at one time the later change"
    world.delete("esrgan", "live", actor=ARTHUR)
    assert http.get(path).json()["live"]["description"] == "The second."
    world.clock.tick()
    world.approve(first)
    assert http.get(path).json()["live"]["description"] == "The first.", "approving touches it"


def test_what_is_not_asked_for_any_more_is_gone(http: Wire) -> None:
    world, path = http.world, pending("gfpgan")
    batch = world.approve(world.create("gfpgan", "new", clip("new")))
    first = http.get(path)
    assert list(first.json()) == ["new"]
    again = http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    world.apply(batch)
    after = http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (after.status_code, after.json()) == (200, {})


def test_who_asks_is_looked_at_before_what_is_asked_for(http: Wire) -> None:
    for path in (pending("clip"), pending("nope")):
        answer = http.get(path, None)
        assert (answer.status_code, answer.json()["detail"]) == (401, "Not authenticated")
    assert http.get(pending("nope"), "nobody").status_code == 422
    assert http.get(pending("clip"), "nobody").json()["detail"] == "Invalid API key"


@pytest.mark.parametrize("settings", [{"read_only": True}, {"queue": False}])
def test_where_there_is_no_queue_there_is_nothing_pending(empty_world: World, settings: dict[str, bool]) -> None:
    with wire(empty_world, **settings) as http:
        answer = http.get(pending("clip"))
        assert answer.status_code == 503
        assert answer.json()["detail"] == "Pending queue is disabled or unsupported on this deployment."
        assert http.get(pending("clip"), "nobody").status_code == 401


def test_payloads_are_in_the_format_of_v2_where_the_older_one_is_canonical(empty_world: World) -> None:
    empty_world.create("clip", "new", clip("new"))
    with wire(empty_world, canonical_format="legacy") as http:
        found = http.get(pending("clip")).json()["new"]
    assert found["config"]["download"] == clip("new")["config"]["download"]
    assert found["record_type"] == "clip"
