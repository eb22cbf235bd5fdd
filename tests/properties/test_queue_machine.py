"""The life of a queue beside a model made of dicts: whatever is done, in whatever order, with power cuts and rivals."""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelref_git.operations.adopt import adopt, disown
from modelref_git.operations.apply import apply_changes
from modelref_git.operations.changes import Filters
from modelref_git.operations.closing import withdraw
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.hold import hold, unhold
from modelref_git.operations.layout import set_fan_out
from modelref_git.operations.maintain import examine
from modelref_git.operations.members import add_member, change_roles
from modelref_git.operations.policy_settings import set_policy
from modelref_git.operations.propose import (
    propose_bulk,
    propose_create,
    propose_delete,
    propose_update,
    read_bulk_line,
)
from modelref_git.operations.purge import purge_changes
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.revert import revert_batch
from modelref_git.operations.review import Pick, review_changes
from modelref_git.proposals import lifecycle
from modelref_git.records import codec, pointer
from modelref_git.records.names import fold
from modelref_git.store import layout, log, projections, writing
from modelref_git.store.state import StoredQueue
from modelref_git.store.step import Step
from tests.crash.checks import Standing, age, check_fsck
from tests.crash.faults import LOCKED, Fuse, PowerCut, fused
from tests.crash.quick import no_patience, no_syncing
from tests.properties.model import (
    ARTHUR,
    CAROL,
    CONFIG,
    DORA,
    NOBODY,
    OLIVIA,
    Batch,
    Model,
    Record,
    Refused,
    Strange,
    alike,
)
from tests.support.clean import assert_clean
from tests.support.world import World

_T = TypeVar("_T")

pytestmark = pytest.mark.usefixtures("no_patience", "no_syncing")
__all__ = ["no_patience", "no_syncing"]

THING = "thing"
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "anything",
    "type": "object",
    "properties": {"v": True, "w": True, "tags": {"x-merge": "set"}, "o": {"type": "object"}},
}
EMAILS = {
    CAROL: "carol <carol@people.example>",
    ARTHUR: "arthur <arthur@people.example>",
    NOBODY: "mallory <mallory@elsewhere.example>",
}

# Few names and values, so that changes of one record, and of look-alikes, meet; all shapes that the model merges.
NAMES = st.sampled_from(["a", "b/c", "É", "é"])
VALUES = st.integers(0, 2) | st.sampled_from([1.5, "text", None, [1, 2]])
TAGS = st.lists(st.sampled_from("xyz"), unique=True, max_size=2).map(sorted)
OBJECTS = st.fixed_dictionaries({"p": st.integers(0, 2)}, optional={"q": st.integers(0, 2)})
BODIES = st.fixed_dictionaries({"v": VALUES, "w": st.integers(0, 2), "tags": TAGS, "o": OBJECTS})
TEXTS = st.sampled_from(["a title", 'with "quotes"', "two\nlines", "Event: apply", "ünï\u202e", "7"])
APPROVERS = st.sampled_from([ARTHUR, OLIVIA, ARTHUR, OLIVIA, ARTHUR, DORA, DORA, CAROL])
REQUESTORS = st.sampled_from([CAROL, CAROL, ARTHUR])


STORY: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("update", "a", {"/v": 1, "/tags": ["y"]}),
    ("update", "a", {"/o/q": 2, "/tags": ["x", "y", "z"]}),
    ("create", "b/c", {"/v": 0, "/w": 0, "/tags": [], "/o": {"p": 0}}),
    ("update", "a", {"/v": 2, "/w": 2}),
    ("delete", "É", {}),
    ("create", "é", {"/v": 1, "/w": 0, "/tags": ["x"], "/o": {"p": 0}}),
)
"""What has been proposed when a story begins; ``APPROVED`` are those of it that wait in the open batch."""
APPROVED = (0, 1, 2)


def _with(record: Record | None, edits: dict[str, Any]) -> Record:
    made = copy.deepcopy(record or {})
    for where, value in edits.items():
        made = pointer.with_set(made, where, value)
    return made


