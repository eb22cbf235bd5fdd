"""Many writers at once: every yes is in the queue, and losing a race loses nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from modelref_git.errors import Conflict, ModelrefError, WrongState
from modelref_git.operations.apply import apply_changes
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.propose import propose_create, propose_update
from modelref_git.operations.review import Pick, review_changes
from modelref_git.store import layout, writing
from modelref_git.store.step import Step
from tests.crash.checks import check_fold, check_fsck, check_projections
from tests.crash.processes import answers, happened, start
from tests.support.world import ARTHUR, CAROL, OWNER, World

_T = TypeVar("_T")

THING = "thing"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path / "r.git", bare=True, empty=True)
    made.add_category(THING)
    return made


@pytest.fixture
def lockless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No writer waits for another: the compare and swap alone decides."""
    monkeypatch.setattr(writing, "writer_lock", lambda _path, **_wait: contextlib.nullcontext())


def at_once(world: World, processes: int, each: int, *words: str) -> None:
    go = world.path.parent / "go"
    running = [
        start(world.path, f"w{number}", "--count", str(each), "--wait", str(go), *words) for number in range(processes)
    ]
    go.touch()
    told: list[int] = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, b""), answers(out)
        rows = answers(out)
        assert [row[0] for row in rows] == ["enqueue"] * each
        mine = [row[1] for row in rows]
        assert mine == sorted(mine)
        told += mine
    assert sorted(told) == list(range(4, 4 + processes * each))
    assert [change_id for action, change_id in happened(world.path) if action == "enqueue"][3:] == sorted(told)
    names = {world.context().view().queue.change(number).model_name for number in told}  # type: ignore[union-attr] # it is there
    assert names == {f"w{process}-{number}" for process in range(processes) for number in range(each)}
    check_projections(world.path)
    check_fold(world.store)
    check_fsck(world.path)


def test_eight_processes_propose_at_once_and_each_yes_is_in_the_queue(world: World) -> None:
    at_once(world, 8, 12)


def test_without_the_lock_the_compare_and_swap_alone_loses_nothing(world: World) -> None:
    at_once(world, 4, 8, "--no-lock")


@pytest.mark.long
def test_eight_processes_propose_a_lot(world: World) -> None:
    at_once(world, 8, 150)


class Racing(Context):
    """A context that is overtaken: between its reading and its writing, another one moves."""

    def __init__(self, world: World, actor: str, *others: Callable[[], object]) -> None:
        super().__init__(world.store, claim=actor, clock=world.clock, warn=world.warnings.append)
        self.others = list(others)
        self.decided = 0

    def write(self, decide: Callable[[Step], _T], *, new: bool = False) -> _T:
        """Decide, and then let the next of the others go first."""

        def overtaken(step: Step) -> _T:
            self.decided += 1
            answer = decide(step)
            if self.others:
                self.others.pop(0)()
            return answer

        return super().write(overtaken, new=new)


def create(ctx: Context, name: str, **record: Any) -> int:
    return int(propose_create(ctx, Request("create", THING, name, record))["change_id"])


def sound(world: World) -> None:
    check_projections(world.path)
    check_fold(world.store)
    check_fsck(world.path)
    assert world.warnings == []


@pytest.mark.usefixtures("lockless")
@pytest.mark.parametrize("times", [1, 3])
def test_a_proposal_that_is_overtaken_is_made_again_on_what_is_there_then(world: World, times: int) -> None:
    ctx = Racing(world, CAROL, *(lambda n=n: world.create(THING, f"other {n}", {}) for n in range(times)))
    assert create(ctx, "mine", v=1) == 4 + times
    assert ctx.decided == times + 1
    assert [name for _, name in happened(world.path)][-times - 1 :] == list(range(4, 5 + times))
    sound(world)


@pytest.mark.usefixtures("lockless")
def test_a_create_that_is_overtaken_by_the_same_record_on_main_is_refused(world: World) -> None:
    change = world.create(THING, "same", {"v": 1})
    batch = world.approve(change)
    ctx = Racing(world, CAROL, lambda: world.apply(batch))
    with pytest.raises(Conflict, match="already"):
        create(ctx, "same", v=2)
    assert ctx.decided == 2
    assert len(happened(world.path)) == 4 * 3
    sound(world)


@pytest.mark.usefixtures("lockless")
def test_an_update_that_is_overtaken_edits_the_record_of_that_moment(world: World) -> None:
    world.apply(world.approve(world.create(THING, "one", {"a": 1, "b": 1})))
    second = world.approve(world.update(THING, "one", {"/a": 2}))
    ctx = Racing(world, CAROL, lambda: world.apply(second))
    answer = propose_update(ctx, Request("update", THING, "one"), edit=lambda record: {**record, "b": record["a"] * 10})
    assert answer["payload"] == {"a": 2, "b": 20}
    assert ctx.decided == 2
    sound(world)


@pytest.mark.usefixtures("lockless")
@pytest.mark.parametrize(("actor", "told"), [(OWNER, "is approved"), (ARTHUR, "has your approval already")])
def test_of_two_approvals_of_one_change_the_second_is_told_that_it_is_approved(
    world: World, actor: str, told: str
) -> None:
    change = world.create(THING, "one", {})
    ctx = Racing(world, actor, lambda: world.approve(change, title="theirs"))
    with pytest.raises(WrongState, match=told):
        review_changes(ctx, [Pick(change)], [], title="mine")
    assert [row for row in happened(world.path) if row[1] == change] == [("enqueue", change), ("approve", change)]
    sound(world)


