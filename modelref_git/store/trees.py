"""Trees as bytes: parsed once, edited by splicing, written bottom up.

A step changes a handful of entries among hundreds of thousands. So a parsed tree keeps its raw bytes, and an edit
copies them around the changed entry instead of serialising the tree anew.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple, Protocol

from modelref_git.store.objects import EMPTY_TREE

FILE: Final = 0o100644
FOLDER: Final = 0o040000

_SPLICE_AT_MOST: Final = 8
"""Up to so many changed entries are spliced in; more are written as a whole."""

_ROWS: Final = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)
"""An entry of a tree: mode, name, id."""
_REST_OF_ROW: Final = 22
"""Its bytes besides mode and name."""
_BETWEEN: Final = 2
"""Its bytes besides mode, name and id."""


class Entry(NamedTuple):
    """One entry of a tree: its mode (``0o100644`` …) and the id of what it names."""

    mode: int
    oid: str

    @property
    def is_folder(self) -> bool:
        """Whether the entry names another tree."""
        return self.mode == FOLDER


class TreeReader(Protocol):
    """What an editor needs of a store: objects by id, and a place to hold new ones."""

    def read(self, oid: str) -> tuple[str, bytes]:
        """``(kind, payload)`` of an object."""
        ...

    def add(self, kind: str, payload: bytes) -> str:
        """Hold a new object; gives its id."""
        ...


class Tree:
    """A parsed, immutable tree: a mapping of names to entries that remembers its bytes.

    Raises:
        ValueError: the bytes are not those of a tree.
    """

    __slots__ = ("_places", "data", "entries")

    def __init__(self, data: bytes) -> None:
        self.entries = _entries(_split(data))
        self.data = data
        self._places: tuple[list[bytes], list[int]] | None = None

    def edited(self, changes: dict[str, Entry | None]) -> bytes:
        """The bytes of the tree with *changes* made (``None`` removes an entry)."""
        if len(changes) > _SPLICE_AT_MOST:
            return _serialise({**self.entries, **changes})
        pieces, at = [], 0
        for start, stop, _, line in sorted(self._splices(changes)):
            pieces += [self.data[at:start], line]
            at = stop
        return b"".join([*pieces, self.data[at:]])

    def _splices(self, changes: dict[str, Entry | None]) -> Iterator[tuple[int, int, bytes, bytes]]:
        """``(start, stop, sort key, bytes)``: what to put in the place of which bytes."""
        keys, starts = self._index()
        for name, entry in changes.items():
            raw = name.encode("utf-8", "surrogateescape")
            old = self.entries.get(name)
            stays = old is not None and entry is not None and old.is_folder == entry.is_folder
            if old is not None:
                key = _sort_key(raw, old.mode)
                index = bisect_left(keys, key)
                yield starts[index], starts[index + 1], key, _line(raw, entry) if entry is not None and stays else b""
            if entry is not None and not stays:
                key = _sort_key(raw, entry.mode)
                start = starts[bisect_left(keys, key)]
                yield start, start, key, _line(raw, entry)

    def _index(self) -> tuple[list[bytes], list[int]]:
        """The sort keys of the entries, and where each begins; the end of the bytes closes the second list."""
        if self._places is None:
            keys, starts = [], [0]
            for mode, name, _ in _ROWS.findall(self.data):
                keys.append(_sort_key(name, int(mode, 8)))
                starts.append(starts[-1] + len(mode) + len(name) + _REST_OF_ROW)
            self._places = keys, starts
        return self._places


def _split(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """``(mode, name, id)`` of each entry in a tree's bytes."""
    rows: list[tuple[bytes, bytes, bytes]] = _ROWS.findall(data)
    if sum(map(len, chain.from_iterable(rows))) + _BETWEEN * len(rows) != len(data):
        raise ValueError("a tree object is malformed")
    return rows


def _entries(rows: Iterable[tuple[bytes, bytes, bytes]]) -> dict[str, Entry]:
    return {name.decode("utf-8", "surrogateescape"): Entry(int(mode, 8), oid.hex()) for mode, name, oid in rows}


def _sort_key(name: bytes, mode: int) -> bytes:
    """Git's order: a folder sorts as if its name ended in a slash."""
    return name + b"/" if mode == FOLDER else name


def _line(name: bytes, entry: Entry) -> bytes:
    return b"%o %s\0" % (entry.mode, name) + bytes.fromhex(entry.oid)


def _serialise(entries: dict[str, Entry | None]) -> bytes:
    rows = [(name.encode("utf-8", "surrogateescape"), entry) for name, entry in entries.items() if entry is not None]
    rows.sort(key=lambda row: _sort_key(row[0], row[1].mode))
    return b"".join(_line(name, entry) for name, entry in rows)


_NOTHING: Final = Tree(b"")
_PARSED: Final[dict[str, Tree]] = {}
"""Parsed trees by id: what an id names never changes, so one cache serves every repository of the process."""
_PARSED_AT_MOST: Final = 4096


def read_tree(reader: TreeReader, oid: str | None) -> Tree:
    """The tree *oid*, parsed; ``None`` and the empty tree's id give one without entries."""
    if oid is None or oid == EMPTY_TREE:
        return _NOTHING
    tree = _PARSED.get(oid)
    if tree is None:
        if len(_PARSED) >= _PARSED_AT_MOST:
            _PARSED.clear()
        tree = _PARSED[oid] = Tree(reader.read(oid)[1])
    return tree


