"""The life of a change: what an event makes of the queue. The state is exactly the fold of the events.

:func:`apply_event` is used both to write the state after a new event and to rebuild it from the log. It judges what is
possible; who may is a matter of :mod:`.policy`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from modelref_git.errors import IntegrityFailure
from modelref_git.proposals import events
from modelref_git.proposals.events import Event
from modelref_git.proposals.folds import applied, asked, decided, imported
from modelref_git.proposals.queue import Queue


def apply_event(queue: Queue, event: Event) -> None:
    """Make of *queue* what it is after *event*.

    Raises:
        WrongState: the event is not possible in this state.
        IntegrityFailure: its numbers do not follow those before.
    """
    header = queue.header
    if event.first_id != imported.next_event_id(header.last_event_id, event):
        raise IntegrityFailure(f"event {event.first_id} does not follow event {header.last_event_id}")
    for fault in imported.number_faults(header.last_event_id, event):
        raise IntegrityFailure(f"event {event.first_id}: {fault}")
    queue.header = replace(
        header,
        last_event_id=event.last_id,
        main=event.main or header.main,
        genesis=header.genesis or event.genesis,
    )
    _FOLDS[event.action](queue, event)


_FOLDS: Final = {
    events.ENQUEUE: asked.enqueue,
    events.REBASE: asked.rebase,
    events.WITHDRAW: asked.withdraw,
    events.SUPERSEDE: asked.supersede,
    events.HOLD: asked.hold,
    events.UNHOLD: asked.unhold,
    events.APPROVE: decided.approve,
    events.REJECT: decided.reject,
    events.APPLY: applied.apply,
    events.BATCH_SPLIT: applied.batch_split,
    events.PURGE: decided.purge,
    events.INIT: applied.administrative,
    events.IMPORT: imported.import_anything,
    events.LAYOUT: applied.administrative,
    events.ADOPT: applied.adopt,
    events.DISOWN: applied.disown,
}
