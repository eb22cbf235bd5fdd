"""JPEG files, segment by segment, from the start of the image to its end."""

from __future__ import annotations

import re
import struct
from typing import Final

from modelref_git.formats.pictures.parts import PIXELS, STRUCTURE, Blocks, Flaw, Shape, cut_short, ends_at

SIGNATURE: Final = b"\xff\xd8\xff"

_END: Final = 0xD9
_SCAN: Final = 0xDA
_SHOWN: Final = frozenset({0xC0, 0xC1, 0xC2})
"""The ways to store an image that every browser knows: all at once, or in steps, with Huffman's codes."""
_OTHERS: Final = frozenset({*range(0xC3, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""The other ways: lossless, by levels, arithmetic."""
_SEGMENTS: Final = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xF0), 0xFE}) - {0xC8, 0xDC, 0xDE, 0xDF}
"""What has a length behind its mark."""
_COMPONENTS: Final = frozenset({1, 3, 4})
_AFTER_DATA: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The mark that ends the data of a scan: neither a byte 255 of the data, nor a place to start again, nor a filler."""
_SCANS_AT_MOST: Final = 100
_SCANNED_AT_MOST: Final = 1_024_000_000
"""Pixels, each counted once for every scan: a reader goes over the whole image each time."""


def shape(data: bytes) -> Shape:
    """What the file *data*, which begins as a JPEG does, says of its picture.

    Raises:
        Flaw: it is not built as such a file has to be.
    """
    blocks = Blocks()
    found: Shape | None = None
    place, scans = 2, 0
    while True:
        blocks.one()
        mark, place = _mark(data, place)
        if mark == _END:
            break
        end = _end(data, place, mark)
        if mark in _OTHERS:
            raise Flaw(STRUCTURE, "its image is stored in a way that browsers do not show")
        if mark in _SHOWN:
            if found is not None:
                raise Flaw(STRUCTURE, "it has more than one header")
            found = _header(data, place, end)
        elif mark == _SCAN:
            if found is None:
                raise Flaw(STRUCTURE, "its image comes before its header")
            scans += 1
            _bound(found, scans)
            end = _after_data(data, end)
        place = end
    ends_at(data, place)
    if found is None or not scans:
        raise Flaw(STRUCTURE, "it holds no image")
    return found


def _mark(data: bytes, place: int) -> tuple[int, int]:
    """The mark at *place*, and where what belongs to it begins."""
    if place >= len(data):
        raise cut_short("the picture")
    if data[place] != 0xFF:
        raise Flaw(STRUCTURE, "something stands between its segments")
    while place < len(data) and data[place] == 0xFF:
        place += 1
    if place == len(data):
        raise cut_short("a mark")
    return data[place], place + 1


def _end(data: bytes, place: int, mark: int) -> int:
    """Where the segment whose length stands at *place* ends."""
    if mark not in _SEGMENTS:
        raise Flaw(STRUCTURE, f"there is no segment of the kind {mark}")
    if place + 2 > len(data):
        raise cut_short("a segment")
    (length,) = struct.unpack_from(">H", data, place)
    if length < 2:
        raise Flaw(STRUCTURE, "a segment is shorter than its own length")
    if place + length > len(data):
        raise cut_short("a segment")
    return int(place + length)


def _header(data: bytes, place: int, end: int) -> Shape:
    if end < place + 8:
        raise Flaw(STRUCTURE, "its header is too short")
    depth, height, width, components = struct.unpack_from(">BHHB", data, place + 2)
    if end != place + 8 + 3 * components:
        raise Flaw(STRUCTURE, "its header has not the length that it needs")
    if depth != 8 or components not in _COMPONENTS:
        raise Flaw(STRUCTURE, "its image is stored in a way that browsers do not show")
    if not width or not height:
        raise Flaw(STRUCTURE, "it has no pixels")
    return Shape(width, height)


def _bound(found: Shape, scans: int) -> None:
    if scans > _SCANS_AT_MOST or scans * found.width * found.height > _SCANNED_AT_MOST:
        raise Flaw(PIXELS, f"its image comes in {scans} scans or more, which is too much work to show")


def _after_data(data: bytes, place: int) -> int:
    """Where the data of a scan, which begin at *place*, are over."""
    match = _AFTER_DATA.search(data, place)
    if match is None:
        raise cut_short("the image data")
    return match.start()
