from __future__ import annotations

import pytest

from modelref_git.errors import NotFound
from modelref_git.operations.commit_sheet import commit_sheet
from tests.support.world import World, clip


@pytest.mark.long
def test_a_commit_is_told_with_its_step_and_other_objects_are_none(world: World) -> None:
    numbers = [world.create("clip", name, clip(name)) for name in ("a", "b", "c")]
    batch = world.approve(*numbers, title="Three: of them")
    world.apply(batch)
    ctx = world.context()
    main, queue = (world.git("rev-parse", branch).strip() for branch in ("main", "queue"))
    sheet = commit_sheet(ctx, main, limit=2)
    assert (sheet.branch, sheet.action, sheet.batch_id, sheet.title) == ("main", "apply", batch, "Three: of them")
    assert (sheet.event_commit, sheet.main[-1], sheet.change_ids) == (queue, main, tuple(numbers))
    assert [row["name"] for row in sheet.records] == ["a", "b"]
    assert sheet.has_more
    assert [row["name"] for row in commit_sheet(ctx, main, offset=2, limit=2).records] == ["c"]
    assert ("Batch-Id", str(batch)) in sheet.trailers
    assert all("Batch-Id" not in line for line in sheet.body)
    first, *others = sheet.parents
    assert first[1]
    assert len(others) == 3
    assert not any(is_told for _, is_told in others)  # proposals are told by their changes
    step = commit_sheet(ctx, queue)
    assert (step.branch, step.records, step.main) == ("queue", (), (main,))
    proposal, tree = sheet.parents[1][0], world.git("rev-parse", "main^{tree}").strip()
    for oid in (proposal, tree, "0" * 40):
        with pytest.raises(NotFound):
            commit_sheet(ctx, oid)
    with pytest.raises(NotFound):
        commit_sheet(ctx, queue, queue=False)


@pytest.mark.long
def test_commits_of_the_policy_are_told_to_those_alone_who_may_see_it(world: World) -> None:
    oid = world.git("rev-parse", "main").strip()  # made arthur a member
    assert commit_sheet(world.context(), oid).action == "apply"
    with pytest.raises(NotFound, match="policy"):
        commit_sheet(world.context(), oid, policy=False)
    root = world.git("rev-list", "--max-parents=0", "main").strip()
    assert commit_sheet(world.context(), root, policy=False).action == "init"
