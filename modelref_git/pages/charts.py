"""Charts as plain shapes: where bars and lines go. Templates draw them as SVG with the colours of the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

WIDTH: Final = 460
HEIGHT: Final = 200
"""Of a line, in pixels."""
POINTS_AT_MOST: Final = 160
BARS_AT_MOST: Final = 14

_LEFT, _BELOW, _ABOVE, _RIGHT = 56, 24, 10, 12


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    label: str
    value: int
    percent: float
    """Its length, of the longest one's."""


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart of bars that lie."""

    rows: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis: its place and what it says."""

    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A chart of one value over time, which stays what it is until it changes."""

    path: str
    area: str
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    rows: tuple[tuple[int, int], ...]
    """The points that are drawn: Unix seconds, and the value from then on."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BELOW


def bars(values: Mapping[str, int] | Iterable[tuple[str, int]], *, keep_order: bool = False) -> Bars:
    """Bars of *values*, the largest first unless their order is kept; many small ones are one, called ``others``."""
    rows = list(values.items() if isinstance(values, Mapping) else values)
    if not keep_order:
        rows.sort(key=lambda row: (-row[1], row[0]))
        if len(rows) > BARS_AT_MOST:
            rest = sum(value for _, value in rows[BARS_AT_MOST - 1 :])
            rows = [*rows[: BARS_AT_MOST - 1], ("others", rest)]
    most = max((value for _, value in rows), default=0) or 1
    return Bars(tuple(Bar(label, value, round(value / most * 100, 2)) for label, value in rows))


def line(points: Sequence[tuple[int, int]], until: int) -> Line | None:
    """A line through *points* (Unix seconds, ascending, and the value from then on) up to *until*; ``None`` of none."""
    if not points:
        return None
    rows = _thinned(points)
    start, end = rows[0][0], max(until, rows[-1][0] + 1)
    top = _round_above(max(value for _, value in rows))
    across, up = WIDTH - _LEFT - _RIGHT, HEIGHT - _BELOW - _ABOVE
    bottom = HEIGHT - _BELOW

    def x(time: int) -> float:
        return round(_LEFT + (time - start) / (end - start) * across, 1)

    def y(value: int) -> float:
        return round(bottom - value / top * up, 1)

    steps = [f"M{x(start)} {y(rows[0][1])}"]
    for time, value in rows[1:]:
        steps += [f"H{x(time)}", f"V{y(value)}"]
    steps.append(f"H{x(end)}")
    path = "".join(steps)
    times = [start, start + (end - start) // 2, end]
    return Line(
        path=path,
        area=f"{path}V{bottom}H{_LEFT}Z",
        across=tuple(Tick(x(time), f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}") for time in times),
        up=tuple(Tick(y(value), f"{value:,}") for value in sorted({0, top // 2, top})),
        rows=tuple(rows),
    )


def _thinned(points: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """At most `POINTS_AT_MOST` of *points*, evenly over time: of each stretch the last one, and the first of all."""
    start, end = points[0][0], points[-1][0]
    if len(points) <= POINTS_AT_MOST or end <= start:
        return list(points) if len(points) <= POINTS_AT_MOST else [points[-1]]
    stretch = (end - start) / (POINTS_AT_MOST - 1)
    found = {int((time - start) / stretch): (time, value) for time, value in points}
    return [points[0], *(point for _, point in sorted(found.items()) if point != points[0])]


def _round_above(value: int) -> int:
    """The next number above *value* that reads well on an axis: an even first figure and noughts."""
    if value <= 10:
        return 10
    unit = int(10 ** (len(str(value)) - 1))
    return next(step * unit for step in (1, 2, 4, 6, 8, 10) if step * unit >= value)
