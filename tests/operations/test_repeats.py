"""Requests that come twice are done once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import Conflict, KeyReused, NotFound, RemoteFailure, WrongState
from modelref_git.operations.apply import apply_changes
from modelref_git.operations.changes import Filters
from modelref_git.operations.closing import withdraw
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.hold import hold, unhold
from modelref_git.operations.propose import propose_create
from modelref_git.operations.purge import purge_changes
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.repeats import (
    once_only,
    purge_again,
    record_again,
    records_again,
    revert_again,
    review_again,
)
from modelref_git.operations.revert import revert_batch
from modelref_git.operations.review import Pick, review_changes
from modelref_git.proposals.request_key import RequestKey
from modelref_git.store.index import Index
from tests.attacks.forging import Forger
from tests.attacks.judge import findings
from tests.support.calls import CHECKOUT
from tests.support.clones import gate_before, server_and_clones
from tests.support.guests import named
from tests.support.transports.cutting import after, before
from tests.support.world import ARTHUR, CAROL, World, clip

Do = Callable[[Context], Any]


def creating(name: str, **more: Any) -> Do:
    return lambda ctx: propose_create(ctx, Request("create", "clip", name, clip(name, **more)))


def head(world: World) -> str:
    return world.context().view().head


def keys_in(world: World, count: int) -> list[str]:
    lines = world.git("log", f"-{count}", "--first-parent", "--format=%(trailers:unfold)", "queue").splitlines()
    return [line.removeprefix("Request-Key: ") for line in lines if line.startswith("Request-Key: ")]


def twice(world: World, ctx: Context, do: Do, again: Any) -> Any:
    """Do it twice under one key: the same answer, one step."""
    ctx = named(ctx, "twice")
    first = once_only(ctx, do, again)
    then = head(world)
    world.clock.tick(50)
    assert once_only(ctx, do, again) == first
    assert head(world) == then
    return first


def test_a_create_that_comes_twice_is_one_change(world: World) -> None:
    answer = twice(world, world.context(CAROL), creating("new"), record_again)
    assert answer["change_id"] == world.context().view().queue.header.last_change_id
    assert keys_in(world, 1) == [str(RequestKey.of(CAROL, "twice", b""))]
    assert findings(Forger(world.path)) == []


def test_the_answer_is_that_of_then_whatever_became_of_it(world: World) -> None:
    ctx = named(world.context(CAROL), "k")
    first = once_only(ctx, creating("new"), record_again)
    number = first["change_id"]
    world.apply(world.approve(number))
    assert once_only(ctx, creating("new"), record_again) == first
    purge_changes(world.context(ARTHUR), Filters(model_name="new"))
    assert once_only(ctx, creating("new"), record_again) == first


def test_without_a_key_everything_is_done_each_time(world: World) -> None:
    numbers = [once_only(world.context(CAROL), creating("new"), record_again)["change_id"] for _ in range(2)]
    assert numbers[1] == numbers[0] + 1
    assert keys_in(world, 2) == []


def test_a_key_is_its_callers_alone(world: World) -> None:
    first = once_only(named(world.context(CAROL), "k"), creating("new"), record_again)
    other = once_only(named(world.context(ARTHUR), "k"), creating("newer"), record_again)
    assert other["change_id"] == first["change_id"] + 1


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_key_that_comes_with_another_content_is_refused(world: World, dry_run: bool) -> None:
    once_only(named(world.context(CAROL), "k", b"one"), creating("new"), record_again)
    then = head(world)
    with pytest.raises(KeyReused, match="used for another request") as fault:
        once_only(named(world.context(CAROL, dry_run=dry_run), "k", b"two"), creating("newer"), record_again)
    assert isinstance(fault.value, WrongState)
    assert fault.value.code == "state"
    assert head(world) == then


def test_a_dry_run_finds_what_was_done_and_leaves_nothing_to_find(world: World) -> None:
    dry = named(world.context(CAROL, dry_run=True), "k")
    before = head(world)
    told = once_only(dry, creating("new"), record_again)
    assert head(world) == before
    done = once_only(named(world.context(CAROL), "k"), creating("new"), record_again)
    assert done["change_id"] == told["change_id"]
    assert once_only(dry, creating("new"), record_again) == done


def test_what_was_refused_leaves_nothing_behind_and_can_be_sent_again(world: World) -> None:
    ctx = named(world.context(CAROL), "k")
    with pytest.raises(Conflict):
        once_only(ctx, creating("ViT-L/14"), record_again)
    world.apply(world.approve(world.delete("clip", "ViT-L/14")))
    assert once_only(ctx, creating("ViT-L/14"), record_again)["operation"] == "create"


def test_a_step_with_nothing_to_write_answers_each_time(world: World) -> None:
    ctx = named(world.context(ARTHUR), "k")
    nothing = Filters(model_name="nothing of that name")
    answers = [once_only(ctx, lambda way: purge_changes(way, nothing), purge_again) for _ in range(2)]
    assert answers == [{"removed_count": 0, "removed_change_ids": [], "dry_run": False}] * 2


def test_a_review_of_two_kinds_is_told_again_as_a_whole(world: World) -> None:
    good, bad, also = (world.create("clip", name, clip(name)) for name in "abc")

    def review(ctx: Context) -> Any:
        picks = [Pick(also), Pick(good)]
        return review_changes(ctx, picks, [bad], title=" June models ", reason="no")

    answer = twice(world, world.context(ARTHUR), review, review_again)
    assert [row["change_id"] for row in answer["approved"]] == [good, also]
    assert [row["change_id"] for row in answer["rejected"]] == [bad]
    assert answer["batch_title"] == "June models"
    assert len(set(keys_in(world, 2))) == 1
    assert len(keys_in(world, 2)) == 2


def test_a_review_that_rejects_from_the_open_batch_is_told_again(world: World) -> None:
    one, two, three = (world.create("clip", name, clip(name)) for name in "abc")
    world.approve(one, two)
    reasons = {one: "this", two: "that"}

    def review(ctx: Context) -> Any:
        return review_changes(ctx, [Pick(three)], [one, two], title="T", reasons=reasons)

    answer = twice(world, world.context(ARTHUR), review, review_again)
    assert answer["batch_id"] is not None
    assert len(keys_in(world, 3)) == 3


def test_a_review_that_only_rejects_or_completes_nothing_is_told_again(world: World) -> None:
    one, two = (world.create("clip", name, clip(name)) for name in "ab")
    answer = twice(
        world, world.context(ARTHUR), lambda c: review_changes(c, (), [one], title="T", reason="no"), review_again
    )
    assert (answer["batch_id"], answer["batch_title"]) == (None, "T")
    world.rewrite_config(b"approvals = 1", b"approvals = 2")
    ctx = named(world.context(ARTHUR), "half")
    answers = [
        once_only(
            ctx,
            lambda way: review_changes(way, [Pick(two)], (), title=" U "),
            lambda view, step: review_again(view, step, title=" U "),
        )
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert (answers[0]["batch_id"], answers[0]["batch_title"]) == (None, "U")


def test_purge_withdraw_hold_and_rebase_are_told_again(world: World) -> None:
    one, two, three = (world.create("clip", name, clip(name)) for name in "abc")
    arthur, carol = world.context(ARTHUR), world.context(CAROL)
    held = twice(world, arthur, lambda c: hold(c, [two, one], reason="R"), records_again)
    assert [row["change_id"] for row in held] == [one, two]
    unhold_ctx = named(arthur, "unhold")
    freed = [once_only(unhold_ctx, lambda c: unhold(c, [one]), records_again) for _ in range(2)]
    assert freed[0] == freed[1]
    twice(world, carol, lambda c: withdraw(c, [one]), records_again)
    gone = named(arthur, "purge")
    answers = [once_only(gone, lambda c: purge_changes(c, Filters(model_name="a")), purge_again) for _ in range(2)]
    assert answers[0] == answers[1]
    assert one in answers[0]["removed_change_ids"]
    edit = [("/description", "better")]
    moved = named(carol, "rebase")
    rebased = [once_only(moved, lambda c: propose_rebase(c, three, settings=edit), record_again) for _ in range(2)]
    assert rebased[0] == rebased[1]
    assert findings(Forger(world.path)) == []


def test_a_proposal_that_supersedes_is_one_step_of_two_events(world: World) -> None:
    old = world.create("clip", "a", clip("a"))

    def better(ctx: Context) -> Any:
        return propose_create(ctx, Request("create", "clip", "a", clip("a", description="x")), supersedes=old)

    answer = twice(world, world.context(CAROL), better, record_again)
    assert answer["change_id"] == old + 1
    assert len(keys_in(world, 2)) == 2


def test_a_revert_is_told_again_with_its_conflicts(world: World) -> None:
    edits = [world.update("clip", "ViT-L/14", {"/description": "x"}), world.create("clip", "a", clip("a"))]
    batch = world.approve(*edits)
    world.apply(batch)
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/description": "later"})))
    answer = twice(world, world.context(CAROL), lambda c: revert_batch(c, batch), revert_again(batch))
    assert len(answer["change_ids"]) == 1
    assert [row["path"] for row in answer["conflicts"]] == ["/description"]


def test_an_apply_that_splits_bears_the_key_on_both_events(world: World) -> None:
    one, two = (world.create("clip", name, clip(name)) for name in "ab")
    world.approve(one, two)
    apply_changes(named(world.context(ARTHUR), "k"), [one], job_id="J")
    assert len(keys_in(world, 2)) == 2


def test_events_that_bear_the_key_elsewhere_are_none_of_the_request(world: World) -> None:
    ctx = named(world.context(CAROL), "k")
    first = once_only(ctx, creating("new"), record_again)
    world.create("clip", "between", clip("between"))
    stray = replace(world.context(CAROL), request=ctx.request)
    creating("stray")(stray)
    with Index(world.context().view()) as index:
        assert ctx.request is not None
        assert len(index.request(ctx.request.key)) == 1
    assert once_only(ctx, creating("new"), record_again) == first


def test_what_happened_while_it_was_looked_at_is_found_in_the_step(world: World) -> None:
    """Another process answers the request between the first look and the step."""
    ctx = named(world.context(CAROL), "k")
    other: list[Any] = []

    def do(way: Context) -> Any:
        if not other:
            other.append(once_only(ctx, creating("new"), record_again))
        return creating("new")(way)

    assert once_only(ctx, do, record_again) == other[0]
    assert other[0]["change_id"] == world.context().view().queue.header.last_change_id


def test_what_was_refused_because_it_has_happened_is_told_again(world: World) -> None:
    """Another process answers the request, and what it did is in the way of what is asked before the step."""
    ctx = named(world.context(CAROL), "k")
    number = world.create("clip", "new", clip("new"))

    def do(way: Context) -> Any:
        once_only(ctx, lambda inner: withdraw(inner, [number]), records_again)
        raise NotFound("it is not there any more")

    assert once_only(ctx, do, records_again)[0]["status"] == "rejected"


def test_threads_with_one_key_make_one_event(world: World) -> None:
    answers: list[Any] = []
    gate = threading.Barrier(4)

    def run() -> None:
        ctx = named(world.context(CAROL), "k")
        gate.wait()
        answers.append(once_only(ctx, creating("new"), record_again))

    before = world.context().view().queue.header.last_event_id
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers)
    assert world.context().view().queue.header.last_event_id == before + 1


_PROGRAM = """
import sys
from pathlib import Path
from tests.operations.test_repeats import creating
from modelref_git.operations.repeats import once_only, record_again
from tests.support.guests import named
from tests.support.transports.cutting import after, before
from tests.support.world import CAROL, World
world = World(Path(sys.argv[1]))
ctx = named(world.context(CAROL), "k")
print("ready", flush=True)
sys.stdin.readline()
print(once_only(ctx, creating("new"), record_again)["change_id"])
"""


@pytest.mark.long
def test_processes_with_one_key_make_one_event(world: World) -> None:
    before = world.context().view().queue.header.last_event_id
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(world.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )
        for _ in range(3)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        found = {process.communicate()[0] for process in processes}
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert len(found) == 1
    assert world.context().view().queue.header.last_event_id == before + 1


def test_clones_know_each_others_requests(tmp_path: Path) -> None:
    server, (one, two) = server_and_clones(tmp_path, "one", "two")
    first = once_only(named(one.context(CAROL), "k"), creating("new"), record_again)
    assert once_only(named(two.context(CAROL), "k"), creating("new"), record_again) == first
    assert server.context().view().queue.header.last_change_id == first["change_id"]
    with pytest.raises(KeyReused):
        once_only(named(two.context(CAROL), "k", b"other"), creating("new"), record_again)


def test_a_request_whose_answer_was_lost_is_done_once(tmp_path: Path) -> None:
    server, (one,) = server_and_clones(tmp_path, "one")
    last = server.context().view().queue.header.last_change_id
    gate = gate_before(one)
    gate.expect(after())
    ctx = named(one.context(CAROL), "k")
    answers = [once_only(ctx, creating("new"), record_again) for _ in range(2)]
    assert gate.left == 0
    assert answers[0] == answers[1]
    assert server.context().view().queue.header.last_change_id == last + 1 == answers[0]["change_id"]


def test_a_request_that_did_not_get_through_is_done_by_whoever_gets_it_next(tmp_path: Path) -> None:
    server, (one, two) = server_and_clones(tmp_path, "one", "two")
    gate = gate_before(one)
    gate.expect(*[before()] * 9)
    with pytest.raises(RemoteFailure):
        once_only(named(one.context(CAROL), "k"), creating("new"), record_again)
    first = once_only(named(two.context(CAROL), "k"), creating("new"), record_again)
    gate.expect()
    assert once_only(named(one.context(CAROL), "k"), creating("new"), record_again) == first
    assert server.context().view().queue.header.last_change_id == first["change_id"]


def test_a_request_is_known_again_without_the_index(world: World) -> None:
    ctx = named(world.context(CAROL), "k")
    first = once_only(ctx, creating("new"), record_again)
    for path in (world.store.local_dir / "cache").glob("index*"):
        path.unlink()
    assert once_only(ctx, creating("new"), record_again) == first
