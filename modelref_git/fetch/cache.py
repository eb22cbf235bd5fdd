"""What hosts said not long ago, in a file that may be deleted at any time."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from modelref_git.fetch.probe import Report

GOOD_FOR: Final = 86_400
"""Seconds for which it is believed that a file is there."""
BAD_FOR: Final = 3_600
"""Seconds for which it is believed that it is not: people mend what they are told of."""

_T = TypeVar("_T")

_APPLICATION: Final = 0x6D726663
_VERSION: Final = 1
_FIELDS: Final = ", ".join(field.name for field in fields(Report))
_PATIENCE: Final = 2.0
_TABLES: Final = f"""
CREATE TABLE reports (url TEXT PRIMARY KEY, asked_at INTEGER NOT NULL, {_FIELDS}) WITHOUT ROWID;
CREATE TABLE sums (url TEXT PRIMARY KEY, validator TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL)
    WITHOUT ROWID;
"""


class Cache:
    """Reports and sums by address. A file that is broken or foreign is made anew; one that cannot be used is not used.

    Args:
        path: the SQLite file; without one nothing is remembered.
    """

    __slots__ = ("_db",)

    def __init__(self, path: Path | None) -> None:
        self._db = None if path is None else _opened(path)

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        if self._db is not None:
            self._db.close()

    def report(self, url: str, now: int) -> Report | None:
        """What was heard of *url*, if that is not too long ago."""
        row = self._tried(lambda db: db.execute(_SELECT, (url,)).fetchone())
        if row is None:
            return None
        found = Report(*row[1:])
        age = now - row[0]
        return found if 0 <= age < (GOOD_FOR if found.fault is None else BAD_FOR) else None

    def keep(self, url: str, now: int, report: Report) -> None:
        """Remember what was heard of *url*."""
        values = (url, now, *astuple(report))
        marks = ", ".join("?" * len(values))
        statement = f"INSERT OR REPLACE INTO reports (url, asked_at, {_FIELDS}) VALUES ({marks})"  # noqa: S608 - ours
        self._tried(lambda db: db.execute(statement, values))

    def sum_of(self, url: str, report: Report) -> str | None:
        """The sum that was computed at *url*, if the host names the same content and size as then."""
        wanted = (url, report.validator, report.size)
        row = self._tried(
            lambda db: db.execute(
                "SELECT sha256 FROM sums WHERE url = ? AND validator = ? AND size = ?", wanted
            ).fetchone()
        )
        return None if row is None else str(row[0])

    def keep_sum(self, url: str, report: Report) -> None:
        """Remember the sum of *report*, which was computed, if its content has a name."""
        if report.validator is None or report.size is None or report.sha256 is None:
            return
        values = (url, report.validator, report.size, report.sha256)
        self._tried(lambda db: db.execute("INSERT OR REPLACE INTO sums VALUES (?, ?, ?, ?)", values))

    def _tried(self, use: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """What *use* gives; nothing, from now on, when the file lets it down."""
        if self._db is None:
            return None
        try:
            return use(self._db)
        except sqlite3.Error:
            self._db.close()
            self._db = None
            return None


_SELECT: Final = f"SELECT asked_at, {_FIELDS} FROM reports WHERE url = ?"  # noqa: S608 - ours


def _opened(path: Path) -> sqlite3.Connection | None:
    for _ in range(2):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _connected(path)
        except sqlite3.OperationalError:
            return None  # locked, or not ours to write
        except (sqlite3.DatabaseError, ValueError):
            with contextlib.suppress(OSError):
                for name in (path, path.with_name(f"{path.name}-journal")):
                    name.unlink(missing_ok=True)
        except OSError:
            return None
    return None


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    try:
        db.execute("PRAGMA synchronous = OFF")  # what is lost is asked for again
        db.execute("BEGIN IMMEDIATE")
        found = tuple(db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        if found == (0, 0) and not _has_tables(db):
            for statement in filter(str.strip, _TABLES.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
            db.execute(f"PRAGMA user_version = {_VERSION}")
        elif found != (_APPLICATION, _VERSION):
            raise sqlite3.DatabaseError("it is another program's, or of another version")
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _has_tables(db: sqlite3.Connection) -> Any:
    return db.execute("SELECT 1 FROM sqlite_master").fetchone()
