from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import IntegrityFailure, NotFound
from modelref_git.operations.propose import propose_bulk, read_bulk_line
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import INIT, Event
from modelref_git.store import layout, log, writing
from modelref_git.store.objects import EMPTY_TREE
from modelref_git.store.refs import Refs
from modelref_git.store.step import KEEP_AT_MOST, Step
from tests.crash.checks import check_fold
from tests.store.builders import bare, commit, fsck, git
from tests.support.world import CAROL, START, World

THING = "thing"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path / "r.git", bare=True, empty=True)
    made.add_category(THING)
    return made


def bulk(world: World, count: int) -> list[int]:
    rows = [{"operation": "create", "category": THING, "model_name": f"m{n}", "payload": {}} for n in range(count)]
    lines = [read_bulk_line(number, row, ()) for number, row in enumerate(rows, 1)]
    return propose_bulk(world.context(CAROL), lines).change_ids


@pytest.mark.parametrize("count", [1, 2, KEEP_AT_MOST, KEEP_AT_MOST + 1, 3 * KEEP_AT_MOST + 7])
def test_what_an_event_speaks_of_hangs_on_its_second_parent(world: World, count: int) -> None:
    ids = bulk(world, count)
    view = world.context().view()
    event = world.store.read_commit(view.head)
    assert len(event.parents) == 2
    wanted = []
    for number in ids:
        change = view.queue.change(number)
        assert change is not None
        wanted.append(change.commit)
    if count == 1:
        assert event.parents[1:] == tuple(wanted)
        return
    kept: list[str] = []
    last: str | None = event.parents[1]
    while last is not None:
        keep = world.store.read_commit(last)
        assert keep.tree == EMPTY_TREE
        assert keep.subject.startswith("keep: ")
        older = len(kept) + len(keep.parents) < count
        last = keep.parents[0] if older else None
        own = keep.parents[1:] if older else keep.parents
        assert len(own) <= KEEP_AT_MOST
        kept = [*own, *kept]
    assert kept == wanted
    fsck(world.path)


def test_nothing_of_the_audit_is_lost_when_the_branches_are_gone(world: World) -> None:
    ids = bulk(world, 3)
    world.run("reject", str(ids[0]), "--reason", "no").ok()
    world.run("reject", str(ids[1]), "--reason", "no").ok()
    world.apply(world.approve(ids[2]))
    assert not [ref for ref in world.refs() if "proposals/" in ref]
    world.git("-c", "gc.pruneExpire=now", "gc", "-q", "--prune=now")
    check_fold(world.store)
    fsck(world.path)


def test_the_first_parents_of_the_log_are_its_events_in_order(world: World) -> None:
    world.apply(world.approve(*bulk(world, 2)))
    rows = list(log.history(world.store, log.read(world.store).head))
    assert [event.action for _, event in rows[:3]] == ["apply", "approve", "enqueue"]
    first = rows[-1][1]
    assert (first.action, first.first_id, first.genesis) == ("init", 1, None)
    genesis = rows[-1][0].id
    assert {event.genesis for _, event in rows[:-1]} == {genesis}
    ends = [event.last_id for _, event in reversed(rows)]
    starts = [event.first_id for _, event in reversed(rows)]
    assert starts == [1, *(end + 1 for end in ends[:-1])]
    assert all(len(commit.parents) <= 2 for commit, _ in rows)
    assert rows[-1][0].parents == ()


def test_a_proposal_is_read_back_from_its_commit_alone(world: World) -> None:
    number = world.create(THING, "../a\nb ", {"name": "../a\nb "}, note='a note: "x"\n\nEvent: apply', allow=("*",))
    change = world.context().view().queue.change(number)
    assert change is not None
    assert log.read_proposal(world.store, change.commit) == change.proposal


def test_a_commit_that_is_no_proposal_is_refused(world: World) -> None:
    main = world.refs()[layout.MAIN]
    with pytest.raises(IntegrityFailure, match="no proposal"):
        log.read_proposal(world.store, main)


def test_a_clock_that_runs_back_gives_the_time_of_the_event_before(world: World) -> None:
    world.clock.now = START + 100
    world.create(THING, "one", {})
    world.clock.now = START + 50
    number = world.create(THING, "two", {})
    change = world.context().view().queue.change(number)
    assert change is not None
    assert change.requested_at == START + 100
    assert world.git("log", "-1", "--format=%ct %at", "queue").strip() == f"{START + 100} {START + 100}"


def test_a_repository_without_a_log_is_no_dataset(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    store.refs.move(layout.MAIN, None, commit(store, {"a": b"1"}))
    for act in (lambda: log.read(store), lambda: writing.write(store, lambda _: None)):
        with pytest.raises(NotFound, match="no dataset repository") as caught:
            act()
        assert "modelref-git init" in (caught.value.hint or "")


def test_a_step_that_appends_nothing_writes_nothing(world: World) -> None:
    before = world.refs(), world.objects()

    def decide(step: Step) -> str:
        step.objects.add("blob", b"never needed")
        return "the answer"

    assert writing.write(world.store, decide) == "the answer"
    assert (world.refs(), world.objects()) == before


def test_a_step_of_several_events_moves_the_log_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.git("rev-list", "--count", "--first-parent", "queue").strip()
    moves: list[str] = []
    store = world.store
    real = Refs.move

    def move(self: Refs, name: str, *words: Any, **more: Any) -> None:
        moves.append(name)
        real(self, name, *words, **more)

    monkeypatch.setattr(Refs, "move", move)

    def decide(step: Step) -> None:
        for number in range(3):
            step.append(Event(INIT, Actor("1", "a"), 0, 0, main=step.main, headline=f"event {number}"))

    writing.write(store, decide, clock=world.clock)
    assert moves == [layout.QUEUE]
    assert int(world.git("rev-list", "--count", "--first-parent", "queue")) == int(before) + 3
    fsck(world.path)


def test_what_a_person_writes_forges_no_trailer(world: World) -> None:
    forged = 'x"\n\nEvent: apply\nMain: 0\nActor: eve#666'
    number = world.create(THING, "one", {}, note=forged)
    world.approve(number, title=forged)
    world.run("reject", str(number), "--reason", forged).ok()
    for event in ("queue", "queue~1", "queue~2"):
        trailers = git(world.path, "log", "-1", "--format=%(trailers:only,key=Actor,key=Main,valueonly)", event)
        assert trailers.split("\n")[0] in ("olivia#1", "carol#2", "arthur#3")
        assert trailers.strip().count("\n") == 0
    check_fold(world.store)


def test_a_bad_commit_on_the_log_is_an_integrity_failure(world: World) -> None:
    head = world.refs()[layout.QUEUE]
    payload = world.store.read_commit(head)
    objects = world.store.buffer()
    from dataclasses import replace

    oid = objects.add_commit(replace(payload, parents=(head,), message="hello\n"))
    world.store.write(objects)
    with pytest.raises(IntegrityFailure, match="is no event"):
        list(log.history(world.store, oid))
