"""The life of a queue beside a model made of dicts: whatever is done, in whatever order, and with power cuts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelref_git.errors import Conflict, Invalid, ModelrefError, NotFound, WrongState
from modelref_git.operations.administer import add_member
from modelref_git.operations.apply import apply_changes
from modelref_git.operations.maintain import examine
from modelref_git.operations.propose import propose_bulk, read_bulk_line
from modelref_git.operations.review import Pick, review_changes
from modelref_git.records import codec
from modelref_git.records.json_text import same
from modelref_git.records.names import fold
from tests.crash.checks import Standing, age, check_fold, check_fsck, check_projections
from tests.crash.faults import LOCKED, Fuse, PowerCut, fused
from tests.crash.quick import no_patience, no_syncing
from tests.support.world import ARTHUR, CAROL, World

_T = TypeVar("_T")

pytestmark = pytest.mark.usefixtures("no_patience", "no_syncing")
__all__ = ["no_patience", "no_syncing"]

THING = "thing"
# Few names, so that changes of one record, and of look-alikes, meet in a batch.
NAMES = st.sampled_from(["a", "b/c", "É", "é"])
VALUES = st.integers(0, 3) | st.sampled_from([1.5, "text", None, [1, 2], {"deep": {"er": True}}])
TEXTS = st.sampled_from(["a title", 'with "quotes"', "two\nlines", "Event: apply", "ünï\u202e", "7"])
BODIES = st.fixed_dictionaries({"v": VALUES})


@dataclass
class Wanted:
    """A change as the model has it."""

    operation: str
    name: str
    base: dict[str, Any] | None
    body: dict[str, Any] | None
    status: str = "pending"
    batch: int | None = None


@dataclass
class Model:
    """The queue and the dataset, as plain as can be."""

    live: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: dict[int, Wanted] = field(default_factory=dict)
    batches: int = 0
    open_batch: int | None = None
    events: int = 0

    def ids(self, *statuses: str) -> list[int]:
        """The changes in one of *statuses*."""
        return [number for number, item in self.changes.items() if item.status in statuses]

    def alike(self, name: str) -> str | None:
        """A live record whose name differs from *name* by case or form only."""
        return next((other for other in self.live if other != name and fold(other) == fold(name)), None)

    def refuses(self, operation: str, name: str, body: dict[str, Any] | None = None) -> type[ModelrefError] | None:
        """Why a proposal is refused on the way in."""
        if operation != "create":
            if name not in self.live:
                return NotFound
            return Invalid if operation == "update" and same(self.live[name], body) else None
        other = self.alike(name)
        leaving = any(
            item.operation == "delete" and item.name == other and item.status in ("pending", "approved")
            for item in self.changes.values()
        )
        return Conflict if name in self.live or (other is not None and not leaving) else None

    def enqueue(self, operation: str, name: str, body: dict[str, Any] | None) -> int:
        """A proposal that was taken."""
        number = len(self.changes) + 1
        self.changes[number] = Wanted(operation, name, self.live.get(name), body)
        self.events += 1
        return number

    def batch_with(self, chosen: list[int]) -> dict[str, dict[str, Any]] | None:
        """The dataset with the open batch and *chosen*; ``None`` when they do not go together."""
        made = dict(self.live)
        for numbers in (self.ids("approved"), sorted(chosen)):
            for number in numbers:
                change = self.changes[number]
                if made.get(change.name) != change.base:
                    return None
                if change.body is None:
                    made.pop(change.name, None)
                else:
                    made[change.name] = change.body
            folded = {fold(name) for name in made}
            if len(folded) != len(made):
                return None
        return made


class QueueMachine(RuleBasedStateMachine):
    """Every rule does one thing to the repository and to the model; the invariants compare the two."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="modelref-machine-"))
        self.world = World(self.folder / "r.git")
        self.model = Model()
        self.members = 0

    @initialize()
    def begin(self) -> None:
        shutil.copytree(_template(), self.world.path)
        self.model.changes = {number: Wanted("update", "modelref.toml", None, None, "applied") for number in (1, 2, 3)}
        self.model.batches = 3
        self.model.events = 10

    def teardown(self) -> None:
        if self.world.path.exists():
            check_fsck(self.world.path)
        shutil.rmtree(self.folder)

    def attempt(self, act: Callable[[], _T], cut: int | None) -> _T:
        """Do *act*. With *cut* the power goes at that point; whoever did it looks what has become of it."""
        if cut is None:
            return act()
        before = Standing.of(self.world.path).head
        fuse = Fuse(cut)
        try:
            with fused(fuse):
                return act()
        except PowerCut as end:
            age(self.world.path)
            if str(end) == LOCKED or cut % 2:
                examine(self.world.context(), repair=True)
            if Standing.of(self.world.path).head == before:
                return act()
            raise _HasHappened from None

    def changes(self, act: Callable[[], _T], cut: int | None) -> _T | None:
        """As :meth:`attempt`; ``None`` when the power went after it had happened, so that nobody has the answer."""
        try:
            return self.attempt(act, cut)
        except _HasHappened:
            return None

    CUT = st.none() | st.integers(0, 30)

    @rule(name=NAMES, body=BODIES, operation=st.sampled_from(["create", "update", "delete"]), cut=CUT)
    def propose(self, name: str, body: dict[str, Any], operation: str, cut: int | None) -> None:
        if operation == "create":
            act = lambda: self.world.create(THING, name, body)  # noqa: E731
        elif operation == "update":
            act = lambda: self.world.update(THING, name, {f"/{key}": value for key, value in body.items()})  # noqa: E731
        else:
            act = lambda: self.world.delete(THING, name)  # noqa: E731
        refusal = self.model.refuses(operation, name, body)
        if refusal is not None:
            with pytest.raises(refusal):
                self.changes(act, cut)
            return
        number = self.changes(act, cut)
        assert number in (None, self.model.enqueue(operation, name, None if operation == "delete" else body))

    @rule(rows=st.lists(st.tuples(st.sampled_from(["create", "delete"]), NAMES, BODIES), max_size=5), cut=CUT)
    def bulk(self, rows: list[tuple[str, str, dict[str, Any]]], cut: int | None) -> None:
        lines = []
        bad = []
        for number, (operation, name, body) in enumerate(rows, 1):
            row = {"operation": operation, "category": THING, "model_name": name}
            lines.append(read_bulk_line(number, {**row, "payload": body} if operation == "create" else row, ()))
            if self.model.refuses(operation, name) is not None:
                bad.append(number)
        answer = self.changes(lambda: propose_bulk(self.world.context(CAROL), lines), cut)
        wanted = [
            self.model.enqueue(operation, name, body if operation == "create" else None)
            for number, (operation, name, body) in enumerate(rows, 1)
            if number not in bad
        ]
        if answer is not None:
            assert (answer.change_ids, [error["line"] for error in answer.errors]) == (wanted, bad)

    @precondition(lambda self: self.model.ids("pending"))
    @rule(data=st.data(), title=TEXTS, cut=CUT)
    def review(self, data: st.DataObject, title: str, cut: int | None) -> None:
        """Approve some, and reject others, approved ones too, in the same step."""
        pending = self.model.ids("pending")
        some = st.just(pending) | st.lists(st.sampled_from(pending), unique=True, max_size=3)
        chosen = data.draw(some, label="approve")
        others = [number for number in self.model.ids("pending", "approved") if number not in chosen]
        refused = (
            data.draw(st.lists(st.sampled_from(others), unique=True, max_size=2), label="reject") if others else []
        )
        if not chosen and not refused:
            return
        after = Model(self.model.live, {number: Wanted(**vars(item)) for number, item in self.model.changes.items()})
        for number in refused:
            after.changes[number].status = "rejected"
        made = after.batch_with(chosen)

        def act() -> dict[str, Any]:
            picks = [Pick(number) for number in chosen]
            return review_changes(self.world.context(ARTHUR), picks, refused, title=title, reason="because")

        if made is None:
            with pytest.raises(Conflict):
                self.changes(act, cut)
            return
        answer = self.changes(act, cut)
        self._reviewed(sorted(chosen), sorted(refused))
        if answer is not None and chosen:
            assert answer["batch_id"] == self.model.open_batch

    def _reviewed(self, chosen: list[int], refused: list[int]) -> None:
        model = self.model
        left = [number for number in model.ids("approved") if number not in refused]
        if model.open_batch is not None and not left:
            model.open_batch = None  # nothing is left in it: it closes before others are approved
        for number in refused:
            model.changes[number].status = "rejected"
        if chosen and model.open_batch is None:
            model.batches += 1
            model.open_batch = model.batches
        for number in chosen:
            model.changes[number].status = "approved"
            model.changes[number].batch = model.open_batch
        model.events += len(chosen) + len(refused)

    @precondition(lambda self: self.model.open_batch is not None)
    @rule(by_ids=st.booleans(), job=st.none() | st.just("job"), cut=CUT)
    def apply(self, by_ids: bool, job: str | None, cut: int | None) -> None:
        members, batch = self.model.ids("approved"), self.model.open_batch
        live = self.model.batch_with([])
        assert live is not None
        job_id = f"{job} {batch}" if job is not None else None

        def act() -> dict[str, Any]:
            ctx = self.world.context(ARTHUR)
            if by_ids:
                return apply_changes(ctx, members, job_id=job_id)
            return apply_changes(ctx, [], batch_id=batch, job_id=job_id)

        self.changes(act, cut)
        self.model.live = live
        for number in members:
            self.model.changes[number].status = "applied"
        self.model.open_batch = None
        self.model.events += len(members)
        if job_id is not None:
            assert [row["change_id"] for row in act()["applied"]] == members

    @rule(cut=CUT)
    def add_member(self, cut: int | None) -> None:
        """A change of policy goes past an open batch, which is merged anew when it is applied."""
        self.members += 1
        who = f"member {self.members}#m{self.members}"
        self.changes(lambda: add_member(self.world.context(), who, emails=()), cut)
        number = self.model.enqueue("update", "modelref.toml", None)
        self.model.changes[number].status = "applied"
        self.model.batches += 1
        self.model.events += 2

    @precondition(lambda self: self.model.ids("applied", "rejected", "approved"))
    @rule(data=st.data())
    def what_is_decided_is_not_decided_again(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.model.ids("applied", "rejected", "approved")))
        before = self.world.refs()
        with pytest.raises(WrongState):
            review_changes(self.world.context(ARTHUR), [Pick(number)], [], title="again")
        assert self.world.refs() == before

    @rule()
    def gc_or_doctor(self) -> None:
        assert [item.code for item in examine(self.world.context(), repair=True).findings if not item.repaired] == []

    @precondition(lambda self: self.world.path.exists())
    @invariant()
    def the_dataset_is_the_models(self) -> None:
        view = self.world.context().view()
        dataset = view.dataset()
        found = {name: codec.decode(view.objects.read_blob(blob)) for name, blob in dataset.records(THING)}
        assert found == self.model.live
        assert len(dataset.config.members) == 3 + self.members

    @precondition(lambda self: self.world.path.exists())
    @invariant()
    def the_queue_is_the_models(self) -> None:
        queue = self.world.context().view().queue
        header = queue.header
        assert header.last_change_id == len(self.model.changes)
        assert header.last_batch_id == self.model.batches
        assert header.last_event_id == self.model.events
        assert header.open_batch == self.model.open_batch
        for number, wanted in self.model.changes.items():
            change = queue.change(number)
            assert change is not None
            assert (change.operation, change.model_name, change.status) == (
                *(wanted.operation, wanted.name, wanted.status),
            )
        open_ids = self.model.ids("pending", "approved")
        for name in {item.name for item in self.model.changes.values() if item.name != "modelref.toml"}:
            alikes = [n for n in open_ids if fold(self.model.changes[n].name) == fold(name)]
            assert list(queue.open_changes(THING, name)) == alikes
        assert {status: count for status, count in header.counts.items() if count} == {
            status: len(self.model.ids(status))
            for status in ("pending", "approved", "applied", "rejected")
            if self.model.ids(status)
        }

    @precondition(lambda self: self.world.path.exists())
    @invariant()
    def the_state_is_the_fold_of_the_events(self) -> None:
        check_fold(self.world.store)

    @precondition(lambda self: self.world.path.exists())
    @invariant()
    def the_branches_are_where_the_log_says_after_the_next_step(self) -> None:
        examine(self.world.context(), repair=True)
        check_projections(self.world.path)


class _HasHappened(Exception):
    """The power went after the step had happened."""


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="modelref-machine-"))
    world = World.make(folder / "r.git", bare=True, empty=True)
    shutil.rmtree(world.path / "hooks")
    world.add_category(THING)
    return world.path


@pytest.fixture(scope="module", autouse=True)
def _no_leftovers() -> Any:
    yield
    shutil.rmtree(_template().parent, ignore_errors=True)


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


@pytest.mark.long
class TestQueueLong(QueueMachine.TestCase):  # type: ignore[valid-type,misc] # made by hypothesis
    """The same for as long as one has patience."""

    settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
