"""The files that pages refer to: styles, scripts, the icon. They travel in the package as they are."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from modelref_git.errors import NotFound

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def _all() -> dict[str, bytes]:
    folder = files("modelref_git.pages").joinpath("static")
    return {item.name: item.read_bytes() for item in folder.iterdir() if item.is_file() and type_of(item.name)}


def names() -> list[str]:
    """The names of all files."""
    return sorted(_all())


def read(name: str) -> bytes:
    """The bytes of the file *name*.

    Raises:
        NotFound: there is no such file.
    """
    data = _all().get(name)
    if data is None:
        raise NotFound(f"there is no file {name!r} among those of the pages")
    return data


def type_of(name: str) -> str | None:
    """The media type of the file *name*, ``None`` for what is none of ours."""
    dot = name.rfind(".")
    return TYPES.get(name[dot:]) if dot > 0 else None


@cache
def sum_of(name: str) -> str:
    """The first twelve digits of the SHA-256 of the file *name*.

    Raises:
        NotFound: there is no such file.
    """
    return hashlib.sha256(read(name)).hexdigest()[:12]
