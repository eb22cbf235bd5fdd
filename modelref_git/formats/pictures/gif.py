"""GIF files, still and animated, block by block."""

from __future__ import annotations

import struct
from typing import Final

from modelref_git.formats.pictures.parts import STRUCTURE, Blocks, Flaw, Shape, cut_short, ends_at

SIGNATURES: Final = (b"GIF87a", b"GIF89a")

_EXTENSION: Final = 0x21
_IMAGE: Final = 0x2C
_END: Final = 0x3B
_HAS_TABLE: Final = 0x80
_WIDEST_CODE: Final = 8


def shape(data: bytes) -> Shape:
    """What the file *data*, which begins as a GIF does, says of its picture.

    Raises:
        Flaw: it is not built as such a file has to be.
    """
    if len(data) < 13:
        raise cut_short("its header")
    width, height, packed = struct.unpack_from("<HHB", data, 6)
    if not width or not height:
        raise Flaw(STRUCTURE, "it has no pixels")
    place = 13 + _table(packed)
    blocks = Blocks()
    frames = 0
    while True:
        blocks.one()
        if place >= len(data):
            raise cut_short("the picture")
        kind = data[place]
        if kind == _END:
            break
        if kind == _IMAGE:
            place = _image(data, place, width, height)
            frames += 1
        elif kind == _EXTENSION:
            place += 2
        else:
            raise Flaw(STRUCTURE, f"there is no block of the kind {kind}")
        place = _pieces(data, place, blocks)
    ends_at(data, place + 1)
    if not frames:
        raise Flaw(STRUCTURE, "it holds no image")
    return Shape(width, height, frames)


def _table(packed: int) -> int:
    """The bytes of the table of colours that *packed* speaks of."""
    return 3 << ((packed & 7) + 1) if packed & _HAS_TABLE else 0


def _image(data: bytes, place: int, width: int, height: int) -> int:
    """Look at the head of the image at *place*; where its data begin."""
    if place + 10 > len(data):
        raise cut_short("the head of an image")
    left, top, wide, high, packed = struct.unpack_from("<HHHHB", data, place + 1)
    if not wide or not high or left + wide > width or top + high > height:
        raise Flaw(STRUCTURE, "a frame is not within the picture")
    place += 10 + _table(packed)
    if place >= len(data):
        raise cut_short("an image")
    if not 1 < data[place] <= _WIDEST_CODE:
        raise Flaw(STRUCTURE, "the codes of an image have a length that they cannot have")
    return place + 1


def _pieces(data: bytes, place: int, blocks: Blocks) -> int:
    """Step over the pieces that follow a block's head; where the next block begins."""
    end = len(data)
    while place < end:
        length = data[place]
        place += 1 + length
        if not length:
            return place
        blocks.one()
    raise cut_short("a block")
