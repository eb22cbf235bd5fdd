"""What is shown of a picture before all of it: a small one, and the few letters of a blurred one.

Both can be made again at any time and are stored in no dataset.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from modelref_git.formats.pictures.decode import missing, opened
from modelref_git.formats.pictures.facts import Facts, facts_of

if TYPE_CHECKING:
    from PIL.Image import Image, Transpose

THUMBNAIL_TYPE: Final = "image/webp"

_QUALITY: Final = 80
_BLUR_SIDE: Final = 32
"""Pixels of which a blurred picture is made; more would not change what is left of them."""
_BLUR_PARTS: Final = 4
"""Waves a side, of which a blurred picture consists."""
_RESIZED: Final = frozenset({"L", "RGB", "RGBA", "CMYK"})
"""Pillow's names of the forms whose pixels are numbers that can be mixed; of a large picture, few bytes remain then."""
_ORIENTATION: Final = 0x0112
"""The mark of a photograph that was taken with the camera turned."""


def thumbnail(data: bytes, side: int) -> bytes:
    """The first frame of the picture *data* as a WebP of at most *side* pixels a side, upright, without any metadata.

    A picture that is smaller keeps its size.

    Raises:
        Invalid: it is no picture that is taken, or cannot be decoded.
        NoDecoder: Pillow is not installed.
    """
    facts = facts_of(data)
    with opened(data, facts) as image:
        small = _small(image, facts, side)
        out = io.BytesIO()
        small.save(out, "WEBP", quality=_QUALITY)
        return out.getvalue()


def blurhash(data: bytes) -> str:
    """The picture *data*, blurred, in the few letters that <https://blurha.sh> defines.

    Raises:
        Invalid: it is no picture that is taken, or cannot be decoded.
        NoDecoder: Pillow or the blurhash package is not installed.
    """
    try:
        from blurhash import encode  # type: ignore[import-untyped]
    except ImportError as fault:
        raise missing(fault) from fault

    facts = facts_of(data)
    with opened(data, facts) as image:
        small = _on_white(_small(image, facts, _BLUR_SIDE))
        raw = small.tobytes()
    row = 3 * small.width
    pixels = [
        [tuple(raw[place : place + 3]) for place in range(start, start + row, 3)] for start in range(0, len(raw), row)
    ]
    return str(encode(pixels, components_x=_BLUR_PARTS, components_y=_BLUR_PARTS))


def _small(image: Image, facts: Facts, side: int) -> Image:
    """*image* with at most *side* pixels a side, upright, in colours, perhaps with transparency."""
    turn = _turn(image)
    image.draft(None, (side, side))  # a JPEG can be decoded at a half, a quarter or an eighth
    small: Image = image if image.mode in _RESIZED else _coloured(image)
    size = _within(facts, side)
    if small.size != size:
        small = small.resize(size, reducing_gap=2.0)
    small = _coloured(small)
    if turn is not None:
        small = small.transpose(turn)
    small.info.clear()  # of which an older Pillow would write a part into the small one
    return small


def _within(facts: Facts, side: int) -> tuple[int, int]:
    longer = max(facts.width, facts.height)
    if longer <= side:
        return facts.width, facts.height
    return max(1, round(facts.width * side / longer)), max(1, round(facts.height * side / longer))


def _coloured(image: Image) -> Image:
    if image.mode == "I;16":  # grey in two bytes, of which the second one counts most
        from PIL.Image import frombytes

        return frombytes("L", image.size, image.tobytes()[1::2]).convert("RGB")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _on_white(image: Image) -> Image:
    if image.mode != "RGBA":
        return image
    from PIL.Image import alpha_composite, new

    return alpha_composite(new("RGBA", image.size, (255, 255, 255, 255)), image).convert("RGB")


def _turn(image: Image) -> Transpose | None:
    """How the picture is to be turned to stand upright, if it is."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        return turns.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # metadata that nobody can read turn nothing
        return None
