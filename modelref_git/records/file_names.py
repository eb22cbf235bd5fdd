"""Names of downloaded files: which may be written below a folder, on every system, and which would meet."""

from __future__ import annotations

import unicodedata
from typing import Final

from modelref_git.records.names import fold, is_device

MAX_PART_BYTES: Final = 240
"""Longest part of a file name in bytes: what file systems allow, less the endings of a file that is not whole yet."""

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Characters that nobody sees, or that no file system takes."""
_FOREIGN: Final = frozenset('\\:*?"<>|')
"""What divides paths on Windows, names drives and hidden streams there, or cannot be in a name."""


def fault(file_name: str) -> str | None:
    """Why no file may be written under this name below a folder of downloads; ``None`` if it may.

    A name is one or more parts with ``/`` between them, and means the same file on Linux, macOS and Windows: never one
    outside the folder, never a device, never a hidden stream of another file.
    """
    if not file_name.strip():
        return "is empty"
    if any(unicodedata.category(char) in _HIDDEN for char in file_name):
        return "has a character in it that nobody sees"
    foreign = next((char for char in file_name if char in _FOREIGN), None)
    if foreign is not None:
        return f"has {foreign} in it, which is no part of a name on Windows"
    if file_name.startswith("/"):
        return "is an absolute path"
    if file_name.startswith("~"):
        return "begins with ~, which stands for somebody's home"
    return next((found for part in file_name.split("/") if (found := _part_fault(part)) is not None), None)


def same_file(file_name: str) -> str:
    """What names have in common that are one file on some system: letter case and Unicode form aside."""
    return fold(file_name)


def _part_fault(part: str) -> str | None:
    if part == "..":
        return "leads out of the folder with .."
    if part in ("", "."):
        return "has an empty part"
    if part.endswith((".", " ")) or part.startswith(" "):
        return "has a part that ends in a dot or a blank, or begins with a blank"
    if is_device(part):
        return f"has the part {part!r}, which Windows takes for a device"
    if len(part.encode()) > MAX_PART_BYTES:
        return f"has a part of more than {MAX_PART_BYTES} bytes"
    return None
