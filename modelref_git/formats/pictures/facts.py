"""What a picture file is, told by its bytes alone: the same verdict on every host, with every version of any library.

The file is walked from its first byte to its last: every part has its length within bounds, and nothing follows the
end. The pixels themselves are not looked at; `decode` does that.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from modelref_git.errors import Invalid, Problem
from modelref_git.formats.pictures import gif, jpeg, png, webp
from modelref_git.formats.pictures.parts import (
    BYTES_AT_MOST,
    FRAMES_AT_MOST,
    KIND,
    PIXELS,
    PIXELS_AT_MOST,
    SHOWN_AT_MOST,
    SIDE_AT_MOST,
    SIZE,
    STRUCTURE,
    Flaw,
    Shape,
)

JPEG: Final = "image/jpeg"
PNG: Final = "image/png"
WEBP: Final = "image/webp"
GIF: Final = "image/gif"
MEDIA_TYPES: Final = (JPEG, PNG, WEBP, GIF)

_TAKEN: Final = "pictures are JPEG, PNG, WebP or GIF files"
_OTHERS: Final = (
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\1\0", "an icon"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"PK", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"RIFF", "a sound or a film"),
)
_MARKUP: Final = ((b"<svg", "an SVG picture"), (b"<html", "an HTML page"), (b"<!doctype html", "an HTML page"))
_PDF: Final = b"%PDF-"
_PDF_WITHIN: Final = 1_024
"""A reader of PDF files takes a file for one whose mark is among so many first bytes."""
_ZIP_END: Final = b"PK\x05\x06"
_ZIP_END_BYTES: Final = 22
_ZIP_WITHIN: Final = 65_535 + _ZIP_END_BYTES
"""A reader of ZIP archives looks for the end of the list of files among so many last bytes."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a picture file is."""

    media_type: str
    """One of `MEDIA_TYPES`."""
    width: int
    """Pixels, as they are stored: a photograph may ask to be shown turned."""
    height: int
    frames: int
    """1 of a picture that does not move."""
    size_bytes: int


def facts_of(data: bytes, *, what: str = "the picture") -> Facts:
    """What the file *data* is.

    Args:
        data: the whole file.
        what: names it in a refusal.

    Raises:
        Invalid: it is none of the four kinds, is not built as its kind has to be, passes a bound, or something follows
            its end; the rule is ``picture.kind``, ``picture.structure``, ``picture.size``, ``picture.pixels`` or
            ``picture.trailing``.
    """
    try:
        return _facts(data)
    except Flaw as flaw:
        raise refused(what, flaw) from None


def refused(what: str, flaw: Flaw) -> Invalid:
    """The error that says that *what* is no picture that is taken, and why."""
    return Invalid.of(what, [Problem("", flaw.message, flaw.rule)])


def _facts(data: bytes) -> Facts:
    if len(data) > BYTES_AT_MOST:
        raise Flaw(SIZE, f"it has {len(data):,} bytes, and a picture may have {BYTES_AT_MOST:,}")
    media_type, walk = _kind(data)
    shape = walk(data)
    _bound(shape)
    _refuse_disguise(data)
    return Facts(media_type, shape.width, shape.height, shape.frames, len(data))


def _kind(data: bytes) -> tuple[str, Callable[[bytes], Shape]]:
    if data.startswith(jpeg.SIGNATURE):
        return JPEG, jpeg.shape
    if data.startswith(png.SIGNATURE):
        return PNG, png.shape
    if data.startswith(gif.SIGNATURES):
        return GIF, gif.shape
    if webp.is_webp(data):
        return WEBP, webp.shape
    raise Flaw(KIND, f"it is {_other_kind(data)}, and {_TAKEN}")


def _other_kind(data: bytes) -> str:
    if not data:
        return "an empty file"
    for signature, name in _OTHERS:
        if data.startswith(signature):
            return name
    if data[4:8] == b"ftyp":
        return "an AVIF or HEIC picture, or a film"
    text = data[:_PDF_WITHIN].lower()
    for mark, name in _MARKUP:
        if mark in text:
            return name
    return "a document of markup" if text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else "none of them"


def _bound(shape: Shape) -> None:
    pixels = shape.width * shape.height
    if max(shape.width, shape.height) > SIDE_AT_MOST or pixels > PIXELS_AT_MOST:
        raise Flaw(
            PIXELS,
            f"it has {shape.width:,} x {shape.height:,} pixels, and a picture may have {SIDE_AT_MOST:,} a side and "
            f"{PIXELS_AT_MOST:,} in all",
        )
    if shape.frames > FRAMES_AT_MOST or shape.frames * pixels > SHOWN_AT_MOST:
        raise Flaw(
            PIXELS,
            f"it has {shape.frames:,} frames of {pixels:,} pixels, and a picture may have {FRAMES_AT_MOST:,} frames "
            f"and {SHOWN_AT_MOST:,} pixels in all of them",
        )


def _refuse_disguise(data: bytes) -> None:
    """Refuse what is a picture for one program and a document or an archive for another."""
    if data.find(_PDF, 0, _PDF_WITHIN + len(_PDF)) >= 0:
        raise Flaw(STRUCTURE, "it is a PDF document too")
    place = data.rfind(_ZIP_END, max(0, len(data) - _ZIP_WITHIN))
    while place >= 0:
        if _ends_an_archive(data, place):
            raise Flaw(STRUCTURE, "it is a ZIP archive too")
        place = data.rfind(_ZIP_END, max(0, len(data) - _ZIP_WITHIN), place)


def _ends_an_archive(data: bytes, place: int) -> bool:
    """Whether what looks like the end of an archive's list of files says what such an end can say."""
    if place + _ZIP_END_BYTES > len(data):
        return False
    disk, first, here, files, size, _ = struct.unpack_from("<HHHHII", data, place + 4)
    return bool(disk == first == 0 and here == files and size <= place)
