"""Replay: each history alone gives what is stored, as of any moment; and says where it does not."""

from __future__ import annotations

import pytest

from modelref_git.errors import IntegrityFailure, NotFound
from modelref_git.operations.replay import replay
from tests.attacks.forging import Forger
from tests.attacks.story import honest
from tests.support.world import World, clip


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> World:
    """An honest repository with a history of every kind of step, to be read."""
    return honest(tmp_path_factory.mktemp("story") / "dataset.git")


@pytest.mark.parametrize("revision", ["queue", "queue~7", "main", "main~3"])
def test_both_histories_of_an_honest_repository_give_what_is_stored(story: World, revision: str) -> None:
    assert replay(story.context(), revision=revision).as_json() == {"equal": True, "differences": []}


def test_a_revision_of_neither_history_is_refused(story: World) -> None:
    proposal = story.git("for-each-ref", "--format=%(objectname)", "refs/heads/proposals/").split()[0]
    with pytest.raises(IntegrityFailure):
        replay(story.context(), revision=proposal)
    with pytest.raises(IntegrityFailure):
        replay(story.context(), revision="main~3", dataset=False)
    with pytest.raises(NotFound):
        replay(story.context(), revision="nowhere")


def test_a_state_that_was_edited_differs_by_its_file(world: World) -> None:
    forger = Forger(world.path)
    tree = forger.tree("queue^{tree}", {"extra.json": b"{}\n"})
    text = forger.git("log", "-1", "--format=%B", "queue") + "\n"
    parents = forger.git("log", "-1", "--format=%P", "queue").split()
    forger.point("refs/heads/queue", forger.commit(tree, parents, text))
    found = replay(world.context())
    assert [row["path"] for row in found.differences] == ["extra.json"]
    assert found.differences[0]["rebuilt"] is None
    assert replay(world.context(), queue=False).equal


def test_events_that_cannot_be_folded_are_a_difference(world: World) -> None:
    forger = Forger(world.path)
    first = world.create("clip", "x", clip("x"))
    tree = forger.git("rev-parse", "queue^{tree}")
    forger.event("hold", "arthur#3", change_ids=(first + 5,), tree=tree)
    found = replay(world.context())
    assert [row["history"] for row in found.differences] == ["queue"]
    assert "cannot be folded" in found.differences[0]["message"]


def test_a_record_that_slipped_in_is_named_with_its_commit(world: World) -> None:
    forger = Forger(world.path)
    number = world.create("clip", "x", clip("x"))
    path = forger.dataset().path("clip", "ViT-L/14")
    bad = forger.merge(forger.main, [forger.change(number)], forger.queue.header.last_batch_id + 1, more={path: None})
    forger.approve([number], merge=bad)
    batch = forger.queue.header.open_batch
    forger.event("apply", "arthur#3", change_ids=(number,), batch_id=batch, main=bad)
    found = replay(world.context(), queue=False)
    assert [(row["commit"], row["category"], row["model_name"]) for row in found.differences] == [
        (bad, "clip", "ViT-L/14")
    ]
    assert found.differences[0]["stored"] is None


def test_a_merge_whose_members_are_gone_is_a_difference(world: World) -> None:
    forger = Forger(world.path)
    number = world.create("clip", "x", clip("x"))
    world.apply(world.approve(number))
    text = forger.git("log", "-1", "--format=%B", "main").replace(f"Change-Id: {number}", "Change-Id: 1") + "\n"
    parents = forger.git("log", "-1", "--format=%P", "main").split()
    bad = forger.commit("main", parents[:1] + parents[:1], text)
    forger.event("hold", "arthur#3", change_ids=(world.create("clip", "y", clip("y")),), main=bad)
    found = replay(world.context(), queue=False)
    assert [row["commit"] for row in found.differences] == [bad]
