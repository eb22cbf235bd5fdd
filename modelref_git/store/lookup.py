"""The lookup: which records of a dataset share a mark, asked without reading the dataset.

It lies in ``<git dir>/modelref/cache/lookup.sqlite``, describes the records of one tree, is brought to the tree that is
asked for by what differs between the two, and may be deleted at any time. It holds marks (`records.quality.marks`) and
blob ids, never content. Who may not write it, and whoever asks about an older tree, has one in memory.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from modelref_git.errors import IntegrityFailure, Invalid
from modelref_git.records import codec
from modelref_git.records.quality.marks import VERSION, marks
from modelref_git.records.quality.rule import Other
from modelref_git.store.dataset import DatasetTree, changed_records
from modelref_git.store.git import GitStore
from modelref_git.store.index_file import PATIENCE, is_unusable, transaction
from modelref_git.store.lock import writer_lock
from modelref_git.store.objects import ObjectBuffer

SCHEMA: Final = 1
"""The version of the tables. A file of any other is made anew."""
APPLICATION: Final = 0x6D726C75
"""Tells SQLite's own files apart: ours say this in their header."""

LOOKED_AT: Final = 64
"""So many records that share a mark are told at most: whoever asks wants examples, at a cost that has a bound."""

_TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
    id INTEGER PRIMARY KEY, category TEXT NOT NULL, name TEXT NOT NULL, blob TEXT NOT NULL, UNIQUE (category, name)
);
CREATE TABLE marks (mark INTEGER NOT NULL, record INTEGER NOT NULL, PRIMARY KEY (mark, record)) WITHOUT ROWID
"""

_TRIES: Final = 3

_MARKS: Final = f"{VERSION} {unicodedata.unidata_version}"
"""What the marks depend on besides the records."""


class Lookup:
    """The records of one dataset by their marks: an `Others` for the rules of good data."""

    def __init__(self, objects: ObjectBuffer, db: sqlite3.Connection) -> None:
        self._db = db
        self._record = lru_cache(maxsize=1024)(lambda blob: codec.decode(objects.read_blob(blob)))

    def known(self, marks: Sequence[int]) -> list[int]:
        """Those of *marks* that a record has, in their order."""
        statement = "SELECT DISTINCT mark FROM marks WHERE mark IN (SELECT value FROM json_each(?))"
        found = {row[0] for row in self._db.execute(statement, (json.dumps(list(marks)),))}
        return [mark for mark in marks if mark in found]

    def sharing(self, mark: int) -> Iterator[Other]:
        """The records with that mark, by category and name; of more than `LOOKED_AT` only so many."""
        rows = self._db.execute(
            "SELECT category, name, blob FROM marks JOIN records ON id = record WHERE mark = ? LIMIT ?",
            (mark, LOOKED_AT),
        ).fetchall()
        for category, name, blob in sorted(rows):
            try:
                record = self._record(blob)
            except Invalid:  # a stranger's file whose marks could be read, and no more
                continue
            yield Other(category, name, record)


@contextlib.contextmanager
def open_lookup(store: GitStore, dataset: DatasetTree, *, cached: bool = True) -> Iterator[Lookup]:
    """The lookup of *dataset*.

    Args:
        store: the repository.
        dataset: what it describes.
        cached: whether the file is brought to this dataset; it should be the log's ``main``, which the next one asks
            about too.
    """
    db = _open(store, dataset) if cached else _in_memory(dataset)
    try:
        yield Lookup(dataset.objects, db)
    finally:
        db.close()


def _open(store: GitStore, dataset: DatasetTree) -> sqlite3.Connection:
    path = store.local_dir / "cache" / "lookup.sqlite"
    for _ in range(2):
        try:
            store.disk.make_folder(path.parent)
            return _open_file(path, dataset)
        except sqlite3.DatabaseError as fault:
            if is_unusable(fault):
                break
        except OSError:
            break
        with contextlib.suppress(OSError):  # broken, or not ours: it is made anew
            _throw_away(store, path)
    return _in_memory(dataset)


def _throw_away(store: GitStore, path: Path) -> None:
    with writer_lock(path.with_suffix(".lock")):
        for name in (path, path.with_name(f"{path.name}-journal")):
            store.disk.remove(name)


def _open_file(path: Path, dataset: DatasetTree) -> sqlite3.Connection:
    """The tables in the file, within a transaction in which they describe *dataset*."""
    db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        for _ in range(_TRIES):
            db.execute("BEGIN")
            if _tree(db) == dataset.tree:
                return db
            db.execute("ROLLBACK")
            with transaction(db, "IMMEDIATE"):
                _bring(db, dataset)
    except BaseException:
        db.close()
        raise
    db.close()
    raise OSError("other processes keep bringing the lookup to other datasets")


def _in_memory(dataset: DatasetTree) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("BEGIN")
    _bring(db, dataset)
    return db


def _tree(db: sqlite3.Connection) -> str | None:
    """The tree that the tables describe; ``None`` for a new file."""
    found = (db.execute("PRAGMA application_id").fetchone()[0], db.execute("PRAGMA user_version").fetchone()[0])
    if found == (0, 0) and db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        return None
    if found != (APPLICATION, SCHEMA):
        raise sqlite3.DatabaseError("the file is no lookup of this version")
    said = dict(db.execute("SELECT name, value FROM meta").fetchall())
    if said.get("marks") != _MARKS:
        raise sqlite3.DatabaseError("the marks were made by another version")
    return str(said["tree"]) if "tree" in said else None


def _bring(db: sqlite3.Connection, dataset: DatasetTree) -> None:
    """Make the tables describe *dataset*: from the tree they describe, or from nothing."""
    before = _tree(db)
    if before is None:
        for statement in _TABLES.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {SCHEMA}")
        db.execute("INSERT INTO meta VALUES ('marks', ?)", (_MARKS,))
    try:
        changed = changed_records(dataset.objects, before, dataset.tree)
        _take_out(db, dataset.objects, ((*key, old) for key, (old, _) in changed.items() if old is not None))
    except (KeyError, IntegrityFailure):
        if before is None:
            raise
        raise sqlite3.DatabaseError("the lookup describes a tree that is gone") from None
    _put_in(db, dataset.objects, ((*key, new) for key, (_, new) in changed.items() if new is not None))
    db.execute("INSERT OR REPLACE INTO meta VALUES ('tree', ?)", (dataset.tree,))


def _take_out(db: sqlite3.Connection, objects: ObjectBuffer, rows: Iterable[tuple[str, str, str]]) -> None:
    for category, name, blob in rows:
        found = db.execute("SELECT id FROM records WHERE category = ? AND name = ?", (category, name)).fetchone()
        if found is None:
            raise sqlite3.DatabaseError("the lookup lacks a record of its tree")
        db.executemany(
            "DELETE FROM marks WHERE mark = ? AND record = ?",
            [(mark, found[0]) for mark in _marks(objects, category, name, blob)],
        )
        db.execute("DELETE FROM records WHERE id = ?", found)


def _put_in(db: sqlite3.Connection, objects: ObjectBuffer, rows: Iterable[tuple[str, str, str]]) -> None:
    made: list[tuple[int, int]] = []
    for category, name, blob in rows:
        ident = db.execute(
            "INSERT INTO records (category, name, blob) VALUES (?, ?, ?)", (category, name, blob)
        ).lastrowid
        made += [(mark, ident or 0) for mark in _marks(objects, category, name, blob)]
    made.sort()  # in the order of the key: several times as quick for a whole dataset
    db.executemany("INSERT INTO marks VALUES (?, ?)", made)


def _marks(objects: ObjectBuffer, category: str, name: str, blob: str) -> set[int]:
    try:
        # What is stored was judged strictly when it came in, and a stranger's file that is no JSON has no marks.
        record: Any = json.loads(objects.read_blob(blob))
    except (ValueError, RecursionError):
        return set()
    return set(marks(category, name, record)) if isinstance(record, dict) else set()
