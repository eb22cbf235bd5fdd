"""The file of the derived index: found or made, brought up to date in one transaction, thrown away if it is no good."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from modelref_git.errors import IntegrityFailure
from modelref_git.store import index_rows
from modelref_git.store.index_rows import APPLICATION, SCHEMA, TABLES
from modelref_git.store.lock import writer_lock
from modelref_git.store.log import View

PATIENCE: Final = 5.0
"""Seconds for which a database that somebody holds is waited for."""

_UNUSABLE: Final = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""Faults of the place, not of the file. After any other, the file is made anew."""

Opened = tuple[sqlite3.Connection, int, int, str]
"""The database, the last event and the last position of ``main`` of the view, and which making of the tables it is."""


def open_index(view: View, *, broken: bool = False) -> Opened:
    """Open the index, brought up to date for *view*: in its file, or in memory where there can be none.

    Args:
        view: what it must cover.
        broken: the file was found to be unreadable, so it is thrown away.

    Raises:
        IntegrityFailure: a commit of the log is no event, or an event's id is repeated.
    """
    path = view.store.local_dir / "cache" / "index.sqlite"
    for _ in range(2):
        try:
            return _open_file(view, path, broken=broken)
        except sqlite3.DatabaseError as fault:
            broken = True
            if is_unusable(fault):
                break
        except OSError:
            break
    return _open_memory(view, path)


def _open_file(view: View, path: Path, *, broken: bool) -> Opened:
    """The index in the file, brought up to date; a *broken* file is thrown away first."""
    if not broken and path.exists():
        db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        with _closed_on_failure(db):
            if _is_ours(db) and (found := _covered(db, view)):
                return db, *found
        db.close()
    view.store.disk.make_folder(path.parent)
    # Under a lock of our own, since a file may be thrown away only while nobody writes to it.
    with writer_lock(path.with_suffix(".lock")):
        if broken or not _is_usable(path):
            for name in (path, path.with_name(f"{path.name}-journal")):
                view.store.disk.remove(name)
        db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        with _closed_on_failure(db):
            return db, *_brought_up(db, view)


def _open_memory(view: View, path: Path) -> Opened:
    """An index in memory; what the file has by now, if it can be read, is not walked again."""
    for reads_file in (True, False):
        db = sqlite3.connect(":memory:", isolation_level=None)
        with _closed_on_failure(db):
            try:
                if reads_file:
                    source = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=0.0)
                    with contextlib.closing(source), transaction(source):
                        made(source)  # holds the file from here on: a copy waits for ever where it cannot read
                        source.backup(db)
                return db, *_brought_up(db, view)
            except sqlite3.DatabaseError as fault:
                if not reads_file:
                    raise IntegrityFailure(f"the queue log cannot be indexed: {fault}") from fault
        db.close()
    raise AssertionError("unreachable")


def _is_usable(path: Path) -> bool:
    """Whether the file is not there yet, or is an index of ours."""
    if not path.exists():
        return True
    with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as db:
        return _is_ours(db)


def _is_ours(db: sqlite3.Connection) -> bool:
    found = (db.execute("PRAGMA application_id").fetchone()[0], db.execute("PRAGMA user_version").fetchone()[0])
    return found == (APPLICATION, SCHEMA)


def made(db: sqlite3.Connection) -> str:
    """Which making of the tables these are."""
    found = db.execute("SELECT value FROM meta WHERE name = 'made'").fetchone()
    if found is None:
        raise sqlite3.DatabaseError("the tables do not say which making they are")
    return str(found[0])


def _covered(db: sqlite3.Connection, view: View) -> tuple[int, int, str] | None:
    """The view's last event and position of ``main``, and the making of the tables, if the index has them."""
    with transaction(db):
        step = db.execute("SELECT last_id FROM steps WHERE oid = ?", (view.head,)).fetchone()
        commit = db.execute("SELECT position FROM commits WHERE oid = ?", (view.main,)).fetchone()
        return (step[0], commit[0], made(db)) if step and commit else None


def _brought_up(db: sqlite3.Connection, view: View) -> tuple[int, int, str]:
    """Add what is new, in one transaction; gives what :func:`_covered` gives."""
    with transaction(db, "IMMEDIATE"):
        if not _is_ours(db):
            for statement in TABLES.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {SCHEMA}")
            _mark(db)
        _add_steps(db, view)
        _add_commits(db, view)
    found = _covered(db, view)
    if found is None:
        raise sqlite3.DatabaseError("the index lacks what was just added")
    return found


def _add_steps(db: sqlite3.Connection, view: View) -> None:
    if db.execute("SELECT 1 FROM steps WHERE oid = ?", (view.head,)).fetchone():
        return
    last = db.execute("SELECT oid FROM steps ORDER BY first_id DESC LIMIT 1").fetchone()
    new = index_rows.steps_after(view, last[0] if last else None)
    if last and not new.met:  # another history than the one that was indexed
        _clear(db, "steps", "about", "past", "requests", "changes", "commits", "records")
    db.executemany("INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?)", new.steps)
    db.executemany("INSERT INTO about VALUES (?, ?, ?, ?)", new.about)
    db.executemany("INSERT INTO past VALUES (?, ?, ?, ?, ?, ?, ?)", new.past)
    db.executemany("INSERT INTO requests VALUES (?, ?, ?)", new.requests)
    newest = db.execute("SELECT coalesce(max(change_id), 0) FROM changes").fetchone()[0]
    db.executemany("INSERT INTO changes VALUES (?, ?, ?, ?)", index_rows.changes_after(view.queue, newest))


def _add_commits(db: sqlite3.Connection, view: View) -> None:
    if db.execute("SELECT 1 FROM commits WHERE oid = ?", (view.main,)).fetchone():
        return
    last = db.execute("SELECT position, oid FROM commits ORDER BY position DESC LIMIT 1").fetchone()
    commits, records, met = index_rows.commits_after(db, view, last[1] if last else None)
    position = last[0] if last and met else 0
    if last and not met:
        _clear(db, "commits", "records")
    for number, (commit, rows) in enumerate(zip(commits, records, strict=True), position + 1):
        db.execute("INSERT INTO commits VALUES (?, ?, ?)", (number, *commit))
        db.executemany(_INSERT_RECORD, [(number, *row) for row in rows])


_INSERT_RECORD: Final = (
    "INSERT INTO records (position, category, name, before, after, changes) VALUES (?, ?, ?, ?, ?, ?)"
)


def _clear(db: sqlite3.Connection, *tables: str) -> None:
    for table in tables:
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names are ours
    _mark(db)


def _mark(db: sqlite3.Connection) -> None:
    """Say that the tables were made anew, to those who read them at the same time."""
    db.execute("INSERT OR REPLACE INTO meta VALUES ('made', ?)", (secrets.token_hex(8),))


# --- SQLite ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def transaction(db: sqlite3.Connection, kind: str = "") -> Iterator[None]:
    """One transaction, undone on failure."""
    db.execute(f"BEGIN {kind}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # SQLite has ended the transaction by itself after some faults.
        with contextlib.suppress(sqlite3.DatabaseError):
            db.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _closed_on_failure(db: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        db.close()
        raise


def is_unusable(fault: sqlite3.DatabaseError) -> bool:
    """Whether *fault* is one of the place (locked, full, not ours to write) and not of the file."""
    # Faults that Python's module raises by itself have no code.
    return getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _UNUSABLE
