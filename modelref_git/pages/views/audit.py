"""The timeline: the queue log and the history of ``main`` as one, and what the last verification said."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from modelref_git.operations.audit_events import EventFilters
from modelref_git.operations.context import Context
from modelref_git.operations.timeline import timeline
from modelref_git.operations.verified import last_verified
from modelref_git.proposals.events import ACTIONS

PAGE: Final = 50


def audit_view(ctx: Context, filters: EventFilters, *, before: int | None, policy: bool) -> dict[str, Any]:
    """What the page shows of the events that *filters* hold for, older than the event *before*."""
    page = timeline(ctx, filters, before=before, limit=PAGE, policy=policy)
    return {
        "steps": page.items,
        "next_cursor": page.next_cursor,
        "filters": asdict(filters),
        "actions": sorted(ACTIONS),
        "verified": last_verified(ctx),
    }
