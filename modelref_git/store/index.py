"""The derived index: which commits tell of a change, a batch or a record, so that nobody walks a long history to ask.

It lies in ``<git dir>/modelref/cache/index.sqlite``, is made on demand, brought up to date with what is new, and may be
deleted at any time. It holds keys only: what they lead to is read from Git. Who may not write it has one in memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from modelref_git.store.index_file import is_unusable, made, open_index, transaction
from modelref_git.store.log import View


@dataclass(frozen=True, slots=True)
class RecordChange:
    """What one commit of ``main`` did to one record."""

    position: int
    """The place of the commit on ``main``, the first being 1."""
    commit: str
    event: int
    """The first id of the event that moved ``main`` there."""
    category: str
    name: str
    before: str | None
    """The record's blob; ``None`` where there was none."""
    after: str | None
    change_ids: tuple[int, ...]
    """The changes of the record that the commit merged, ascending; none for an administrative one."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the records of one category."""

    creates: int
    updates: int
    deletes: int
    last_name: str
    """The record that changed last."""
    last_before: str | None
    last_after: str | None
    """Its blobs, as in `RecordChange`."""
    last_time: int
    """When, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One commit of ``queue``."""

    first_id: int
    last_id: int
    commit: str
    action: str
    actor: str
    """An id."""
    time: int
    """Unix seconds."""
    main: str | None
    """Where it moved ``main``, if it did."""


class Wanted(TypedDict, total=False):
    """Which events are wanted: those for which all that is given holds."""

    change_id: int | None
    batch_id: int | None
    actor: str | None
    """An id."""
    actions: Sequence[str]
    since: int | None
    until: int | None
    """Unix seconds, both ends counted in."""


class _Stale(Exception):
    """The tables were made anew since they were brought up to date."""


