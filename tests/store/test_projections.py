from __future__ import annotations

import time
from pathlib import Path

import pytest

from modelref_git.errors import IntegrityFailure
from modelref_git.operations.maintain import examine
from modelref_git.store import layout, projections
from modelref_git.store.projections import Behind, find_behind, roll_forward
from tests.store.builders import commit, fsck
from tests.support.world import ARTHUR, World

THING = "thing"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Changes 4 (applied), 5 and 6 (approved, in two steps), 7 (pending); batch 4 applied, 5 open."""
    made = World.make(tmp_path / "r.git", bare=True, empty=True)
    made.add_category(THING)
    made.apply(made.approve(made.create(THING, "one", {"v": 1})))
    for name in ("two", "three", "four"):
        made.create(THING, name, {})
    made.approve(5)
    made.approve(6)
    return made


def head(world: World) -> str:
    return world.refs()[layout.QUEUE]


def put(world: World, ref: str, value: str | None) -> None:
    """Another hand sets a branch, and the cache does not know."""
    if value is None:
        world.git("update-ref", "-d", ref)
    else:
        world.git("update-ref", ref, value)


def forget(world: World) -> None:
    (world.store.local_dir / "cache" / "projected").unlink()


def test_an_untouched_repository_has_its_branches_where_the_log_says(world: World) -> None:
    refs_now = world.refs()
    assert find_behind(world.store, head(world)) == []
    assert sorted(refs_now) == [
        "refs/heads/batches/5",
        "refs/heads/main",
        "refs/heads/proposals/5",
        "refs/heads/proposals/6",
        "refs/heads/proposals/7",
        "refs/heads/queue",
    ]
    roll_forward(world.store, head(world))
    assert world.refs() == refs_now
    fsck(world.path)


@pytest.mark.parametrize("ref", ["proposals/5", "proposals/7", "batches/5", "main"])
def test_an_absent_branch_is_behind_and_comes_back(world: World, ref: str) -> None:
    ref = f"refs/heads/{ref}"
    before = world.refs()
    put(world, ref, None)
    assert find_behind(world.store, head(world)) == [Behind(ref, before[ref], None, foreign=False)]
    forget(world)
    roll_forward(world.store, head(world))
    assert world.refs() == before


def test_a_branch_at_a_value_that_the_log_gave_it_before_is_behind(world: World) -> None:
    before = world.refs()
    queue = world.context().view().queue
    batch, closed = queue.batch(5), queue.change(4)
    assert batch is not None
    assert closed is not None
    put(world, "refs/heads/batches/5", batch.merges[0])
    put(world, "refs/heads/main", world.git("rev-parse", "main~1").strip())
    put(world, "refs/heads/proposals/4", closed.commit)  # closed: it should be gone
    put(world, "refs/heads/batches/4", before["refs/heads/main"])
    behind = find_behind(world.store, head(world))
    assert [(item.ref, item.wanted) for item in behind] == [
        ("refs/heads/batches/4", None),
        ("refs/heads/batches/5", before["refs/heads/batches/5"]),
        ("refs/heads/proposals/4", None),
        ("refs/heads/main", before["refs/heads/main"]),
    ]
    assert not any(item.foreign for item in behind)
    forget(world)
    roll_forward(world.store, head(world))
    assert world.refs() == before


def test_a_batch_branch_from_before_a_rebuild_is_behind_though_the_state_has_forgotten_it(world: World) -> None:
    old = world.refs()["refs/heads/batches/5"]
    world.run("reject", "5", "--reason", "no", actor=ARTHUR).ok()
    now = world.refs()["refs/heads/batches/5"]
    assert now != old
    put(world, "refs/heads/batches/5", old)
    assert find_behind(world.store, head(world)) == [Behind("refs/heads/batches/5", now, old, foreign=False)]


@pytest.mark.parametrize(
    "ref", ["proposals/7", "batches/5", "proposals/99", "batches/99", "proposals/mine", "proposals/a/b"]
)
def test_a_branch_at_a_strangers_value_is_named_and_left_as_it_is(world: World, ref: str) -> None:
    ref = f"refs/heads/{ref}"
    stranger = commit(world.store, {"x": b"1"}, world.refs()["refs/heads/main"])
    wanted = world.refs().get(ref)
    put(world, ref, stranger)
    expected = [Behind(ref, wanted, stranger, foreign=True)]
    assert find_behind(world.store, head(world)) == expected
    forget(world)
    world.create(THING, "five", {})
    assert find_behind(world.store, head(world)) == expected
    report = examine(world.context(), repair=True)
    assert [item.code for item in report.findings] == ["foreign_ref"]
    assert report.is_beyond_repair
    assert world.refs()[ref] == stranger


def test_another_proposals_commit_is_a_strangers_value(world: World) -> None:
    """Only a value that the log gave to some branch is taken for an old one, and such a branch may be set right."""
    before = world.refs()
    put(world, "refs/heads/batches/5", before["refs/heads/proposals/7"])
    assert [item.foreign for item in find_behind(world.store, head(world))] == [True]


@pytest.mark.parametrize("where", ["ahead", "aside"])
def test_main_at_a_strangers_commit_is_drift_which_stops_what_moves_main_and_nothing_else(
    world: World, where: str
) -> None:
    main = world.refs()["refs/heads/main"]
    parent = main if where == "ahead" else world.git("rev-parse", "main~1").strip()
    stranger = commit(world.store, {"x": b"1"}, parent)
    put(world, "refs/heads/main", stranger)
    assert find_behind(world.store, head(world)) == [Behind("refs/heads/main", main, stranger, foreign=True)]
    assert world.create(THING, "five", {}) == 8
    assert world.approve(8) == 5
    before = world.refs()
    with pytest.raises(IntegrityFailure, match="no event names"):
        world.apply(5)
    assert world.refs() == before
    assert [item.code for item in examine(world.context(), repair=True).findings] == ["drift"]
    put(world, "refs/heads/main", main)
    world.apply(5)
    assert find_behind(world.store, head(world)) == []


def test_a_side_parent_of_main_is_no_value_that_main_ever_had(world: World) -> None:
    applied = world.context().view().queue.change(4)
    assert applied is not None
    put(world, "refs/heads/main", applied.commit)
    assert [item.foreign for item in find_behind(world.store, head(world))] == [True]


def test_main_at_the_open_batchs_own_merge_is_taken_by_its_apply(world: World) -> None:
    merge = world.refs()["refs/heads/batches/5"]
    put(world, "refs/heads/main", merge)
    world.apply(5)
    assert world.refs()["refs/heads/main"] == merge
    assert find_behind(world.store, head(world)) == []


def test_with_the_cache_only_what_the_log_changed_since_is_looked_at(world: World) -> None:
    put(world, "refs/heads/proposals/7", None)
    world.create(THING, "five", {})
    assert "refs/heads/proposals/7" not in world.refs()
    forget(world)
    world.create(THING, "six", {})
    assert world.refs()["refs/heads/proposals/7"]
    assert (world.store.local_dir / "cache" / "projected").read_text() == f"{head(world)}\n"


def test_the_whole_local_folder_may_be_deleted_at_any_time(world: World) -> None:
    import shutil

    shutil.rmtree(world.store.local_dir)
    before = world.refs()
    assert world.create(THING, "five", {}) == 8
    assert world.refs().items() >= {ref: oid for ref, oid in before.items() if ref != layout.QUEUE}.items()
    assert find_behind(world.store, head(world)) == []


def test_a_cache_of_another_history_is_not_believed(world: World) -> None:
    stranger = commit(world.store, {"x": b"1"})
    put(world, "refs/heads/proposals/7", None)
    (world.store.local_dir / "cache" / "projected").write_text(f"{stranger}\n")
    world.create(THING, "five", {})
    assert find_behind(world.store, head(world)) == []


def test_a_branch_in_the_place_of_a_proposal_jams_nothing(world: World) -> None:
    stranger = commit(world.store, {"x": b"1"})
    put(world, "refs/heads/proposals/8/mine", stranger)
    assert world.create(THING, "five", {}) == 8
    assert world.create(THING, "six", {}) == 9
    assert world.approve(8, 9) == 5
    assert len(world.apply(5)) == 4
    assert len(world.warnings) == 4  # once a step, though it is tried before and after it
    assert all("refs/heads/proposals/8 cannot be moved" in text and "doctor" in text for text in world.warnings)
    assert [item.ref for item in find_behind(world.store, head(world))] == ["refs/heads/proposals/8/mine"]


def test_a_branch_called_proposals_is_waited_for_by_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = World.make(world.path.parent / "fresh.git", bare=True, empty=True)
    put(made, "refs/heads/proposals", made.refs()["refs/heads/main"])
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    made.add_category(THING)
    for number in range(6):
        made.create(THING, f"r{number}", {})
    assert waits == []
    assert made.warnings
    made.apply(made.approve(*range(4, 10)))
    assert len(made.context().view().dataset().names(THING)) == 6
    put(made, "refs/heads/proposals", None)
    assert made.create(THING, "last", {}) == 10
    assert find_behind(made.store, head(made)) == []


def test_readers_answer_from_the_log_while_main_is_behind(world: World) -> None:
    world.apply(5)
    put(world, "refs/heads/main", world.git("rev-parse", "main~1").strip())
    assert world.context().view().dataset().names(THING) == ["one", "three", "two"]


def test_a_dry_run_moves_no_branch(world: World) -> None:
    put(world, "refs/heads/proposals/7", None)
    forget(world)
    before = world.refs()
    from modelref_git.operations.drafting import Request
    from modelref_git.operations.propose import propose_create

    ctx = world.context(dry_run=True)
    assert propose_create(ctx, Request("create", THING, "five", {}))["change_id"] == 8
    assert (world.refs(), (world.store.local_dir / "cache" / "projected").exists()) == (before, False)
    assert projections.find_behind(world.store, head(world)) != []
