"""Draws commits and branches as SVG, before and after a step, on a light card that reads well on any page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_COLUMN: Final = 118
_LANE: Final = 68
_RADIUS: Final = 19
_WIDTH: Final = 880
_MARGIN: Final = 28
_FONT: Final = "font-family='ui-monospace, SFMono-Regular, Menlo, Consolas, monospace'"
_INK, _SOFT, _NEW, _NEW_FILL, _PAPER = "#1f2937", "#64748b", "#1d4ed8", "#dbeafe", "#ffffff"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit by its label, and the labels of those parents that are shown."""

    label: str
    parents: Sequence[str]
    oid: str = ""
    """What tells two events with one label apart."""
    goes_on: bool = False
    """Whether it has a parent that is not shown."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One moment: commits by label, the labels that branches point at, and the end of the log, oldest first."""

    commits: Mapping[str, Commit]
    refs: Mapping[str, str]
    log: Sequence[Commit]


def svg(title: str, commands: Sequence[str], before: Panel, after: Panel) -> str:
    """One diagram of two panels."""
    ghosts = {
        label: one for label, one in before.commits.items() if label not in after.commits and label in _kept(before)
    }
    lanes = sorted({_number(label) for label in (*before.commits, *after.commits) if label[0] == "p"})
    top = 44 + 18 * len(commands)
    first, height = _panel("before", before, None, {}, lanes, top)
    second, bottom = _panel("after", after, before, ghosts, lanes, height + 14)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {bottom}' role='img' "
        f"aria-labelledby='title desc' {_FONT} font-size='13'>",
        f"<title id='title'>{escape(title)}</title>",
        f"<desc id='desc'>{escape(_words(commands, before, after))}</desc>",
        f"<rect x='0.5' y='0.5' width='{_WIDTH - 1}' height='{bottom - 1}' rx='12' fill='{_PAPER}' stroke='#cbd5e1'/>",
        *(_text(_MARGIN, 34 + 18 * row, line, _INK) for row, line in enumerate(commands)),
        *first,
        *second,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _kept(panel: Panel) -> set[str]:
    """All that a panel shows but the tip of main, which is never left behind."""
    return {*panel.commits} - {panel.refs["main"]}


def _words(commands: Sequence[str], before: Panel, after: Panel) -> str:
    """What the picture shows, for those who do not see it."""
    said = [f"After {' and '.join(commands)}:"]
    for name, label in sorted(after.refs.items()):
        was = before.refs.get(name)
        if was != label:
            said.append(f"{name} is at {label}" + (f", which was at {was};" if was else ", and is new;"))
    said += [f"{name} is gone;" for name in sorted({*before.refs} - {*after.refs})]
    known = {one.oid for one in before.log}
    events = ", ".join(one.label for one in after.log if one.oid not in known)
    return f"{' '.join(said)} {f'the log has the new events {events}' if events else 'the log has no new event'}."


def _number(label: str) -> int:
    return int(label[1:].rstrip("′"))


def _places(
    commits: Mapping[str, Commit], ghosts: Mapping[str, Commit], proposals: Sequence[int]
) -> dict[str, tuple[int, int]]:
    """Column and lane of each commit: columns by how far it is from the first, a lane for each of *proposals*."""
    shown = {**commits, **ghosts}
    depth: dict[str, int] = {}

    def measure(label: str) -> int:
        if label not in depth:
            depth[label] = 1 + max((measure(one) for one in shown[label].parents if one in shown), default=-1)
        return depth[label]

    taken: set[tuple[int, int]] = set()
    found: dict[str, tuple[int, int]] = {}
    for label in sorted(shown, key=lambda one: (one in ghosts, measure(one), one)):
        lane = proposals.index(_number(label)) if label[0] == "p" else len(proposals) + (label in ghosts)
        while (measure(label), lane) in taken:
            lane += 1
        taken.add((measure(label), lane))
        found[label] = (measure(label), lane)
    return found


