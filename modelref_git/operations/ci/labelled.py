"""The changes of a pull request that an approver has just labelled: what its commit of that moment asks for."""

from __future__ import annotations

from dataclasses import replace

from modelref_git.errors import Conflict, Invalid, WrongState
from modelref_git.operations.answers import find_change
from modelref_git.operations.audit_events import EventFilters, list_events
from modelref_git.operations.context import Context
from modelref_git.operations.intake import take_in
from modelref_git.operations.review import Pick
from modelref_git.proposals.events import REBASE


def labelled_changes(ctx: Context, commit: str) -> list[Pick]:
    """Admit *commit*, unless it was before, and pick what it has become, bound to that content.

    Where the caller acts by a service it is the service that puts it into the queue: who does that may not approve
    it under two-person review, services apart.

    Args:
        ctx: whoever gave the label, who must be an approver.
        commit: the head of the pull request when it was labelled, which is what was looked at.

    Raises:
        NotFound: the commit is not here.
        Invalid: something of it is refused, or it asks for nothing.
        Conflict: what it had become was edited since.
        Forbidden: the caller is no approver.
        WrongState: in a dry run, it was not admitted before.
    """
    ctx.person(ctx.view().dataset().config).require_some_approver("merge what has a label")
    admitting = ctx if ctx.service is None else replace(ctx, claim=ctx.service, service=None)
    taken = take_in(admitting, [commit])
    (outcome,) = taken.outcomes
    if outcome.refused:
        raise Invalid(
            f"the commit {commit} cannot be taken: {outcome.refused[0]['message']}",
            hint=f"`modelref-git ci check {commit}` tells all",
            details=outcome.refused,
        )
    numbers = [row["change_id"] for row in (*outcome.admitted, *outcome.already) if row.get("change_id") is not None]
    if not numbers:
        raise Invalid(f"the commit {commit} asks for nothing that main does not say already")
    if ctx.dry_run and outcome.admitted:
        raise WrongState(
            f"the commit {commit} is not in the queue yet, and a dry run puts nothing there",
            hint=f"`modelref-git ci intake {commit} --dry-run` tells what it would become",
        )
    return [_bound(ctx, number) for number in sorted(numbers)]


def _bound(ctx: Context, number: int) -> Pick:
    change = find_change(ctx.view().queue, number)
    # In this order: an edit that comes now is noticed by its content.
    if any(True for _ in list_events(ctx, EventFilters(change_id=number, actions=(REBASE,)))):
        raise Conflict(
            f"change {number} was rebased since it was admitted, so it may not be what the label was given to",
            hint=f"read it with `modelref-git diff {number}`, and name what you approve: "
            f"`modelref-git ci merge --ids {number}@{change.blob or change.base_blob}`",
        )
    return Pick(number, change.blob or change.base_blob)