class Index:
    """The index as one reader sees it: nothing in its answers is newer than the reader's view.

    Raises:
        IntegrityFailure: a commit of the log is no event.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._db, self.last_event, self.last_position, self._made = open_index(view)

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_fault: object) -> None:
        self._db.close()

    # --- events ---

    def events(self, **wanted: Unpack[Wanted]) -> list[tuple[int, str]]:
        """``(event id, queue commit)`` of the *wanted* events, oldest first.

        A batch's split speaks of both batches, and of each change that it moved.
        """
        where, values = _tests("steps", ("event_id <= ?", self.last_event), **wanted)
        return self._rows(
            f"SELECT DISTINCT event_id, oid FROM about JOIN steps USING (first_id) WHERE {where} ORDER BY event_id",  # noqa: S608 - the tests are ours
            values,
        )

    def past_events(self, **wanted: Unpack[Wanted]) -> list[tuple[int, str, int]]:
        """``(first id, queue commit, place)`` of the *wanted* events that an import of a queue brought, oldest first.

        The first two say which import it was, *place* which of its events, from 1 on.
        """
        where, values = _tests("past", ("place > 0 AND first_id <= ?", self.last_event), **wanted)
        return self._rows(
            f"SELECT DISTINCT first_id, oid, place FROM past JOIN steps USING (first_id) WHERE {where} "  # noqa: S608 - the tests are ours
            "ORDER BY first_id, place",
            values,
        )

    def commits_about(self, change_ids: Iterable[int] = (), batch_ids: Iterable[int] = ()) -> list[str]:
        """The queue commits that tell of any of the changes or batches, oldest first."""
        rows = self._rows(
            "SELECT first_id, oid FROM steps JOIN "
            "(SELECT first_id FROM about WHERE change_id IN (SELECT value FROM json_each(?)) AND event_id <= ? UNION "
            "SELECT first_id FROM about WHERE batch_id IN (SELECT value FROM json_each(?)) AND event_id <= ? UNION "
            "SELECT first_id FROM past WHERE change_id IN (SELECT value FROM json_each(?)) AND first_id <= ? UNION "
            "SELECT first_id FROM past WHERE batch_id IN (SELECT value FROM json_each(?)) AND first_id <= ?) "
            "USING (first_id) ORDER BY first_id",
            [json.dumps(list(change_ids)), self.last_event, json.dumps(list(batch_ids)), self.last_event] * 2,
        )
        return [row[1] for row in rows]

    def members(self, batch_ids: Iterable[int]) -> set[int]:
        """The changes that were ever in one of the batches, or rejected with it."""
        rows = self._rows(
            "SELECT change_id FROM about WHERE batch_id IN (SELECT value FROM json_each(?)) "
            "AND change_id IS NOT NULL AND event_id <= ? UNION "
            "SELECT change_id FROM past WHERE batch_id IN (SELECT value FROM json_each(?)) "
            "AND change_id IS NOT NULL AND first_id <= ?",
            [json.dumps(list(batch_ids)), self.last_event] * 2,
        )
        return {row[0] for row in rows}

    def batches_of(self, change_ids: Iterable[int]) -> set[int]:
        """The batches that any of the changes was ever in, or was rejected with."""
        numbers = json.dumps(list(change_ids))
        rows = self._rows(
            "SELECT batch_id FROM about WHERE change_id IN (SELECT value FROM json_each(?)) "
            "AND batch_id IS NOT NULL AND event_id <= ? UNION "
            "SELECT batch_id FROM past WHERE change_id IN (SELECT value FROM json_each(?)) "
            "AND batch_id IS NOT NULL AND first_id <= ?",
            [numbers, self.last_event] * 2,
        )
        return {row[0] for row in rows}

    def batches(self, below: int | None, limit: int) -> list[int]:
        """The numbers of at most *limit* batches, descending; with *below*, of those under it."""
        rows = self._rows(
            "SELECT batch_id FROM about WHERE batch_id IS NOT NULL AND batch_id < ? AND event_id <= ? UNION "
            "SELECT batch_id FROM past WHERE batch_id IS NOT NULL AND batch_id < ? AND first_id <= ? "
            "ORDER BY batch_id DESC LIMIT ?",
            [*[below if below is not None else 2**62, self.last_event] * 2, limit],
        )
        return [row[0] for row in rows]

    def event_commit(self, event_id: int) -> str | None:
        """The queue commit that holds the event with that id."""
        rows = self._rows(
            "SELECT oid, last_id FROM steps WHERE first_id <= ? ORDER BY first_id DESC LIMIT 1", [event_id]
        )
        return rows[0][0] if rows and event_id <= min(rows[0][1], self.last_event) else None

    def request(self, key: str) -> list[tuple[str, str]]:
        """``(queue commit, digest of the content)`` of the step that answered the request called *key*, oldest first.

        A step is what stands together: events that bear the key elsewhere in the log are none of that request.
        """
        rows = self._rows(
            "SELECT first_id, last_id, oid, content FROM requests JOIN steps USING (first_id) "
            "WHERE request = ? AND last_id <= ? ORDER BY first_id",
            [key, self.last_event],
        )
        found: list[tuple[str, str]] = []
        following = None
        for first_id, last_id, oid, content in rows:
            if following not in (None, first_id):
                break
            found.append((oid, content))
            following = last_id + 1
        return found

    def changes(
        self, categories: Collection[str] = (), name_part: str = "", requested_by: Collection[str] = ()
    ) -> list[int]:
        """The changes of any of the *categories*, asked for by any of the ids *requested_by*, ascending.

        What is not given does not matter. *name_part* is a part of the casefolded name. Purged ones are among them.
        """
        given = (("category", categories), ("requested_by", requested_by))
        tests = [f"{column} IN (SELECT value FROM json_each(?))" for column, values in given if values]  # noqa: S608 - the columns are ours
        rows = self._rows(
            f"SELECT change_id, name FROM changes WHERE {' AND '.join(['change_id <= ?', *tests])} ORDER BY change_id",  # noqa: S608 - the tests are ours
            [self._view.queue.header.last_change_id, *(json.dumps(sorted(values)) for _, values in given if values)],
        )
        return [number for number, name in rows if name_part in name.casefold()]

    def next_step(self, event_id: int, actions: Sequence[str] = ()) -> tuple[int, int, str] | None:
        """``(first id, last id, queue commit)`` of the first step with an event behind *event_id*.

        With *actions*, the first of those steps that is of such a kind.
        """
        where, values = _tests("steps", ("last_id <= ?", self.last_event), actions=actions)
        rows = self._rows(
            f"SELECT first_id, last_id, oid FROM steps WHERE {where} AND last_id > ? "  # noqa: S608 - the tests are ours
            "AND first_id >= (SELECT coalesce(max(first_id), 0) FROM steps WHERE first_id <= ?) "
            "ORDER BY first_id LIMIT 1",
            [*values, event_id, event_id],
        )
        return rows[0] if rows else None

    def steps_before(self, event_id: int | None, limit: int, **wanted: Unpack[Wanted]) -> list[StepRow]:
        """At most *limit* commits of ``queue`` with one of the *wanted* events, newest first.

        With *event_id*, of those whose events all have smaller ids.
        """
        last = self.last_event if event_id is None else min(event_id - 1, self.last_event)
        where, values = _tests("steps", ("last_id <= ?", last), **wanted)
        about = "JOIN about USING (first_id)" if {"change_id", "batch_id"} & wanted.keys() else ""
        rows = self._rows(
            f"SELECT DISTINCT first_id, last_id, oid, steps.action, steps.actor, steps.time, main FROM steps {about} "  # noqa: S608 - the tests are ours
            f"WHERE {where} ORDER BY first_id DESC LIMIT ?",
            [*values, limit],
        )
        return [StepRow(*row) for row in rows]

    def last_before(self, event_id: int) -> tuple[int, str] | None:
        """``(last id, queue commit)`` of the newest step that began before *event_id*."""
        statement = "SELECT last_id, oid FROM steps WHERE first_id < ? AND last_id <= ? ORDER BY first_id DESC LIMIT 1"
        rows = self._rows(statement, [event_id, self.last_event])
        return rows[0] if rows else None

    def count_after(self, event_id: int, actions: Sequence[str] = ()) -> int:
        """How many events there are behind *event_id*; with *actions*, of those kinds."""
        where, values = _tests("steps", ("last_id <= ?", self.last_event), actions=actions)
        rows = self._rows(
            f"SELECT coalesce(sum(last_id - max(first_id - 1, ?)), 0) FROM steps WHERE {where} AND last_id > ?",  # noqa: S608 - the tests are ours
            [event_id, *values, event_id],
        )
        return int(rows[0][0])

    def first_id(self, commit: str) -> int | None:
        """The first id of the event in a commit of ``queue``; ``None`` when it is not there, or newer than the view."""
        rows = self._rows("SELECT first_id FROM steps WHERE oid = ? AND last_id <= ?", [commit, self.last_event])
        return rows[0][0] if rows else None

    # --- main ---

    def record(self, category: str, name: str, upto: int | None = None) -> list[RecordChange]:
        """What was done to a record, newest first; up to a position of ``main``."""
        return self._changes(
            "WHERE category = ? AND name = ? AND position <= ? ORDER BY position DESC",
            [category, name, self.last_position if upto is None else min(self.last_position, upto)],
        )

    def changes_after(self, position: int, *, limit: int | None = None, skip: int = 0) -> list[RecordChange]:
        """What was done to any record after a position of ``main``, oldest first.

        With *limit*, so many at most; the first *skip* of them are left out.
        """
        return self._changes(
            "WHERE position > ? AND position <= ? ORDER BY id LIMIT ? OFFSET ?",
            [position, self.last_position, -1 if limit is None else limit, skip],
        )

    def changes_by(self, event: int) -> list[RecordChange]:
        """What was done to any record by the event with that first id, oldest first."""
        return self._changes("WHERE first_id = ? AND position <= ? ORDER BY id", [event, self.last_position])

    def commits_by(self, event: int) -> list[str]:
        """The commits that came to ``main`` with the event with that first id, oldest first."""
        statement = "SELECT oid FROM commits WHERE first_id = ? AND position <= ? ORDER BY position"
        return [row[0] for row in self._rows(statement, [event, self.last_position])]

    def lives(self) -> dict[tuple[str, str], tuple[int, int]]:
        """By category and name of every record that ever was: the place of its last change, and how many there were."""
        rows = self._rows(
            "SELECT category, name, max(position), "
            "sum(CASE changes WHEN '' THEN 1 ELSE 1 + length(changes) - length(replace(changes, ' ', '')) END) "
            "FROM records WHERE position <= ? GROUP BY category, name",
            [self.last_position],
        )
        return {(category, name): (position, count) for category, name, position, count in rows}

    def tallies(self, position: int | None = None) -> dict[str, Tally]:
        """By category, what became of its records up to a place on ``main``; none of one that never had any."""
        rows = self._rows(
            "SELECT category, creates, updates, deletes, name, before, after, time FROM records JOIN "
            "(SELECT max(id) AS id, sum(before IS NULL) AS creates, sum(after IS NULL) AS deletes, "
            "sum(before IS NOT NULL AND after IS NOT NULL) AS updates FROM records WHERE position <= ? "
            "GROUP BY category) USING (id) JOIN commits USING (position) JOIN steps USING (first_id)",
            [self.last_position if position is None else min(position, self.last_position)],
        )
        return {
            category: Tally(creates, updates, deletes, name, before, after, time)
            for category, creates, updates, deletes, name, before, after, time in rows
        }

    def growth(self) -> list[tuple[int, int]]:
        """``(Unix seconds, records more)`` of every event that made the dataset larger or smaller, oldest first."""
        return self._rows(
            "SELECT time, more FROM (SELECT commits.first_id AS first_id, "
            "sum(before IS NULL) - sum(after IS NULL) AS more FROM records JOIN commits USING (position) "
            "WHERE position <= ? GROUP BY commits.first_id) JOIN steps USING (first_id) WHERE more <> 0 "
            "ORDER BY first_id",
            [self.last_position],
        )

    def times_to_apply(self, limit: int) -> list[int]:
        """Of the *limit* changes applied last, the seconds from being asked for to being applied, newest first."""
        rows = self._rows(
            "SELECT done.time - asked.time FROM steps AS done JOIN about AS one ON one.first_id = done.first_id "
            "JOIN about AS other ON other.change_id = one.change_id "
            "JOIN steps AS asked ON asked.first_id = other.first_id AND asked.action = 'enqueue' "
            "WHERE done.action = 'apply' AND done.last_id <= ? ORDER BY done.first_id DESC LIMIT ?",
            [self.last_event, limit],
        )
        return [row[0] for row in rows]

    def began(self) -> int:
        """When the first event of the log happened, in Unix seconds."""
        return int(self._rows("SELECT time FROM steps ORDER BY first_id LIMIT 1", [])[0][0])

    def position(self, commit: str) -> int | None:
        """The place of a commit on ``main``; ``None`` when it is not there, or newer than the view."""
        rows = self._rows("SELECT position FROM commits WHERE oid = ? AND position <= ?", [commit, self.last_position])
        return rows[0][0] if rows else None

    def event_of(self, commit: str) -> int | None:
        """The first id of the event with which a commit came to ``main``; ``None`` as for :meth:`position`."""
        rows = self._rows("SELECT first_id FROM commits WHERE oid = ? AND position <= ?", [commit, self.last_position])
        return rows[0][0] if rows else None

    def position_at(self, event_id: int) -> int:
        """Where ``main`` was once the event with that id had happened; 0 before the first."""
        rows = self._rows("SELECT coalesce(max(position), 0) FROM commits WHERE first_id <= ?", [event_id])
        return int(min(rows[0][0], self.last_position))

    def _changes(self, where: str, values: Sequence[Any]) -> list[RecordChange]:
        rows = self._rows(
            "SELECT position, oid, first_id, category, name, before, after, changes "  # noqa: S608 - where is ours
            f"FROM records JOIN commits USING (position) {where}",
            values,
        )
        return [
            RecordChange(position, commit, event, category, name, before, after, tuple(map(int, changes.split())))
            for position, commit, event, category, name, before, after, changes in rows
        ]

    def _rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """The rows of one statement, all at once, so that nothing stays locked.

        A file that turns out to be broken, or that another process has made anew for another history, is opened again.
        """
        for last in (False, True):
            try:
                with transaction(self._db):
                    if made(self._db) != self._made:
                        raise _Stale
                    return self._db.execute(statement, values).fetchall()
            except (_Stale, sqlite3.DatabaseError) as fault:
                if last:
                    raise
                self._db.close()
                broken = isinstance(fault, sqlite3.DatabaseError) and not is_unusable(fault)
                self._db, self.last_event, self.last_position, self._made = open_index(self._view, broken=broken)
        raise AssertionError("unreachable")


def _tests(table: str, first: tuple[str, int], **wanted: Unpack[Wanted]) -> tuple[str, list[Any]]:
    """The tests of a query and their values: the *first*, and the *wanted* ones; *table* has who, what and when."""
    actions = wanted.get("actions")
    given = (
        first,
        ("change_id = ?", wanted.get("change_id")),
        ("batch_id = ?", wanted.get("batch_id")),
        (f"{table}.actor = ?", wanted.get("actor")),
        (f"{table}.action IN (SELECT value FROM json_each(?))", json.dumps(actions) if actions else None),  # noqa: S608 - the table is ours
        (f"{table}.time >= ?", wanted.get("since")),
        (f"{table}.time <= ?", wanted.get("until")),
    )
    there = [(test, value) for test, value in given if value is not None]
    return " AND ".join(test for test, _ in there), [value for _, value in there]