def _panel(
    heading: str,
    panel: Panel,
    earlier: Panel | None,
    ghosts: Mapping[str, Commit],
    proposals: Sequence[int],
    top: int,
) -> tuple[list[str], int]:
    """What one panel is drawn of, and where it ends."""
    shown = {**ghosts, **panel.commits}
    places = _places(panel.commits, ghosts, proposals)
    lanes = sorted({places[label][1] for label in shown})
    spot = {
        label: (_MARGIN + 40 + places[label][0] * _COLUMN, top + 82 + lanes.index(places[label][1]) * _LANE)
        for label in shown
    }
    parts = [
        f"<line x1='{_MARGIN}' x2='{_WIDTH - _MARGIN}' y1='{top}' y2='{top}' stroke='#e2e8f0'/>",
        _text(_MARGIN, top + 22, heading, _SOFT),
    ]
    parts += _edges(shown, ghosts, spot)
    for label in shown:
        fresh = earlier is not None and label not in earlier.commits
        parts += _circle(label, *spot[label], fresh=fresh, ghost=label in ghosts)
        parts += _tags(label, panel, earlier, *spot[label])
    below = top + 82 + len(lanes) * _LANE
    parts += _log(panel, earlier, below - 8)
    return parts, below + 44


def _edges(
    shown: Mapping[str, Commit], ghosts: Mapping[str, Commit], spot: Mapping[str, tuple[int, int]]
) -> Iterator[str]:
    for label, commit in shown.items():
        dashed = " stroke-dasharray='4 4'" if label in ghosts else ""
        for parent in commit.parents:
            if parent in spot:
                (x, y), (u, v) = spot[label], spot[parent]
                yield f"<line x1='{x}' y1='{y}' x2='{u}' y2='{v}' stroke='{_SOFT}' stroke-width='1.5'{dashed}/>"
        if commit.goes_on:
            x, y = spot[label]
            yield f"<line x1='{x}' y1='{y}' x2='{x - 44}' y2='{y}' stroke='{_SOFT}' stroke-dasharray='2 5'/>"


def _circle(label: str, x: int, y: int, *, fresh: bool, ghost: bool) -> Iterator[str]:
    line, fill = (_NEW, _NEW_FILL) if fresh else (_SOFT if ghost else _INK, _PAPER)
    dashed = " stroke-dasharray='4 3'" if ghost else ""
    yield f"<circle cx='{x}' cy='{y}' r='{_RADIUS}' fill='{fill}' stroke='{line}' stroke-width='1.6'{dashed}/>"
    yield _text(x, y + 4, label, line, anchor="middle")


def _tags(label: str, panel: Panel, earlier: Panel | None, x: int, y: int) -> Iterator[str]:
    """The branches at a commit, side by side above it."""
    left = x - _RADIUS
    for name in sorted(name for name, target in panel.refs.items() if target == label):
        moved = earlier is not None and earlier.refs.get(name) != label
        ink, fill = (_NEW, _NEW_FILL) if moved else (_INK, "#f1f5f9")
        width = 8 * len(name) + 12
        yield f"<rect x='{left}' y='{y - 43}' width='{width}' height='19' rx='4' fill='{fill}' stroke='{ink}'/>"
        yield _text(left + 6, y - 29, name, ink)
        left += width + 5


def _log(panel: Panel, earlier: Panel | None, y: int) -> Iterator[str]:
    """The end of the log as a row of boxes, and the branch behind it."""
    known = {one.oid for one in (earlier or panel).log}
    x = _MARGIN + 22
    yield f"<line x1='{_MARGIN}' x2='{x}' y1='{y + 14}' y2='{y + 14}' stroke='{_SOFT}' stroke-dasharray='2 5'/>"
    for event in panel.log:
        fresh = event.oid not in known
        ink, fill = (_NEW, _NEW_FILL) if fresh else (_INK, _PAPER)
        width = 8 * len(event.label) + 20
        yield f"<rect x='{x}' y='{y}' width='{width}' height='28' rx='14' fill='{fill}' stroke='{ink}'/>"
        yield _text(x + width / 2, y + 18, event.label, ink, anchor="middle")
        yield f"<line x1='{x + width}' x2='{x + width + 22}' y1='{y + 14}' y2='{y + 14}' stroke='{_SOFT}'/>"
        x += width + 22
    moved = any(event.oid not in known for event in panel.log)
    ink, fill = (_NEW, _NEW_FILL) if moved else (_INK, "#f1f5f9")
    yield f"<rect x='{x}' y='{y + 4}' width='52' height='19' rx='4' fill='{fill}' stroke='{ink}'/>"
    yield _text(x + 6, y + 18, "queue", ink)


def _text(x: float, y: float, words: str, ink: str, *, anchor: str = "start") -> str:
    return f"<text x='{x:g}' y='{y:g}' fill='{ink}' text-anchor='{anchor}'>{escape(words)}</text>"
