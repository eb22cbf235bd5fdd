"""Timing: ways to do the same work, run in turn so that a noisy machine is equally noisy to each of them."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Way = Callable[[int], float]
"""Does the work of round *i* and gives the seconds that it took; what it prepares before does not count."""


@dataclass
class Figures:
    """What was measured: seconds by what was done (``propose``) and how (``git program``), in the order it came."""

    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    sizes: dict[tuple[str, str], float] = field(default_factory=dict)
    """Bytes, by the same keys."""

    def median(self, what: str, how: str) -> float | None:
        """The median in seconds, or ``None`` when it was not measured."""
        found = self.seconds.get((what, how))
        return statistics.median(found) if found else None

    def ratio(self, over: tuple[str, str], under: tuple[str, str]) -> float | None:
        """How many times as long *over* takes as *under*, by their medians."""
        left, right = self.median(*over), self.median(*under)
        return left / right if left is not None and right else None


def timed(work: Callable[[], object]) -> float:
    """Seconds that *work* takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def settled(work: Callable[[], object]) -> float:
    """Seconds that *work* takes on a quiet disk: a sync of ours would else wait for what others left unsynced."""
    if hasattr(os, "sync"):
        os.sync()
    return timed(work)


def interleave(figures: Figures, what: str, ways: Mapping[str, Way], rounds: int, *, budget: float = 60.0) -> None:
    """Run every way once a round (A B C A B C …) and print the medians.

    Stops after *rounds* rounds, or once *budget* seconds are spent and each way has had its turn. A first round warms
    up caches and is not counted when there are at least five.
    """
    warm = 1 if rounds >= 5 else 0
    found: dict[str, list[float]] = {how: [] for how in ways}
    start = time.perf_counter()
    for number in range(rounds + warm):
        for how, way in ways.items():
            seconds = way(number)
            if number >= warm:
                found[how].append(seconds)
        if number >= warm and time.perf_counter() - start > budget:
            break
    for how, values in found.items():
        figures.seconds[what, how] = values
    show(figures, what, list(ways))


def show(figures: Figures, what: str, hows: list[str]) -> None:
    """Print one line for each way; ratios are against the first."""
    print(f"\n{what}")
    first = figures.median(what, hows[0]) or 0.0
    for how in hows:
        values = figures.seconds[what, how]
        middle = statistics.median(values)
        ratio = "" if how == hows[0] else f"{middle / first:8.2f} x"
        print(f"  {how:<58} {_milliseconds(middle)}  (from {_milliseconds(min(values))}, n={len(values)}) {ratio}")


def _milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:10.3f} ms" if value < 1 else f"{value:10.1f} ms"


def aim(text: str, reached: float | None, limit: float, *, at_least: bool = False, unit: str = " x") -> None:
    """Print an aim next to what was reached; a missed one is told, and fails nothing."""
    wanted = f"{'at least' if at_least else 'at most'} {limit:g}{unit}"
    if reached is None:
        print(f"  aim  {text}: {wanted:<18} not measured in this run")
        return
    met = reached >= limit if at_least else reached <= limit
    print(f"  aim  {text}: {wanted:<18} reached {reached:.2f}{unit}{'' if met else '   MISSED'}")
