from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.errors import Forbidden, WrongState
from modelref_git.operations.batches import batch_sheet, list_batches
from modelref_git.operations.previews import Counts, apply_preview, revert_preview
from tests.support.world import ARTHUR, CAROL, World, clip


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An applied batch 3 of m1 and m2, and an open one 4: an update of m1, a delete of m2, a create of m3."""
    made = World.make(tmp_path / "world", empty=True)
    made.apply(made.approve(*(made.create("clip", name, clip(name)) for name in ("m1", "m2"))))
    changes = [
        made.update("clip", "m1", {"/description": "better"}),
        made.delete("clip", "m2"),
        made.create("clip", "m3", clip("m3")),
    ]
    made.approve(*changes, title="Second")
    return made


def test_a_preview_is_what_the_apply_then_makes_of_main_and_changes_nothing(world: World) -> None:
    before = world.refs()
    for chosen in ([], [5], [6, 7]):
        preview = apply_preview(world.context(ARTHUR), 4, chosen)
        assert world.refs() == before
        assert preview.main == before["refs/heads/main"]
        (row,) = preview.categories
        assert (row.category, row.before) == ("clip", 2)
        assert (row.added, row.changed, row.removed) == {
            (): (1, 1, 1),
            (5,): (0, 1, 0),
            (6, 7): (1, 0, 1),
        }[tuple(chosen)]
        assert row.after == row.before + row.added - row.removed
        assert preview.new_batch == (5 if chosen else None)
    whole = apply_preview(world.context(ARTHUR), 4)
    assert [(one["model_name"], one["net_operation"]) for one in whole.records] == [
        ("m1", "modified"),
        ("m2", "deleted"),
        ("m3", "added"),
    ]
    assert [one["field_path"] for one in whole.records[0]["field_diffs"]] == ["description"]
    world.apply(4)
    assert len([name for name in world.files() if name.startswith("dataset/clip/")]) == whole.categories[0].after


@pytest.mark.long
def test_counts_are_believed_of_the_main_that_the_apply_begins_from_alone(world: World) -> None:
    main = world.context().view().main
    known = apply_preview(world.context(ARTHUR), 4, counts=Counts(main, {"clip": 90}))
    other = apply_preview(world.context(ARTHUR), 4, counts=Counts("0" * 40, {"clip": 90}))
    assert (known.categories[0].before, known.categories[0].after) == (90, 90)
    assert other.categories[0].before == 2


@pytest.mark.long
def test_what_would_be_refused_is_refused(world: World) -> None:
    with pytest.raises(Forbidden):
        apply_preview(world.context(CAROL), 4)
    with pytest.raises(WrongState):
        revert_preview(world.context(CAROL), 4)
    with pytest.raises(Forbidden):
        revert_preview(world.context("nina#9"), 3)


@pytest.mark.long
def test_the_preview_of_a_revert_tells_what_is_proposed_and_what_is_left_out(world: World) -> None:
    world.apply(4)
    world.apply(world.approve(world.update("clip", "m1", {"/description": "later"})))
    before = world.refs()
    preview = revert_preview(world.context(CAROL), 4)
    assert world.refs() == before
    assert [(row["operation"], row["model_name"]) for row in preview.proposals] == [("create", "m2"), ("delete", "m3")]
    assert [row["path"] for row in preview.conflicts] == ["/description"]


def test_a_batch_is_told_part_by_part_with_what_it_did(world: World) -> None:
    world.apply(4)
    ctx = world.context("nina#9")
    found, after = [], 0
    while True:
        sheet = batch_sheet(ctx, 4, after=after, limit=2, policy=False)
        found += [(one.change.change_id, (one.effect or {})["net_operation"]) for one in sheet.members]
        assert (sheet.added, sheet.modified, sheet.deleted, len(sheet.commits)) == (1, 1, 1, 1)
        if sheet.next_after is None:
            break
        after = sheet.next_after
    assert found == [(5, "modified"), (6, "deleted"), (7, "added")]


@pytest.mark.long
def test_batches_are_listed_newest_first_without_those_of_the_policy(world: World) -> None:
    ctx = world.context("nina#9")
    assert [batch.batch_id for batch in list_batches(ctx).batches] == [4, 3, 2, 1]
    first = list_batches(ctx, limit=1, policy=False)
    assert ([batch.batch_id for batch in first.batches], first.next_cursor) == ([4], 4)
    second = list_batches(ctx, limit=1, cursor=4, policy=False)
    assert ([batch.batch_id for batch in second.batches], second.next_cursor) == ([3], None)
    assert [batch.batch_id for batch in list_batches(ctx, policy=False, applied_only=True).batches] == [3]
