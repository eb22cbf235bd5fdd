"""The queue's stored state is exactly the fold of its events."""

from __future__ import annotations

import copy
import random
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pygit2
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from modelref_git.errors import IntegrityFailure, WrongState
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import Approval, Event, Proposal
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.lifecycle import apply_event
from modelref_git.proposals.queue import BATCH_OPEN, Queue
from modelref_git.store import log
from modelref_git.store.git import GitStore
from modelref_git.store.state import FOLDERS, StoredQueue, folder_of
from tests.support.memory import MemoryQueue
from tests.support.world import ARTHUR, World, clip


def check(world: World) -> None:
    """Fold all events into an empty queue, and hold it against what is stored."""
    view = world.context().view()
    memory = MemoryQueue()
    for _, event in reversed(list(log.history(view.store, view.head))):
        apply_event(memory, event)
    hold_against(memory, view.queue)


def hold_against(memory: MemoryQueue, stored: StoredQueue) -> None:
    """What is stored is what *memory* holds, and nothing else."""
    assert memory.header.as_state() | {"genesis": None} == stored.header.as_state() | {"genesis": None}
    assert memory.header.last_change_id == len(memory.changes) + len(memory.purged)
    for number, change in memory.changes.items():
        assert stored.change(number) == change
    for number, change in memory.purged.items():
        assert (stored.change(number), stored.purged(number)) == (None, change)
    for folder in FOLDERS:
        wanted = [number for number, change in memory.changes.items() if folder_of(change.status) == folder]
        assert list(stored.change_ids(folder)) == sorted(wanted)
    for number, batch in memory.batches.items():
        assert stored.batch(number) == batch
    assert list(stored.batch_ids()) == sorted(memory.batches)
    for job_id, rows in memory.jobs.items():
        assert stored.job(job_id) == rows
    for change in (*memory.changes.values(), *memory.purged.values()):
        listed = stored.open_changes(change.category, change.model_name)
        assert (change.change_id in listed) == (change.is_open and change.change_id in memory.changes)


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
    world.run_policy("member", "add", "Dora D.#4", "--email", "d@people.example")
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
    ids = [world.create("clip", name, clip(name)) for name in ("f", "g", "h", "i")]
    world.approve(*ids[:3])
    words = [str(number) for number in ids]
    world.run("hold", words[3], "--reason", "wait\nfor me", actor=ARTHUR).ok()
    check(world)
    assert world.run("apply", words[0], "--job-id", "J 2", actor=ARTHUR).ok().json["batch_split_reassigned_count"] == 2
    check(world)
    world.run("propose", "rebase", words[1], "--set", "/description=edited", actor=CAROL).ok()
    check(world)
    world.run("unhold", words[3], actor=ARTHUR).ok()
    world.run("withdraw", words[2], "--reason", "no\nneed", actor=CAROL).ok()
    check(world)
    world.run("purge", "--status", "rejected", "--yes", actor=ARTHUR).ok()
    check(world)
    actions = {event["action"] for event in world.events()}
    assert actions >= {"rebase", "withdraw", "hold", "unhold", "batch_split", "purge"}


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


# --- any events that are possible, and many that are not --------------------------------------------------------------

OLIVIA, CAROL, ARTHUR_ACTOR = Actor("1", "olivia"), Actor("2", "carol"), Actor("3", "arthur")
SHAS = st.integers(0, 2**32).map(lambda number: f"{number:040x}")


def refusal(queue: Queue, event: Event) -> tuple[str, str] | None:
    """Fold *event* into *queue*; gives the code and words with which that was refused."""
    try:
        apply_event(queue, event)
    except (WrongState, IntegrityFailure) as error:
        return error.code, error.message
    return None


