"""Where the values of a JSON text stand, by JSON pointer: for messages that an editor can jump to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from modelref_git.errors import Invalid
from modelref_git.records import pointer
from modelref_git.records.json_tokens import tokens

LineColumn: TypeAlias = tuple[int, int]
"""Line and column, both from 1; columns are counted in characters, as editors show them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pointer leads in a text."""

    value: LineColumn
    """Where the value begins. Of a value that is missing: where the object or list begins that lacks it."""
    key: LineColumn | None = None
    """Where the key begins; ``None`` for an item of a list, the whole text, and what is missing."""
    is_missing: bool = False


def places(text: str, pointers: Iterable[str]) -> dict[str, Place]:
    """The places of *pointers* in a JSON text, in one walk over it.

    Left out are pointers that are none, and all that stand where the text is no JSON any more. Of a key that an object
    has twice, the last one counts, as it does for readers of JSON.
    """
    root = _Wanted()
    asked: list[tuple[str, list[_Wanted]]] = []
    for one in dict.fromkeys(pointers):
        try:
            parts = pointer.split(one)
        except Invalid:
            continue
        way = [root]
        for part in parts:
            way.append(way[-1].within.setdefault(part, _Wanted()))
        asked.append((one, way))
    if asked:
        _walk(text, root)
    return _placed(text, asked)


def place_of(text: str, at: str) -> Place | None:
    """The place of the pointer *at* in a JSON text; ``None`` where `places` leaves it out."""
    return places(text, [at]).get(at)


@dataclass(slots=True, eq=False)
class _Wanted:
    """A place that is asked for, or lies on the way to one: its offsets, once they are known."""

    within: dict[str, _Wanted] = field(default_factory=dict)
    value: int | None = None
    key: int | None = None

    def forget(self) -> None:
        """Take back what was found: the key stands once more, and this time counts."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            node.value = node.key = None
            waiting += node.within.values()


def _walk(text: str, root: _Wanted) -> None:
    """Fill in the offsets of what is wanted."""
    open_here: list[_Wanted | None] = []
    for token in tokens(text):
        depth = len(token.frames)
        del open_here[depth:]
        if not depth:
            here: _Wanted | None = root
        else:
            around = open_here[depth - 1]
            here = None if around is None else around.within.get(str(token.frames[-1].at))
        if here is not None and token.is_key:
            if token.is_repeated:
                here.forget()
            here.key = token.position
        elif here is not None:
            here.value = token.position
        if not token.is_key and token.raw in ("{", "["):
            open_here.append(here)


def _placed(text: str, asked: list[tuple[str, list[_Wanted]]]) -> dict[str, Place]:
    found: list[tuple[str, int, int | None, bool]] = []
    for one, way in asked:
        there = [node for node in way if node.value is not None]
        if there and there[-1].value is not None:
            is_missing = there[-1] is not way[-1]
            found.append((one, there[-1].value, None if is_missing else there[-1].key, is_missing))
    offsets = {offset for _, value, key, _ in found for offset in (value, key) if offset is not None}
    at = _lines_and_columns(text, sorted(offsets))
    return {
        one: Place(at[value], None if key is None else at[key], is_missing) for one, value, key, is_missing in found
    }


def _lines_and_columns(text: str, offsets: list[int]) -> dict[int, LineColumn]:
    """Line and column of each of the ascending *offsets*."""
    at: dict[int, LineColumn] = {}
    line, counted = 1, 0
    for offset in offsets:
        line += text.count("\n", counted, offset)
        counted = offset
        at[offset] = (line, offset - text.rfind("\n", 0, offset))
    return at
