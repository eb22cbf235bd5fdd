"""The state of the upstream service's queue, read from its files: what is good, what is not, what was settled.

Bytes in, values out: a verification reads the files that an import kept in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.formats.upstream.audit import Audit, read_audit
from modelref_git.formats.upstream.changes import UpstreamChange, read_change
from modelref_git.formats.upstream.faults import QueueFault
from modelref_git.formats.upstream.files import CHANGES, INDEX
from modelref_git.proposals import events
from modelref_git.proposals.brought import PastEvent, is_number
from modelref_git.proposals.folds.common import unapproved
from modelref_git.proposals.header import APPLIED, APPROVED, PENDING, REJECTED
from modelref_git.records.json_places import places
from modelref_git.records.json_text import MAX_DEPTH, parse, same

_COUNTERS: Final = ("last_change_id", "last_batch_id", "last_event_id")
_PURGED: Final = "purged"
_BECOMES: Final = {
    events.ENQUEUE: PENDING,
    events.APPROVE: APPROVED,
    events.REJECT: REJECTED,
    events.APPLY: APPLIED,
    events.PURGE: _PURGED,
}


@dataclass(frozen=True, slots=True)
class UpstreamQueue:
    """The state of a queue."""

    changes: tuple[UpstreamChange, ...]
    """Ascending."""
    events: tuple[PastEvent, ...]
    """Oldest first."""
    last_change_id: int
    last_batch_id: int
    last_event_id: int
    """The last numbers that were given out, as far as any of the files tells."""
    faults: tuple[QueueFault, ...]
    """Records and lines that cannot be used."""
    warnings: tuple[QueueFault, ...]
    """What contradicts itself or something else, and how it was settled."""


def read_queue(files: Mapping[str, bytes]) -> UpstreamQueue:
    """Read the state of a queue.

    Args:
        files: the files by their paths: ``changes.json``, counters in files ``index.json``, segments ``audit-*.jsonl``.

    Raises:
        Invalid: ``changes.json`` is not there, is not strict JSON, or is no list: then there is no telling what is
            missing, and nothing is taken.
    """
    records = _Records(files)
    audit = read_audit(files)
    counters, faults = _counters(files)
    warnings = [*records.warnings, *audit.warnings, *faults]
    changes, settled = _one_open_batch(records.changes)
    warnings += settled
    highest = _highest(changes.values(), audit)
    # What cannot be used has used its number up all the same.
    highest["last_change_id"] = max([highest["last_change_id"], *records.refused])
    for name, found in highest.items():
        if counters.get(name, found) < found:
            text = f"{name} is {counters[name]}, and {found} is in use: the counter goes on from there"
            warnings.append(QueueFault("queue.counter", text, INDEX, path=f"/{name}"))
    warnings += _contradictions(records, audit)
    return UpstreamQueue(
        changes=tuple(changes[number] for number in sorted(changes)),
        events=tuple(audit.events),
        **{name: max(counters.get(name, 0), highest[name]) for name in _COUNTERS},
        faults=(*records.faults, *audit.faults),
        warnings=tuple(warnings),
    )


class _Records:
    """The records of ``changes.json``."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.changes: dict[int, UpstreamChange] = {}
        self.refused: set[int] = set()
        """The numbers of records that cannot be used."""
        self.faults: list[QueueFault] = []
        self.warnings: list[QueueFault] = []
        rows = _rows(files)
        seen: dict[int, int] = {}
        for place, row in enumerate(rows):
            number = row.get("change_id") if isinstance(row, dict) else None
            known = number if is_number(number) else None
            if not isinstance(row, dict):
                self._fault(place, None, Problem("", "a record is an object", "queue.record"))
            elif known is not None and known in seen:
                self._repeated(rows, seen[known], place, known)
            else:
                self._read(row, place, known)
                if known is not None:
                    seen[known] = place
        if self.faults or self.warnings:
            self._locate(files[CHANGES].decode())

    def _read(self, row: dict[str, Any], place: int, number: int | None) -> None:
        change, faults, warnings = read_change(row)
        for problem in faults:
            self._fault(place, number, problem)
        self.warnings += [self._told(place, number, problem) for problem in warnings]
        if change is not None:
            self.changes[change.change.change_id] = change

    def _repeated(self, rows: list[Any], first: int, place: int, number: int) -> None:
        """A change id that stands twice: the same record twice is one, two records are none that can be trusted."""
        if number not in self.refused and same(rows[first], rows[place]):
            problem = Problem("", f"it stands twice, as {first + 1}. and {place + 1}. record: it is taken once", "")
            self.warnings.append(self._told(place, number, replace(problem, rule="queue.record_repeated")))
            return
        self.changes.pop(number, None)
        text = f"the {first + 1}. and the {place + 1}. record have this number and differ: none of them is taken"
        self._fault(place, number, Problem("/change_id", text, "queue.change_repeated"))

    def _fault(self, place: int, number: int | None, problem: Problem) -> None:
        self.faults.append(self._told(place, number, problem))
        if number is not None:
            self.refused.add(number)

    @staticmethod
    def _told(place: int, number: int | None, problem: Problem) -> QueueFault:
        return QueueFault(problem.rule, problem.message, CHANGES, None, f"/{place}{problem.path}", number)

    def _locate(self, text: str) -> None:
        """Give each fault its line."""
        found = places(text, (fault.path for fault in (*self.faults, *self.warnings)))
        for faults in (self.faults, self.warnings):
            faults[:] = [
                replace(fault, line=found[fault.path].value[0] if fault.path in found else None) for fault in faults
            ]


