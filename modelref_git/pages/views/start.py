"""The first page: what waits for the reader, the queue at a glance, the last batches, and the charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from modelref_git.operations.batches import list_batches
from modelref_git.operations.context import Context
from modelref_git.operations.statistics import statistics
from modelref_git.operations.status import repository_status
from modelref_git.pages import charts

BATCHES: Final = 5
WAITING: Final = 10


def start_view(
    ctx: Context,
    categories: Mapping[str, int],
    baselines: Mapping[str, int],
    *,
    signed_in: bool,
    audit: bool,
    until: int | None = None,
) -> dict[str, Any]:
    """What the page shows.

    Args:
        ctx: the reader's way in.
        categories: how many records each category has.
        baselines: how many records there are of each baseline.
        signed_in: whether the queue may be shown.
        audit: whether the batches may be shown.
        until: the end of the time that charts show, Unix seconds; now unless given.
    """
    status = repository_status(ctx, indexed=True) if signed_in else None
    return {
        "status": status,
        "waiting": status["waiting"][:WAITING] if status is not None else [],
        "batches": list_batches(ctx, limit=BATCHES, policy=False).batches if audit else None,
        **charts_view(ctx, categories, baselines, ctx.clock() if until is None else until),
    }


def charts_view(
    ctx: Context, categories: Mapping[str, int], baselines: Mapping[str, int], until: int
) -> dict[str, Any]:
    """The charts of what is live, up to the time *until*."""
    figures = statistics(ctx)
    return {
        "records": sum(categories.values()),
        "by_category": charts.bars({name: count for name, count in categories.items() if count}),
        "by_baseline": charts.bars(baselines),
        "growth": charts.line(figures.growth, until),
        "times": charts.bars(figures.times, keep_order=True),
        "median_time": figures.median_time,
        "applied": figures.applied,
    }
