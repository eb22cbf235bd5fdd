"""One batch: its members and what they did, what an apply of it would make of ``main``, what a revert would propose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelref_git.errors import ModelrefError
from modelref_git.operations.batches import batch_sheet
from modelref_git.operations.context import Context
from modelref_git.operations.previews import Counts, apply_preview, revert_preview
from modelref_git.proposals.queue import BATCH_APPLIED, BATCH_OPEN

PAGE: Final = 25


def batch_view(ctx: Context, batch_id: int, *, after: int = 0, limit: int = PAGE) -> dict[str, Any]:
    """What anybody sees of a batch, with at most *limit* of its members behind the change *after*.

    Raises:
        BatchNotFound: there is none.
    """
    sheet = batch_sheet(ctx, batch_id, after=after, limit=limit, policy=False)
    return {
        "batch": sheet.batch,
        "sheet": sheet,
        "after": after,
        "applied_by": next((one.change.applied_username for one in sheet.members), None) or sheet.batch.applied_by,
        "is_open": sheet.batch.status == BATCH_OPEN,
        "is_applied": sheet.batch.status == BATCH_APPLIED,
        "acting": None,
        "first": None,
        "more": None,
        "faults": (),
    }


def acting_view(
    ctx: Context,
    batch_id: int,
    *,
    after: int = 0,
    change_ids: Sequence[int] = (),
    preview: bool = False,
    revert: bool = False,
    title: str = "",
    faults: Sequence[Mapping[str, str]] = (),
    counts: Counts | None = None,
) -> dict[str, Any]:
    """The same for somebody who may do something with it.

    Args:
        ctx: their way in.
        batch_id: the batch.
        after: as for `batch_view`.
        change_ids: those of its changes that they chose to apply; all unless given.
        preview: whether they asked what an apply would do. Of a small batch it is shown unasked.
        revert: whether they asked what a revert would do.
        title: the title that they typed for it.
        faults: what is wrong with what they sent.
        counts: how many records each category has, where that is known.

    Raises:
        BatchNotFound: there is none.
    """
    shown = batch_view(ctx, batch_id, after=after)
    batch = shown["batch"]
    person = ctx.person(ctx.view().dataset().config)
    chosen = [number for number in change_ids if number in batch.changes] or list(batch.changes)
    acting: dict[str, Any] = {
        "may_apply": shown["is_open"] and person.is_approver,
        "may_revert": shown["is_applied"] and person.is_requestor and bool(batch.merges),
        "chosen": chosen,
        "is_part": len(chosen) < len(batch.changes),
        "preview": None,
        "revert": None,
        "refused": None,
        "title": title,
    }
    try:
        if acting["may_apply"] and (preview or len(chosen) <= PAGE):
            acting["preview"] = apply_preview(ctx, batch_id, chosen, counts=counts)
        if acting["may_revert"] and revert:
            acting["revert"] = revert_preview(ctx, batch_id)
    except ModelrefError as fault:
        acting["refused"] = fault
    return {**shown, "acting": acting, "faults": faults}
