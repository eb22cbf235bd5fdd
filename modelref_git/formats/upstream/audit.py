"""The audit lines of the upstream service: the queue's events, and what is broken or repeated among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from modelref_git.errors import Invalid
from modelref_git.formats.jsonl import read_lines
from modelref_git.formats.upstream.faults import QueueFault
from modelref_git.formats.upstream.files import is_audit
from modelref_git.proposals.brought import KNOWN_ACTIONS, PastEvent, is_number, payload_faults
from modelref_git.records.json_text import same

QUEUE: Final = "pending_queue"
"""The category of the queue's own events; the others tell of records."""


@dataclass(slots=True)
class Audit:
    """What the lines of an audit hold."""

    events: list[PastEvent] = field(default_factory=list)
    """The queue's events, oldest first."""
    last_event_id: int = 0
    """The greatest id of any line."""
    lines: int = 0
    faults: list[QueueFault] = field(default_factory=list)
    """Lines that cannot be used."""
    warnings: list[QueueFault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Line:
    file: str
    number: int
    row: Mapping[str, Any]

    @property
    def event_id(self) -> int:
        return int(self.row["event_id"])

    def told(self, rule: str, text: str) -> QueueFault:
        """What is said about the line."""
        return QueueFault(rule, text, self.file, self.number, event_id=self.event_id)


def read_audit(files: Mapping[str, bytes]) -> Audit:
    """Read every segment among *files*, in the order of their paths.

    A line that stands twice is taken once. Different lines with one id are all taken: several processes, or a counter
    that began anew, gave it out; then time orders the events, and not the id.
    """
    audit = Audit()
    seen: dict[int, list[_Line]] = {}
    for file in sorted(files):
        if is_audit(file.rpartition("/")[2]):
            for line in _good_lines(file, files[file], audit):
                _take(line, seen, audit)
    kept = [line for lines in seen.values() for line in lines if line.row["category"] == QUEUE]
    repeated = any(len(lines) > 1 for lines in seen.values())
    kept.sort(key=lambda line: (line.row["timestamp"] if repeated else 0, line.event_id))
    audit.events = [_event(line.row) for line in kept]
    audit.last_event_id = max(seen, default=0)
    return audit


def _good_lines(file: str, data: bytes, audit: Audit) -> Iterator[_Line]:
    for number, row in read_lines(data, file, max_bytes=None):
        audit.lines += 1
        if isinstance(row, Invalid):
            audit.faults += [
                QueueFault(str(detail["rule"]), str(detail["message"]), file, number) for detail in row.details
            ]
            continue
        faults = list(_faults(row))
        event_id = row.get("event_id")
        known = event_id if is_number(event_id) else None
        audit.faults += [
            QueueFault("queue.event", text, file, number, path=f"/{name}", event_id=known) for name, text in faults
        ]
        if not faults:
            yield _Line(file, number, row)


def _faults(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not is_number(row.get("event_id")):
        yield "event_id", "an event has an id, a number from 1 on"
    if not is_number(row.get("timestamp"), 0):
        yield "timestamp", "an event has a time in Unix seconds"
    if not isinstance(row.get("category"), str):
        yield "category", "an event says of what category it is"
        return
    if row["category"] != QUEUE:
        return  # of a record: nothing but its number is needed
    actor = row.get("logical_user_id")
    if actor is not None and not (isinstance(actor, str) and actor == actor.strip() != "" and "#" not in actor):
        yield "logical_user_id", "this is the id of a user"
    payload = row.get("payload")
    said = payload.get("after") if isinstance(payload, dict) else None
    if isinstance(said, dict):
        yield from ((f"payload/after/{name}", text) for name, text in payload_faults(said))
    else:
        yield "payload", "an event of the queue says what was done in payload.after"


def _take(line: _Line, seen: dict[int, list[_Line]], audit: Audit) -> None:
    """Keep *line*, unless it is one that was there before."""
    others = seen.setdefault(line.event_id, [])
    twin = next((other for other in others if same(dict(other.row), dict(line.row))), None)
    if twin is not None:
        text = f"this stands in {twin.file}:{twin.number} too: it is taken once"
        audit.warnings.append(line.told("queue.line_repeated", text))
        return
    if others:
        text = f"{others[0].file}:{others[0].number} is another event of that id: both are taken"
        audit.warnings.append(line.told("queue.event_repeated", text))
    said = line.row["payload"]["after"] if line.row["category"] == QUEUE else {}
    if said and said["action"] not in KNOWN_ACTIONS:
        text = f"nobody knows the action {said['action']!r}: the event is kept, and changes nothing"
        audit.warnings.append(line.told("queue.action", text))
    others.append(line)


def _event(row: Mapping[str, Any]) -> PastEvent:
    return PastEvent(row["event_id"], row["timestamp"], row.get("logical_user_id"), row["payload"]["after"])