@dataclass
class Deed:
    """One thing that somebody does: to the repository, and to the model."""

    what: str
    actor: str
    real: Callable[[Context], Any]
    """Gives what the model gives."""
    model: Callable[[Model], Any]
    seen: dict[int, Any] = field(default_factory=dict)
    """What an approval was given to when it was first tried."""

    def on(self, model: Model) -> tuple[Any, Model]:
        """What is answered, and the model after it; *model* stays as it is."""
        after = copy.deepcopy(model)
        return self.model(after), after


class Racing(Context):
    """A context that is overtaken once: between its reading and its writing, another one moves."""

    rival: Callable[[], object] | None = None

    def write(self, decide: Callable[[Step], _T], *, new: bool = False) -> _T:
        def overtaken(step: Step) -> _T:
            answer = decide(step)
            rival, self.rival = self.rival, None
            if rival is not None:
                rival()
            return answer

        return super().write(overtaken, new=new)


class QueueMachine(RuleBasedStateMachine):
    """Every rule does one thing to the repository and to the model; the invariants compare the two."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="modelref-machine-"))
        self.world = World(self.folder / "r.git")
        self.model = Model()
        self.guests = 0
        self.folded = ""

    @initialize()
    def begin(self) -> None:
        shutil.copytree(_template(), self.world.path)
        self.fold = StoredQueue(self.world.store.buffer(), None)
        model, view = self.model, self.world.context().view()
        model.settings = {"approvals": 1, "two_person": True, "dora": True, "fan_out": 0, "guests": ()}
        for number in view.queue.batch_ids():
            batch = view.queue.batch(number)
            assert batch is not None
            if batch.status == "open":
                continue
            for member in batch.changes:
                stored = view.queue.change(member)
                assert stored is not None
                is_policy = stored.model_name == CONFIG
                body = self.record(stored.blob) if not is_policy and stored.blob is not None else None
                change = model.enqueue(stored.operation, stored.model_name, None, body, stored.requested_username)
                change.status = "applied"
                if body is not None:
                    model.live[change.name] = body
            model.batches[number] = Batch(*(number, list(batch.changes), {}, dict(model.live), 0, "applied", is_policy))
        model.last_batch = view.queue.header.last_batch_id - 1
        model.events = view.queue.header.last_event_id - sum(len(told) for told in (STORY, APPROVED))
        for operation, name, edits in STORY:
            model.propose(CAROL, operation, name, lambda record, edits=edits: _with(record, edits), None)
        model.review(ARTHUR, [(model.last_change - len(STORY) + 1 + place, ...) for place in APPROVED], [], {})

    def teardown(self) -> None:
        try:
            if self.world.path.exists():
                check_fsck(self.world.path)
                self.settle()
                assert_clean(self.world.path)
                self.nothing_is_lost()
        finally:
            shutil.rmtree(self.folder)

    # --- doing -------------------------------------------------------------------------------------------------------

    def context(self, actor: str) -> Racing:
        world = self.world
        return Racing(world.store, claim=actor, clock=world.clock, warn=world.warnings.append)

    def perform(self, deed: Deed, cut: int | None = None, rival: Deed | None = None) -> None:
        """Do it, with the power cut at that point or overtaken by *rival*, and hold it against the model."""
        self.world.clock.tick()
        deed.seen.clear()
        before = Standing.of(self.world.path)
        try:
            want, after = deed.on(self.model)
        except Refused as refusal:
            self.refused(deed, refusal)
            assert Standing.of(self.world.path) == before, f"{deed.what}: refused, and something moved"
            return
        if rival is not None:
            self.race(deed, rival, want, after)
            return
        found = self.attempt(deed, cut)
        assert found in (want, _Happened), deed.what
        self.model = after

    def refused(self, deed: Deed, refusal: Refused, ctx: Context | None = None) -> None:
        note(f"{deed.what}: must be refused with {refusal}")
        with pytest.raises(refusal.kind):
            deed.real(ctx or self.context(deed.actor))

    def attempt(self, deed: Deed, cut: int | None) -> Any:
        """Do it. With *cut* the power goes at that point; whoever did it looks what has become of it."""
        if cut is None:
            return deed.real(self.context(deed.actor))
        before = Standing.of(self.world.path).head
        try:
            with fused(Fuse(cut)):
                return deed.real(self.context(deed.actor))
        except PowerCut as end:
            age(self.world.path)
            if str(end) == LOCKED or cut % 2:
                examine(self.world.context(), repair=True)
            if Standing.of(self.world.path).head == before:
                return deed.real(self.context(deed.actor))
            return _Happened

    def race(self, deed: Deed, rival: Deed, want: Any, after: Model) -> None:
        """*rival* goes between the reading and the writing of *deed*, which has to decide again."""
        start = self.model
        ctx = self.context(deed.actor)

        def overtake() -> None:
            try:
                answer, self.model = rival.on(self.model)
            except Refused as refusal:
                self.refused(rival, refusal)
            else:
                assert rival.real(self.context(rival.actor)) == answer, rival.what

        ctx.rival = overtake
        deed.seen |= {number: (one.base, one.body) for number, one in start.changes.items()}
        with _no_lock():
            if after.events == start.events:  # it writes nothing, so it loses no race
                assert deed.real(ctx) == want, deed.what
                return
            wrote = self.model
            try:
                middle = copy.deepcopy(start)
                with contextlib.suppress(Refused):
                    _, middle = rival.on(start)
                want, after = deed.on(middle)
            except Refused as refusal:
                self.refused(deed, refusal, ctx)
            else:
                assert deed.real(ctx) == want, f"{deed.what} after {rival.what}"
                self.model = after
            assert wrote is start

    # --- the deeds ---------------------------------------------------------------------------------------------------

    def propose(self, data: st.DataObject) -> Deed:
        actor, name = data.draw(REQUESTORS), data.draw(NAMES)
        fits = ["update", "update", "update", "delete"] if name in self.model.live else ["create"]
        operation = data.draw(st.sampled_from([*fits * 5, "create", "update", "delete"]))
        old = self.draw_id(data, "pending", "approved") if data.draw(st.integers(0, 5)) == 5 else None
        if operation == "create":
            body = data.draw(BODIES)
            edit: Callable[[Any], Record] = lambda _: copy.deepcopy(body)  # noqa: E731
        else:
            edit = data.draw(EDITS)

        def real(ctx: Context) -> int:
            request = Request(operation, THING, name)
            if operation == "create":
                answer = propose_create(ctx, Request(operation, THING, name, body), supersedes=old)
            elif operation == "delete":
                answer = propose_delete(ctx, request, supersedes=old)
            else:
                answer = propose_update(ctx, request, edit=edit, supersedes=old)
            return int(answer["change_id"])

        what = f"{actor} proposes {operation} {name!r}"
        return Deed(what, actor, real, lambda model: model.propose(actor, operation, name, edit, old))

    def bulk(self, data: st.DataObject) -> Deed:
        operations = st.sampled_from(["create", "update", "delete"])
        rows = data.draw(st.lists(st.tuples(operations, NAMES, BODIES), max_size=5))

        def real(ctx: Context) -> tuple[list[int], list[int]]:
            lines = []
            for number, (operation, name, body) in enumerate(rows, 1):
                row = {"operation": operation, "category": THING, "model_name": name}
                row |= {"payload": body} if operation != "delete" else {}
                lines.append(read_bulk_line(number, row, ()))
            answer = propose_bulk(ctx, lines)
            return answer.change_ids, [error["line"] for error in answer.errors]

        return Deed(f"bulk {rows}", CAROL, real, lambda model: model.bulk(CAROL, rows))

    def rebase(self, data: st.DataObject) -> Deed:
        number = self.draw_id(data, "pending", "approved")
        actor = self.asker(data, number)
        take: Any = data.draw(st.sampled_from([None, None, "mine", "theirs"]))
        values = data.draw(st.just({}) | st.dictionaries(st.sampled_from("vw"), VALUES, max_size=1))

        def real(ctx: Context) -> None:
            propose_rebase(ctx, number, settings=[(f"/{key}", value) for key, value in values.items()], take=take)

        what = f"{actor} rebases {number} {values} {take}"
        return Deed(what, actor, real, lambda model: model.rebase(actor, number, list(values.items()), take))

    def withdraw(self, data: st.DataObject) -> Deed:
        number = self.draw_id(data, "pending", "approved")
        numbers = {number, *data.draw(st.just(()) | st.tuples(self.number("pending", "approved")))}
        actor = self.asker(data, number)

        def real(ctx: Context) -> None:
            withdraw(ctx, list(numbers), reason=None)

        what = f"{actor} withdraws {numbers}"
        return Deed(what, actor, real, lambda model: model.withdraw(actor, sorted(numbers)))

    def review(self, data: st.DataObject) -> Deed:
        """Approve some, and reject others, approved ones too, in the same step."""
        model = self.model
        pending = model.ids("pending")
        able = [
            who
            for who in sorted(model.approvers)
            if any(who not in {one.asker, *one.approvals} for one in map(model.changes.__getitem__, pending))
        ]
        actor = data.draw(st.sampled_from([*able, *able, *able, DORA, CAROL]))
        pending = [n for n in model.ids("pending") if model.changes[n].asker != actor and not model.changes[n].held]
        records = [n for n in pending if not model.changes[n].is_policy]
        chosen = data.draw(
            st.just(records)
            | st.sampled_from(pending or [0]).map(lambda number: [number])
            | st.sampled_from(pending or [0]).map(lambda number: [number])
            | st.lists(st.sampled_from(pending or model.ids("pending") or [0]), unique=True, max_size=2)
            | st.lists(self.number("pending", "approved"), unique=True, max_size=2)
        )
        others = [n for n in model.ids("pending", "approved") if n not in chosen]
        refused = data.draw(st.just([]) | st.lists(st.sampled_from(others or [0]), unique=True, max_size=2))
        refused = [number for number in refused if number not in chosen]
        if not chosen and not refused:
            chosen = [self.draw_id(data, "pending")]
        bound = data.draw(st.sets(st.sampled_from(chosen or [0])))
        title = data.draw(TEXTS)
        queue = self.world.context().view().queue
        picks, wanted = [], []
        for number in chosen:
            change = queue.change(number)
            is_bound = number in bound and change is not None and change.category == THING
            picks.append(Pick(number, (change.blob or change.base_blob) if is_bound and change else None))
            wanted.append((number, model.changes[number].content if is_bound else ...))
        seen: dict[int, Any] = {}

        def real(ctx: Context) -> int | None:
            answer = review_changes(ctx, picks, refused, title=title, reason="because")
            assert {row["status"] for row in answer["rejected"]} <= {"rejected"}
            return None if answer["batch_id"] is None else int(answer["batch_id"])

        what = f"{actor} approves {chosen} and rejects {refused}"
        return Deed(what, actor, real, lambda model: model.review(actor, wanted, refused, seen), seen)

    def hold(self, data: st.DataObject) -> Deed:
        held = [number for number, one in self.model.changes.items() if one.held and one.is_open]
        number = data.draw(st.sampled_from(held)) if held and data.draw(st.booleans()) else None
        is_held = number is None
        wanted = number if number is not None else self.draw_id(data, "pending", "approved")
        actor = data.draw(APPROVERS)

        def real(ctx: Context) -> None:
            if is_held:
                hold(ctx, [wanted], reason="wait")
            else:
                unhold(ctx, [wanted])

        what = f"{actor} {'holds' if is_held else 'lets go'} {wanted}"
        return Deed(what, actor, real, lambda model: model.hold(actor, [wanted], is_held))

    def apply(self, data: st.DataObject) -> Deed:
        model = self.model
        approved = model.ids("approved")
        waiting = [batch.number for batch in model.batches.values() if batch.status == "open"]
        batch = data.draw(st.none() | st.sampled_from(waiting) | self.batch()) if waiting else data.draw(self.batch())
        numbers = []
        if batch is None or (approved and data.draw(st.booleans())):
            batch = None
            some = st.lists(st.sampled_from(approved or [0]), unique=True, min_size=1)
            numbers = data.draw(some | st.lists(self.number("approved"), unique=True, min_size=1, max_size=2))
        mixed, job = data.draw(st.booleans()), data.draw(st.none() | st.sampled_from(["j", "k"]))
        job = job and f"{job}{batch or numbers}" if data.draw(st.booleans()) else job
        actor = data.draw(APPROVERS)

        def real(ctx: Context) -> list[int]:
            answer = apply_changes(ctx, numbers, batch_id=batch, allow_mixed=mixed, job_id=job)
            return [row["change_id"] for row in answer["applied"]]

        what = f"{actor} applies {numbers or f'batch {batch}'} {mixed} {job}"
        return Deed(what, actor, real, lambda model: model.apply(actor, numbers, batch, mixed, job))

    def purge(self, data: st.DataObject) -> Deed:
        statuses = tuple(
            data.draw(st.sets(st.sampled_from(["pending", "approved", "applied", "rejected"]), min_size=1))
        )
        name = data.draw(st.sampled_from(["a", "b/", "é", "modelref", ""]))
        actor = data.draw(APPROVERS)

        def real(ctx: Context) -> list[int]:
            return list(purge_changes(ctx, Filters(statuses, model_name=name))["removed_change_ids"])

        return Deed(f"purge {statuses} {name!r}", actor, real, lambda model: model.purge(actor, statuses, name))

    def revert(self, data: st.DataObject) -> Deed:
        done = [b.number for b in self.model.batches.values() if b.status == "applied" and not b.is_policy]
        batch = data.draw(st.sampled_from(done)) if done else data.draw(self.batch())
        actor = data.draw(st.sampled_from([CAROL, ARTHUR]))

        def real(ctx: Context) -> list[int]:
            return list(revert_batch(ctx, batch)["change_ids"])

        return Deed(f"{actor} reverts {batch}", actor, real, lambda model: model.revert(actor, batch))

    def policy(self, data: st.DataObject) -> Deed:
        self.guests += 1
        guest = f"g{self.guests}"
        now = self.model.settings
        new = [("approvals", 3 - now["approvals"]), ("two_person", not now["two_person"]), ("dora", not now["dora"])]
        new.append(("guests", (*now["guests"], guest)))
        name, value = data.draw(st.sampled_from([*new, *new, ("approvals", 1), ("two_person", True)]))
        actor = data.draw(st.sampled_from([OLIVIA, OLIVIA, ARTHUR, ARTHUR, CAROL]))

        def real(ctx: Context) -> int | None:
            if name == "dora":
                answer = change_roles(ctx, "4", ["+approver" if value else "-approver"])
            elif name == "guests":
                answer = add_member(ctx, f"guest#{guest}", emails=())
            else:
                answer = set_policy(ctx, [("two_person_review" if name == "two_person" else name, value)])
            return answer.get("change_id")

        def modelled(model: Model) -> int | None:
            return model.policy(actor, name, (*model.settings["guests"], guest) if name == "guests" else value)

        return Deed(f"{actor} sets {name} to {value}", actor, real, modelled)

    def layout(self, data: st.DataObject) -> Deed:
        levels = data.draw(st.integers(0, 2))
        actor = data.draw(APPROVERS)

        def real(ctx: Context) -> None:
            set_fan_out(ctx, THING, levels)

        return Deed(f"{actor} splits by {levels}", actor, real, lambda model: model.layout(actor, levels))

    def settle_drift(self, data: st.DataObject) -> Deed:
        model = self.model
        is_adopted = data.draw(st.booleans()) and not any(one.is_batch for one in model.strange)
        strange = [one.oid for one in model.strange]
        main = self.world.context().view().main
        oid = data.draw(st.sampled_from([*strange, strange[-1], strange[-1]] if strange else [main]))
        actor = data.draw(APPROVERS)

        def real(ctx: Context) -> None:
            (adopt if is_adopted else disown)(ctx, oid, reason="so be it")

        what = f"{actor} {'adopts' if is_adopted else 'disowns'} {oid}"
        return Deed(what, actor, real, lambda m: (m.adopt if is_adopted else m.disown)(actor, oid))

    def makers(self) -> list[Callable[[st.DataObject], Deed]]:
        """What there is to do, the usual things more often."""
        model = self.model
        makers = [*[self.propose] * 5, self.bulk, self.purge, self.revert, self.policy, self.layout, self.apply]
        if model.ids("pending"):
            makers += [*[self.review] * 8, self.rebase]
        if model.ids("pending", "approved"):
            makers += [self.rebase, self.rebase, self.withdraw, self.hold]
        if model.ids("approved"):
            makers += [*[self.apply] * 5, self.review, self.rebase, self.withdraw, self.purge]
        if model.strange:
            makers += [self.settle_drift] * 8
        return [*makers, self.settle_drift]

    # --- what to do it to --------------------------------------------------------------------------------------------

    def number(self, *statuses: str) -> st.SearchStrategy[int]:
        """Mostly a change in one of *statuses*; now and then another one, or one that is not there."""
        some = st.sampled_from(self.model.ids(*statuses) or [self.model.last_change + 1])
        return some | some | some | st.integers(1, self.model.last_change + 1)

    def draw_id(self, data: st.DataObject, *statuses: str) -> int:
        return data.draw(self.number(*statuses))

    def batch(self) -> st.SearchStrategy[int]:
        return st.integers(max(1, self.model.last_batch - 6), self.model.last_batch + 1)

    def asker(self, data: st.DataObject, number: int) -> str:
        """Mostly who asked for the change; now and then somebody else."""
        change = self.model.changes.get(number)
        own = change.asker if change is not None else CAROL
        return data.draw(st.sampled_from([own, own, own, CAROL, ARTHUR]))

    # --- the rules ---------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One rule, so that what is usual comes often: most of what can be done needs other things before it."""
        what = data.draw(st.sampled_from(["deed"] * 10 + ["cut"] * 3 + ["race"] * 3 + ["commit", "push", "audit"]))
        if what == "commit" and not any(one.is_batch for one in self.model.strange):
            self.another_hand_commits_on_main(data)
        elif what == "push":
            self.another_hand_pushes_the_open_batch()
        elif what == "audit" and not self.model.strange:
            assert_clean(self.world.path)
        else:
            deed = data.draw(st.sampled_from(self.makers()))(data)
            rival = data.draw(st.sampled_from(self.makers()))(data) if what == "race" else None
            self.perform(deed, data.draw(st.integers(0, 60)) if what == "cut" else None, rival)

    def another_hand_commits_on_main(self, data: st.DataObject) -> None:
        model = self.model
        author = data.draw(st.sampled_from([CAROL, ARTHUR, NOBODY]))
        tree = dict(model.strange[-1].tree if model.strange else model.live)
        name = data.draw(st.just("a") | st.just("b/c"))
        kind = data.draw(st.sampled_from(["put", "put", "remove", "junk", "nothing"]))
        dataset = self.world.context().view().dataset()
        path = layout.record_path(THING, name, int(model.settings["fan_out"]))
        sound, files = True, ""
        if kind == "put":
            tree[name] = data.draw(BODIES)
            files = _file(path, codec.encode(tree[name], dataset.schema(THING).order).decode())
        elif kind == "remove" and tree.pop(name, None) is not None:
            files = f"D {path}\n"
        elif kind == "junk":
            sound, files = False, _file(f"dataset/{THING}/junk.txt", "junk\n")
        main = self.world.store.refs.read(layout.MAIN)
        line = f"{EMAILS[author]} {self.world.clock.tick()} +0000"
        text = f"commit refs/heads/main\nauthor {line}\ncommitter {line}\n{_data('by hand')}from {main}\n{files}\n"
        self.git("fast-import", "--quiet", stdin=text)
        found = self.world.store.refs.read(layout.MAIN)
        assert found is not None
        model.strange.append(Strange(found, tree, author, sound))

    def another_hand_pushes_the_open_batch(self) -> None:
        model = self.model
        batch = model.batches.get(model.open_batch or 0)
        if batch is None or model.strange or batch.onto != model.main:
            return
        head = Standing.of(self.world.path).refs[layout.batch_ref(batch.number)]
        self.git("update-ref", layout.MAIN, head)
        model.strange, model.pushed = [Strange(head, batch.tree, "", is_batch=True)], True

    def git(self, *words: str, stdin: str = "") -> None:
        subprocess.run(["git", "-C", str(self.world.path), *words], input=stdin.encode(), check=True, env=os.environ)

    # --- what holds after every step ---------------------------------------------------------------------------------

    @precondition(lambda self: self.world.path.exists())
    @invariant()
    def the_repository_is_as_the_model_has_it(self) -> None:
        found = [item.code for item in examine(self.world.context(), repair=True).findings if not item.repaired]
        assert found == (["drift"] if self.model.strange else [])
        self.the_dataset_is_the_models()
        self.the_queue_is_the_models()
        self.the_branches_are_where_the_log_says()
        self.the_state_is_the_fold_of_the_events()

    def the_state_is_the_fold_of_the_events(self) -> None:
        """Each new event is folded into what those before it gave."""
        store = self.world.store
        new = []
        for commit, event in log.history(store, log.read(store).head):
            if commit.id == self.folded:
                break
            new.append((commit, event))
        for commit, event in reversed(new):
            lifecycle.apply_event(self.fold, event)
            assert self.fold.write() == commit.tree
            self.folded = commit.id

    def the_dataset_is_the_models(self) -> None:
        view = self.world.context().view()
        dataset = view.dataset()
        found = {name: self.record(blob) for name, blob in dataset.records(THING)}
        model = self.model
        model.live = _matched(model.live, found)
        config = dataset.config
        assert {
            "approvals": config.policy.approvals,
            "two_person": config.policy.two_person_review,
            "dora": any(member.id == "4" and member.is_approver for member in config.members),
            "fan_out": dataset.fan_out(THING),
            "guests": tuple(member.id for member in config.members[4:]),
        } == model.settings
        for batch in model.batches.values():
            if batch.status == "open" and not batch.is_policy:
                stored = view.queue.batch(batch.number)
                assert stored is not None
                assert (stored.status, list(stored.changes)) == ("open", batch.members), batch
                tree = {name: self.record(blob) for name, blob in view.dataset(stored.head).records(THING)}
                batch.tree = _matched(batch.tree, tree)

    def record(self, blob: str) -> Record:
        return codec.decode(self.world.store.buffer().read_blob(blob))

    def the_queue_is_the_models(self) -> None:
        model, queue = self.model, self.world.context().view().queue
        header = queue.header
        counters = (header.last_change_id, header.last_batch_id, header.last_event_id, header.open_batch)
        assert counters == (model.last_change, model.last_batch, model.events, model.open_batch)
        adopting = {oid: {row["username"] for row in rows} for oid, rows in header.adopting.items()}
        assert adopting == model.adopting
        for number, wanted in model.changes.items():
            change = queue.change(number)
            assert change is not None, number
            assert (change.operation, change.model_name, change.status) == (
                wanted.operation,
                wanted.name,
                wanted.status,
            )
            assert not wanted.is_open or change.is_held == wanted.held
            if wanted.is_open:
                assert {given.username for given in change.approvals} == wanted.approvals, number
                assert change.batch_id == wanted.batch
            if wanted.is_open and not wanted.is_policy:
                sides = [self.record(blob) if blob is not None else None for blob in (change.base_blob, change.blob)]
                assert alike(sides[0], wanted.base), number
                assert alike(sides[1], wanted.body), number
                wanted.base, wanted.body = sides  # the order of a set is the program's own affair
        assert all(queue.change(number) is None and queue.purged(number) is not None for number in model.purged)
        for name in {item.name for item in model.changes.values() if item.name != CONFIG}:
            alikes = [n for n in model.ids("pending", "approved") if fold(model.changes[n].name) == fold(name)]
            assert list(queue.open_changes(THING, name)) == alikes
        counts = {status: len(model.ids(status)) for status in ("pending", "approved", "applied", "rejected")}
        assert {status: count for status, count in header.counts.items() if count} == {
            status: count for status, count in counts.items() if count
        }

    def the_branches_are_where_the_log_says(self) -> None:
        head = self.world.store.refs.read(layout.QUEUE)
        assert head is not None
        behind = projections.find_behind(self.world.store, head)
        strange = [self.model.strange[-1].oid] if self.model.strange else []
        assert [(item.ref, item.found, item.foreign) for item in behind] == [(layout.MAIN, o, True) for o in strange]

    def nothing_is_lost(self) -> None:
        """Every id that was ever given is in the queue, or was purged."""
        assert sorted([*self.model.changes, *self.model.purged]) == list(range(1, self.model.last_change + 1))

    def settle(self) -> None:
        if self.model.strange:
            disown(self.context(OLIVIA), self.model.strange[-1].oid, reason="the end")


