"""Picture files as a browser gets them: shown as what they are and as nothing else, and kept by their sums."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from starlette.responses import Response

from modelref_git.formats.pictures.derived import THUMBNAIL_TYPE
from modelref_git.formats.pictures.facts import GIF, JPEG, PNG, WEBP, facts_of
from modelref_git.server.answers import is_known

_ENDINGS: Final = {JPEG: "jpg", PNG: "png", WEBP: "webp", GIF: "gif"}
_SHOWN_ALONE: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
}
"""Whatever a browser takes such an answer for: nothing in it runs, and nothing is loaded."""
FOR_EVER: Final = "private, max-age=31536000, immutable"
"""What is named by its sum never changes; it is the caller's own, as it takes a key to ask for it."""
FOR_A_DAY: Final = "private, max-age=86400"
"""Another version may make another thumbnail."""
FOR_ALL: Final = "public, max-age=86400"
"""What is live is nobody's own, and pages of others may show it. A day: what no record names any more is to be gone."""


def etag_of(sha256: str, side: int | None = None) -> str:
    """The tag of a picture, or of its thumbnail of *side* pixels."""
    return f'"{sha256}"' if side is None else f'W/"{sha256}-{side}"'


def not_modified(request: Request, etag: str, cache: str) -> Response | None:
    """304, if the caller has what *etag* names."""
    return Response(None, 304, {"ETag": etag, "Cache-Control": cache}) if is_known(request, etag) else None


def whole(data: bytes, sha256: str, cache: str = FOR_EVER) -> Response:
    """The picture *data*, of the kind that its bytes are, whatever a record says.

    Raises:
        Invalid: it is no picture.
    """
    kind = facts_of(data).media_type
    return _shown(data, kind, f"{sha256}.{_ENDINGS[kind]}", etag_of(sha256), cache)


def small(data: bytes, sha256: str, side: int, cache: str = FOR_A_DAY) -> Response:
    """The thumbnail *data*."""
    return _shown(data, THUMBNAIL_TYPE, f"{sha256}-{side}.webp", etag_of(sha256, side), cache)


def _shown(data: bytes, kind: str, name: str, etag: str, cache: str) -> Response:
    headers = {
        **_SHOWN_ALONE,
        "ETag": etag,
        "Cache-Control": cache,
        "Cross-Origin-Resource-Policy": "cross-origin" if cache == FOR_ALL else "same-origin",
        "Content-Disposition": f'inline; filename="{name}"',
    }
    return Response(data, headers=headers, media_type=kind)