@pytest.mark.usefixtures("lockless")
def test_two_approvals_of_different_changes_both_end_in_the_open_batch(world: World) -> None:
    first, second = world.create(THING, "one", {}), world.create(THING, "two", {})
    ctx = Racing(world, ARTHUR, lambda: world.approve(first, title="theirs"))
    answer = review_changes(ctx, [Pick(second)], [], title="mine")
    queue = world.context().view().queue
    batch = queue.batch(answer["batch_id"])
    assert batch is not None
    assert (batch.changes, batch.title, queue.header.open_batch) == ((first, second), "mine", answer["batch_id"])
    assert sorted(world.apply(batch.batch_id)) == [first, second]
    sound(world)


@pytest.mark.usefixtures("lockless")
def test_an_apply_of_a_batch_takes_along_what_joined_it_meanwhile(world: World) -> None:
    first, second = world.create(THING, "one", {}), world.create(THING, "two", {})
    batch = world.approve(first)
    ctx = Racing(world, ARTHUR, lambda: world.approve(second))
    answer = apply_changes(ctx, [], batch_id=batch)
    assert [row["change_id"] for row in answer["applied"]] == [first, second]
    assert world.context().view().dataset().names(THING) == ["one", "two"]
    sound(world)


@pytest.mark.usefixtures("lockless")
def test_an_apply_by_its_changes_leaves_what_joined_their_batch_meanwhile_in_one_of_its_own(world: World) -> None:
    first, second = world.create(THING, "one", {}), world.create(THING, "two", {})
    batch = world.approve(first)
    ctx = Racing(world, ARTHUR, lambda: world.approve(second))
    answer = apply_changes(ctx, [first])
    assert [row["change_id"] for row in answer["applied"]] == [first]
    assert answer["batch_split_new_batch_id"] == batch + 1
    assert world.context().view().dataset().names(THING) == ["one"]
    assert world.apply(batch + 1) == [second]
    assert world.context().view().dataset().names(THING) == ["one", "two"]
    sound(world)


@pytest.mark.usefixtures("lockless")
def test_an_apply_that_is_overtaken_by_its_own_job_answers_the_same(world: World) -> None:
    change = world.create(THING, "one", {})
    batch = world.approve(change)
    ctx = Racing(world, ARTHUR, lambda: world.apply(batch, job_id="job"))
    answer = apply_changes(ctx, [], batch_id=batch, job_id="job")
    assert [row["change_id"] for row in answer["applied"]] == [change]
    assert [row for row in happened(world.path) if row[0] == "apply"][3:] == [("apply", change)]
    sound(world)


@pytest.mark.usefixtures("lockless")
def test_whoever_loses_every_race_is_told_and_has_changed_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_TRIES", 4)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    ctx = Racing(world, CAROL, *(lambda n=n: world.create(THING, f"other {n}", {}) for n in range(9)))
    with pytest.raises(Conflict, match="4 times in a row") as caught:
        create(ctx, "mine")
    assert caught.value.hint == "run the command again"
    assert ctx.decided == 4
    assert [row[1] for row in happened(world.path) if row[0] == "enqueue"][3:] == [4, 5, 6, 7]
    sound(world)


@pytest.mark.usefixtures("lockless")
def test_two_who_propose_the_very_same_in_the_same_second_get_two_changes(world: World) -> None:
    """Their commits are equal to the last bit, so only the place in the log tells the two apart."""
    ctx = Racing(world, CAROL, lambda: world.create(THING, "same", {"v": 1}))
    assert create(ctx, "same", v=1) == 5
    queue = world.context().view().queue
    first, second = queue.change(4), queue.change(5)
    assert first is not None
    assert second is not None
    assert first.commit == second.commit
    assert queue.open_changes(THING, "same") == (4, 5)
    assert ["rival" in warning for warning in world.warnings] == [True]
    world.warnings.clear()
    sound(world)


def test_a_reader_is_never_in_the_way_and_sees_one_state(world: World) -> None:
    view = world.context().view()
    world.apply(world.approve(world.create(THING, "one", {})))
    assert view.dataset().names(THING) == []
    assert view.queue.change(4) is None
    assert world.context().view().dataset().names(THING) == ["one"]


def test_a_refused_step_leaves_the_lock_free_and_no_trace(world: World) -> None:
    before, objects = world.refs(), world.objects()
    for _ in range(2):
        with pytest.raises(ModelrefError):
            world.approve(99)
    assert (world.refs(), world.objects()) == (before, objects)
    world.create(THING, "one", {})


@pytest.mark.usefixtures("lockless")
def test_a_slow_process_that_rolls_forward_to_an_older_event_takes_nothing_back(world: World) -> None:
    change = world.create(THING, "one", {})
    batch = world.approve(change)
    old = world.store.refs.read(layout.QUEUE)
    assert old is not None
    world.apply(batch)
    after = world.refs()
    from modelref_git.store import projections

    projections.roll_forward(world.store, old)
    assert world.refs()[layout.MAIN] == after[layout.MAIN]
    world.create(THING, "two", {})
    sound(world)
