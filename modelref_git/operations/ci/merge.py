"""CI merge: what an approver's workflow runs. Approve what still needs it, and apply, in one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelref_git.errors import Conflict, UsageFault, WrongState
from modelref_git.operations.answers import find_change, pending_records
from modelref_git.operations.apply import applying
from modelref_git.operations.context import Context
from modelref_git.operations.judging import facts_finder
from modelref_git.operations.review import Pick, reviewing
from modelref_git.operations.wording import TITLE_AT_MOST
from modelref_git.proposals import policy
from modelref_git.proposals.header import APPLIED, APPROVED, PENDING
from modelref_git.proposals.queue import Change
from modelref_git.store.step import Step


def merge_changes(
    ctx: Context,
    picks: Sequence[Pick],
    *,
    title: str | None = None,
    acknowledged: bool = False,
    job_id: str | None = None,
) -> dict[str, Any]:
    """Approve the picked changes and apply them, in one step: all of it happens, or nothing.

    What is approved already is only applied, and what is applied already is left at that, so that a run that was
    broken off can be started again. As long as one of the changes needs further approvals, nothing is applied: the
    approval is kept, and whoever gives the last one applies them all.

    Args:
        ctx: the approver; with ``ctx.service`` the service that writes in their name.
        picks: the changes; one with a blob only if that is still what it proposes.
        title: the batch's. Unless given, it is made of the changes.
        acknowledged: the approver looked at critical fields a second time.
        job_id: of the run; the same one again gives the same records.

    Returns:
        ``{"approved": a PendingBatchResult or null, "applied": an ApplyPendingChangesResponse or null,
        "waiting": [{"change_id", "rule", "message"}]}``. ``waiting`` says which approvals are missing.

    Raises:
        UsageFault: no change is named.
        NotFound: a change is not there.
        Conflict: they do not merge, or one proposes other content than its pick says.
        WrongState: one cannot be approved or applied any more, or is held.
        Forbidden: the policy does not let the caller.
        IntegrityFailure: ``main`` is not where the log says.
    """
    numbers = sorted({pick.change_id for pick in picks})
    if not numbers:
        raise UsageFault("name the changes to merge", hint="`modelref-git changes --status pending` lists them")
    read: dict[int, tuple[str | None, str | None]] = {}

    def decide(step: Step) -> dict[str, Any]:
        for pick in picks:
            _check_pick(find_change(step.queue, pick.change_id), pick)
        changes = [find_change(step.queue, number) for number in numbers]
        wanting = {change.change_id for change in changes if change.is_open and _lacks(step, change)}
        approved = None
        if wanting:
            chosen = [pick for pick in picks if pick.change_id in wanting]
            named = title or _title(changes)
            approved = reviewing(ctx, chosen, (), title=named, acknowledged=acknowledged, read=read)(step)
        return {"approved": approved, **_applied(ctx, step, numbers, job_id)}

    return ctx.write(decide)


def _check_pick(change: Change, pick: Pick) -> None:
    """Refuse a change that was decided otherwise, or that proposes something else than what was picked.

    Raises:
        Conflict: it proposes something else, whatever became of it since.
        WrongState: it was rejected, withdrawn or superseded.
    """
    if pick.blob is not None and pick.blob != (change.blob or change.base_blob):
        raise Conflict(
            f"change {change.change_id} proposes other content than {pick.blob} now",
            hint=f"read it again with `modelref-git diff {change.change_id}`",
        )
    if not change.is_open and change.status != APPLIED:
        raise WrongState(
            f"change {change.change_id} is {change.status}, and is not merged",
            hint=f"`modelref-git show {change.change_id}` tells its story",
        )


def _lacks(step: Step, change: Change) -> bool:
    """Whether an open change needs an approval, so that it can be applied."""
    if change.status == PENDING:
        return True
    dataset = step.dataset()
    return bool(policy.missing(dataset.config, change, facts_finder(step.objects, dataset)))


def _applied(ctx: Context, step: Step, numbers: Sequence[int], job_id: str | None) -> dict[str, Any]:
    """Apply those of the changes that are not on ``main``, unless one of them still waits for approvals."""
    dataset = step.dataset()
    facts_of = facts_finder(step.objects, dataset)
    changes = [find_change(step.queue, number) for number in numbers]
    waiting = [
        item.as_json()
        for change in changes
        if change.is_open
        for item in policy.missing(dataset.config, change, facts_of)
    ]
    if waiting:
        return {"applied": None, "waiting": waiting}
    left = [change.change_id for change in changes if change.status == APPROVED]
    if not left:  # this run, or another one, was here before
        rows = pending_records(step.objects, step.queue, numbers, nulls=False)
        return {"applied": {"applied": rows, "batch_split_occurred": False}, "waiting": []}
    return {"applied": applying(ctx, left, allow_mixed=True, job_id=job_id)(step), "waiting": []}


def _title(changes: Sequence[Change]) -> str:
    """The title of a batch that nobody gave one."""
    first, *others = (change.proposal.title for change in changes)
    more = f" and {len(others)} more" if others else ""
    room = TITLE_AT_MOST - len(more)
    return (first if len(first) <= room else f"{first[: room - 1]}…") + more
