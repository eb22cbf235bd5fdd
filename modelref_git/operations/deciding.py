"""Everything that an approver decides on one sheet, in one step: exactly what they saw, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelref_git.errors import Conflict, UsageFault
from modelref_git.operations.answers import find_batch, find_change
from modelref_git.operations.apply import applying
from modelref_git.operations.context import Context
from modelref_git.operations.hold import holding
from modelref_git.operations.review import Pick, reviewing
from modelref_git.operations.review_queue import content_of
from modelref_git.operations.wording import check_reason
from modelref_git.proposals.events import HOLD, UNHOLD
from modelref_git.proposals.queue import Batch
from modelref_git.store.step import Step


class MovedOn(Conflict):
    """What somebody looked at before they decided is not what is there any more."""


def decide_changes(
    ctx: Context,
    *,
    approve: Sequence[Pick] = (),
    reject: Sequence[Pick] = (),
    hold: Sequence[Pick] = (),
    unhold: Sequence[Pick] = (),
    title: str | None = None,
    reason: str | None = None,
    reasons: Mapping[int, str] | None = None,
    states: Mapping[int, str] | None = None,
    acknowledged: bool = False,
) -> dict[str, Any]:
    """Approve, reject, hold and let go of changes; answers a PendingBatchResult with ``held`` and ``released``.

    Whatever is decided about a change is decided about the content that its pick names.

    Args:
        ctx: the caller.
        approve: become one titled batch.
        reject: are turned down.
        hold: are stopped.
        unhold: go on.
        title: the batch's.
        reason: of rejections and holds that have none of their own.
        reasons: by change id.
        states: by change id, the status that it was seen in, so that nobody undoes an approval that they did not see.
        acknowledged: the critical fields were looked at a second time.

    Raises:
        MovedOn: a change proposes other content than was seen, or was approved or sent back meanwhile.
        ModelrefError: as `review_changes` and `hold`.
    """
    _check_once([approve, reject, hold, unhold])
    why = {pick.change_id: check_reason((reasons or {}).get(pick.change_id) or reason) for pick in (*reject, *hold)}
    by_reason = {text: [p.change_id for p in hold if why[p.change_id] == text] for text in why.values()}
    steps: list[Callable[[Step], Any]] = [
        holding(ctx, HOLD, numbers, text) for text, numbers in by_reason.items() if numbers
    ]
    if unhold:
        steps.append(holding(ctx, UNHOLD, [pick.change_id for pick in unhold], None))
    answer: dict[str, Any] = {"batch_id": None, "batch_title": None, "approved": [], "rejected": []}
    review = None
    if approve or reject:
        given = title if approve else None
        refused = [pick.change_id for pick in reject]
        review = reviewing(ctx, approve, refused, title=given, reasons=why, acknowledged=acknowledged)

    def decide(step: Step) -> dict[str, Any]:
        for pick in (*reject, *hold, *unhold):
            _check_seen(step, pick, (states or {}).get(pick.change_id))
        for one in steps:
            one(step)
        return {
            **(review(step) if review is not None else answer),
            "held": [pick.change_id for pick in hold],
            "released": [pick.change_id for pick in unhold],
        }

    return ctx.write(decide)


def _check_once(groups: Sequence[Sequence[Pick]]) -> None:
    numbers = [pick.change_id for group in groups for pick in group]
    if not numbers:
        raise UsageFault("nothing is decided yet: choose for at least one change")
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        raise UsageFault(f"two things are decided about change {twice} at once")


def _check_seen(step: Step, pick: Pick, status: str | None) -> None:
    change = find_change(step.queue, pick.change_id)
    if pick.blob is not None and change.is_open and pick.blob != content_of(change):
        raise MovedOn(
            f"change {pick.change_id} proposes other content than {pick.blob} now",
            hint=f"read it again with `modelref-git diff {pick.change_id}`",
        )
    if status is not None and change.is_open and change.status != status:
        raise MovedOn(
            f"change {pick.change_id} is {change.status} now, not {status}",
            hint=f"see who was at it with `modelref-git show {pick.change_id}`",
        )


def apply_seen(
    ctx: Context, batch_id: int, change_ids: Sequence[int] = (), *, main: str, head: str | None
) -> dict[str, Any]:
    """Apply a batch, or those of its changes that are named; answers an ApplyPendingChangesResponse.

    Args:
        ctx: the caller.
        batch_id: the batch.
        change_ids: some of its changes; all unless given.
        main: the commit of ``main`` that the caller looked at.
        head: the batch's merge that they looked at.

    Raises:
        MovedOn: ``main`` or the batch is another by now.
        ModelrefError: as `apply_changes`.
    """

    def decide(step: Step) -> dict[str, Any]:
        batch = find_batch(step.queue, batch_id)
        if (step.main, head_of(batch)) != (main, head):
            what = "main" if step.main != main else f"batch {batch_id}"
            raise MovedOn(
                f"{what} is not what you looked at any more", hint="look at the preview again, and apply then"
            )
        whole = not change_ids or set(change_ids) == set(batch.changes)
        part = applying(ctx, () if whole else change_ids, batch_id=batch_id if whole else None)
        return part(step)

    return ctx.write(decide)


def head_of(batch: Batch) -> str | None:
    """The merge that a batch is; ``None`` of one without."""
    return batch.head if batch.merges else None
