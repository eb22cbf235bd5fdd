"""The writes to the file system that are not Git's refs: one door, so that a test can cut the power at any of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


class Disk:
    """Whole-file writes that are there as a whole or not at all."""

    def make_folder(self, path: Path) -> None:
        """Make a folder, and those above it, if it is not there."""
        path.mkdir(parents=True, exist_ok=True)

    def write_file(self, path: Path, data: bytes, *, mode: int = 0o644, sync: bool = True) -> None:
        """Put *data* at *path* by a rename, synced to the disk before and after unless *sync* is false."""
        import tempfile

        handle, name = tempfile.mkstemp(prefix="tmp_modelref_", dir=path.parent)
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

    def remove(self, path: Path) -> None:
        """Remove a file; one that is gone already is no fault."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()

    @staticmethod
    def _sync_folder(path: Path) -> None:
        if os.name == "nt":  # a folder cannot be synced there
            return
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def files_under(folder: Path) -> Iterator[Path]:
    """Every file below *folder*. Others write there: a folder that vanishes meanwhile is no fault, as for ``rglob``."""
    for place, _, names in os.walk(folder):
        for name in names:
            yield Path(place, name)
