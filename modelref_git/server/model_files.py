"""The files of models that a deployment has: found below one folder, never beside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from modelref_git.errors import Forbidden, NotFound
from modelref_git.records import file_names
from modelref_git.records.quality.downloads import is_placeholder, is_sum
from modelref_git.records.quality.marks import downloads

OUTSIDE: Final = "File path outside allowed directory"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One file that is here."""

    name: str
    """As the record calls it."""
    path: Path
    status: os.stat_result
    sha256: str | None
    """What the record says; the file is not summed for each who asks."""


def find_file(folder: Path | None, record: Mapping[str, Any], file_name: str | None = None) -> LocalFile:
    """The file of *record* with that name, its first one unless given.

    Raises:
        Forbidden: the name leads out of *folder*, by itself or by a link.
        NotFound: the record has no such file, it is not here, or has another size than the record says.
    """
    entries = [entry for entry in downloads(record) if isinstance(entry.get("file_name"), str)]
    entry = next((item for item in entries if file_name in (None, item["file_name"])), None)
    if entry is None:
        raise NotFound("The model has no such file" if entries else "The model has no files")
    return local_file(folder, entry)


def local_file(folder: Path | None, entry: Mapping[str, Any]) -> LocalFile:
    """The file of one download *entry* of a record.

    Raises:
        Forbidden, NotFound: as for :func:`find_file`.
    """
    name, digest = str(entry.get("file_name")), entry.get("sha256sum")
    if folder is None:
        raise NotFound("This deployment has no model files")
    if file_names.fault(name) is not None:
        raise Forbidden(OUTSIDE)
    try:
        root = folder.resolve(strict=True)
        path = (root / name).resolve(strict=True)
        status = path.stat()
    except (OSError, ValueError, RuntimeError) as error:
        raise NotFound("The file is not here") from error
    if not path.is_relative_to(root):
        raise Forbidden(OUTSIDE)
    if not stat.S_ISREG(status.st_mode):
        raise NotFound("The file is not here")
    size = size_of(entry)
    if size is not None and size != status.st_size:
        raise NotFound(f"The file here has {status.st_size} bytes, and the model's has {size}")
    known = is_sum(digest) and not is_placeholder(digest)
    return LocalFile(name, path, status, str(digest).lower() if known else None)


def size_of(entry: Mapping[str, Any]) -> int | None:
    """The bytes that a download *entry* says a file has."""
    size = entry.get("size_bytes")
    return size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None


def disposition(file_name: str) -> str:
    """``Content-Disposition`` for a download called *file_name*, by RFC 6266: in ASCII, and in full where that is not.

    The folders before the name stay behind: a client must not be told where to put a file.
    """
    name = file_name.rpartition("/")[2]
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in name)
    full = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{full}'
