"""All batches, newest first."""

from __future__ import annotations

from typing import Any, Final

from modelref_git.operations.batches import list_batches
from modelref_git.operations.context import Context

PAGE: Final = 50


def batches_view(
    ctx: Context, *, cursor: int | None = None, limit: int = PAGE, applied_only: bool = False
) -> dict[str, Any]:
    """What the page shows: at most *limit* batches with lower numbers than *cursor*, if it is given."""
    page = list_batches(ctx, cursor=cursor, limit=limit, policy=False, applied_only=applied_only)
    return {
        "batches": page.batches,
        "cursor": cursor,
        "next_cursor": page.next_cursor,
        "first": None,
        "more": None,
    }
