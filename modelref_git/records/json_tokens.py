"""JSON text, token by token, each with its position: for whoever needs to know where something stands.

The walk takes any text as far as it is JSON, and never looks at a character twice. It is several times as slow as the
scanner of the standard library, so it is left to those who have a fault to show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelref_git.records import pointer

_TOKEN: Final = re.compile(r'[ \t\n\r]*([{}\[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"|[^ \t\n\r{}\[\],:"]+)', re.DOTALL)


class Frame:
    """An object or list that is open, and the key or index that the walk is at."""

    __slots__ = ("at", "expects_key", "is_object", "seen")

    def __init__(self, bracket: str) -> None:
        self.is_object = self.expects_key = bracket == "{"
        self.seen: set[str] = set()
        self.at: str | int = 0

    def next(self) -> None:
        """Step over a comma."""
        self.expects_key = self.is_object
        if isinstance(self.at, int):
            self.at += 1

    def enter(self, key: str) -> bool:
        """Step on a key; whether the object had it before."""
        repeated = key in self.seen
        self.seen.add(key)
        self.at = key
        self.expects_key = False
        return repeated


@dataclass(frozen=True, slots=True)
class Token:
    """A key, a scalar or an opening bracket; its frames are good until the walk goes on."""

    raw: str
    position: int
    frames: list[Frame]
    is_key: bool = False
    is_repeated: bool = False

    @property
    def string(self) -> str:
        """The string that the token stands for; what is no string stands for itself."""
        return _string(self.raw)

    @property
    def pointer(self) -> str:
        """The JSON pointer of the value, or of the value that the key is for."""
        return pointer.join(frame.at for frame in self.frames)


def tokens(text: str) -> Iterator[Token]:
    """The keys and values of *text* in order, as far as it is JSON."""
    frames: list[Frame] = []
    end = 0
    while match := _TOKEN.match(text, end):
        raw, position, end = match[1], match.start(1), match.end()
        if raw in ("}", "]"):
            if not frames:
                return
            frames.pop()
        elif raw == ",":
            if frames:
                frames[-1].next()
        elif raw == ":":
            pass
        elif frames and frames[-1].expects_key:
            yield Token(raw, position, frames, is_key=True, is_repeated=frames[-1].enter(_string(raw)))
        else:
            yield Token(raw, position, frames)
            if raw in ("{", "["):
                frames.append(Frame(raw))


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Line and column of the character at *position*; both count from 1, columns in characters."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _string(raw: str) -> str:
    """The string that a token stands for; what is no string stands for itself."""
    try:
        return str(json.loads(raw)) if raw.startswith('"') else raw
    except ValueError:
        return raw
