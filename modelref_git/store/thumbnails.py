"""The cache of what is shown of pictures in small: files that may be deleted at any time, within a bound.

The oldest go first. Each file begins with the SHA-256 of the rest, so that one that was damaged is none. They lie in
sixteen folders, by the first digit of the picture's name, each with its share of the bound: whoever writes looks at one
folder alone, and several processes need not agree about anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Final

from modelref_git.store.git import GitStore

FOLDER: Final = "thumbnails"
BYTES_AT_MOST: Final = 256_000_000
"""Of the whole cache."""

_SUM_BYTES: Final = 32
_FOLDERS: Final = 16
_BLOCK: Final = 4_096
"""Bytes that a file system spends on the smallest file."""


def folder_of(store: GitStore) -> Path:
    """Where the cache lies."""
    return store.local_dir / "cache" / FOLDER


def kept(store: GitStore, sha256: str, word: str) -> bytes | None:
    """What was kept of the picture *sha256* under *word*; ``None`` if it is not there, or not what it was."""
    try:
        data = _path(store, sha256, word).read_bytes()
    except OSError:
        return None
    content = data[_SUM_BYTES:]
    return content if hashlib.sha256(content).digest() == data[:_SUM_BYTES] else None


def keep(store: GitStore, sha256: str, word: str, content: bytes) -> None:
    """Keep *content* of the picture *sha256* under *word*, if this process may write there."""
    path = _path(store, sha256, word)
    with contextlib.suppress(OSError):  # a reader need not be allowed to write
        store.disk.make_folder(path.parent)
        store.disk.write_file(path, hashlib.sha256(content).digest() + content, sync=False)
        _bound(store, path)


def _path(store: GitStore, sha256: str, word: str) -> Path:
    return folder_of(store) / sha256[0] / f"{sha256}.{word}"


def _bound(store: GitStore, newest: Path) -> None:
    """Remove the oldest files beside *newest* until the folder is within its share."""
    rows = []
    for entry in os.scandir(newest.parent):
        with contextlib.suppress(FileNotFoundError):  # another process removed it
            status = entry.stat()
            rows.append((status.st_mtime_ns, entry.name, -(-status.st_size // _BLOCK) * _BLOCK))
    over = sum(size for _, _, size in rows) - BYTES_AT_MOST // _FOLDERS
    for _, name, size in sorted(rows):
        if over <= 0:
            break
        if name != newest.name:
            store.disk.remove(newest.parent / name)
            over -= size
