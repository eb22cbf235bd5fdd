"""Requests that bring a file: how large they may be, and how their form is read without holding it in memory twice."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.types import Scope

from modelref_git.formats.pictures.parts import BYTES_AT_MOST
from modelref_git.server.faults import Refusal

MULTIPART: Final = "multipart/form-data"

FIELD_AT_MOST: Final = 262_144
"""Bytes of one field: as much as a whole record may have."""
FIELDS_AT_MOST: Final = 20
LARGEST: Final = BYTES_AT_MOST + FIELDS_AT_MOST * FIELD_AT_MOST
"""Bytes of a body that brings a picture."""

_PATHS: Final = re.compile(r"(?:/api)?(?:(?:/v1)?/models/[0-9]{1,16}/images|/ui/propose/(?:create|update|import))")
"""Where such a body is taken."""


def body_at_most(scope: Scope, usual: int) -> int:
    """The bytes that the body of a request may have: *usual* ones, but where a picture is sent."""
    if scope["method"] == "POST" and _PATHS.fullmatch(scope["path"]):
        return max(usual, LARGEST)
    return usual


@dataclass(frozen=True, slots=True)
class Form:
    """What a form brought."""

    fields: dict[str, str]
    """By name; an empty field is as good as none, and is left out."""
    file: UploadFile
    """On the disk, if it is large; its name is whatever the sender wrote."""


@asynccontextmanager
async def form_of(request: Request, names: frozenset[str]) -> AsyncIterator[Form]:
    """The form of a request: the one file ``file``, and fields with *names*. The file is gone afterwards.

    Whoever asks must have been looked at before: reading may take 50 MB.

    Raises:
        Refusal: 400, it is no such form.
        HTTPException: 400 or 413, it cannot be read within the bounds.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MULTIPART:
        raise Refusal(400, f"The body is no form: its Content-Type is to be {MULTIPART}", "usage")
    async with request.form(max_files=1, max_fields=FIELDS_AT_MOST, max_part_size=FIELD_AT_MOST) as form:
        rows = form.multi_items()
        fields = {name: value for name, value in rows if isinstance(value, str)}
        files = [value for name, value in rows if name == "file" and isinstance(value, UploadFile)]
        strange = sorted({name for name, _ in rows} - names - {"file"})
        if strange:
            raise Refusal(400, f"The form has a field {strange[0][:100]!r}, which nobody knows", "usage")
        if not files:
            raise Refusal(400, "file: the form brings no file", "usage")
        if len(fields) + 1 < len(rows):
            raise Refusal(400, "The form has a field twice", "usage")
        yield Form({name: value for name, value in fields.items() if value.strip()}, files[0])
