"""An open change brought up to date: where it stands, and the conflicts that its requestor settles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelref_git.errors import ModelrefError
from modelref_git.operations.answers import find_change, pending_record
from modelref_git.operations.context import Context
from modelref_git.operations.status import change_status
from modelref_git.pages.views.propose import conflict_rows
from modelref_git.store.log import View
from modelref_git.store.step import Step


def rebase_view(
    ctx: Context,
    number: int,
    user_id: str,
    choices: Mapping[str, tuple[str, str]],
    fault: ModelrefError | None = None,
) -> dict[str, Any]:
    """What the page shows.

    Args:
        ctx: the visitor's way in.
        number: the change.
        user_id: the visitor's.
        choices: those made before, by path.
        fault: why the step was refused, if it was.

    Raises:
        NotFound: there is no such change.
    """
    view = ctx.view()
    change = find_change(view.queue, number, policy=False)
    status = change_status(ctx, number)
    details = [row for blocker in status["blockers"] for row in blocker.get("conflicts", ())]
    rows = [] if fault is None else [{"path": "", "message": fault.message}]
    if fault is not None:
        rows += [{"path": row["path"], "message": row["message"]} for row in fault.details if "message" in row]
    return {
        "change": pending_record(view.objects, change, nulls=True),
        "verdict": status["merge"],
        "is_open": change.is_open,
        "is_mine": change.requested_by == user_id,
        "rows": conflict_rows(details, choices),
        "seen": seen(view, number),
        "fault": rows,
    }


def check_of_records(ctx: Context, number: int) -> None:
    """Refuse a change of the policy as if it were not there.

    Raises:
        NotFound: it is one, or there is none.
    """
    find_change(ctx.view().queue, number, policy=False)


def seen(at: View | Step, number: int) -> str:
    """What a page shows of a change and of its record on ``main``: the blobs of both."""
    change = at.queue.change(number)
    if change is None:
        return ""
    dataset = at.dataset()
    known = change.category in dataset.config.categories
    live = dataset.blob(change.category, change.model_name) if known else None
    return f"{change.blob or ''}:{live or ''}"
