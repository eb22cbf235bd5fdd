"""Rules of the queue log itself: its numbers, its state, its parents, its times, its words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from modelref_git.operations.verifying.case import EventCase
from modelref_git.operations.verifying.rules import Fault, Rule
from modelref_git.proposals import events, trailers
from modelref_git.proposals.events import Event
from modelref_git.proposals.folds.imported import next_event_id, number_faults
from modelref_git.store.objects import EMPTY_TREE, Commit
from modelref_git.store.state import StoredQueue
from modelref_git.store.step import KEEP_AT_MOST

_QUEUE: Final = "import of a queue"
_REBUILDS: Final = frozenset({"merges", "returned"})
_SAYS: Final = {
    events.ENQUEUE: {"change_ids", "proposals", "intake", "source", "route"},
    events.REBASE: {"change_ids", "proposals", *_REBUILDS},
    events.WITHDRAW: {"change_ids", *_REBUILDS},
    events.SUPERSEDE: {"change_ids", "superseded_by", *_REBUILDS},
    events.HOLD: {"change_ids"},
    events.UNHOLD: {"change_ids"},
    events.APPROVE: {"change_ids", "approvals", "sole", "acknowledged", "batch_id", "merges"},
    events.REJECT: {"change_ids", "batch_id", *_REBUILDS},
    events.APPLY: {"change_ids", "batch_id", "merges", "main", "job_id"},
    events.BATCH_SPLIT: {"batch_id", "new_batch_id", "reassigned", *_REBUILDS},
    events.PURGE: {"change_ids", *_REBUILDS},
    events.INIT: {"main"},
    events.IMPORT: {"main"},
    _QUEUE: {
        *("change_ids", "proposals", "approvals", "batch_id", "merges"),
        *("imported", "skipped_changes", "skipped_batches", "skipped_events"),
    },
    events.LAYOUT: {"main"},
    events.ADOPT: {"main", "stranger"},
    events.DISOWN: {"main", "stranger"},
}
"""What an event of each kind says beyond reasons and notes. In any other nobody would look for it."""
_LOOKED_AT: Final = sorted({name for names in _SAYS.values() for name in names})


def _is_event(commit: Commit) -> Iterator[str]:
    events.decode(commit.id, commit.message, commit.committer.time)
    yield from ()


def _numbers(case: EventCase) -> Iterator[str]:
    event, header = case.event, case.before.header
    with_brought = replace(event, brought=case.brought)
    if event.first_id != next_event_id(header.last_event_id, with_brought):
        yield f"it is event {event.first_id}, and comes after event {header.last_event_id}"
    yield from number_faults(header.last_event_id, with_brought)
    if any(second <= first for first, second in pairwise(event.change_ids)):
        yield f"its changes are not in ascending order: {', '.join(map(str, event.change_ids))}"
    if event.action == events.ENQUEUE:
        last = header.last_change_id
        if event.change_ids != tuple(range(last + 1, last + 1 + len(event.change_ids))):
            yield f"its changes {', '.join(map(str, event.change_ids))} do not follow change {last}"
    opened = event.new_batch_id if event.action == events.BATCH_SPLIT else None
    if event.action == events.APPROVE and event.batch_id is not None and case.before.batch(event.batch_id) is None:
        opened = event.batch_id
    if opened is not None and opened != header.last_batch_id + 1:
        yield f"its batch {opened} does not follow batch {header.last_batch_id}"


def _possible(case: EventCase) -> Iterator[str]:
    tree, why = case.folded
    if tree is None and not list(_numbers(case)):
        yield f"it is not possible in the state before it: {why}"


def _state(case: EventCase) -> Iterator[str]:
    tree, _ = case.folded
    if tree is not None and tree != case.commit.tree:
        yield f"its state is the tree {case.commit.tree}; its event makes {tree} of the state before it"


def _parents(case: EventCase) -> Iterator[str]:
    first, rest = ([case.parent.id], case.commit.parents[1:]) if case.parent is not None else ([], case.commit.parents)
    if list(case.commit.parents[:1]) != first and case.parent is not None:
        yield "its first parent is not the event before it"
    if len(rest) > 1 or (rest and case.parent is None):
        yield f"it has {len(case.commit.parents)} parents"
        return
    wanted = spoken_of(case.event) if case.parent is not None else []
    if not _keeps(case, list(rest), wanted):
        yield f"its second parent does not keep exactly what it speaks of ({len(wanted)} commits)"


def spoken_of(event: Event) -> list[str]:
    """The commits that an event speaks of, and so keeps reachable."""
    main = [event.main] if event.main is not None else []
    if event.main is None and event.stranger is not None:
        main = [event.stranger]
    imported = [event.imported] if event.imported is not None else []
    return list(dict.fromkeys([*imported, *(one.commit for one in event.proposals), *event.merges[-1:], *main]))


def _keeps(case: EventCase, found: list[str], wanted: Sequence[str]) -> bool:
    if len(wanted) <= 1:
        return found == list(wanted)
    starts = range(0, len(wanted), KEEP_AT_MOST)
    for start in reversed(starts):
        if len(found) != 1:
            return False
        keep = case.objects.read_commit(found[0])
        kept = len(wanted[start : start + KEEP_AT_MOST])
        if keep.tree != EMPTY_TREE or list(keep.parents[-kept:]) != list(wanted[start : start + KEEP_AT_MOST]):
            return False
        found = list(keep.parents[:-kept])
    return not found


def _time(case: EventCase) -> Iterator[str]:
    if case.parent is not None and case.event.time < case.parent.committer.time:
        yield f"its time {case.event.time} is before that of the event before it, {case.parent.committer.time}"


def _genesis(case: EventCase) -> Iterator[str]:
    if case.event.genesis != case.genesis:
        yield f"it was written for the log that begins with {case.event.genesis}; this one begins with {case.genesis}"


def _first(case: EventCase) -> Iterator[str]:
    if (case.parent is None) != (case.event.action == events.INIT):
        yield "the first event is an init, and no other is" if case.parent is None else "it is an init within a log"


def _trailers(case: EventCase) -> Iterator[str]:
    found = sorted(trailers.read(case.commit.message), key=lambda row: row[0])
    wanted = sorted(trailers.read(case.event.message()), key=lambda row: row[0])
    if found != wanted:
        odd = next((row for row in found if row not in wanted), None) or (found[0] if found else ("", ""))
        yield f"its trailers are not those of an event that says the same: {odd[0]}: {odd[1]}"
    words = case.commit.message.partition(":")[0]
    if words != case.event.action:
        yield f"its subject begins with {words[:20]!r}, and it is an event {case.event.action}"


def _says(case: EventCase) -> Iterator[str]:
    kind = _QUEUE if case.event.imported is not None else case.event.action
    allowed = _SAYS[kind]
    for name in _LOOKED_AT:
        if getattr(case.event, name) and name not in allowed:
            yield f"an event {kind} says nothing about {name.replace('_', ' ')}"
    if "change_ids" in allowed and not case.event.change_ids and kind != _QUEUE:
        yield "it is about no change"
    if case.event.action == events.APPROVE and case.event.batch_id is None and case.event.merges:
        yield "it names merges, and no batch that they make"


def _actor_name(case: EventCase) -> Iterator[str]:
    for actor in (case.event.actor, case.event.attested_by):
        member = case.config.member(actor.id) if case.config is not None and actor is not None else None
        if member is not None and member.name != (actor.name if actor is not None else ""):
            yield f"{actor} is the member {member.actor}, under another name"


def _splits(case: EventCase) -> Iterator[Fault]:
    if case.event.action != events.BATCH_SPLIT or case.parent is None:
        return
    before = events.decode(case.parent.id, case.parent.message, case.parent.committer.time)
    if (before.action, before.batch_id, before.actor) != (events.APPLY, case.event.batch_id, case.event.actor):
        yield Fault("the event before it is not the apply, by the same person, that left a part of the batch")
    batch = case.before.batch(case.event.batch_id or 0)
    old = _members_before(case, case.event.batch_id or 0)
    if batch is not None and {*old} != {*batch.changes, *case.event.reassigned, *case.event.returned}:
        yield Fault("it does not tell what became of each change that was left")


def _members_before(case: EventCase, batch_id: int) -> tuple[int, ...]:
    """The members that a batch had before the apply of which the event is the second half."""
    if case.parent is None or not case.parent.parents:
        return ()
    earlier = StoredQueue(case.objects, case.objects.read_commit(case.parent.parents[0]).tree)
    batch = earlier.batch(batch_id)
    return batch.changes if batch is not None else ()


STATE: Final = "queue.state"

EVENT: Final = Rule("queue.event", "Every commit of the queue log is an event.", _is_event)

RULES: Final = (
    Rule("queue.first", "The log begins with an init, and has no other.", _first),
    Rule("queue.genesis", "Every event was written for this log: it names its first commit.", _genesis),
    Rule(
        "queue.numbers",
        "Events, changes and batches are counted without gaps but what an import lists, and never twice.",
        _numbers,
    ),
    Rule("queue.possible", "Every event is possible in the state before it.", _possible),
    Rule(STATE, "The state in each commit is what its event makes of the state before it.", _state),
    Rule("queue.parents", "An event has the event before as first parent, and keeps exactly what it names.", _parents),
    Rule("queue.time", "Times do not go back.", _time),
    Rule("queue.trailers", "An event says what it says once, in the words that a program would write.", _trailers),
    Rule("queue.says", "An event says nothing that is no matter of its kind.", _says),
    Rule("queue.actor", "Who acts is named as the list of members names them.", _actor_name),
    Rule("queue.split", "A split follows the apply that left a part of a batch, and accounts for it.", _splits),
)
