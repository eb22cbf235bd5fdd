"""Which files are the state of the upstream service's queue, found in a folder and read as they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from modelref_git.errors import Invalid, NotFound, Problem
from modelref_git.records.names import file_key

CHANGES: Final = "changes.json"
INDEX: Final = "index.json"
_AUDIT: Final = "audit-"
_LINES: Final = ".jsonl"
_EVENTS: Final = b"last_event_id"


def is_audit(name: str) -> bool:
    """Whether a file name is that of a segment of the audit."""
    return name.startswith(_AUDIT) and name.endswith(_LINES)


def looks_like_queue(path: Path) -> bool:
    """Whether *path* is a folder with a queue's changes, or the file of them: a list, as no file of records is."""
    place = path / CHANGES if path.is_dir() else path
    if place.name != CHANGES or not place.is_file():
        return False
    try:
        with place.open("rb") as file:
            return file.read(4096).lstrip()[:1] == b"["
    except OSError:
        return False


def read_files(path: Path) -> dict[str, bytes]:
    """The files of a queue's state by their paths: the changes as ``changes.json``, the counters, the audit's lines.

    *path* is the folder, or the file of the changes in it. Hidden folders and files of other names are not looked at.
    Paths are made of file keys, so that they can stand in a Git tree.

    Raises:
        NotFound: there is no such path, or no ``changes.json`` in the folder.
        Invalid: a file cannot be read.
    """
    changes = path / CHANGES if path.is_dir() else path
    if not changes.is_file():
        raise NotFound(
            f"There is no import source {str(changes)!r}.",
            hint=f"The state of a queue is a folder with a {CHANGES}, and the lines of its audit below it.",
        )
    found = {CHANGES: _read(changes)}
    folder = changes.parent
    if (folder / INDEX).is_file():
        found[INDEX] = _read(folder / INDEX)
    counters: dict[Path, bytes] = {}
    holding: set[Path] = set()
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        place = Path(at).relative_to(folder)
        for name in filter(is_audit, sorted(names)):
            found[_key(place / name)] = _read(folder / place / name)
            holding.update((place, *place.parents))
        if INDEX in names and at != str(folder):
            counters[place] = _read(folder / place / INDEX)
    for place, data in counters.items():
        if place in holding or _EVENTS in data:  # other programs have files of that name too
            found[_key(place / INDEX)] = data
    return found


def _key(path: Path) -> str:
    try:
        return "/".join(file_key(part) for part in path.parts)
    except Invalid as error:
        problem = Problem("", "its name cannot stand in a repository", "queue.unreadable")
        raise Invalid.of(repr(str(path)), [problem]) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = Problem("", f"it cannot be read: {error.strerror or error}", "queue.unreadable")
        raise Invalid.of(str(path), [problem]) from None
