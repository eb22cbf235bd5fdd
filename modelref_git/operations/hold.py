"""Hold: an approver stops a proposal from being approved or applied, and lets it go again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from modelref_git.errors import UsageFault, WrongState
from modelref_git.operations.answers import pending_records
from modelref_git.operations.closing import find_open
from modelref_git.operations.context import Context
from modelref_git.operations.judging import require
from modelref_git.operations.wording import check_reason, listing
from modelref_git.proposals.events import HOLD, UNHOLD, Event
from modelref_git.store.step import Step


def hold(ctx: Context, change_ids: Sequence[int], *, reason: str | None) -> list[dict[str, Any]]:
    """Stop open proposals from being approved or applied; answers their records.

    An approved one stays in its batch, which cannot be applied as a whole until it is let go or leaves.

    Raises:
        UsageFault: none is named, or the reason is missing.
        NotFound: there is no such change.
        WrongState: one is not open, or is held already.
        Forbidden: the caller is no approver of its category.
    """
    return _set(ctx, HOLD, change_ids, check_reason(reason))


def unhold(ctx: Context, change_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Let held proposals go on; answers their records. Raises as :func:`hold`, but for one that is not held."""
    return _set(ctx, UNHOLD, change_ids, None)


def _set(ctx: Context, action: str, change_ids: Sequence[int], reason: str | None) -> list[dict[str, Any]]:
    return ctx.write(holding(ctx, action, change_ids, reason))


def holding(
    ctx: Context, action: str, change_ids: Sequence[int], reason: str | None
) -> Callable[[Step], list[dict[str, Any]]]:
    """What `hold` and `unhold` do in their step, for those who do more in the same one; *action* says which."""
    wanted = sorted(set(change_ids))
    if not wanted:
        raise UsageFault("name at least one change")

    def decide(step: Step) -> list[dict[str, Any]]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        changes = [find_open(step, number, "held" if action == HOLD else "let go") for number in wanted]
        for change in changes:
            if change.is_held == (action == HOLD):
                now = f"is held by {change.held_username} already" if change.is_held else "is not held"
                raise WrongState(f"change {change.change_id} {now}")
        require(step, dataset, person, action, changes)
        event = Event(action, person.actor, 0, 0, change_ids=tuple(wanted), reason=reason)
        step.append(event, email=person.email, body=listing(changes))
        return pending_records(step.objects, step.queue, wanted, nulls=True)

    return decide
