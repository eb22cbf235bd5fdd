"""Review: approve changes as one titled batch, reject others, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelref_git.errors import Conflict, UsageFault, WrongState
from modelref_git.operations.answers import find_change, pending_records
from modelref_git.operations.context import Context, Person
from modelref_git.operations.merging import merge
from modelref_git.proposals.events import APPROVE, REJECT, Approval, Event
from modelref_git.proposals.header import APPROVED, OPEN, PENDING, POLICY
from modelref_git.proposals.lifecycle import Batch, Change
from modelref_git.store.log import Step

TITLE_AT_MOST: Final = 120
REASON_AT_MOST: Final = 500
SHOWN_AT_MOST: Final = 127


@dataclass(frozen=True, slots=True)
class Pick:
    """A change to approve; with ``blob`` only if it still proposes that content."""

    change_id: int
    blob: str | None = None


def check_title(title: str | None) -> str:
    """A batch's title, trimmed.

    Raises:
        UsageFault: it is blank or too long.
    """
    return _checked_text(title, "a title", TITLE_AT_MOST)


def check_reason(reason: str | None) -> str:
    """A reason, trimmed.

    Raises:
        UsageFault: it is blank or too long.
    """
    return _checked_text(reason, "a reason", REASON_AT_MOST)


def _checked_text(text: str | None, what: str, longest: int) -> str:
    trimmed = (text or "").strip()
    if not trimmed:
        raise UsageFault(f"{what} is needed, and may not be blank")
    if len(trimmed) > longest:
        raise UsageFault(f"{what} has at most {longest} characters, this one has {len(trimmed)}")
    return trimmed


def review_changes(
    ctx: Context,
    approve: Sequence[Pick],
    reject: Sequence[int],
    *,
    title: str | None,
    reason: str | None = None,
) -> dict[str, Any]:
    """Approve and reject changes in one step; answers a PendingBatchResult.

    Raises:
        UsageFault: no change is named, one is to be approved and rejected, or title or reason are missing.
        NotFound: a change is not there.
        WrongState: one is not in a state to be decided.
        Conflict: the approved ones do not merge, or one proposes other content than its pick says.
        Forbidden: the caller is no approver.
    """
    picks = sorted(set(approve), key=lambda pick: pick.change_id)
    wanted = sorted({pick.change_id for pick in picks})
    refused = sorted(set(reject))
    if not picks and not refused:
        raise UsageFault("name at least one change")
    both = sorted(set(wanted) & set(refused))
    if both:
        raise UsageFault(f"change {both[0]} is to be approved and rejected at once")
    wanted_title = check_title(title) if picks or title is not None else None
    wanted_reason = check_reason(reason) if refused else None

    def decide(step: Step) -> dict[str, Any]:
        person = ctx.person(step.dataset().config)
        person.require_approver("decide on proposals")
        # A change that is named twice is one, and every content that was named for it must be its own.
        found = {pick.change_id: _approvable(step, pick) for pick in picks}
        approving = [found[number] for number in wanted]
        rejecting = [_rejectable(step, number) for number in refused]
        batch_id = None
        if approving:
            leaving = {change.change_id for change in rejecting if change.status == APPROVED}
            if leaving:
                # Two steps in one: the batch is rebuilt without them before others join it.
                _append_reject(step, person, rejecting, wanted_reason or "", wanted_title, None)
                rejecting = []
            batch_id = append_approve(step, person, approving, wanted_title or "")
        if rejecting:
            _append_reject(step, person, rejecting, wanted_reason or "", wanted_title, batch_id)
        return {
            "batch_id": batch_id,
            "batch_title": wanted_title,
            "approved": pending_records(step.objects, step.queue, wanted, nulls=True),
            "rejected": pending_records(step.objects, step.queue, refused, nulls=True),
        }

    return ctx.write(decide)


def append_approve(step: Step, person: Person, changes: Sequence[Change], title: str) -> int:
    """Merge *changes*, ascending, into the open batch or a new one, and append the event; gives the batch's number.

    Raises:
        Conflict: they do not merge.
    """
    policy = any(change.category == POLICY for change in changes)
    header = step.queue.header
    joined = None if policy or header.open_batch is None else step.queue.batch(header.open_batch)
    batch_id = joined.batch_id if joined is not None else header.last_batch_id + 1
    onto = joined.head if joined is not None else step.main
    merges = merge(step, onto, changes, batch_id, title, person)
    event = Event(
        APPROVE,
        person.actor,
        0,
        0,
        change_ids=tuple(change.change_id for change in changes),
        approvals=tuple(Approval(change.change_id, change.base_blob, change.blob) for change in changes),
        batch_id=batch_id,
        title=title,
        merges=tuple(merges),
    )
    step.append(event, keeps=merges[-1:], email=person.email, body=listing(changes))
    return batch_id


def _append_reject(
    step: Step, person: Person, changes: Sequence[Change], reason: str, title: str | None, batch_id: int | None
) -> None:
    leaving = {change.change_id for change in changes if change.status == APPROVED}
    merges: list[str] = []
    if leaving:
        merges = _rebuilt(step, person, leaving)
    event = Event(
        REJECT,
        person.actor,
        0,
        0,
        change_ids=tuple(change.change_id for change in changes),
        batch_id=batch_id,
        title=title,
        reason=reason,
        merges=tuple(merges),
    )
    step.append(event, keeps=merges[-1:], email=person.email, body=listing(changes))


def _rebuilt(step: Step, person: Person, leaving: set[int]) -> list[str]:
    """The open batch merged anew without the changes that leave it."""
    batch = open_batch(step)
    if batch is None:
        return []
    rest = [find_change(step.queue, number) for number in batch.changes if number not in leaving]
    return merge(step, step.main, rest, batch.batch_id, batch.title, person)


def open_batch(step: Step) -> Batch | None:
    """The batch of approved records that waits to be applied, if there is one."""
    number = step.queue.header.open_batch
    return None if number is None else step.queue.batch(number)


def listing(changes: Sequence[Change]) -> list[str]:
    """The changes as lines for people."""
    return [f"- change {change.change_id}: {change.proposal.title}" for change in changes[:SHOWN_AT_MOST]]


def _approvable(step: Step, pick: Pick) -> Change:
    change = find_change(step.queue, pick.change_id)
    if change.status != PENDING:
        raise WrongState(
            f"change {change.change_id} is {change.status}, only a pending one can be approved",
            hint=f"`modelref-git show {change.change_id}` tells its story",
        )
    if pick.blob is not None and pick.blob != (change.blob or change.base_blob):
        raise Conflict(
            f"change {change.change_id} proposes other content than {pick.blob} now",
            hint=f"read it again with `modelref-git diff {change.change_id}`",
        )
    return change


def _rejectable(step: Step, change_id: int) -> Change:
    change = find_change(step.queue, change_id)
    if change.status not in OPEN:
        raise WrongState(
            f"change {change_id} is {change.status}, only an open one can be rejected",
            hint=f"`modelref-git show {change_id}` tells its story",
        )
    return change