def _rows(files: Mapping[str, bytes]) -> list[Any]:
    if CHANGES not in files:
        raise _unusable("it is not there", "queue.source")
    rows = parse(files[CHANGES], what=CHANGES, max_bytes=None, max_depth=MAX_DEPTH + 2)
    if not isinstance(rows, list):
        raise _unusable("it is no list of changes", "queue.source")
    return rows


def _unusable(text: str, rule: str) -> Invalid:
    return Invalid.of(
        CHANGES,
        [Problem("", text, rule)],
        hint="take it from the service's last good copy: without it nobody knows which changes there were",
    )


def _counters(files: Mapping[str, bytes]) -> tuple[dict[str, int], list[QueueFault]]:
    """The greatest of each counter that an ``index.json`` holds, and the files that cannot be read."""
    found: dict[str, int] = {}
    faults = []
    for file in sorted(files):
        if file.rpartition("/")[2] != INDEX:
            continue
        try:
            row = parse(files[file], what=file, max_bytes=None)
        except Invalid as error:
            faults.append(QueueFault("queue.index", f"{error.message}: its counters are found anew", file))
            continue
        if not isinstance(row, dict):
            faults.append(QueueFault("queue.index", "it is no object: its counters are found anew", file))
            continue
        for name in _COUNTERS:
            value: Any = row.get(name)
            if is_number(value, 0):
                found[name] = max(found.get(name, 0), value)
            elif value is not None:
                text = f"{name} is no number: it is found anew"
                faults.append(QueueFault("queue.index", text, file, path=f"/{name}"))
    return found, faults


def _highest(changes: Iterable[UpstreamChange], audit: Audit) -> dict[str, int]:
    """The greatest number of each kind that occurs."""
    numbers = [0]
    batches = [0]
    for item in changes:
        numbers.append(item.change.change_id)
        batches.append(item.change.batch_id or 0)
    for event in audit.events:
        numbers += [event.change_id or 0, *event.reassigned]
        batches += event.batch_ids
    return dict(zip(_COUNTERS, (max(numbers), max(batches), audit.last_event_id), strict=True))


def _one_open_batch(changes: Mapping[int, UpstreamChange]) -> tuple[dict[int, UpstreamChange], list[QueueFault]]:
    """The changes with at most one batch of approved ones, the greatest of which nothing was applied."""
    applied = {item.change.batch_id for item in changes.values() if item.change.status == APPLIED}
    waiting = {item.change.batch_id or 0 for item in changes.values() if item.change.status == APPROVED}
    kept = max((number for number in waiting if number not in applied), default=None)
    found = dict(changes)
    warnings = []
    for number in sorted(changes):
        change = changes[number].change
        if change.status != APPROVED or change.batch_id == kept:
            continue
        why = f"batch {change.batch_id} has applied members" if change.batch_id in applied else f"batch {kept} is open"
        text = f"it is approved in batch {change.batch_id}, but {why}: it is pending again"
        warnings.append(QueueFault("queue.open_batch", text, CHANGES, change_id=number))
        found[number] = replace(changes[number], change=unapproved(change))
    return found, warnings


def _contradictions(records: _Records, audit: Audit) -> Iterator[QueueFault]:
    """Where the audit and the records do not tell the same. The records count for what is; all events are kept."""
    changes = records.changes
    if not audit.lines:
        if changes:
            yield QueueFault("queue.no_audit", "there are no audit lines: who did what is known from it alone", CHANGES)
        return
    last = {
        event.change_id: _BECOMES[event.action]
        for event in audit.events
        if event.change_id is not None and event.action in _BECOMES
    }
    told = set(last).union(*(event.reassigned for event in audit.events))
    for number in sorted(told | changes.keys()):
        status = last.get(number)
        if number in changes:
            text = _contradiction(changes[number].change.status, status)
            if text:
                yield QueueFault("queue.contradiction", text, CHANGES, change_id=number)
        elif number not in records.refused and status != _PURGED:
            text = "the audit tells of it, and it is neither there nor purged"
            yield QueueFault("queue.lost", text, CHANGES, change_id=number)


def _contradiction(status: str, told: str | None) -> str | None:
    if told is None:
        return "the audit tells nothing of it"
    return None if told == status else f"it is {status}, and by the audit {told}: the record counts"
