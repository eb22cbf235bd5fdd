"""The folder of a replica: a repository, the exports, and ``current``, which is swapped by one rename.

Readers resolve ``current`` once and read from there. An export that is served is never written to; the one before stays
until there is another one after it. All that is written is written under a temporary name first, so that whoever is
killed leaves nothing behind that could be taken for whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path
from typing import Final

from modelref_git.errors import ModelrefError, NotFound
from modelref_git.formats import manifest
from modelref_git.formats.manifest import Manifest
from modelref_git.operations.replicas import state as states
from modelref_git.operations.replicas.state import State
from modelref_git.operations.replicas.trouble import unwritable
from modelref_git.store import layout
from modelref_git.store.disk import TEMPORARY, Disk, files_under
from modelref_git.store.git import GitStore
from modelref_git.store.lock import writer_lock
from modelref_git.store.refs import LostRace

STATE: Final = "replica.json"
LOCK: Final = "lock"
CURRENT: Final = "current"
EXPORTS: Final = "exports"
REPOSITORY: Final = "repo.git"
BUNDLE: Final = "source.bundle"
SPARE: Final = "spare"

_SPARE_BYTES: Final = 16_384


class Folder:
    """One replica on the disk.

    Args:
        path: the folder, ``DIR`` of the commands.
        disk: the door to the file system; tests put one here that fails.
    """

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self.path = path.absolute()
        self.disk = disk or Disk()

    @property
    def current(self) -> Path:
        """What readers open."""
        return self.path / CURRENT

    @property
    def exports(self) -> Path:
        """Where the exports stand, one folder each."""
        return self.path / EXPORTS

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the replica: of two attempts at once, the second waits for the end of the first."""
        with writer_lock(self.path / LOCK):
            yield

    def state(self) -> State:
        """What the replica remembers.

        Raises:
            NotFound: the folder is no replica.
            IntegrityFailure: the file cannot be read.
        """
        path = self.path / STATE
        try:
            return states.decode(path.read_bytes(), str(path))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(
                f"{self.path} is no replica: it has no {STATE}", hint="`modelref-git replica init URL DIR` makes one"
            ) from error
        except OSError as error:
            raise NotFound(f"{path} cannot be read: {error.strerror}") from error

    def remember(self, state: State) -> None:
        """Put *state* in the place of what was remembered."""
        self.disk.write_file(self.path / STATE, state.encode())

    def remember_at_last(self, state: State) -> None:
        """As `remember`, on a disk that may be full: then the room that was set aside is used.

        Raises:
            OSError: that does not help.
        """
        try:
            self.remember(state)
        except OSError:
            self.disk.remove(self.path / SPARE)
            self.remember(state)

    def set_aside(self) -> None:
        """Have room for a note when the disk is full."""
        path = self.path / SPARE
        with suppress(OSError):
            if not path.exists():
                self.disk.write_file(path, bytes(_SPARE_BYTES))

    def served(self) -> Manifest | None:
        """What readers see now; ``None`` if there is nothing yet, or somebody has damaged it."""
        try:
            return manifest.read(self.current)
        except ModelrefError:
            return None

    def repository(self, *, checks: bool) -> GitStore:
        """The repository that what is fetched goes into; made anew if it is not there.

        Args:
            checks: let git look at every object that comes in.
        """
        path = self.path / REPOSITORY
        if not path.is_dir():
            making = self.path / f"{TEMPORARY}{REPOSITORY}"
            self.disk.remove_folder(making)
            made = GitStore.create(making, bare=True)
            for key, value in _settings(checks=checks):
                made.run_git("config", key, value)
            self.disk.move(making, path)
        return GitStore.open(path, self.disk, upward=False)

    def swap(self, name: str, make: Callable[[Path], None]) -> None:
        """Have *make* write a new export, and let readers see it as one.

        Args:
            name: of its folder; a number is added to one that is taken.
            make: writes all of it into the folder that it is given, which is not there yet.
        """
        self.disk.make_folder(self.exports)
        name = self._free(name)
        making = self.exports / f"{TEMPORARY}{name}"
        make(making)
        self.disk.move(making, self.exports / name)
        before = self.current.resolve().name
        self.disk.point(self.current, f"{EXPORTS}/{name}")
        self._keep({name, before})

    def _free(self, name: str) -> str:
        """A name that no export has: neither one that is served, nor one by somebody who was killed."""
        names = chain([name], (f"{name}.{number}" for number in count(2)))
        return next(found for found in names if not (self.exports / found).exists())

    def tidy(self) -> None:
        """Remove what one who was killed had not finished. Only who holds the lock may."""
        for place in (self.path, self.exports):
            for path in place.glob(f"{TEMPORARY}*"):
                self._remove(path)
        repository = self.path / REPOSITORY
        left = [*repository.glob("*.lock"), *(p for p in files_under(repository / "refs") if p.suffix == ".lock")]
        left += [path for path in files_under(repository / "objects") if path.name.startswith("tmp_")]
        for path in left:
            self.disk.remove(path)

    def make_room(self) -> None:
        """After a disk was found full: remove every export but the one that is served."""
        self._keep({self.current.resolve().name})

    def _keep(self, names: set[str]) -> None:
        for path in self.exports.iterdir() if self.exports.is_dir() else ():
            if path.name not in names:
                self._remove(path)

    def _remove(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            self.disk.remove_folder(path)
        else:
            self.disk.remove(path)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell what the file system refuses as an error about the replica.

        Raises:
            Invalid: its disk is full, or takes nothing for another reason.
        """
        try:
            yield
        except OSError as error:
            raise unwritable(str(error.filename or self.path), error.strerror or str(error)) from error


def follow(store: GitStore, state: State) -> None:
    """Bring the branches of the replica's own repository to what it believes, for other commands that read there."""
    for ref, wanted in ((layout.QUEUE, state.queue), (layout.MAIN, state.main)):
        found = store.refs.read(ref)
        if wanted is not None and found != wanted:
            with suppress(LostRace):  # somebody works there by hand; the next sync brings it along
                store.refs.move(ref, found, wanted)


def _settings(*, checks: bool) -> Iterator[tuple[str, str]]:
    yield "transfer.fsckObjects", "true" if checks else "false"
    yield "transfer.unpackLimit", "1"  # one pack for what came: one file to sync, and nothing by halves
    yield "core.fsync", "committed"
    yield "gc.auto", "0"