class _Happened:
    """The power went after the step had happened, so that nobody has the answer."""


def _edit(values: Record, inner: Record, tag: str | None) -> Callable[[Record], Record]:
    def edit(record: Record) -> Record:
        made = {**copy.deepcopy(record), **values}
        made["o"] |= inner
        if tag is None and made == record:
            made["v"] = 1 if record["v"] == 0 else 0
        elif tag is not None:
            made["tags"] = [one for one in made["tags"] if one != tag] if tag in made["tags"] else [*made["tags"], tag]
        return made

    return edit


EDITS = st.builds(
    _edit,
    st.just({}) | st.fixed_dictionaries({"v": VALUES}) | st.fixed_dictionaries({"w": st.integers(0, 2)}),
    st.just({}) | st.fixed_dictionaries({"p": st.integers(0, 2)}) | st.fixed_dictionaries({"q": st.integers(0, 2)}),
    st.none() | st.sampled_from("xyz"),
)


def _matched(wanted: dict[str, Record], found: dict[str, Record]) -> dict[str, Record]:
    """*found*, which must hold what is *wanted*; the order within a set is the program's own affair."""
    assert sorted(found) == sorted(wanted)
    for name, record in found.items():
        assert alike(record, wanted[name]), (name, record, wanted[name])
    return found