class Fold(RuleBasedStateMachine):
    """One log folded twice: into dictionaries, and into a tree that is read anew before every event."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="modelref-fold-"))
        pygit2.init_repository(str(self.folder), bare=True)
        self.objects = GitStore.open(self.folder).buffer()
        self.memory = MemoryQueue()
        self.tree: str | None = None
        self.time = 100
        self.tell(Event("init", OLIVIA, 0, 0, main="a" * 40, genesis="9" * 40))
        self.queue_up(["a", "A", "b", "c", "d", "e"], "f" * 40)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def tell(self, event: Event) -> None:
        """Fold *event* into both; what the one refuses the other refuses too, and nothing is changed by it."""
        self.time += 1
        event = replace(event, first_id=self.memory.header.last_event_id + 1, time=self.time)
        after, stored = copy.deepcopy(self.memory), StoredQueue(self.objects, self.tree)
        refused = [refusal(after, event), refusal(stored, event)]
        assert refused[0] == refused[1]
        if refused[0] is None:
            self.memory, self.tree = after, stored.write()

    def batch_after(self, *leaving: int) -> dict[str, Any]:
        """What an event says of the open batch, if changes leave it."""
        batch = self.memory.batches.get(self.memory.header.open_batch or 0)
        left = batch is not None and set(batch.changes) - set(leaving)
        return {"merges": (f"{self.time:040x}",)} if left and set(batch.changes) & set(leaving) else {}

    def some(self, data: st.DataObject, *statuses: str) -> tuple[int, ...]:
        """A few changes, mostly of *statuses*; now and then one that is not there."""
        ids = [number for number, change in self.memory.changes.items() if change.status in statuses]
        anything = st.integers(1, self.memory.header.last_change_id + 1)
        stray = not ids or data.draw(st.integers(0, 14)) == 7
        chosen = data.draw(st.lists(anything if stray else st.sampled_from(ids), min_size=1, max_size=3, unique=True))
        return tuple(sorted(chosen))

    def queue_up(self, names: list[str], blob: str, category: str = "clip", actor: Actor = CAROL) -> None:
        first = self.memory.header.last_change_id + 1
        ids = tuple(range(first, first + len(names)))
        made = tuple(
            Proposal("update", category, name, CAROL, None, f"{number:040x}", "b" * 40, "0" * 40, blob)
            for number, name in zip(ids, names, strict=True)
        )
        self.tell(Event("enqueue", actor, 0, 0, change_ids=ids, proposals=made, waived=((first, "name.url"),)))

    @rule(
        names=st.lists(st.sampled_from("abAB"), min_size=1, max_size=5),
        blob=SHAS,
        category=st.sampled_from(["clip", "clip", "clip", POLICY]),
        actor=st.sampled_from([CAROL, OLIVIA]),
    )
    def enqueue(self, names: list[str], blob: str, category: str, actor: Actor) -> None:
        self.queue_up(names, blob, category, actor)

    @rule(data=st.data(), edit=st.booleans())
    def rebase(self, data: st.DataObject, edit: bool) -> None:
        ids = self.some(data, "pending", "approved")
        known = [self.memory.changes.get(number) for number in ids]
        if None in known:
            return
        made = tuple(
            replace(change.proposal, commit=data.draw(SHAS), blob=data.draw(SHAS) if edit else change.blob)
            for change in known
            if change is not None
        )
        leaving = self.batch_after(*ids) if edit else {}
        self.tell(Event("rebase", CAROL, 0, 0, change_ids=ids, proposals=made, **leaving))

    @rule(data=st.data(), action=st.sampled_from(["withdraw", "reject", "purge", "supersede"]), returns=st.booleans())
    def close(self, data: st.DataObject, action: str, returns: bool) -> None:
        ids = self.some(data, "pending", "approved", *(["applied", "rejected"] if action == "purge" else []))
        more: dict[str, Any] = self.batch_after(*ids)
        batch = self.memory.batches.get(self.memory.header.open_batch or 0)
        if returns and more and batch is not None:
            left = sorted(set(batch.changes) - set(ids))
            more = {"returned": tuple(left[:1]), "merges": more["merges"] if left[1:] else ()}
        if action == "supersede":
            more["superseded_by"] = data.draw(st.integers(1, self.memory.header.last_change_id + 1))
        self.tell(Event(action, ARTHUR_ACTOR, 0, 0, change_ids=ids, reason="r", **more))

    @rule(data=st.data())
    def approve_into_a_batch(self, data: st.DataObject) -> None:
        self.approve(data, self.some(data, "pending"), complete=True)

    @rule(data=st.data())
    def approve_some_more(self, data: st.DataObject) -> None:
        self.approve(data, self.some(data, "pending", "approved"), complete=False)

    def approve(self, data: st.DataObject, ids: tuple[int, ...], *, complete: bool) -> None:
        known = [self.memory.changes[number] for number in ids if number in self.memory.changes]
        bound = tuple(Approval(change.change_id, change.base_blob, change.blob) for change in known)
        header = self.memory.header
        is_policy = any(change.category == POLICY for change in known)
        number = header.last_batch_id + 1 if is_policy or header.open_batch is None else header.open_batch
        more: dict[str, Any] = {"batch_id": number, "title": "T", "merges": (data.draw(SHAS),)} if complete else {}
        actor = data.draw(st.sampled_from([OLIVIA, ARTHUR_ACTOR]))
        acknowledged = data.draw(st.booleans())
        event = Event("approve", actor, 0, 0, change_ids=ids, approvals=bound, acknowledged=acknowledged)
        self.tell(replace(event, **more))

    @rule(data=st.data(), job_id=st.none() | st.sampled_from(["J", "K"]), part=st.booleans())
    def apply(self, data: st.DataObject, job_id: str | None, part: bool) -> None:
        waiting = [batch for batch in self.memory.batches.values() if batch.status == BATCH_OPEN]
        if not waiting:
            return
        batch = data.draw(st.sampled_from(waiting))
        held = [number for number in batch.changes if self.memory.changes[number].is_held]
        free = [number for number in batch.changes if number not in held]
        ids = tuple(free[: len(free) // 2] if part else batch.changes)
        event = Event("apply", OLIVIA, 0, 0, change_ids=ids, batch_id=batch.batch_id, title=batch.title, job_id=job_id)
        self.tell(replace(event, main=data.draw(SHAS), merges=(data.draw(SHAS),)))
        rest = tuple(number for number in batch.changes if number not in ids)
        if rest and self.memory.batches[batch.batch_id].status != BATCH_OPEN:
            back = data.draw(st.integers(0, len(rest)))
            moved, returned = rest[back:], rest[:back]
            new = self.memory.header.last_batch_id + 1 if moved else None
            split = Event("batch_split", OLIVIA, 0, 0, batch_id=batch.batch_id, new_batch_id=new, reassigned=moved)
            self.tell(replace(split, returned=returned, merges=(data.draw(SHAS),) if moved else ()))

    @rule(data=st.data(), action=st.sampled_from(["hold", "unhold", "import", "layout", "adopt", "disown"]), other=SHAS)
    def step_beside(self, data: st.DataObject, action: str, other: str) -> None:
        """What neither decides nor applies."""
        held = [number for number, change in self.memory.changes.items() if change.is_held]
        if action == "hold":
            ids = self.some(data, "pending", "approved")[:1]
            self.tell(Event(action, ARTHUR_ACTOR, 0, 0, change_ids=ids, reason="r"))
        elif action == "unhold":
            ids = tuple(held) or self.some(data, "pending")
            self.tell(Event(action, ARTHUR_ACTOR, 0, 0, change_ids=ids))
        else:
            stranger = other if action in ("adopt", "disown") else None
            moved = self.memory.header.main != other and data.draw(st.integers(0, 4)) != 3
            self.tell(Event(action, OLIVIA, 0, 0, main=other if moved else None, stranger=stranger))

    @invariant()
    def both_are_the_same(self) -> None:
        hold_against(self.memory, StoredQueue(self.objects, self.tree))

    @invariant()
    def every_number_is_accounted_for(self) -> None:
        memory, header = self.memory, self.memory.header
        assert sorted({**memory.changes, **memory.purged}) == list(range(1, header.last_change_id + 1))
        assert sorted(memory.batches) == list(range(1, header.last_batch_id + 1))
        counted = Counter(change.status for change in memory.changes.values())
        assert {status: count for status, count in header.counts.items() if count} == counted

    @invariant()
    def an_approved_change_is_in_one_open_batch(self) -> None:
        approved = {n: change.batch_id for n, change in self.memory.changes.items() if change.status == "approved"}
        members = {
            number: batch.batch_id
            for batch in self.memory.batches.values()
            if batch.status == BATCH_OPEN
            for number in batch.changes
        }
        assert approved == members
        of_records = {
            batch_id for number, batch_id in members.items() if self.memory.changes[number].category != POLICY
        }
        assert of_records == {self.memory.header.open_batch} - {None}


TestFold = Fold.TestCase
TestFold.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
