"""A range of commits as untrusted data: which records it changes, and what is in it that has no place there.

Nothing of it is ever run, checked out or unpacked; trees are compared as they lie in the object database. What counts
is the net change since the newest commit that the range shares with ``main``: commits in between may hold anything,
and merges of ``main`` are fine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from modelref_git.errors import IntegrityFailure, Invalid, ModelrefError, Problem
from modelref_git.operations.picture_files import CHANGED, UNNAMED
from modelref_git.records import json_text, pictures
from modelref_git.records.codec import REMAINDER
from modelref_git.records.json_text import MAX_RECORD_BYTES
from modelref_git.store import layout, ranges
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.objects import ObjectBuffer
from modelref_git.store.trees import FILE, FOLDER, Entry, compare, find
from modelref_git.store.unlogged import is_shallow

MAX_RECORDS: Final = 1_000
"""So many files one range may change."""
MAX_COMMITS: Final = 1_000
"""So many commits it may have beyond ``main``."""
MAX_TREES: Final = 20_000
"""So many folders are read to compare it: a few crafted ones can pretend to be billions."""
MAX_TREE_BYTES: Final = 16 * 2**20
"""The largest folder that is read; one with a hundred thousand records has less."""

HISTORY: Final = "intake.history"
FOREIGN: Final = "intake.foreign_file"
MODE: Final = "intake.file_mode"
TOO_MANY: Final = "intake.too_many"
SIZE: Final = "intake.size"
UNREADABLE: Final = "intake.unreadable"
TWICE: Final = "intake.twice"
CATEGORY: Final = "layout.category"
PLACE: Final = "layout.place"

WHOLE: Final = frozenset({HISTORY, FOREIGN, MODE, TOO_MANY, UNREADABLE, CATEGORY, CHANGED})
"""Rules by which nothing of a range is taken: it was made for something else than to change records."""

_MODES: Final = {
    0o120000: "it is a symbolic link",
    0o160000: "it is a submodule",
    0o100755: "it is an executable file",
}
_PLACES: Final = (0, 1, 2)
"""Every fan-out that a category may have."""


@dataclass(frozen=True, slots=True)
class ChangedRecord:
    """One record that the range changes."""

    category: str
    name: str
    path: str
    """Its file in the range, or the one that is gone."""
    old: Entry | None
    """Where the range sets out; ``None`` for a new record."""
    new: Entry | None
    """At its end; ``None`` for one that is gone."""
    record: dict[str, Any] | None = None
    """What the new file says; ``None`` for one that is gone."""


@dataclass(frozen=True, slots=True)
class Untrusted:
    """What a range of commits changes, and what is wrong with it."""

    base: str
    """The commit of ``main`` beside which it was looked at."""
    head: str
    origin: str | None
    """The newest commit that both have in common, from which the records were edited; ``None`` if there is none."""
    records: tuple[ChangedRecord, ...] = ()
    """Those without a problem of their own, by category and name."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """By name, the blobs of the picture files that it adds: nothing of them was looked at."""
    problems: list[Problem] = field(default_factory=list)
    """``path`` is that of a file, and ``""`` for the range as a whole."""

    @property
    def is_refused(self) -> bool:
        """Whether nothing of the range may be taken, however good some of its records are."""
        return any(problem.rule in WHOLE for problem in self.problems)


def untrusted_changes(store: GitStore, base: str, head: str) -> Untrusted:
    """Look at what *head* changes of records since it left *base*, a commit of ``main`` by which it is judged.

    Faults are told and never raised: no bytes that somebody pushed can stop whoever looks at them.
    """
    try:
        return _Looking(store, base, head).result()
    except (ModelrefError, ValueError, RecursionError, OverflowError) as fault:
        # Trees and commits can be crafted so that they cannot be read: whatever stops the reader is their fault.
        text = fault.message if isinstance(fault, ModelrefError) else f"{type(fault).__name__}: {fault}"
        problem = Problem("", f"the commits cannot be read: {text}", UNREADABLE)
        return Untrusted(base, head, None, problems=[problem])


def shown(path: str) -> str:
    """A path of a tree as text that can be written anywhere: bytes that are no UTF-8 are spelled out."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class _BoundedReader:
    """Reads trees, and gives up when somebody has made them to be read for ever."""

    def __init__(self, store: GitStore) -> None:
        self._store = store
        self._left = MAX_TREES

    def read(self, oid: str) -> tuple[str, bytes]:
        """``(kind, payload)`` of a tree."""
        self._left -= 1
        if self._left < 0:
            raise IntegrityFailure(f"they change more than {MAX_TREES} folders")
        if self._store.size(oid) > MAX_TREE_BYTES:
            raise IntegrityFailure(f"the folder {oid} has more than {MAX_TREE_BYTES} bytes")
        kind, payload = self._store.read(oid)
        if kind != "tree":
            raise IntegrityFailure(f"the folder {oid} is a {kind}")
        return kind, payload

    def add(self, kind: str, payload: bytes) -> str:
        """Nothing is made while strangers' trees are read."""
        raise AssertionError(f"a {kind} of {len(payload)} bytes was to be made")


