"""Revisions worth a look: tags and the last batches, as they are at the moment."""

from __future__ import annotations

from modelref_git.operations.milestones import milestones
from tests.support.world import World, clip


def test_a_batch_and_a_tag_are_there_as_soon_as_they_are_and_gone_when_they_are(world: World) -> None:
    assert milestones(world.context()) == []
    batch = world.approve(world.create("clip", "one", clip("one")), title="first")
    assert milestones(world.context()) == []
    world.apply(batch)
    main = world.refs()["refs/heads/main"]
    found = milestones(world.context())
    assert [(one.revision, one.batch_id, one.title) for one in found] == [(main, batch, "first")]
    world.git("tag", "v1", "main")
    world.git("tag", "queue-is-no-dataset", "queue")
    assert [one.revision for one in milestones(world.context())] == ["v1", main]
    world.git("pack-refs", "--all")
    assert [one.revision for one in milestones(world.context())] == ["v1", main]
    world.git("tag", "-d", "v1")
    assert [one.revision for one in milestones(world.context())] == [main]
