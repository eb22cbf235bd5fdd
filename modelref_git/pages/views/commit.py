"""A commit of ``main`` or ``queue``: the step that it is, or belongs to, and what it did."""

from __future__ import annotations

from typing import Any, Final

from modelref_git.operations.commit_sheet import commit_sheet
from modelref_git.operations.context import Context

PAGE: Final = 50
LINES_AT_MOST: Final = 60
"""Of a message, of its trailers, of parents and changes; a batch may have thousands of each."""


def commit_view(
    ctx: Context, oid: str, *, queue: bool, policy: bool, offset: int = 0, limit: int = PAGE
) -> dict[str, Any]:
    """What the page shows.

    Args:
        ctx: the reader's way in.
        oid: the commit's whole id.
        queue: whether commits of the queue log are told of.
        policy: whether those of the policy are.
        offset: so many of the records that it touched are passed over.
        limit: at most so many are shown.

    Raises:
        NotFound: there is no such commit that is told of.
    """
    sheet = commit_sheet(ctx, oid, queue=queue, policy=policy, offset=offset, limit=limit)
    known = ctx.view().queue
    changes = []
    for number in sheet.change_ids[:LINES_AT_MOST]:
        change = known.change(number) or known.purged(number)
        if change is not None:
            changes.append(change)
    return {
        "sheet": sheet,
        "commit": sheet.commit,
        "queue": queue,
        "changes": changes,
        "more_changes": len(sheet.change_ids) - len(changes),
        "body": sheet.body[:LINES_AT_MOST],
        "more_body": max(0, len(sheet.body) - LINES_AT_MOST),
        "trailers": sheet.trailers[:LINES_AT_MOST],
        "more_trailers": max(0, len(sheet.trailers) - LINES_AT_MOST),
        "parents": sheet.parents[:LINES_AT_MOST],
        "more_parents": max(0, len(sheet.parents) - LINES_AT_MOST),
        "offset": offset,
        "before": None,
        "after": None,
    }
