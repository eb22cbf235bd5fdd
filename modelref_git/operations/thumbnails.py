"""Thumbnails: what is shown of a picture before all of it, made when first asked for and kept beside the repository."""

from __future__ import annotations

from typing import Final

from modelref_git.errors import NotFound, UsageFault
from modelref_git.formats.pictures import derived
from modelref_git.operations.context import Context
from modelref_git.operations.pictures import picture_bytes
from modelref_git.records.pictures import is_name
from modelref_git.store import thumbnails

SIDES: Final = (64, 128, 256, 512, 1024)
"""Pixels a side that thumbnails have, at most."""

_BLUR: Final = "blurhash"


def thumbnail(
    ctx: Context, sha256: str, side: int, *, revision: str | None = None, change_id: int | None = None
) -> bytes:
    """The picture *sha256* as a WebP of at most *side* pixels a side, or of the next greater of `SIDES`.

    Whether the caller may see the picture is decided before: what was made once is given without looking for it again.

    Args:
        ctx: the repository.
        sha256: the picture's name.
        side: pixels.
        revision: where the picture is; in the live dataset unless given.
        change_id: the proposal that brings the picture.

    Raises:
        NotFound: there is no such picture.
        UsageFault: thumbnails are not that large, or Pillow is not installed (`NoDecoder`).
        Invalid: it cannot be decoded.
    """
    fitting = [size for size in SIDES if size >= side >= 1]
    if not fitting:
        raise UsageFault(f"a thumbnail has 1 to {SIDES[-1]} pixels a side, not {side}")
    size = fitting[0]
    _require_name(sha256)
    found = thumbnails.kept(ctx.store, sha256, f"{size}.webp")
    if found is None:
        data = picture_bytes(ctx, sha256, revision=revision, change_id=change_id)
        found = derived.thumbnail(data, size)
        thumbnails.keep(ctx.store, sha256, f"{size}.webp", found)
    return found


def blurhash(ctx: Context, sha256: str, *, revision: str | None = None, change_id: int | None = None) -> str:
    """The picture *sha256*, blurred, in a few letters; the arguments are those of `thumbnail`.

    Raises:
        NotFound: there is no such picture.
        NoDecoder: what decodes pictures is not installed.
        Invalid: it cannot be decoded.
    """
    found = known_blurhash(ctx, sha256)
    if found is None:
        found = derived.blurhash(picture_bytes(ctx, sha256, revision=revision, change_id=change_id))
        thumbnails.keep(ctx.store, sha256, _BLUR, found.encode())
    return found


def known_blurhash(ctx: Context, sha256: str) -> str | None:
    """The letters of `blurhash`, if they were made before."""
    _require_name(sha256)
    data = thumbnails.kept(ctx.store, sha256, _BLUR)
    return data.decode("ascii", "replace") if data is not None else None


def _require_name(sha256: str) -> None:
    if not is_name(sha256):
        raise NotFound(f"{sha256!r} is the name of no picture: it would be 64 hex digits")