@contextlib.contextmanager
def _no_lock() -> Any:
    """No writer waits for another: the compare and swap alone decides."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "writer_lock", lambda _path, **_wait: contextlib.nullcontext())
        patch.setattr(writing.clock_module, "sleep", lambda _seconds: None)
        yield


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def _file(path: str, text: str) -> str:
    return f"M 100644 inline {path}\n{_data(text)}"


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="modelref-machine-"))
    world = World.make(folder / "r.git", bare=True, empty=True)
    shutil.rmtree(world.path / "hooks")
    world.add_category(THING, SCHEMA)
    dora = add_member(world.context(), DORA, emails=("dora@people.example",), roles=("approver",))
    world.pass_policy(dora)
    records = {
        "a": {"v": 0, "w": 0, "tags": ["x", "y"], "o": {"p": 0}},
        "É": {"v": 1, "w": 1, "tags": [], "o": {"p": 1}},
    }
    world.apply(world.approve(*(world.create(THING, name, record) for name, record in records.items())))
    numbers = []
    for operation, name, edits in STORY:
        if operation == "create":
            numbers.append(world.create(THING, name, _with({}, edits)))
        else:
            numbers.append(world.update(THING, name, edits) if operation == "update" else world.delete(THING, name))
    world.approve(*(numbers[place] for place in APPROVED))
    world.warnings.clear()
    return world.path


@pytest.fixture(scope="module", autouse=True)
def _no_leftovers() -> Any:
    yield
    shutil.rmtree(_template().parent, ignore_errors=True)


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)


@pytest.mark.long
class TestQueueLong(QueueMachine.TestCase):  # type: ignore[valid-type,misc] # made by hypothesis
    """The same for as long as one has patience."""

    settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
