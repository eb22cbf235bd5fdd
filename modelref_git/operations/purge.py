"""Purge: changes taken out of the queue. Their history stays in the audit, and their numbers are never used again."""

from __future__ import annotations

from typing import Any

from modelref_git.errors import UsageFault
from modelref_git.operations.changes import Filters, matching_changes
from modelref_git.operations.context import Context
from modelref_git.operations.judging import require
from modelref_git.operations.rebuilding import without
from modelref_git.operations.wording import listing
from modelref_git.proposals.events import PURGE, Event
from modelref_git.store.step import Step


def purge_changes(ctx: Context, filters: Filters, *, everything: bool = False) -> dict[str, Any]:
    """Take the changes that *filters* hold for out of the queue; answers a PurgePendingChangesResponse.

    An approved one leaves its batch, which is merged anew in the same step. Filters win over *everything*.

    Raises:
        UsageFault: there is no filter, and *everything* is off.
        Forbidden: the caller is no approver of the category of one.
    """
    if filters.are_empty and not everything:
        raise UsageFault("say which changes: with a filter, or --all for every one")

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        changes = matching_changes(step.queue, filters)
        wanted = tuple(change.change_id for change in changes)
        require(step, dataset, person, PURGE, changes)
        if not changes:
            person.require_some_approver("purge changes")
        else:
            rebuilt = without(step, person, set(wanted))
            event = Event(
                PURGE, person.actor, 0, 0, change_ids=wanted, returned=rebuilt.returned, merges=rebuilt.merges
            )
            step.append(event, keeps=rebuilt.merges[-1:], email=person.email, body=listing(changes))
        return {"removed_count": len(wanted), "removed_change_ids": list(wanted), "dry_run": ctx.dry_run}

    return ctx.write(decide)
