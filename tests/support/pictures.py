"""Real pictures, made by Pillow, and files that claim to be some."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

from PIL import Image

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """*image* as a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def painted(width: int = 24, height: int = 16, mode: str = "RGB") -> Image.Image:
    """A picture whose left third is red, on blue."""
    image = Image.new("RGB", (width, height), (20, 40, 200))
    image.paste((220, 30, 10), (0, 0, width // 3, height))
    return image.convert(mode)


@cache
def picture(kind: str = "PNG", width: int = 24, height: int = 16) -> bytes:
    """One that does not move."""
    return saved(painted(width, height), kind)


@cache
def moving(kind: str, frames: int = 3) -> bytes:
    """One that moves."""
    images = [Image.new("RGB", (24, 16), (20, 60 * number % 256, 250 - number % 200)) for number in range(frames)]
    return saved(images[0], kind, save_all=True, append_images=images[1:], duration=40)


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*middle: bytes, width: int = 8, height: int = 8) -> bytes:
    """A PNG file, of grey pixels, with other chunks before its image data."""
    rows = zlib.compress(bytes((width + 1) * height)) if width * height <= 1_000_000 else zlib.compress(b"\0" * 100)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(middle) + chunk(b"IDAT", rows) + chunk(b"IEND")


def gif(frames: int, width: int = 8, height: int = 8) -> bytes:
    """A GIF file of many tiny frames."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b"\x3b"


def zipped(name: str = "a.txt", text: str = "hello") -> bytes:
    """An archive."""
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, text)
    return out.getvalue()
