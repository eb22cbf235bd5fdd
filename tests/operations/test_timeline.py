"""The two histories as one."""

from __future__ import annotations

from modelref_git.operations.audit_events import EventFilters
from modelref_git.operations.timeline import timeline
from tests.support.world import ARTHUR, CAROL, World, clip


def test_each_step_is_told_once_newest_first_with_what_it_brought_to_main(world: World) -> None:
    number = world.create("clip", "one", clip("one"))
    batch = world.approve(number)
    world.apply(batch)
    page = timeline(world.context(), EventFilters(), limit=3)
    assert [(row["action"], row["actor"]) for row in page.items] == [
        ("apply", ARTHUR),
        ("approve", ARTHUR),
        ("enqueue", CAROL),
    ]
    assert page.items[0]["main"] == [world.refs()["refs/heads/main"]]
    assert page.items[1]["main"] == []
    assert page.items[2]["changes"] == [
        {"change_id": number, "category": "clip", "model_name": "one", "operation": "create"}
    ]


def test_pages_by_cursor_give_every_step_of_the_log(world: World) -> None:
    world.approve(*[world.create("clip", name, clip(name)) for name in ("one", "two", "three")])
    found: list[str] = []
    cursor: int | None = None
    while True:
        page = timeline(world.context(), EventFilters(), before=cursor, limit=2)
        found += [row["commit"] for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == world.git("log", "--first-parent", "--format=%H", "queue").split()


def test_filters_hold_and_the_policy_is_left_out_where_it_is_not_wanted(world: World) -> None:
    number = world.create("clip", "one", clip("one"))
    about = timeline(world.context(), EventFilters(change_id=number))
    assert [row["action"] for row in about.items] == ["enqueue"]
    by_carol = timeline(world.context(), EventFilters(actor=CAROL, actions=("enqueue", "withdraw")))
    assert [row["changes"][0]["change_id"] for row in by_carol.items] == [number]
    everything = timeline(world.context(), EventFilters())
    without = timeline(world.context(), EventFilters(), policy=False)
    assert {row["category"] for step in everything.items for row in step["changes"]} == {"clip", "policy"}
    assert {row["category"] for step in without.items for row in step["changes"]} == {"clip"}