def find(reader: TreeReader, root: str | None, path: str) -> Entry | None:
    """The entry at *path* below the tree *root*, or ``None``."""
    entry: Entry | None = None
    tree = root
    for part in path.split("/"):
        if tree is None:
            return None
        entry = read_tree(reader, tree).entries.get(part)
        if entry is None:
            return None
        tree = entry.oid if entry.is_folder else None
    return entry


def walk(reader: TreeReader, root: str | None, prefix: str = "") -> Iterator[tuple[str, Entry]]:
    """``(path, entry)`` of every file below the tree *root*, in Git's order."""
    for name, entry in read_tree(reader, root).entries.items():
        path = f"{prefix}{name}"
        if entry.is_folder:
            yield from walk(reader, entry.oid, f"{path}/")
        else:
            yield path, entry


def compare(
    reader: TreeReader, old: str | None, new: str | None, prefix: str = ""
) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    """``(path, old entry, new entry)`` of every file that differs; equal folders are not read."""
    if old == new:
        return
    before, after = _differing(reader, old, new)
    for name in sorted(before.keys() | after.keys()):
        left, right = before.get(name), after.get(name)
        path = f"{prefix}{name}"
        left_tree = left.oid if left is not None and left.is_folder else None
        right_tree = right.oid if right is not None and right.is_folder else None
        if left_tree is not None or right_tree is not None:
            yield from compare(reader, left_tree, right_tree, f"{path}/")
        left_file = left if left_tree is None else None
        right_file = right if right_tree is None else None
        if left_file is not None or right_file is not None:
            yield path, left_file, right_file


def _differing(reader: TreeReader, old: str | None, new: str | None) -> tuple[dict[str, Entry], dict[str, Entry]]:
    """The entries that one of two trees has and the other has not, without parsing all that they share."""
    left, right = (set(_rows(reader, oid)) for oid in (old, new))
    return _entries(left - right), _entries(right - left)


def _rows(reader: TreeReader, oid: str | None) -> list[tuple[bytes, bytes, bytes]]:
    """``(mode, name, id)`` of each entry of a tree, as its bytes have them."""
    if oid is None or oid == EMPTY_TREE:
        return []
    parsed = _PARSED.get(oid)
    return _split(parsed.data if parsed is not None else reader.read(oid)[1])


class TreeEditor:
    """Changes to the tree *root*, gathered by path and written once."""

    def __init__(self, reader: TreeReader, root: str | None) -> None:
        self._reader = reader
        self._root = _Folder(root)

    def get(self, path: str) -> Entry | None:
        """The entry at *path* as it stands with the changes so far."""
        folder = self._root
        *parents, name = path.split("/")
        for part in parents:
            child = folder.open.get(part)
            if child is None:
                entry = self._entry(folder, part)
                if entry is None or not entry.is_folder:
                    return None
                child = folder.open[part] = _Folder(entry.oid)
            folder = child
        if name in folder.open:
            oid = self._write(folder.open[name])
            return None if oid is None else Entry(FOLDER, oid)
        return self._entry(folder, name)

    def put(self, path: str, oid: str, mode: int = FILE) -> None:
        """Set the entry at *path*; folders on the way are made."""
        self._change(path, Entry(mode, oid))

    def remove(self, path: str) -> None:
        """Remove the entry at *path*; folders left empty vanish. Nothing happens if there is none."""
        self._change(path, None)

    def write(self) -> str:
        """The id of the changed tree; new trees are held by the reader's buffer."""
        return self._write(self._root) or EMPTY_TREE

    def _entry(self, folder: _Folder, name: str) -> Entry | None:
        """The entry *name*, unless it is an open folder."""
        if name in folder.changes:
            return folder.changes[name]
        return read_tree(self._reader, folder.base).entries.get(name)

    def _change(self, path: str, entry: Entry | None) -> None:
        folder = self._root
        *parents, name = path.split("/")
        for part in parents:
            child = folder.open.get(part)
            if child is None:
                found = self._entry(folder, part)
                is_folder = found is not None and found.is_folder
                if entry is None and not is_folder:
                    return
                # A file in the way is replaced by the folder.
                child = folder.open[part] = _Folder(found.oid if found is not None and is_folder else None)
            folder = child
        folder.changes[name] = entry
        folder.open.pop(name, None)

    def _write(self, folder: _Folder) -> str | None:
        changes = dict(folder.changes)
        for name, child in folder.open.items():
            oid = self._write(child)
            if oid != child.base or oid is None:
                changes[name] = None if oid is None else Entry(FOLDER, oid)
        if not changes:
            return folder.base
        data = read_tree(self._reader, folder.base).edited(changes)
        if not data:
            return None
        return self._reader.add("tree", data)


class _Folder:
    """A folder under edit: the tree it was, its changed entries, and the folders below that are open."""

    __slots__ = ("base", "changes", "open")

    def __init__(self, base: str | None) -> None:
        self.base = base
        self.changes: dict[str, Entry | None] = {}
        self.open: dict[str, _Folder] = {}
