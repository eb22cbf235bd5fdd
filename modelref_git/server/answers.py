"""Answers as bytes: JSON with numbers as they were written, ``ETag`` and ``304``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from modelref_git.records.codec import line

JSON: Final = "application/json"
FILE: Final = "application/octet-stream"
"""Of a model's file, which is never compressed: its parts are asked for by their places, and it hardly gets smaller."""


def rendered(answer: Any) -> bytes:
    """One JSON document in one line. It costs time with the answer's size: long ones are made in a thread."""
    return line(answer).encode("utf-8", "replace")


def json_response(answer: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The answer *answer*."""
    return Response(rendered(answer), status, headers, media_type=JSON)


def tagged(request: Request, body: bytes, etag: str, headers: Mapping[str, str] | None = None) -> Response:
    """*body*, which is JSON, under its *etag*; or 304, if the caller has it already."""
    known = {"ETag": etag, "Cache-Control": "no-cache", **(headers or {})}
    if is_known(request, etag):
        return Response(None, 304, known)
    return Response(body, 200, known, media_type=JSON)


def is_known(request: Request, etag: str) -> bool:
    """Whether ``If-None-Match`` names *etag*, compared weakly."""
    given = request.headers.get("if-none-match")
    return given is not None and (given.strip() == "*" or opaque(etag) in tags_of(given))


def tags_of(text: str) -> list[str]:
    """The opaque parts of the tags in ``If-None-Match`` or ``If-Match``."""
    return [opaque(part) for part in text.split(",") if part.strip()]


def opaque(etag: str) -> str:
    """What a tag names: it without ``W/`` and quotes."""
    return etag.strip().removeprefix("W/").strip().strip('"')


def weak(oid: str) -> str:
    """The tag of what is made of the Git object *oid*: same content, though perhaps not byte for byte."""
    return f'W/"{oid}"'
