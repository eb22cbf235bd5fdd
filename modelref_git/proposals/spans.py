"""Spans of numbers, as trailers list them: ``3 7-9``."""

from __future__ import annotations

from collections.abc import Iterable

Span = tuple[int, int]
"""The first and the last of some numbers without a gap."""


def missing(present: Iterable[int], last: int) -> tuple[Span, ...]:
    """The numbers from 1 to *last* that are not among those *present*."""
    found = []
    start = 1
    for number in sorted(set(present)):
        if number > last:
            break
        if number > start:
            found.append((start, number - 1))
        start = number + 1
    if start <= last:
        found.append((start, last))
    return tuple(found)


def text_of(spans: Iterable[Span]) -> str:
    """Spans as a trailer's value."""
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def parse(text: str) -> tuple[Span, ...]:
    """Read what :func:`text_of` wrote.

    Raises:
        ValueError: it is no list of spans.
    """
    found = []
    for part in text.split(" "):
        first, _, last = part.partition("-")
        found.append((int(first), int(last or first)))
    return tuple(found)
