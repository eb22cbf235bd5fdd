from __future__ import annotations

import pytest

from modelref_git.errors import NotFound
from modelref_git.operations.comparison import compare_revisions
from modelref_git.operations.milestones import milestones
from modelref_git.operations.read import diff_page
from tests.support.world import World, clip


@pytest.mark.long
def test_revisions_are_counted_by_category_and_told_a_page_at_a_time(world: World) -> None:
    start = world.git("rev-parse", "main").strip()
    made = [world.create("clip", name, clip(name)) for name in ("a", "b", "c")]
    gone = world.delete("blip", world.run("ls", "blip").ok().json[0])
    world.apply(world.approve(*made, gone))
    world.apply(world.approve(world.update("clip", "b", {"/description": "Two."})))
    ctx = world.context()
    found = compare_revisions(ctx, start, None, limit=2)
    assert found.counts == {
        "blip": {"added": 0, "modified": 0, "deleted": 1},
        "clip": {"added": 3, "modified": 0, "deleted": 0},
    }
    assert (found.total, found.old, found.new) == (4, start, ctx.view().main)
    rest = compare_revisions(ctx, start, None, offset=2, limit=2)
    pages, total = diff_page(ctx, start, ctx.view().main)
    assert total == 4
    assert [(row.category, row.name) for row in (*found.rows, *rest.rows)] == [
        (row["category"], row["model_name"]) for row in pages
    ]
    changed = compare_revisions(ctx, "main~1", "main", category="clip", net="modified").rows
    assert [(row.name, [item.dotted for item in row.diffs if item.path[0] != "metadata"]) for row in changed] == [
        ("b", ["description"])
    ]
    assert compare_revisions(ctx, "main~1", "main", net="added").total == 0
    for old, category in (("nowhere", None), ("main~1", "klip")):
        with pytest.raises(NotFound):
            compare_revisions(ctx, old, None, category=category)


@pytest.mark.long
def test_milestones_are_tags_of_main_and_the_last_batches_of_records(world: World) -> None:
    assert milestones(world.context()) == []  # what made the members is of the policy
    world.apply(world.approve(world.create("clip", "a", clip("a")), title="One"))
    world.create("clip", "b", clip("b"))
    world.git("tag", "v1", "main")
    world.git("tag", "other", "queue")
    found = milestones(world.context())
    assert [(one.revision, one.batch_id, one.title) for one in found] == [
        ("v1", None, ""),
        (world.git("rev-parse", "main").strip(), 3, "One"),
    ]
