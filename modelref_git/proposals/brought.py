"""What an import of a queue brings: the changes, the events and the numbers of the service that kept it before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelref_git.errors import IntegrityFailure
from modelref_git.proposals import events
from modelref_git.proposals.queue import Change
from modelref_git.proposals.spans import Span, missing

MAX_NUMBER: Final = 2**53 - 1
"""The greatest id or time that is taken in: what every reader of JSON can hold."""

ABOUT_A_CHANGE: Final = (events.ENQUEUE, events.APPROVE, events.REJECT, events.APPLY, events.PURGE)
"""Actions of the service whose events name one change."""
KNOWN_ACTIONS: Final = (*ABOUT_A_CHANGE, events.BATCH_SPLIT)
"""Every action that the service's queue events have."""

_NUMBERS: Final = ("change_id", "batch_id", "original_batch_id", "new_batch_id")
_TEXTS: Final = (
    *("batch_title", "reason", "job_id", "operation", "category", "model", "requested_by"),
    "purged_by_username",
)


def is_number(value: Any, least: int = 1) -> bool:
    """Whether *value* can be an id, or with *least* 0 a time in Unix seconds."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_NUMBER


def payload_faults(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """``(member, what is wrong)`` of the payload of one of the service's queue events."""
    action = said.get("action")
    if not isinstance(action, str) or not action:
        yield "action", "an event says what was done"
        return
    for name in _NUMBERS:
        if said.get(name) is not None and not is_number(said[name]):
            yield name, "this is a number from 1 on"
    for name in _TEXTS:
        if said.get(name) is not None and not isinstance(said[name], str):
            yield name, "this is a text"
    moved = said.get("reassigned_change_ids")
    if moved is not None and not (isinstance(moved, list) and all(is_number(number) for number in moved)):
        yield "reassigned_change_ids", "this is a list of change ids"
    if action in ABOUT_A_CHANGE and said.get("change_id") is None:
        yield "change_id", f"an event {action} names its change"
    if action == events.BATCH_SPLIT:
        for name in ("original_batch_id", "new_batch_id"):
            if said.get(name) is None:
                yield name, "a split names both batches"


@dataclass(frozen=True, slots=True)
class PastEvent:
    """One event of the queue from before it was imported, as the service's audit had it."""

    event_id: int
    """The service's number. Other events of the service, and of this log, can have it too."""
    time: int
    actor: str | None
    """The id of who acted."""
    said: Mapping[str, Any]
    """The payload: the action and its fields, with a right shape by :func:`payload_faults`."""

    @property
    def action(self) -> str:
        """What was done."""
        return str(self.said["action"])

    @property
    def change_id(self) -> int | None:
        """The change that it is about, if it is about one."""
        return self.said.get("change_id")

    @property
    def batch_ids(self) -> tuple[int, ...]:
        """The batches that it speaks of."""
        found = (self.said.get(name) for name in _NUMBERS[1:])
        return tuple(dict.fromkeys(number for number in found if number is not None))

    @property
    def reassigned(self) -> tuple[int, ...]:
        """The changes that a split moved to another batch."""
        return tuple(self.said.get("reassigned_change_ids") or ())

    def about(self) -> Iterator[tuple[int | None, int | None]]:
        """``(change id, batch id)`` of everything that it speaks of; at least one pair."""
        batches = self.batch_ids
        if self.action != events.BATCH_SPLIT:
            yield self.change_id, batches[0] if batches else None
            return
        yield from ((None, number) for number in batches)
        yield from ((number, self.said.get("new_batch_id")) for number in self.reassigned)

    def as_row(self) -> dict[str, Any]:
        """The event as the kept commit has it."""
        return {"event_id": self.event_id, "timestamp": self.time, "actor": self.actor, "payload": dict(self.said)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> PastEvent:
        """Read what :meth:`as_row` wrote.

        Raises:
            IntegrityFailure: it is no event.
        """
        number, time, actor, said = (row.get(name) for name in ("event_id", "timestamp", "actor", "payload"))
        good = is_number(number) and is_number(time, 0) and isinstance(actor, str | None) and isinstance(said, dict)
        if not good or list(payload_faults(said or {})):
            raise IntegrityFailure(f"the event {number!r} that was imported is not readable")
        return cls(number or 0, time or 0, actor, said or {})


@dataclass(frozen=True, slots=True)
class Brought:
    """Everything that one import of a queue brings. The proposals of open changes stand in the event itself."""

    changes: tuple[Change, ...]
    """Ascending, each as it comes in; open ones without commit, base and blobs."""
    events: tuple[PastEvent, ...]
    """Oldest first."""
    last_change_id: int = 0
    last_batch_id: int = 0
    last_event_id: int = 0
    """The last numbers that the service gave out, as far as anything tells of them."""

    @property
    def batch_ids(self) -> frozenset[int]:
        """Every batch that a change or an event names."""
        named = {change.batch_id for change in self.changes if change.batch_id is not None}
        return frozenset(named.union(*(event.batch_ids for event in self.events)))

    @property
    def skipped_changes(self) -> tuple[Span, ...]:
        """The change ids that were given out and that no change has: purged, lost, or refused."""
        return missing((change.change_id for change in self.changes), self.last_change_id)

    @property
    def skipped_batches(self) -> tuple[Span, ...]:
        """The batch ids that were given out and that nothing names."""
        return missing(self.batch_ids, self.last_batch_id)

    def skipped_events(self, before: int) -> tuple[Span, ...]:
        """The event ids that the log, whose last one is *before*, passes over: the service has given them out."""
        return ((before + 1, self.last_event_id),) if self.last_event_id > before else ()
