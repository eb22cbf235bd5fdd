"""One file of a record: fetched, gone on with, or found to be there; under its name only if it is right."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from modelref_git.errors import IntegrityFailure, Invalid, Problem
from modelref_git.fetch.client import Client
from modelref_git.fetch.crew import Stop
from modelref_git.fetch.faults import shown
from modelref_git.fetch.part import NOTE, Part, held_part, in_the_way, read_sum, tidy
from modelref_git.fetch.transfer import Patience, Tell, transfer

Status: TypeAlias = Literal["fetched", "resumed", "present"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file, and where it goes."""

    file_name: str
    """Below the folder, with ``/`` between its parts; one that `file_names.fault` finds nothing wrong with."""
    url: str
    sha256: str | None
    """In small letters; ``None`` where nobody knows it."""
    size: int | None
    """Bytes, as far as the record says; believed only where there is no sum."""


@dataclass(frozen=True, slots=True)
class Came:
    """What became of it."""

    status: Status
    size: int | None
    sha256: str | None
    """Of what is there now; in a dry run, of what the record says there will be."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What is the same for all files of one call."""

    client: Client
    folder: Path
    patience: Patience
    overwrite: bool
    """Whether a file that is there and not known to be right is replaced, once the right one has come."""


def fetch_file(
    errand: Errand, wanted: Wanted, stop: Stop, tell: Tell, waiting: Callable[[], None] = lambda: None
) -> Came:
    """Bring one file to its place.

    Args:
        errand: how, and into which folder.
        wanted: the file.
        stop: looked at between two pieces.
        tell: told how many bytes there are.
        waiting: called once if another process is at the same file, whose end is then waited for.

    Raises:
        FetchFault: the host does not give it; what came so far is kept.
        IntegrityFailure: what is there, or what came, is not what the record describes; what came was removed.
        Invalid: its place is taken by what is no file, leads out of the folder, or cannot be written to.
    """
    with _told_of_the_disk(errand, wanted):
        target = _place_of(errand.folder, wanted.file_name, make=True)
        there = _present(errand, wanted, target, stop)
        if there is not None:
            tidy(target)
            return there
        waited: list[bool] = []

        def wait() -> None:
            waited.append(True)
            waiting()

        with held_part(target, wanted.url, stop, wait) as part:
            there = _present(errand, wanted, target, stop) if waited else None
            if there is not None:
                part.discard()
                return there
            return _fetched(errand, wanted, part, stop, tell)


def foreseen(errand: Errand, wanted: Wanted, stop: Stop) -> Came:
    """What would become of a file, by what is in the folder alone; raises what `fetch_file` would raise for that."""
    with _told_of_the_disk(errand, wanted):
        target = _place_of(errand.folder, wanted.file_name, make=False)
        there = _present(errand, wanted, target, stop)
        begun = target.with_name(target.name + NOTE).is_file()
    return there or Came("resumed" if begun else "fetched", wanted.size, wanted.sha256)


@contextlib.contextmanager
def _told_of_the_disk(errand: Errand, wanted: Wanted) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"{error.filename or errand.folder} cannot be written or read: {error.strerror or error}"
        raise Invalid.of(wanted.file_name, [Problem("", message, "file.unwritable")]) from error


def _present(errand: Errand, wanted: Wanted, target: Path, stop: Stop) -> Came | None:
    """The file that is there already; ``None`` if there is none, or one that is to be replaced.

    Raises:
        IntegrityFailure: it is another one, and must not be replaced.
        Invalid: it is no file.
        OSError: it cannot be read.
    """
    found = read_sum(target, stop)
    if found is None:
        return None
    digest, size = found
    right = digest == wanted.sha256 if wanted.sha256 is not None else wanted.size in (None, size)
    if right and not (errand.overwrite and wanted.sha256 is None):
        return Came("present", size, digest)
    if errand.overwrite:
        return None
    what = f"the sum {digest}, not {wanted.sha256}" if wanted.sha256 is not None else f"{size} bytes, not {wanted.size}"
    raise IntegrityFailure(f"{target} is there and has {what}", hint="--overwrite replaces it by the right one")


def _place_of(folder: Path, file_name: str, *, make: bool) -> Path:
    """Where a file goes below *folder*, no link on the way leading out of it.

    Args:
        folder: the folder of downloads.
        file_name: one that `file_names.fault` finds nothing wrong with.
        make: make the folders on the way.

    Raises:
        Invalid: a link leads out of *folder* (``file.leads_outside``), or what is no folder stands on the way.
        OSError: a folder cannot be made.
    """
    *folders, name = file_name.split("/")
    if make:
        folder.mkdir(parents=True, exist_ok=True)
    here, root = folder, folder.resolve()
    for part in folders:
        here = here / part
        if make and not here.is_symlink():
            _make(here)
        if here.exists() and not here.is_dir():
            raise in_the_way(here)
        if not here.resolve().is_relative_to(root):
            problem = Problem("", f"{here} is a link that leads out of {folder}", "file.leads_outside")
            raise Invalid.of(file_name, [problem])
    return here / name


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise in_the_way(folder) from error


def _fetched(errand: Errand, wanted: Wanted, part: Part, stop: Stop, tell: Tell) -> Came:
    status: Status = "resumed"
    # A run that was killed at its end left everything behind but the name.
    if wanted.sha256 is None or not part.length or part.hexdigest() != wanted.sha256:
        course = transfer(errand.client, wanted.url, part, errand.patience, stop, tell)
        if course.pieced and _fault(wanted, part) is not None:
            # The pieces may be those of two files: only what comes in one answer is the host's word.
            part.restart()
            course = transfer(errand.client, wanted.url, part, errand.patience, stop, tell)
        status = "resumed" if course.resumed else "fetched"
    fault = _fault(wanted, part)
    if fault is not None:
        part.discard()
        raise IntegrityFailure(f"{shown(wanted.url)} has {fault}; what came was removed")
    part.finish()
    return Came(status, part.length, part.hexdigest())


def _fault(wanted: Wanted, part: Part) -> str | None:
    """What shows that *part* is not the file."""
    if wanted.sha256 is not None:
        # The sum decides: a size that was noted wrongly makes no right file wrong.
        return None if part.hexdigest() == wanted.sha256 else f"the sum {part.hexdigest()}, not {wanted.sha256}"
    return None if wanted.size in (None, part.length) else f"{part.length} bytes, not {wanted.size}"
