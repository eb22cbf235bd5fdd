"""The queue and the dataset as plain dicts: what every step has to make of them, in the fewest words.

The records are of one simple shape: scalars, the set ``tags`` and the object ``o``. So a merge is one of dicts of
leaves, and shares nothing with that of the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from modelref_git.errors import (
    Conflict,
    Forbidden,
    IntegrityFailure,
    Invalid,
    ModelrefError,
    NotFound,
    WrongState,
)
from modelref_git.records.names import fold

Record = dict[str, Any]

OLIVIA, CAROL, ARTHUR, DORA = "olivia#1", "carol#2", "arthur#3", "dora#4"
NOBODY = "mallory <mallory@elsewhere.example>"
OPEN = ("pending", "approved")
CONFIG = "modelref.toml"
_MISSING = object()


class Refused(Exception):
    """The step must be refused, with an error of that class."""

    def __init__(self, kind: type[ModelrefError]) -> None:
        super().__init__(kind.__name__)
        self.kind = kind


# --- merging ---------------------------------------------------------------------------------------------------------


def leaves(record: Record) -> dict[tuple[str, str], Any]:
    """A record as a dict of all that can change by itself."""
    found: dict[tuple[str, str], Any] = {}
    for key, value in record.items():
        if key == "tags":
            found |= {("tags", tag): True for tag in value}
        elif key == "o":
            found |= {("o", inner): item for inner, item in value.items()}
        else:
            found[key, ""] = value
    return found


def built(found: dict[tuple[str, str], Any]) -> Record:
    """The record of those leaves."""
    record: Record = {"tags": sorted(inner for key, inner in found if key == "tags"), "o": {}}
    for (key, inner), value in found.items():
        if key == "o":
            record["o"][inner] = value
        elif key != "tags":
            record[key] = value
    return record


def alike(one: Record | None, other: Record | None) -> bool:
    """Whether two records hold the same."""
    if one is None or other is None:
        return one is other
    return leaves(one) == leaves(other)


def merged(
    base: Record | None, ours: Record | None, theirs: Record | None, take: str | None = None, free: Sequence[str] = ()
) -> Record | None:
    """What two sides made of *base*. *take* settles conflicts for ``mine`` (theirs) or ``theirs`` (ours).

    Conflicts in the members *free* do not count: they are overwritten anyway.
    """
    if ours == base:
        return theirs
    if theirs in (base, ours):
        return ours
    if base is None or ours is None or theirs is None:
        if take is None:
            raise Refused(Conflict)
        return theirs if take == "mine" else ours
    sides = [leaves(side) for side in (base, ours, theirs)]
    found: dict[tuple[str, str], Any] = {}
    for place in [*sides[1], *(place for place in sides[2] if place not in sides[1])]:
        was, here, there = (side.get(place, _MISSING) for side in sides)
        if here == was or (here != there and there != was and take == "mine"):
            value = there
        elif there in (was, here) or take is not None or place[0] in free:
            value = here
        else:
            raise Refused(Conflict)
        if value is not _MISSING:
            found[place] = value
    return built(found)


# --- what there is ---------------------------------------------------------------------------------------------------


@dataclass
class Change:
    """A change as the model has it."""

    number: int
    operation: str
    name: str
    base: Record | None
    body: Record | None
    asker: str
    onto: int
    """The position of ``main`` that it was made against."""
    status: str = "pending"
    batch: int | None = None
    approvals: set[str] = field(default_factory=set)
    held: bool = False
    setting: tuple[str, Any] | None = None
    """Of a change of the policy: what it sets."""
    before: dict[str, Any] | None = None
    """Of a change of the policy: the settings that it was made against."""

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_policy(self) -> bool:
        return self.name == CONFIG

    @property
    def content(self) -> Record | None:
        """What an approver reads."""
        return self.body if self.body is not None else self.base


@dataclass
class Batch:
    """Changes merged together: *tree* is what they made of *before*, which was ``main`` at *onto*."""

    number: int
    members: list[int]
    before: dict[str, Record]
    tree: dict[str, Record]
    onto: int
    status: str = "open"
    is_policy: bool = False


@dataclass
class Strange:
    """A commit that other hands put on ``main``."""

    oid: str
    tree: dict[str, Record]
    author: str
    sound: bool = True
    """Whether it could be adopted."""
    is_batch: bool = False
    """Whether it was the open batch when it was pushed."""


@dataclass
class Model:
    """The queue and the dataset, as plain as can be."""

    live: dict[str, Record] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    changes: dict[int, Change] = field(default_factory=dict)
    purged: dict[int, Change] = field(default_factory=dict)
    batches: dict[int, Batch] = field(default_factory=dict)
    jobs: dict[str, list[tuple[int, list[int]]]] = field(default_factory=dict)
    strange: list[Strange] = field(default_factory=list)
    """What other hands put on ``main``, oldest first; the log knows nothing of it."""
    pushed: bool = False
    """Whether the stranger is the open batch itself."""
    adopting: dict[str, set[str]] = field(default_factory=dict)
    main: int = 0
    mains: int = 0
    last_change: int = 0
    last_batch: int = 0
    open_batch: int | None = None
    events: int = 0

    # --- asked of it ---

    def ids(self, *statuses: str) -> list[int]:
        """The changes in one of *statuses*."""
        return [number for number, item in self.changes.items() if item.status in statuses]

    @property
    def approvers(self) -> set[str]:
        return {OLIVIA, ARTHUR, *([DORA] if self.settings["dora"] else [])}

    def find(self, number: int) -> Change:
        if number not in self.changes:
            raise Refused(NotFound)
        return self.changes[number]

    def find_open(self, number: int) -> Change:
        change = self.find(number)
        if not change.is_open:
            raise Refused(WrongState)
        return change

    def require_approver(self, actor: str) -> None:
        if actor not in self.approvers:
            raise Refused(Forbidden)

    def counted(self, asker: str, approvals: set[str]) -> int:
        """How many approvals count now: those of approvers, and under two-person review not the requestor's own."""
        return len((approvals & self.approvers) - ({asker} if self.settings["two_person"] else set()))

    def has_enough(self, change: Change, *more: str) -> bool:
        return self.counted(change.asker, {*change.approvals, *more}) >= int(self.settings["approvals"])

    # --- asking ---

    def enqueue(self, operation: str, name: str, base: Record | None, body: Record | None, asker: str) -> Change:
        self.last_change += 1
        change = Change(self.last_change, operation, name, base, body, asker, self.main)
        self.changes[change.number] = change
        self.events += 1
        return change

    def check(
        self, operation: str, name: str, body: Record | None, leaving: set[str] | frozenset[str] = frozenset()
    ) -> None:
        """Refuse what is no possible change of the dataset."""
        if operation != "create":
            if name not in self.live:
                raise Refused(NotFound)
            if operation == "update" and self.live[name] == body:
                raise Refused(Invalid)
            return
        if name in self.live:
            raise Refused(Conflict)
        other = next((one for one in self.live if fold(one) == fold(name)), None)
        leaving = {
            *leaving,
            *(one.name for one in self.changes.values() if one.is_open and one.operation == "delete"),
        }
        if other is not None and other not in leaving:
            raise Refused(Conflict)

    def propose(self, asker: str, operation: str, name: str, edit: Any, supersedes: int | None) -> int:
        """*edit* makes the new record of the live one; for a create of nothing."""
        if operation == "update" and name not in self.live:
            raise Refused(NotFound)
        if supersedes is not None:
            old = self.find_open(supersedes)
            if old.is_policy:
                raise Refused(WrongState)
            if asker != old.asker:
                self.require_approver(asker)
        body = None if operation == "delete" else edit(self.live.get(name))
        self.check(operation, name, body)
        change = self.enqueue(operation, name, self.live.get(name), body, asker)
        if supersedes is not None:
            self._close([supersedes])
            self.events += 1
        return change.number

    def bulk(self, asker: str, rows: Sequence[tuple[str, str, Record]]) -> tuple[list[int], list[int]]:
        """The numbers of the changes, and of the lines that were refused."""
        taken, bad = [], []
        leaving: set[str] = set()
        for number, (operation, name, record) in enumerate(rows, 1):
            body = None if operation == "delete" else record
            try:
                self.check(operation, name, body, leaving)
            except Refused:
                bad.append(number)
                continue
            taken.append((operation, name, body))
            leaving |= {name} if operation == "delete" else set()
        made = [self.enqueue(op, name, self.live.get(name), body, asker) for op, name, body in taken]
        return [change.number for change in made], bad

    def rebase(self, actor: str, number: int, settings: Sequence[tuple[str, Any]], take: str | None) -> None:
        change = self.find_open(number)
        if change.is_policy:
            raise Refused(WrongState)
        edits = bool(settings) or take is not None
        if actor != change.asker:
            if edits:
                raise Refused(Forbidden)
            self.require_approver(actor)
        live = self.live.get(change.name)
        if not edits and live == change.base:
            if change.onto == self.main:
                return
            body, operation = change.body, change.operation
        else:
            try:
                body = merged(change.base, live, change.body, take, [name for name, _ in settings])
            except Refused:
                raise Refused(Invalid if settings and live is None else Conflict) from None
            if body is None and settings:
                raise Refused(Invalid)
            body = {**body, **dict(settings)} if body is not None else None
            if body is None and live is None:
                raise Refused(WrongState)
            operation = "delete" if body is None else "create" if live is None else "update"
            if body is not None and body == live:
                raise Refused(WrongState)
            self.check(operation, change.name, body)
        self.events += 1
        keeps = live == change.base and body == change.body
        was = change.status
        change.base, change.body, change.operation, change.onto = live, body, operation, self.main
        if not keeps:
            self._back(change)
        if was == "approved":
            self._rebuild({number} if not keeps else set())

    def withdraw(self, actor: str, numbers: Sequence[int]) -> None:
        changes = [self.find_open(number) for number in sorted(numbers)]
        if any(change.asker != actor for change in changes):
            raise Refused(Forbidden)
        self._close(numbers)
        self.events += len(numbers)

    # --- deciding ---

    def review(
        self, actor: str, picks: Sequence[tuple[int, Any]], rejects: Sequence[int], seen: dict[int, Any]
    ) -> int | None:
        """*picks* are numbers, each with the content that it is bound to (``...``: none); *seen* is what was read."""
        approving = []
        for number, content in sorted(picks, key=lambda pick: pick[0]):
            change = self.find_open(number)
            if change.held:
                raise Refused(WrongState)
            if content is not ... and content != change.content:
                raise Refused(Conflict)
            if number in seen and seen[number] != (change.base, change.body):
                raise Refused(Conflict)
            approving.append(change)
        rejecting = [self.find_open(number) for number in sorted(rejects)]
        self.require_approver(actor)
        if self.settings["two_person"] and any(change.asker == actor for change in approving):
            raise Refused(Forbidden)
        if len(approving) > 1 and any(change.is_policy for change in approving):
            raise Refused(WrongState)
        complete, incomplete = [], []
        for change in approving:
            if change.status == "approved" and (self.has_enough(change) or actor in change.approvals):
                raise Refused(WrongState)
            if actor in change.approvals and not self.has_enough(change):
                raise Refused(WrongState)
            whole = change.status == "pending" and self.has_enough(change, actor)
            (complete if whole else incomplete).append(change)
        if complete and any(change.status == "approved" for change in rejecting):
            self._close([change.number for change in rejecting])
        for change in approving:
            change.approvals.add(actor)
        number = self._join(complete) if complete else None
        still = [change.number for change in rejecting if change.is_open]
        if still:
            self._close(still)
        self.events += len(picks) + len(rejects)
        return number

    def _join(self, changes: Sequence[Change]) -> int:
        is_policy = changes[0].is_policy
        joined = self.batches[self.open_batch] if self.open_batch is not None and not is_policy else None
        for change in changes:
            self._check_possible(change)
        tree = self._merged(joined.tree if joined is not None else self.live, changes)
        if joined is None:
            self.last_batch += 1
            joined = Batch(self.last_batch, [], dict(self.live), tree, self.main, is_policy=is_policy)
            self.batches[joined.number] = joined
            self.open_batch = self.open_batch if is_policy else joined.number
        self.pushed = self.pushed and is_policy
        joined.members = sorted([*joined.members, *(change.number for change in changes)])
        joined.tree = tree
        for change in changes:
            change.status, change.batch = "approved", joined.number
        return joined.number

    def _check_possible(self, change: Change) -> None:
        if not change.is_policy and (change.name in self.live) != (change.operation != "create"):
            raise Refused(Conflict)

    def _merged(self, tree: dict[str, Record], changes: Sequence[Change]) -> dict[str, Record]:
        tree = dict(tree)
        for change in changes:
            if change.is_policy:
                if change.before != self.settings:
                    raise Refused(Conflict)
                continue
            record = merged(change.base, tree.get(change.name), change.body)
            if record is None:
                tree.pop(change.name, None)
            else:
                tree[change.name] = record
        if self._rivals(tree, changes):
            raise Refused(Conflict)
        return tree

    @staticmethod
    def _rivals(tree: dict[str, Record], changes: Sequence[Change]) -> list[Change]:
        """The creates whose records have a look-alike in *tree*."""
        return [
            change
            for change in changes
            if change.operation == "create"
            and change.name in tree
            and any(fold(other) == fold(change.name) for other in tree if other != change.name)
        ]

    def hold(self, actor: str, numbers: Sequence[int], held: bool) -> None:
        changes = [self.find_open(number) for number in sorted(numbers)]
        if any(change.held == held for change in changes):
            raise Refused(WrongState)
        self.require_approver(actor)
        for change in changes:
            change.held = held
        self.events += len(changes)

    def _back(self, change: Change) -> None:
        change.status, change.batch, change.approvals = "pending", None, set()

    def _close(self, numbers: Sequence[int]) -> None:
        """Reject, in whatever words; what was approved leaves its batch."""
        leaving = {number for number in numbers if self.changes[number].status == "approved"}
        for number in numbers:
            self.changes[number].status = "rejected"
        if leaving:
            self._rebuild(leaving)

    def _rebuild(self, leaving: set[int]) -> None:
        """The open batch merged anew onto ``main`` without *leaving*; those of the policy just close."""
        for batch in self.batches.values():
            if batch.status != "open" or (leaving and not leaving & set(batch.members)):
                continue
            if batch.is_policy:
                if leaving & set(batch.members):
                    batch.members, batch.status = [], "closed"
                continue
            members = [self.changes[number] for number in batch.members if number not in leaving]
            self._anew(batch, members)
            if not batch.members:
                batch.status = "closed"
                self.open_batch = None

    def _anew(self, batch: Batch, members: list[Change]) -> None:
        """*members* merged onto ``main``; those that do not merge any more are pending again."""
        while True:
            tree = dict(self.live)
            stuck = []
            for change in members:
                try:
                    self._check_possible(change)
                    record = merged(change.base, tree.get(change.name), change.body)
                except Refused:
                    stuck.append(change)
                    continue
                tree.pop(change.name, None)
                if record is not None:
                    tree[change.name] = record
            stuck = stuck or self._rivals(tree, members)[:1]
            if not stuck:
                break
            for change in stuck:
                self._back(change)
                members.remove(change)
        self.pushed = False
        batch.members = [change.number for change in members]
        batch.before, batch.tree, batch.onto = dict(self.live), tree, self.main

    # --- applying ---

    def apply(
        self, actor: str, numbers: Sequence[int], batch_id: int | None, mixed: bool, job: str | None
    ) -> list[int]:
        """The numbers of the changes that were applied, as the answer has them."""
        batch = None
        if batch_id is not None:
            if batch_id not in self.batches:
                raise Refused(NotFound)
            batch = self.batches[batch_id]
        done = self._done(numbers, batch, job)
        if done is not None:
            return [number for number in done if number in self.changes]
        if batch is not None and batch.status == "applied":
            return []
        if batch is not None and batch.status != "open":
            raise Refused(WrongState)
        parts: dict[int, list[int]] = {batch.number: list(batch.members)} if batch is not None else {}
        if not mixed:
            # What makes no sense together is said first: who is not there, then who has no batch, then several.
            together = [self.find(number) for number in numbers]
            if any(change.batch is None for change in together) or len({change.batch for change in together}) > 1:
                raise Refused(WrongState)
        for number in numbers:
            change = self.find(number)
            if change.status != "approved" or change.batch is None:
                raise Refused(WrongState)
            parts.setdefault(change.batch, []).append(number)
        drifted, self_pushed = bool(self.strange), self.pushed
        for place, members in parts.items():
            self._apply(actor, self.batches[place], sorted(members), job, drifted, self_pushed)
        return list(numbers) or [number for members in parts.values() for number in members]

    def _done(self, numbers: Sequence[int], batch: Batch | None, job: str | None) -> Sequence[int] | None:
        rows = self.jobs.get(job, []) if job is not None else []
        if not rows:
            return None
        for number, applied in rows:
            if batch is not None and batch.number == number:
                return applied
        everything = {number for _, applied in rows for number in applied}
        if batch is None and set(numbers) in [everything, *(set(applied) for _, applied in rows)]:
            return numbers
        raise Refused(WrongState)

    def _apply(
        self, actor: str, batch: Batch, numbers: list[int], job: str | None, drifted: bool, pushed: bool
    ) -> None:
        whole = numbers == batch.members
        if drifted and not (whole and pushed and batch.number == self.open_batch):
            raise Refused(IntegrityFailure)
        changes = [self.changes[number] for number in numbers]
        if any(change.held for change in changes):
            raise Refused(WrongState)
        self.require_approver(actor)
        if not all(self.has_enough(change) for change in changes):
            raise Refused(Forbidden)
        for change in changes:
            self._check_possible(change)
        before = dict(self.live)
        if whole and batch.onto == self.main and not batch.is_policy:
            self.live = dict(batch.tree)
        else:
            self.live = self._merged(self.live, changes)
        for change in changes:
            change.status = "applied"
            if change.setting is not None:
                self.settings[change.setting[0]] = change.setting[1]
        rest = [number for number in batch.members if number not in numbers]
        batch.members, batch.status, batch.before, batch.tree = numbers, "applied", before, dict(self.live)
        self.open_batch = None if batch.number == self.open_batch else self.open_batch
        self.events += len(numbers)
        self.move_main()
        self.strange, self.pushed = [], False
        if job is not None:
            self.jobs.setdefault(job, []).append((batch.number, numbers))
        if rest:
            split = Batch(self.last_batch + 1, [], {}, {}, 0)
            self._anew(split, [self.changes[number] for number in rest])
            if split.members:
                self.last_batch += 1
                self.batches[split.number] = split
                self.open_batch = split.number
                for number in split.members:
                    self.changes[number].batch = split.number
            self.events += 1

    def move_main(self) -> None:
        """``main`` is where it never was."""
        self.mains += 1
        self.main = self.mains

    # --- the rest ---

    def purge(self, actor: str, statuses: Sequence[str], name: str) -> list[int]:
        found = [
            number
            for number, change in self.changes.items()
            if change.status in statuses and fold(name) in fold(change.name)
        ]
        self.require_approver(actor)
        leaving = {number for number in found if self.changes[number].status == "approved"}
        for number in found:
            self.purged[number] = self.changes.pop(number)
        if leaving:
            self._rebuild(leaving)
        self.events += len(found)
        return found

    def revert(self, actor: str, batch_id: int) -> list[int]:
        """The numbers of the inverse changes."""
        if batch_id not in self.batches:
            raise Refused(NotFound)
        if actor != CAROL:
            self.require_approver(actor)
        batch = self.batches[batch_id]
        if batch.status != "applied" or batch.is_policy:
            raise Refused(WrongState)
        every = {**self.changes, **self.purged}
        names = dict.fromkeys(every[number].name for number in batch.members)
        made, stuck = [], 0
        for name in names:
            try:
                body = merged(batch.tree.get(name), self.live.get(name), batch.before.get(name))
            except Refused:
                stuck += 1
                continue
            if body != self.live.get(name):
                operation = "delete" if body is None else "update" if name in self.live else "create"
                made.append((operation, name, body))
        if stuck and not made:
            raise Refused(Conflict)
        leaving = {name for operation, name, _ in made if operation == "delete"}
        for operation, name, body in made:
            self.check(operation, name, body, leaving)
        return [self.enqueue(op, name, self.live.get(name), body, actor).number for op, name, body in made]

    def policy(self, actor: str, name: str, value: Any) -> int | None:
        """The number of the change, if it waits for somebody else."""
        self.require_approver(actor)
        after = {**self.settings, name: value}
        if after == self.settings:
            raise Refused(Invalid)
        approvers = 2 + bool(after["dora"])
        if after["approvals"] > approvers - bool(after["two_person"]):
            raise Refused(Invalid)
        change = self.enqueue("update", CONFIG, None, None, actor)
        change.setting, change.before = (name, value), dict(self.settings)
        if self.settings["two_person"] or self.settings["approvals"] > 1:
            return change.number
        change.approvals = {actor}
        number = self._join([change])
        self.events += 1
        self.apply(actor, [], number, mixed=False, job=None)
        return None

    def layout(self, actor: str, fan_out: int) -> None:
        self.require_approver(actor)
        if self.strange:
            raise Refused(IntegrityFailure)
        if fan_out != self.settings["fan_out"]:
            self.settings["fan_out"] = fan_out
            self.events += 1
            self.move_main()

    def adopt(self, actor: str, oid: str) -> None:
        self.require_approver(actor)
        place = next((index for index, one in enumerate(self.strange) if one.oid == oid), None)
        if place is None:
            raise Refused(WrongState)
        taken = self.strange[: place + 1]
        if not all(one.sound for one in taken):
            raise Refused(Invalid)
        given = self.adopting.get(oid, set())
        if actor in given:
            raise Refused(WrongState)
        tree = taken[-1].tree
        askers = {one.author for one in taken} if tree != self.live else set()
        if self.settings["two_person"] and actor in askers:
            raise Refused(Forbidden)
        self.events += 1
        if any(self.counted(asker, {*given, actor}) < self.settings["approvals"] for asker in askers):
            self.adopting = {oid: {*given, actor}}
            return
        self.adopting = {}
        self.live = dict(tree)
        self.strange = self.strange[place + 1 :]
        self.move_main()

    def disown(self, actor: str, oid: str) -> None:
        self.require_approver(actor)
        if not self.strange or self.strange[-1].oid != oid:
            raise Refused(WrongState)
        self.strange, self.pushed, self.adopting = [], False, {}
        self.events += 1
        self.move_main()
