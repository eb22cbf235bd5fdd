"""The writes to the file system that are not Git's refs: one door, so that a test can cut the power at any of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

TEMPORARY: Final = "tmp_modelref_"
"""How the name begins of what is not finished yet."""

_AT_ONCE: Final = 16
"""So many files are synced at a time."""


class Disk:
    """Whole-file writes that are there as a whole or not at all."""

    def make_folder(self, path: Path) -> None:
        """Make a folder, and those above it, if it is not there."""
        path.mkdir(parents=True, exist_ok=True)

    def write_file(self, path: Path, data: bytes, *, mode: int = 0o644, sync: bool = True) -> None:
        """Put *data* at *path* by a rename, synced to the disk before and after unless *sync* is false."""
        import tempfile

        handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        if sync:
            self._sync_folder(path.parent)

    def link_file(self, source: Path, target: Path) -> bool:
        """Have the file at *source* stand at *target* too; false if it had to be copied, and is unsynced.

        Raises:
            FileNotFoundError: there is no file at *source*.
        """
        try:
            os.link(source, target)
        except (FileNotFoundError, FileExistsError):
            raise
        except OSError:  # another file system, one without links, or too many of them
            self.write_file(target, source.read_bytes(), sync=False)
            return False
        return True

    def sync(self, files: Sequence[Path], folders: Iterable[Path] = ()) -> None:
        """Have files that were written unsynced outlast a power cut, and then the folders, in the order given.

        Many files are synced at once: they wait for the disk together, thousands of them not much longer than some.
        """
        if len(files) > _AT_ONCE:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(_AT_ONCE) as crew:
                for _ in crew.map(_sync_file, files):
                    pass
        else:
            for file in files:
                _sync_file(file)
        for folder in folders:
            self._sync_folder(folder)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is gone already is no fault."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()

    def move(self, old: Path, new: Path) -> None:
        """Give a folder, whole with all that is in it, another name in the same place."""
        old.rename(new)
        self._sync_folder(new.parent)

    def point(self, link: Path, target: str) -> None:
        """Have the symbolic link *link* lead to *target* from one moment to the next, whatever it led to before."""
        new = link.with_name(f"{TEMPORARY}{link.name}")
        self.remove(new)
        new.symlink_to(target, target_is_directory=True)
        new.replace(link)
        self._sync_folder(link.parent)

    def remove_folder(self, path: Path) -> None:
        """Remove a folder with all that is in it; one that is gone already is no fault."""
        import shutil

        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)

    @staticmethod
    def _sync_folder(path: Path) -> None:
        if os.name == "nt":  # a folder cannot be synced there
            return
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def files_under(folder: Path) -> Iterator[Path]:
    """Every file below *folder*. Others write there: a folder that vanishes meanwhile is no fault, as for ``rglob``."""
    for place, _, names in os.walk(folder):
        for name in names:
            yield Path(place, name)
