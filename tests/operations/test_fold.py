"""The queue's stored state is exactly the fold of its events."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from modelref_git.proposals.lifecycle import apply_event
from modelref_git.store import log
from tests.support.memory import MemoryQueue
from tests.support.world import ARTHUR, World, clip


def check(world: World) -> None:
    """Fold all events into an empty queue, and hold it against what is stored."""
    view = world.context().view()
    memory = MemoryQueue()
    for _, event in reversed(list(log.history(view.store, view.head))):
        apply_event(memory, event)
    stored = view.queue
    assert memory.header.as_state() | {"genesis": None} == stored.header.as_state() | {"genesis": None}
    assert memory.header.last_change_id == len(memory.changes)
    for number, change in memory.changes.items():
        assert stored.change(number) == change
    for number, batch in memory.batches.items():
        assert stored.batch(number) == batch
    assert list(stored.batch_ids()) == sorted(memory.batches)
    for job_id, rows in memory.jobs.items():
        assert stored.job(job_id) == rows
    for change in memory.changes.values():
        listed = stored.open_changes(change.category, change.model_name)
        assert (change.change_id in listed) == change.is_open


def test_after_every_step_of_a_long_story(world: World) -> None:
    check(world)
    first = world.create("clip", "a b\nc", clip("a b\nc"), note="two\nlines")
    second = world.update("clip", "ViT-L/14", {"/description": "x"})
    third = world.delete("gfpgan", "GFPGAN")
    check(world)
    world.approve(first, second, title='T "x"')
    check(world)
    world.approve(third, title="another\ntitle")
    check(world)
    world.run("reject", str(second), "--reason", "no\nno", "--title", "c", actor=ARTHUR).ok()
    check(world)
    world.run("member", "add", "Dora D.#4", "--email", "d@people.example").ok()
    check(world)
    world.apply(3, job_id="J 1")
    check(world)
    fourth, fifth = world.create("clip", "d", clip("d"), allow=("*",)), world.create("clip", "e", clip("e"))
    world.approve(fourth)
    world.run("approve", str(fifth), "--title", "T", "--reject", str(fourth), "--reason", "R", actor=ARTHUR).ok()
    check(world)
    world.run("reject", str(fifth), "--reason", "R", actor=ARTHUR).ok()
    check(world)
    world.add_category("voices")
    check(world)


@pytest.mark.parametrize("seed", range(3))
def test_after_random_steps_beside_a_model_made_of_dictionaries(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    world = World.make(tmp_path / "world", bare=True, empty=True)
    names = [f"m{n}" for n in range(6)]
    live: dict[str, str] = {}
    wanted: dict[int, tuple[str, str | None]] = {}
    pending: list[int] = []
    approved: list[int] = []
    for turn in range(40):
        world.clock.tick()
        match dice.choice(["create", "update", "delete", "approve", "reject", "apply"]):
            case "create":
                name, text = dice.choice(names), f"text {turn}"
                if name not in live:
                    number = world.create("clip", name, {"name": name, "description": text})
                    wanted[number] = (name, text)
                    pending.append(number)
            case "update" if live:
                name, text = dice.choice(sorted(live)), f"text {turn}"
                number = world.update("clip", name, {"/description": text})
                wanted[number] = (name, text)
                pending.append(number)
            case "delete" if live:
                number = world.delete("clip", name := dice.choice(sorted(live)))
                wanted[number] = (name, None)
                pending.append(number)
            case "approve" if pending:
                number = dice.choice(pending)
                before = world.refs()
                code = world.run("approve", str(number), "--title", f"turn {turn}", actor=ARTHUR).code
                if code:
                    assert (code, world.refs()) == (4, before)
                else:
                    pending.remove(number)
                    approved.append(number)
            case "reject" if pending + approved:
                number = dice.choice(pending + approved)
                world.run("reject", str(number), "--reason", "dice", actor=ARTHUR).ok()
                (pending if number in pending else approved).remove(number)
            case "apply" if approved:
                world.apply(world.run("show", str(approved[0])).ok().json["batch_id"])
                for number in approved:
                    name, text = wanted[number]
                    live.pop(name, None) if text is None else live.update({name: text})
                approved.clear()
    records = world.run("get", "clip").ok().json
    assert {name: record["description"] for name, record in records.items()} == live
    check(world)
    assert world.run("doctor").ok().json == {"findings": []}
    world.git("fsck", "--strict", "--no-dangling")
