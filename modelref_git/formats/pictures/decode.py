"""Pictures that can really be shown: every frame decoded, by Pillow, which is loaded only for that."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from modelref_git.errors import UsageFault
from modelref_git.formats.pictures import facts as picture_facts
from modelref_git.formats.pictures.facts import Facts, facts_of, refused
from modelref_git.formats.pictures.parts import DECODE, Flaw

if TYPE_CHECKING:
    from PIL.Image import Image

_AT_ONCE: Final = threading.BoundedSemaphore(2)
"""So many pictures are decoded at the same time in one process: each may take some hundred megabytes."""
_FORMATS: Final = {
    picture_facts.JPEG: "JPEG",
    picture_facts.PNG: "PNG",
    picture_facts.WEBP: "WEBP",
    picture_facts.GIF: "GIF",
}
"""By media type, Pillow's name of the one reader that may touch a file."""


class NoDecoder(UsageFault):
    """What decodes pictures is not installed."""


def check(data: bytes, *, what: str = "the picture") -> Facts:
    """What the picture *data* is, after every frame of it was decoded.

    Args:
        data: the whole file.
        what: names it in a refusal.

    Raises:
        Invalid: as `facts_of`; or Pillow cannot decode it, or finds another picture in it (``picture.decode``).
        NoDecoder: Pillow is not installed.
    """
    facts = facts_of(data, what=what)
    with opened(data, facts, what=what) as image:
        frames = getattr(image, "n_frames", 1)
        if frames != facts.frames:
            raise Flaw(DECODE, f"it has {facts.frames:,} frames, and decoded {frames:,}")
        for number in range(frames):
            image.seek(number)
            image.load()
            if image.size != (facts.width, facts.height):
                raise Flaw(DECODE, "its frames are not of its size")
    return facts


@contextmanager
def opened(data: bytes, facts: Facts, *, what: str = "the picture") -> Iterator[Image]:
    """The picture *data* as Pillow has it, at its first frame, not decoded yet; what fails while it is open is Invalid.

    Its *facts* are within the bounds, so that no bound of Pillow's has to be set, which all threads would share.

    Raises:
        Invalid: the rule is ``picture.decode``.
        NoDecoder: Pillow is not installed.
    """
    open_image = _pillow()
    name = _FORMATS[facts.media_type]
    with _AT_ONCE:
        try:
            with open_image(io.BytesIO(data), formats=[name]) as image:
                if image.format != name or image.size != (facts.width, facts.height):
                    raise Flaw(DECODE, "another picture is in it")
                yield image
        except Flaw as flaw:
            raise refused(what, flaw) from None
        except Exception as fault:  # a decoder raises anything at arbitrary bytes, and warnings may be errors
            raise refused(what, Flaw(DECODE, f"it cannot be decoded: {_words(fault)}")) from fault


def missing(fault: ImportError) -> NoDecoder:
    """The error where what decodes pictures is not installed."""
    return NoDecoder(
        f"pictures cannot be looked at here: {fault.name or 'Pillow'} is not installed",
        hint="install the extra: pip install 'modelref-git[pictures]'",
    )


def _pillow() -> Callable[..., Image]:
    try:
        from PIL.Image import open as open_image
    except ImportError as fault:
        raise missing(fault) from fault
    return open_image


def _words(fault: Exception) -> str:
    """What *fault* says, in one line; the address of an object in memory tells nobody anything."""
    text = " ".join(str(fault).split())
    return text[:200] if text and " object at 0x" not in text else type(fault).__name__
