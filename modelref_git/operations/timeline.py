"""The two histories as one: each step of the queue log, with what it brought to ``main``, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from modelref_git.operations.audit_events import EventFilters, read_event
from modelref_git.operations.context import Context
from modelref_git.proposals.header import POLICY
from modelref_git.store.index import Index, StepRow, Wanted
from modelref_git.store.log import View

CHANGES_AT_MOST: Final = 20
"""Changes of one step that are told singly; an import may bring thousands."""


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Steps, newest first."""

    items: tuple[dict[str, Any], ...]
    """Each ``{"first_id", "last_id", "action", "actor", "attested_by", "at", "commit", "title", "reason", "batch_id",
    "changes": [{"change_id", "category", "model_name", "operation"}], "change_count", "main": [commit ids]}``."""
    next_cursor: int | None
    """Give it as *before* for what came earlier; ``None`` at the beginning of the log."""


def timeline(
    ctx: Context, filters: EventFilters, *, before: int | None = None, limit: int = 50, policy: bool = True
) -> TimelinePage:
    """One page of the timeline.

    Args:
        ctx: the way in.
        filters: which events are wanted.
        before: only steps whose events have smaller ids.
        limit: at most so many steps.
        policy: whether changes of the policy are told with their numbers; else a step about nothing else is left out.
    """
    view = ctx.view()
    wanted: Wanted = {}
    if filters.change_id is not None:
        wanted["change_id"] = filters.change_id
    if filters.batch_id is not None:
        wanted["batch_id"] = filters.batch_id
    wanted["actor"] = filters.actor.rpartition("#")[2] if filters.actor is not None else None
    wanted["actions"] = filters.actions
    wanted["since"], wanted["until"] = filters.since, filters.until
    with Index(view) as index:
        rows = index.steps_before(before, limit + 1, **wanted)
        hidden = frozenset() if policy else frozenset(index.changes((POLICY,)))
        told = [_told(view, index, row, hidden) for row in rows[:limit]]
    more = rows[limit - 1].first_id if len(rows) > limit else None
    return TimelinePage(tuple(row for row in told if row is not None), more)


def _told(view: View, index: Index, row: StepRow, hidden: frozenset[int]) -> dict[str, Any] | None:
    event = read_event(view, row.commit)
    numbers = [number for number in event.change_ids if number not in hidden]
    if event.change_ids and not numbers:
        return None
    changes = []
    for number in numbers[:CHANGES_AT_MOST]:
        change = view.queue.change(number) or view.queue.purged(number)
        if change is not None:
            keys = ("change_id", "category", "model_name", "operation")
            changes.append({key: getattr(change, key) for key in keys})
    return {
        "first_id": row.first_id,
        "last_id": row.last_id,
        "action": row.action,
        "actor": str(event.actor),
        "attested_by": str(event.attested_by) if event.attested_by is not None else None,
        "at": row.time,
        "commit": row.commit,
        "title": event.title,
        "reason": event.reason,
        "batch_id": event.batch_id,
        "changes": changes,
        "change_count": len(numbers),
        "main": index.commits_by(row.first_id),
    }
