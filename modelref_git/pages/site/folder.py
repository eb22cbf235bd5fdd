"""The folder of a site: which pages it holds, of what each was made, and what is still to be written.

Each page has a key, made of all that decides what it says. A page whose key is known is not made again. The list of
keys is put down twice: before the first page is written, without the keys of those that are about to change, and at the
end. So a run that is broken off leaves no page behind that a later one takes for something else, or knows nothing of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modelref_git.errors import Conflict, Invalid, Problem
from modelref_git.store.disk import Disk, files_under

MANIFEST: Final = ".modelref-site.json"
FORMAT: Final = 1
_UNKNOWN: Final = ""
"""The key of a page of which only its place is sure."""

Progress = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Page:
    """One file of a site, still to be made."""

    path: str
    """Below the folder."""
    key: str
    make: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the files of a site."""

    written: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int


def key_of(*parts: str | int | bytes | None) -> str:
    """One key of several parts; no two lists of parts give one."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else repr(part).encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()[:24]


def write_site(
    folder: Path, pages: Iterable[Page], *, disk: Disk, progress: Progress, dry_run: bool = False
) -> Written:
    """Bring *folder* to *pages*: new and changed ones are written, those that are no more removed, the rest left.

    Args:
        folder: made if it is not there.
        pages: all of the site.
        disk: the door to the file system.
        progress: called after each page that is written.
        dry_run: only tell what would be done.

    Raises:
        Conflict: the folder holds other things than a site.
        Invalid: it cannot be written.
    """
    known = _known(folder)
    wanted = {page.path: page for page in pages}
    new = [page for page in wanted.values() if known.get(page.path) != page.key or not (folder / page.path).is_file()]
    gone = sorted(known.keys() - wanted.keys())
    result = Written(tuple(page.path for page in new), tuple(gone), len(wanted) - len(new))
    if dry_run or (not new and not gone and (folder / MANIFEST).is_file()):
        return result
    try:
        disk.make_folder(folder)
        changing = dict.fromkeys([*(page.path for page in new), *gone], _UNKNOWN)
        _put_down(folder, {**known, **changing}, disk)
        for page in new:
            target = folder / page.path
            disk.make_folder(target.parent)
            disk.write_file(target, page.make(), sync=False)
            progress()
        for path in gone:
            if (folder / path).is_file():
                disk.remove(folder / path)
        _put_down(folder, {path: page.key for path, page in sorted(wanted.items())}, disk)
    except OSError as error:
        problem = Problem("", f"it cannot be written: {error.strerror}", "site")
        raise Invalid.of(f"the site {folder}", [problem]) from error
    return result


def _known(folder: Path) -> Mapping[str, str]:
    """The keys of the pages that the folder holds."""
    path = folder / MANIFEST
    try:
        row = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        if folder.exists() and (not folder.is_dir() or next(files_under(folder), None) is not None):
            raise Conflict(
                f"{folder} holds other things than a site",
                hint="name an empty or a new folder, or the one of an earlier `modelref-git site`",
            ) from None
        return {}
    except (OSError, ValueError):
        return {}  # everything is made anew
    files = row.get("files") if isinstance(row, dict) and row.get("format") == FORMAT else None
    if not isinstance(files, dict):
        return {}
    return {path: key for path, key in files.items() if isinstance(key, str) and _is_inside(path)}


def _is_inside(path: str) -> bool:
    """Whether *path* stays below the folder: what is removed is named by a file that anybody may have changed."""
    parts = path.split("/")
    return bool(path) and not path.startswith("/") and not {"", ".", ".."} & set(parts) and "\0" not in path


def _put_down(folder: Path, files: Mapping[str, str], disk: Disk) -> None:
    text = json.dumps({"format": FORMAT, "files": files}, ensure_ascii=True, indent=0)
    disk.write_file(folder / MANIFEST, text.encode() + b"\n", sync=False)
