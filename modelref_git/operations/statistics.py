"""Figures of the dataset over time: how it grew, and how long changes take. Read off the derived index."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from itertools import accumulate
from statistics import median
from typing import Final

from modelref_git.operations.context import Context
from modelref_git.store.index import Index

NEWEST: Final = 1_000
"""Applied changes whose times count; what was long ago says little of today."""
STEPS: Final = ((3_600, "within an hour"), (86_400, "within a day"), (604_800, "within a week"), (None, "later"))
"""Into which the times are sorted: up to so many seconds, and what that is called."""

_KEPT_AT_MOST: Final = 16


@dataclass(frozen=True, slots=True)
class Statistics:
    """The figures at one state of ``main``."""

    growth: tuple[tuple[int, int], ...]
    """``(Unix seconds, records from then on)``, oldest first."""
    applied: int
    """How many applied changes the times are of, at most :data:`NEWEST`."""
    median_time: float | None
    """Seconds from proposal to apply; ``None`` where nothing was applied."""
    times: tuple[tuple[str, int], ...]
    """How many of them took so long, by :data:`STEPS`."""


_LOCK: Final = threading.Lock()
_KEPT: Final[OrderedDict[tuple[str, str], Statistics]] = OrderedDict()
"""By repository and ``main``: what is counted changes with that alone."""


def statistics(ctx: Context) -> Statistics:
    """The figures of what is live.

    Raises:
        NotFound: it is no dataset repository.
    """
    view = ctx.view()
    key = (str(ctx.store.git_dir), view.main)
    with _LOCK:
        known = _KEPT.get(key)
    if known is not None:
        return known
    with Index(view) as index:
        more, times = index.growth(), index.times_to_apply(NEWEST)
    sums = accumulate(count for _, count in more)
    made = Statistics(
        growth=tuple(zip((time for time, _ in more), sums, strict=True)),
        applied=len(times),
        median_time=median(times) if times else None,
        times=tuple(_sorted_in(times)),
    )
    with _LOCK:
        _KEPT[key] = made
        while len(_KEPT) > _KEPT_AT_MOST:
            _KEPT.popitem(last=False)
    return made


def _sorted_in(times: list[int]) -> list[tuple[str, int]]:
    rows = []
    below = 0
    for limit, name in STEPS:
        upto = len(times) if limit is None else sum(1 for time in times if time <= limit)
        rows.append((name, upto - below))
        below = upto
    return rows
