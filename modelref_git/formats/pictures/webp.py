"""WebP files, still and animated, chunk by chunk."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from modelref_git.formats.pictures.parts import STRUCTURE, Blocks, Flaw, Shape, cut_short, ends_at

_HEAD: Final = 12
_IMAGES: Final = (b"VP8 ", b"VP8L")
_ANIMATED: Final = 0x02
_FRAME_HEAD: Final = 16

_Chunk = tuple[bytes, int, int]
"""A chunk's kind, and where its content begins and ends."""


def is_webp(data: bytes) -> bool:
    """Whether *data* begins as a WebP file does."""
    return data[:4] == b"RIFF" and data[8:_HEAD] == b"WEBP"


def shape(data: bytes) -> Shape:
    """What the file *data*, which begins as a WebP file does, says of its picture.

    Raises:
        Flaw: it is not built as such a file has to be.
    """
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise cut_short("the picture")
    ends_at(data, end)
    blocks = Blocks()
    chunks = _chunks(data, _HEAD, end, blocks)
    first = next(chunks, None)
    if first is None:
        raise Flaw(STRUCTURE, "it holds no image")
    kind, start, stop = first
    if kind in _IMAGES:
        ends_at(data, stop + (stop - start) % 2)
        return _image(data, first)
    if kind != b"VP8X":
        raise Flaw(STRUCTURE, "it begins with neither an image nor what is said of one")
    if stop - start != 10:
        raise Flaw(STRUCTURE, "its header has another length than 10")
    canvas = Shape(1 + _three(data, start + 4), 1 + _three(data, start + 7))
    if data[start] & _ANIMATED:
        return _animation(data, canvas, chunks, blocks)
    return _still(data, canvas, chunks)


def _three(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 3], "little")


def _chunks(data: bytes, place: int, end: int, blocks: Blocks) -> Iterator[_Chunk]:
    while place < end:
        blocks.one()
        if place + 8 > end:
            raise cut_short("a chunk")
        kind, length = struct.unpack_from("<4sI", data, place)
        start = place + 8
        place = start + length + length % 2
        if place > end:
            raise cut_short("a chunk")
        if length % 2 and data[place - 1]:
            raise Flaw(STRUCTURE, "something stands between its chunks")
        yield kind, start, start + length


def _still(data: bytes, canvas: Shape, chunks: Iterator[_Chunk]) -> Shape:
    images = [_image(data, chunk) for chunk in chunks if _is_image(chunk)]
    if images != [canvas]:
        raise Flaw(STRUCTURE, "it does not hold one image of its size")
    return canvas


def _is_image(chunk: _Chunk) -> bool:
    if chunk[0] in (b"ANIM", b"ANMF", b"VP8X"):
        raise Flaw(STRUCTURE, "it has a part that belongs to another kind of file")
    return chunk[0] in _IMAGES


def _animation(data: bytes, canvas: Shape, chunks: Iterator[_Chunk], blocks: Blocks) -> Shape:
    frames, announced = 0, False
    for chunk in chunks:
        kind, start, stop = chunk
        if kind == b"ANIM":
            if announced or stop - start != 6:
                raise Flaw(STRUCTURE, "what it says of its animation is out of place")
            announced = True
        elif kind == b"ANMF":
            if not announced:
                raise Flaw(STRUCTURE, "it has a frame of no animation")
            _frame(data, start, stop, canvas, blocks)
            frames += 1
        elif kind in (*_IMAGES, b"VP8X"):
            raise Flaw(STRUCTURE, "it has an image beside its frames")
    if not frames:
        raise Flaw(STRUCTURE, "its animation has no frames")
    return Shape(canvas.width, canvas.height, frames)


def _frame(data: bytes, start: int, stop: int, canvas: Shape, blocks: Blocks) -> None:
    if stop - start < _FRAME_HEAD:
        raise cut_short("a frame")
    left, top = 2 * _three(data, start), 2 * _three(data, start + 3)
    size = Shape(1 + _three(data, start + 6), 1 + _three(data, start + 9))
    if left + size.width > canvas.width or top + size.height > canvas.height:
        raise Flaw(STRUCTURE, "a frame is not within the picture")
    parts = _chunks(data, start + _FRAME_HEAD, stop, blocks)
    if [_image(data, part) for part in parts if _is_image(part)] != [size]:
        raise Flaw(STRUCTURE, "a frame does not hold one image of its size")


def _image(data: bytes, chunk: _Chunk) -> Shape:
    """The size of the image in a chunk: the two kinds write it in their own ways."""
    kind, start, stop = chunk
    if kind == b"VP8L":
        if stop - start < 5 or data[start] != 0x2F:
            raise Flaw(STRUCTURE, "its image does not begin as one")
        (bits,) = struct.unpack_from("<I", data, start + 1)
        if bits >> 29:
            raise Flaw(STRUCTURE, "its image is of a version that nobody knows")
        return Shape(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    tag = _three(data, start)
    if stop - start < 10 or tag & 1 or data[start + 3 : start + 6] != b"\x9d\x01\x2a" or tag >> 5 > stop - start - 10:
        raise Flaw(STRUCTURE, "its image does not begin as one")
    width, height = struct.unpack_from("<HH", data, start + 6)
    found = Shape(width & 0x3FFF, height & 0x3FFF)
    if not found.width or not found.height:
        raise Flaw(STRUCTURE, "it has no pixels")
    return found
