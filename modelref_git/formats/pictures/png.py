"""PNG files, still and animated, chunk by chunk: each with its length, its place and its checksum."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from modelref_git.formats.pictures.parts import STRUCTURE, Blocks, Flaw, Shape, cut_short, ends_at

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""By colour type, the bits of a sample that it may have."""
_PALETTE: Final = 3
_PALETTE_BYTES: Final = 768
_ONCE: Final = frozenset({b"IHDR", b"PLTE", b"acTL", b"IEND"})
_KNOWN: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
"""The chunks without which a picture cannot be shown; a reader that meets another such has to give up."""
_FRAME_HEAD: Final = 26


def shape(data: bytes) -> Shape:
    """What the file *data*, which begins as a PNG does, says of its picture.

    Raises:
        Flaw: it is not built as such a file has to be.
    """
    return _Walk(data).shape()


class _Walk:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._view = memoryview(data)
        self._blocks = Blocks()
        self._seen: set[bytes] = set()
        self._before = b""
        self._width = self._height = 0
        self._colour = 0
        self._promised: int | None = None
        """Frames that the file says it has."""
        self._frames = 0
        self._sequence = 0
        self._filled = True
        """Whether the frame that was begun last has any data."""
        self._first_is_a_frame = False

    def shape(self) -> Shape:
        place = len(SIGNATURE)
        while self._before != b"IEND":
            self._blocks.one()
            place = self._chunk(place)
        ends_at(self._data, place)
        if b"IDAT" not in self._seen:
            raise Flaw(STRUCTURE, "it holds no image data")
        if self._promised is None:
            return Shape(self._width, self._height)
        if self._frames != self._promised or not self._filled:
            raise Flaw(STRUCTURE, f"it has {self._frames} whole frames of the {self._promised} that it promises")
        hidden = 0 if self._first_is_a_frame else 1  # shown only where animations are not
        return Shape(self._width, self._height, self._frames + hidden)

    def _chunk(self, place: int) -> int:
        """Look at the chunk at *place*; where the next one begins."""
        if place + 12 > len(self._data):
            raise cut_short("a chunk")
        length, kind = int.from_bytes(self._view[place : place + 4]), self._data[place + 4 : place + 8]
        end = place + 12 + length
        if end > len(self._data):
            raise cut_short(f"the chunk {_name(kind)}")
        if not kind.isalpha():
            raise Flaw(STRUCTURE, f"there is no chunk {_name(kind)}")
        given = int.from_bytes(self._view[end - 4 : end])
        if zlib.crc32(self._view[place + 4 : end - 4]) != given:
            raise Flaw(STRUCTURE, f"the checksum of a chunk {_name(kind)} is wrong")
        self._look(kind, place + 8, length)
        self._seen.add(kind)
        self._before = kind
        return end

    def _look(self, kind: bytes, start: int, length: int) -> None:
        if (kind == b"IHDR") == bool(self._seen):
            raise Flaw(STRUCTURE, "its header is not its first chunk, or not its only one")
        if kind in _ONCE and kind in self._seen:
            raise Flaw(STRUCTURE, f"it has more than one chunk {_name(kind)}")
        if kind[:1].isupper() and kind not in _KNOWN:
            raise Flaw(STRUCTURE, f"no reader knows its chunk {_name(kind)}")
        if kind == b"IHDR":
            self._header(start, length)
        elif kind == b"PLTE":
            if b"IDAT" in self._seen or not 0 < length <= _PALETTE_BYTES or length % 3:
                raise Flaw(STRUCTURE, "its palette is none")
        elif kind == b"IDAT":
            self._image_data()
        elif kind == b"IEND" and length:
            raise Flaw(STRUCTURE, "its last chunk is not empty")
        elif kind in (b"acTL", b"fcTL", b"fdAT"):
            self._animation(kind, start, length)

    def _header(self, start: int, length: int) -> None:
        if length != 13:
            raise Flaw(STRUCTURE, "its header has another length than 13")
        self._width, self._height, depth, self._colour, packing, filtering, lacing = struct.unpack_from(
            ">IIBBBBB", self._data, start
        )
        if not self._width or not self._height:
            raise Flaw(STRUCTURE, "it has no pixels")
        if depth not in _DEPTHS.get(self._colour, ()) or packing or filtering or lacing > 1:
            raise Flaw(STRUCTURE, "its header names a form of image data that there is not")

    def _image_data(self) -> None:
        if self._colour == _PALETTE and b"PLTE" not in self._seen:
            raise Flaw(STRUCTURE, "it lacks its palette")
        if b"IDAT" in self._seen and self._before != b"IDAT":
            raise Flaw(STRUCTURE, "something stands between its image data")
        if self._frames:
            self._first_is_a_frame = self._filled = True

    def _animation(self, kind: bytes, start: int, length: int) -> None:
        if kind == b"acTL":
            if length != 8 or b"IDAT" in self._seen:
                raise Flaw(STRUCTURE, "what it says of its animation is out of place")
            self._promised = struct.unpack_from(">I", self._data, start)[0]
            if not self._promised:
                raise Flaw(STRUCTURE, "its animation has no frames")
            return
        if self._promised is None or length < (_FRAME_HEAD if kind == b"fcTL" else 4):
            raise Flaw(STRUCTURE, "it has a frame of no animation")
        if struct.unpack_from(">I", self._data, start)[0] != self._sequence:
            raise Flaw(STRUCTURE, "the parts of its animation are not in order")
        self._sequence += 1
        if kind == b"fdAT":
            if not self._frames or b"IDAT" not in self._seen:
                raise Flaw(STRUCTURE, "it has data of a frame that was not begun")
            self._filled = True
        else:
            self._frame(start, length)

    def _frame(self, start: int, length: int) -> None:
        width, height, left, top, _, _, leaving, mixing = struct.unpack_from(">IIIIHHBB", self._data, start + 4)
        inside = min(width, height) > 0 and left + width <= self._width and top + height <= self._height
        whole = (left, top, width, height) == (0, 0, self._width, self._height)
        if length != _FRAME_HEAD or not inside or leaving > 2 or mixing > 1:
            raise Flaw(STRUCTURE, "a frame is not within the picture")
        if not self._filled or (b"IDAT" not in self._seen and not whole):
            raise Flaw(STRUCTURE, "a frame is not whole")
        self._frames += 1
        self._filled = False


def _name(kind: bytes) -> str:
    return repr(kind.decode("ascii", "backslashreplace"))
