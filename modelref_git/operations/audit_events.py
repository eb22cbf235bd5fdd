"""The lifecycle events of the queue, one by one, with filters."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelref_git.operations.context import Context
from modelref_git.proposals import events
from modelref_git.proposals.audit import event_row, past_row
from modelref_git.proposals.events import Event, Proposal
from modelref_git.store import log
from modelref_git.store.index import Index, Wanted
from modelref_git.store.log import View


@dataclass(frozen=True, slots=True)
class EventFilters:
    """Which events are wanted: every filter that is given must hold."""

    change_id: int | None = None
    """Those about this change; also the split that moved it to another batch."""
    batch_id: int | None = None
    """Those about this batch, not all that befell its changes."""
    actor: str | None = None
    """An id, or ``name#id``."""
    actions: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    """Unix seconds, both ends counted in."""


def list_events(ctx: Context, filters: EventFilters) -> Iterator[dict[str, Any]]:
    """The queue's lifecycle events, oldest first: PendingQueueAuditEvents with their commits."""
    view = ctx.view()
    given: Wanted = {
        "change_id": filters.change_id,
        "batch_id": filters.batch_id,
        "actor": filters.actor.rpartition("#")[2] if filters.actor is not None else None,
        "actions": filters.actions,
        "since": filters.since,
        "until": filters.until,
    }
    with Index(view) as index:
        found = index.events(**given)
        past = index.past_events(**given)
    wanted: dict[str, set[int]] = {}
    for event_id, commit in found:
        wanted.setdefault(commit, set()).add(event_id)
    # There is one import of a queue at most: what it brings is told before it, and after what was here before.
    first = past[0][0] if past else 0
    for commit, event_ids in wanted.items():
        if past and min(event_ids) >= first:
            yield from _past_rows(view, past)
            past = []
        yield from event_rows(view, commit, read_event(view, commit), event_ids)
    if past:
        yield from _past_rows(view, past)


def _past_rows(view: View, found: Sequence[tuple[int, str, int]]) -> Iterator[dict[str, Any]]:
    commit = found[0][1]
    brought = read_event(view, commit).brought
    for _, _, place in found:
        if brought is not None:
            yield {**past_row(brought.events[place - 1]), "commit": commit}


def event_rows(view: View, commit: str, event: Event, event_ids: Collection[int]) -> Iterator[dict[str, Any]]:
    """The parts of one *event*, those with the *event_ids*, as :func:`list_events` tells them.

    Args:
        view: the repository at that event, or later.
        commit: the commit of ``queue`` that holds the event.
        event: what :func:`read_event` gives of it.
        event_ids: of these parts.
    """
    for place, (event_id, change_id) in enumerate(event.ids()):
        if event_id not in event_ids:
            continue
        about: Proposal | None = None
        if event.proposals:
            about = log.read_proposal(view.store, event.proposals[place].commit, blobs=False)
        elif event.action == events.PURGE and change_id is not None:
            change = view.queue.purged(change_id)
            about = change.proposal if change is not None else None
        yield {**event_row(event, event_id, change_id, about), "commit": commit}


def read_event(view: View, commit: str, wanted: Collection[int] = ()) -> Event:
    """The event in a commit of the queue log; of its proposals, those of the *wanted* changes are read.

    What the import of a queue brings is read too.

    Raises:
        IntegrityFailure: the commit is no event.
    """
    found = view.store.read_commit(commit)
    event = events.decode(commit, found.message, found.committer.time)
    # Only a rebase can void an approval, and for that its content counts.
    blobs = event.action == events.REBASE
    proposals = tuple(
        log.read_proposal(view.store, proposal.commit, blobs=blobs) if change_id in wanted else proposal
        for change_id, proposal in zip(event.change_ids, event.proposals, strict=False)
    )
    return log.with_brought(view.store, replace(event, proposals=proposals))
