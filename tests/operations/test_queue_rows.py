from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.operations.changes import Filters, changes_after, list_changes
from modelref_git.operations.hold import hold
from modelref_git.operations.policy_settings import set_policy
from modelref_git.operations.queue_rows import QueueRow, queue_page
from modelref_git.operations.review import Pick, review_changes
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

OPEN = Filters(("pending", "approved"), policy=False)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two live records, and four open changes: two rivals of m1 (5, 6), one of m2 (7), a create (8)."""
    made = World.make(tmp_path / "world")
    made.apply(made.approve(*(made.create("clip", name, clip(name)) for name in ("m1", "m2"))))
    made.update("clip", "m1", {"/description": "one"})
    made.update("clip", "m1", {"/description": "another"})
    made.update("clip", "m2", {"/version": "2"})
    made.create("clip", "m3", clip("m3"))
    return made


def rows(world: World, actor: str = ARTHUR) -> dict[int, QueueRow]:
    return {row.change.change_id: row for row in queue_page(world.context(actor), OPEN).rows}


def test_a_row_tells_rivals_conflicts_critical_fields_and_missing_approvals(world: World) -> None:
    found = rows(world)
    assert (found[5].rivals, found[5].clashes, found[5].outlook.verdict) == ((6,), (6,), "overlaps")
    assert (found[7].rivals, found[7].is_critical, found[7].missing) == ((), False, 1)
    assert found[8].is_critical
    assert found[7].content == found[7].change.blob


def test_a_row_offers_what_would_not_be_refused(world: World) -> None:
    hold(world.context(ARTHUR), [7], reason="wait")
    world.update("clip", "m2", {"/description": "the owner's own"}, actor=OWNER)
    mine = rows(world)
    assert mine[5].choices == ("approve", "reject", "hold")
    assert mine[7].choices == ("reject", "unhold")
    # Two people review: who asked does not approve.
    assert rows(world, OWNER)[9].choices == ("reject", "hold")
    assert not any(row.choices for row in rows(world, CAROL).values())
    world.approve(8)
    assert rows(world)[8].choices == ("reject", "hold")


@pytest.mark.long
def test_a_change_that_does_not_merge_any_more_says_so_and_where(world: World) -> None:
    world.apply(world.approve(6))
    row = rows(world)[5]
    assert (row.outlook.verdict, row.outlook.paths) == ("conflict", ["/description"])
    # Beside what is approved and not yet live, too.
    version = world.update("clip", "m2", {"/version": "3"})
    world.approve(7)
    assert rows(world)[version].outlook.verdict == "conflict"


@pytest.mark.long
def test_who_has_approved_is_not_asked_again(world: World) -> None:
    world.let_anybody_review()
    world.pass_policy(set_policy(world.context(), [("approvals", 2)]))
    review_changes(world.context(ARTHUR), [Pick(8)], [], title="June")
    assert (rows(world)[8].approvals, rows(world)[8].needed, rows(world)[8].missing) == (1, 2, 1)
    assert "approve" not in rows(world)[8].choices
    assert "approve" in rows(world, OWNER)[8].choices


@pytest.mark.long
def test_what_is_read_behind_a_change_is_what_pages_by_place_give(world: World) -> None:
    view = world.context().view()
    for filters in (
        OPEN,
        Filters(),
        Filters(policy=False),
        Filters(("applied",), policy=False),
        Filters(("pending",), ("clip",), None, "M1", ("2",)),
        Filters((), (), 3),
        Filters(("applying",)),
    ):
        listed = list_changes(world.context(), filters, limit=None, indexed=True)
        wanted = [row["change_id"] for row in listed["items"]]
        found: list[int] = []
        while True:
            part = changes_after(view, filters, found[-1] if found else 0, 2)
            found += [change.change_id for change in part.changes]
            assert part.total in (None, listed["total"])
            if part.is_last:
                break
        assert found == wanted
