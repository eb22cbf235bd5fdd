"""Trees as bytes: parsed once, edited by splicing, written bottom up.

A step changes a handful of entries among hundreds of thousands. So a parsed tree keeps its raw bytes, and an edit
copies them around the changed entry instead of serialising the tree anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from modelref_git.store.objects import EMPTY_TREE

FILE: Final = 0o100644
FOLDER: Final = 0o040000

_SPLICE_AT_MOST: Final = 8
"""Up to so many changed entries are spliced one by one; more are written as a whole."""


@dataclass(frozen=True, slots=True)
class Entry:
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
    """A parsed, immutable tree: a mapping of names to entries that remembers its bytes."""

    __slots__ = ("_keys", "_starts", "data", "entries")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.entries: dict[str, Entry] = {}
        self._keys: list[bytes] = []
        self._starts: list[int] = []
        at, end = 0, len(data)
        while at < end:
            space = data.index(b" ", at)
            zero = data.index(b"\0", space)
            mode, name = int(data[at:space], 8), data[space + 1 : zero]
            self._keys.append(_sort_key(name, mode))
            self._starts.append(at)
            self.entries[name.decode("utf-8", "surrogateescape")] = Entry(mode, data[zero + 1 : zero + 21].hex())
            at = zero + 21

    def edited(self, changes: dict[str, Entry | None]) -> bytes:
        """The bytes of the tree with *changes* made (``None`` removes an entry)."""
        if len(changes) > _SPLICE_AT_MOST:
            return _serialise({**self.entries, **changes})
        data = self.data
        for name, entry in changes.items():
            data = (self if data is self.data else Tree(data))._with(name, entry)
        return data

    def _with(self, name: str, entry: Entry | None) -> bytes:
        raw = name.encode("utf-8", "surrogateescape")
        old = self.entries.get(name)
        data = self.data
        if old is not None:
            index = bisect_left(self._keys, _sort_key(raw, old.mode))
            start = self._starts[index]
            stop = self._starts[index + 1] if index + 1 < len(self._starts) else len(data)
            if entry is not None and entry.is_folder == old.is_folder:
                return data[:start] + _line(raw, entry) + data[stop:]
            removed = data[:start] + data[stop:]
            return removed if entry is None else Tree(removed)._with(name, entry)
        if entry is None:
            return data
        index = bisect_left(self._keys, _sort_key(raw, entry.mode))
        start = self._starts[index] if index < len(self._starts) else len(data)
        return data[:start] + _line(raw, entry) + data[start:]


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
    before, after = read_tree(reader, old).entries, read_tree(reader, new).entries
    for name in sorted(before.keys() | after.keys()):
        left, right = before.get(name), after.get(name)
        if left == right:
            continue
        path = f"{prefix}{name}"
        left_tree = left.oid if left is not None and left.is_folder else None
        right_tree = right.oid if right is not None and right.is_folder else None
        if left_tree is not None or right_tree is not None:
            yield from compare(reader, left_tree, right_tree, f"{path}/")
        left_file = left if left_tree is None else None
        right_file = right if right_tree is None else None
        if left_file is not None or right_file is not None:
            yield path, left_file, right_file


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
                entry = folder.changes.get(part) if part in folder.changes else self._stored(folder).get(part)
                if entry is None or not entry.is_folder:
                    return None
                child = folder.open[part] = _Folder(entry.oid)
            folder = child
        if name in folder.changes:
            return folder.changes[name]
        return self._stored(folder).get(name)

    def put(self, path: str, oid: str, mode: int = FILE) -> None:
        """Set the entry at *path*; folders on the way are made."""
        self._change(path, Entry(mode, oid))

    def remove(self, path: str) -> None:
        """Remove the entry at *path*; folders left empty vanish. Nothing happens if there is none."""
        self._change(path, None)

    def write(self) -> str:
        """The id of the changed tree; new trees are held by the reader's buffer."""
        return self._write(self._root) or EMPTY_TREE

    def _stored(self, folder: _Folder) -> dict[str, Entry]:
        return read_tree(self._reader, folder.base).entries

    def _change(self, path: str, entry: Entry | None) -> None:
        folder = self._root
        *parents, name = path.split("/")
        for part in parents:
            child = folder.open.get(part)
            if child is None:
                stored = self._stored(folder).get(part)
                child = folder.open[part] = _Folder(stored.oid if stored is not None and stored.is_folder else None)
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