class _Looking:
    """One look at one range."""

    def __init__(self, store: GitStore, base: str, head: str) -> None:
        self._store = store
        self._base, self._head = base, head
        self._objects: ObjectBuffer = store.buffer()
        self._reader = _BoundedReader(store)
        self._problems: list[Problem] = []
        self._pictures: dict[str, str] = {}
        self._roots: tuple[str, str] = ("", "")

    def result(self) -> Untrusted:
        origin = self._origin()
        if origin is None:
            return Untrusted(self._base, self._head, None, problems=self._problems)
        self._roots = (self._objects.read_commit(origin).tree, self._objects.read_commit(self._head).tree)
        found = tuple(self._records())
        if not self._problems:  # a record that cannot be read may name any of them
            self._refuse_unnamed(found)
        return Untrusted(self._base, self._head, origin, found, self._pictures, self._problems)

    def _problem(self, path: str, message: str, rule: str) -> None:
        self._problems.append(Problem(shown(path), message, rule))

    def _origin(self) -> str | None:
        if not ranges.is_commit(self._store, self._head):
            self._problem("", "this is no commit", HISTORY)
            return None
        origin = ranges.merge_base(self._store, self._base, self._head)
        if origin is None:
            known = " as far as this clone, which is shallow, has it" if is_shallow(self._store) else ""
            self._problem("", f"it has no history in common with main{known}", HISTORY)
        elif ranges.count_beyond(self._store, self._base, self._head, MAX_COMMITS) > MAX_COMMITS:
            self._problem("", f"it has more than {MAX_COMMITS} commits that main has not", TOO_MANY)
            return None
        return origin

    def _records(self) -> Iterator[ChangedRecord]:
        places: dict[tuple[str, str], list[tuple[str, Entry | None]]] = {}
        dataset = DatasetTree.at(self._objects, self._base)
        for number, (path, old, new) in enumerate(compare(self._reader, *self._roots)):
            if number == MAX_RECORDS:
                self._problem("", f"it changes more than {MAX_RECORDS} files", TOO_MANY)
                return
            if (picture := layout.picture_of(path)) is not None:
                self._picture(path, picture, old, new)
                continue
            key = self._key(dataset, path, new)
            if key is not None:
                places.setdefault(key, []).append((path, new))
        for key in sorted(places):
            yield from self._record(dataset, key, places[key])

    def _picture(self, path: str, name: str, old: Entry | None, new: Entry | None) -> None:
        if old is not None or new is None:
            self._problem(path, "pictures are added, and never changed or removed", CHANGED)
        elif new.mode != FILE:
            self._problem(path, f"{_mode(new)}, and pictures are plain files", MODE)
        else:
            self._pictures[name] = new.oid

    def _refuse_unnamed(self, found: tuple[ChangedRecord, ...]) -> None:
        """Report the pictures that no changed record names."""
        left = dict(self._pictures)
        dataset = DatasetTree.at(self._objects, self._base)
        for changed in found if left else ():
            for one in pictures.named(changed.record, dataset.schema(changed.category)):
                left.pop(one.sha256, None)
        for name in left:
            del self._pictures[name]
            text = "no record that the branch changes names this picture"
            self._problem(layout.picture_path(name), text, UNNAMED)

    def _key(self, dataset: DatasetTree, path: str, new: Entry | None) -> tuple[str, str] | None:
        """The record of a changed file; ``None``, with a problem, if it is none."""
        if path.partition("/")[0] != layout.DATASET:
            self._problem(path, "it is no record: only files of records below dataset/ can be proposed", FOREIGN)
            return None
        key = layout.record_of(path)
        if new is not None and new.mode != FILE:
            self._problem(path, f"{_mode(new)}, and records are plain files", MODE)
        elif key is None or key[0] not in dataset.config.categories:
            self._problem(path, "it is no record of a category", CATEGORY)
        elif path not in _paths(*key):
            self._problem(path, f"it does not stand where records of {key[0]} do: {dataset.path(*key)}", PLACE)
        else:
            return key
        return None

    def _record(
        self, dataset: DatasetTree, key: tuple[str, str], changed: list[tuple[str, Entry | None]]
    ) -> Iterator[ChangedRecord]:
        """The record, wherever in its category it was and is: another layout alone is no change."""
        (_, before), (path, after) = ([*self._at(root, key), ("", None)][0] for root in self._roots)
        path = path or changed[0][0]
        if len(list(self._at(self._roots[1], key))) > 1:
            self._problem(path, f"the record {key[1]!r} stands in two places; its place is {dataset.path(*key)}", TWICE)
            return
        if before is None and after is None:  # a crafted name, with a slash within
            self._problem(path, "it is no record of a category", CATEGORY)
            return
        if before is not None and after is not None and before.oid == after.oid:
            return
        if after is None:
            yield ChangedRecord(*key, path, before, None)
            return
        record = self._content(path, before, after)
        if record is not None:
            yield ChangedRecord(*key, path, before, after, record)

    def _at(self, root: str, key: tuple[str, str]) -> Iterator[tuple[str, Entry]]:
        """Where a record stands below *root*."""
        for path in _paths(*key):
            entry = find(self._reader, root, path)
            if entry is not None and entry.mode != FOLDER:
                yield path, entry

    def _content(self, path: str, before: Entry | None, after: Entry) -> dict[str, Any] | None:
        """What a changed file says; ``None``, with a problem, if it is no record."""
        size = self._store.size(after.oid)
        if size > MAX_RECORD_BYTES:
            self._problem(path, f"it has {size} bytes, {MAX_RECORD_BYTES} are the most", SIZE)
            return None
        try:
            record = json_text.parse(self._objects.read_blob(after.oid), what="the file")
        except Invalid as fault:
            for row in fault.details:
                at = f" at {row['path']}" if row["path"] else ""
                self._problem(path, f"{row['message']}{at}", row["rule"])
            return None
        if not isinstance(record, dict):
            self._problem(path, "a record is a JSON object", "json.object")
            return None
        was = json_text.parse(self._objects.read_blob(before.oid), max_bytes=None) if before is not None else {}
        if not json_text.same(record.get(REMAINDER), was.get(REMAINDER)):
            text = f"the legacy remainder {REMAINDER} belongs to imports; leave it as it is"
            self._problem(path, text, "remainder.changed")
            return None
        return record


def _mode(entry: Entry) -> str:
    return _MODES.get(entry.mode, f"it has the mode {entry.mode:o}")


def _paths(category: str, name: str) -> list[str]:
    """Where a record may stand, by the layouts that there can be."""
    return [layout.record_path(category, name, levels) for levels in _PLACES]
