"""What the readers of all kinds of picture files share: the bounds, what they find, and how they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BYTES_AT_MOST: Final = 50_000_000
"""Of one file."""
SIDE_AT_MOST: Final = 16_384
"""Pixels."""
PIXELS_AT_MOST: Final = 64_000_000
"""Of the whole picture."""
SHOWN_AT_MOST: Final = 256_000_000
"""Pixels of all frames together: what a program that shows the picture has to make of it."""
FRAMES_AT_MOST: Final = 1_000
"""However small they are."""
BLOCKS_AT_MOST: Final = 400_000
"""Into so many pieces a file may be cut. A picture of 50 MB in the usual pieces of 255 bytes has half of them; a file
of nothing but empty ones would keep every reader busy for minutes."""

KIND: Final = "picture.kind"
STRUCTURE: Final = "picture.structure"
SIZE: Final = "picture.size"
PIXELS: Final = "picture.pixels"
TRAILING: Final = "picture.trailing"
DECODE: Final = "picture.decode"


class Flaw(Exception):
    """Why a file is no picture that is taken: the *rule* that it breaks, and how, as a part of a sentence."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message


@dataclass(frozen=True, slots=True)
class Shape:
    """What a container says of its picture."""

    width: int
    """Pixels, as they are stored: a photograph may ask to be shown turned."""
    height: int
    frames: int = 1


class Blocks:
    """Counts the pieces of a file, and ends it when there are too many."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = BLOCKS_AT_MOST

    def one(self) -> None:
        """Count one.

        Raises:
            Flaw: it is one too many.
        """
        self._left -= 1
        if self._left < 0:
            raise Flaw(STRUCTURE, f"it is cut into more than {BLOCKS_AT_MOST:,} pieces")


def cut_short(where: str) -> Flaw:
    """The file ends within *where*."""
    return Flaw(STRUCTURE, f"it ends within {where}")


def ends_at(data: bytes, end: int) -> None:
    """Nothing may follow the picture, which ends at *end*.

    Raises:
        Flaw: something does.
    """
    if end != len(data):
        raise Flaw(TRAILING, f"{len(data) - end:,} bytes follow the end of the picture")
