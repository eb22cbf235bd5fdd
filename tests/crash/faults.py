"""A power cut at any write: every primitive that changes the disk is counted, and one of them is the last.

The primitives are those through which the program writes: :class:`Disk`, the moves and removals of :class:`Refs`, and
the checkout of a work tree. Each can be cut before and after it, and where it is no single step in between too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pygit2
import pytest

from modelref_git.store import layout, refs, worktree
from modelref_git.store.disk import Disk
from modelref_git.store.git import GitStore
from modelref_git.store.refs import Refs

LOCKED = "left its lock"
TORN = "left the ref empty"


class PowerCut(BaseException):
    """The process is gone: nothing may catch this and clean up."""


class Fuse:
    """Counts the points at which the power can be cut, and cuts it at one of them.

    Args:
        blow_at: the number of that point; ``None`` only counts.
    """

    def __init__(self, blow_at: int | None = None) -> None:
        self.blow_at = blow_at
        self.points: list[str] = []

    def blows(self, label: str) -> bool:
        """Whether the power is cut at this point."""
        self.points.append(label)
        return len(self.points) - 1 == self.blow_at

    def point(self, label: str) -> None:
        """A point between two writes."""
        if self.blows(label):
            raise PowerCut(label)


@contextmanager
def fused(fuse: Fuse) -> Iterator[None]:
    """All writes of this process go through *fuse*."""
    with pytest.MonkeyPatch.context() as patch:
        _wrap_disk(patch, fuse)
        _wrap_refs(patch, fuse)
        _wrap_checkout(patch, fuse)
        yield


def cut(act: Callable[[], Any], at: int) -> str | None:
    """Run *act* and cut the power at point *at*; gives the point's label, or ``None`` if *act* came to its end."""
    fuse = Fuse(at)
    with fused(fuse):
        try:
            act()
        except PowerCut as end:
            return str(end)
    return None


def _wrap_disk(patch: pytest.MonkeyPatch, fuse: Fuse) -> None:
    write_file, make_folder, remove = Disk.write_file, Disk.make_folder, Disk.remove

    def write(self: Disk, path: Path, data: bytes, **more: Any) -> None:
        fuse.point(f"before writing {path.name}")
        if fuse.blows(f"in the middle of writing {path.name}"):
            (path.parent / "tmp_modelref_half").write_bytes(data[: len(data) // 2])
            raise PowerCut("half a file")
        write_file(self, path, data, **more)
        fuse.point(f"after writing {path.name}")

    def make(self: Disk, path: Path) -> None:
        fuse.point(f"before making {path.name}")
        make_folder(self, path)
        fuse.point(f"after making {path.name}")

    def take(self: Disk, path: Path) -> None:
        fuse.point(f"before removing {path.name}")
        remove(self, path)
        fuse.point(f"after removing {path.name}")

    patch.setattr(Disk, "write_file", write)
    patch.setattr(Disk, "make_folder", make)
    patch.setattr(Disk, "remove", take)


def _wrap_refs(patch: pytest.MonkeyPatch, fuse: Fuse) -> None:
    move_ref, remove_ref, remove_many = Refs.move, Refs.remove, Refs.remove_many

    def locked(self: Refs, name: str) -> None:
        if fuse.blows(f"with {name} locked"):
            lock = self._git_dir / f"{name}.lock"
            lock.parent.mkdir(parents=True, exist_ok=True)
            lock.touch()
            raise PowerCut(LOCKED)

    def move(self: Refs, name: str, expected: str | None, new: str, *, sync: bool = True) -> None:
        fuse.point(f"before moving {name}")
        locked(self, name)
        if not sync and fuse.blows(f"before {name} was synced"):
            (self._git_dir / name).parent.mkdir(parents=True, exist_ok=True)
            (self._git_dir / name).write_bytes(b"")
            raise PowerCut(TORN)
        move_ref(self, name, expected, new, sync=sync)
        fuse.point(f"after moving {name}")

    def remove(self: Refs, name: str, expected: str) -> None:
        fuse.point(f"before removing {name}")
        locked(self, name)
        remove_ref(self, name, expected)
        fuse.point(f"after removing {name}")

    def many(self: Refs, rows: Any) -> None:
        rows = list(rows)
        fuse.point(f"before removing {len(rows)} refs")
        if len(rows) >= refs._MANY and fuse.blows(f"in the middle of removing {len(rows)} refs"):
            for name, expected in rows[::2]:
                remove_ref(self, name, expected)
            raise PowerCut("half of the refs")
        remove_many(self, rows)
        fuse.point(f"after removing {len(rows)} refs")

    patch.setattr(Refs, "move", move)
    patch.setattr(Refs, "remove", remove)
    patch.setattr(Refs, "remove_many", many)


def _wrap_checkout(patch: pytest.MonkeyPatch, fuse: Fuse) -> None:
    bring_along = worktree.bring_along

    def bring(store: GitStore, new: str) -> bool | None:
        fuse.point("before the checkout")
        if not store.is_bare and fuse.blows("in the middle of the checkout"):
            _half_a_checkout(store, new)
            raise PowerCut("half a checkout")
        followed = bring_along(store, new)
        fuse.point("after the checkout")
        return followed

    patch.setattr(worktree, "bring_along", bring)


def _half_a_checkout(store: GitStore, new: str) -> None:
    """Every other file of the commit *new* stands in the work tree, and the index knows of none."""
    repo = pygit2.Repository(str(store.git_dir))
    top = Path(repo.workdir)
    objects = store.buffer()
    from modelref_git.store.trees import compare

    old = store.refs.read(layout.MAIN)
    before = objects.read_commit(old).tree if old is not None else None
    changed = list(compare(objects, before, objects.read_commit(new).tree))
    for path, _, entry in changed[::2]:
        if entry is None:
            (top / path).unlink()
        else:
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_bytes(objects.read_blob(entry.oid))
