"""What the derived index holds: its tables, and its rows as read off the two histories. Keys, never content."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelref_git.errors import IntegrityFailure
from modelref_git.proposals import trailers
from modelref_git.store.dataset import changed_records
from modelref_git.store.log import View, with_brought
from modelref_git.store.objects import Commit, ObjectBuffer
from modelref_git.store.state import FOLDERS, PURGED, StoredQueue

if TYPE_CHECKING:
    from modelref_git.proposals.events import Event

SCHEMA: Final = 4
"""The version of the tables. An index of any other is made anew."""
APPLICATION: Final = 0x6D726978
"""Tells SQLite's own files apart: ours say this in their header."""

TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE steps (
    first_id INTEGER PRIMARY KEY, last_id INTEGER NOT NULL, oid TEXT NOT NULL UNIQUE,
    action TEXT NOT NULL, actor TEXT NOT NULL, time INTEGER NOT NULL, main TEXT
);
CREATE INDEX steps_by_main ON steps (main) WHERE main IS NOT NULL;
CREATE TABLE about (event_id INTEGER NOT NULL, first_id INTEGER NOT NULL, change_id INTEGER, batch_id INTEGER);
CREATE INDEX about_by_event ON about (event_id);
CREATE INDEX about_by_change ON about (change_id, event_id) WHERE change_id IS NOT NULL;
CREATE INDEX about_by_batch ON about (batch_id, event_id) WHERE batch_id IS NOT NULL;
CREATE TABLE past (
    first_id INTEGER NOT NULL, place INTEGER NOT NULL, change_id INTEGER, batch_id INTEGER,
    action TEXT, actor TEXT, time INTEGER
);
CREATE INDEX past_by_place ON past (first_id, place);
CREATE INDEX past_by_change ON past (change_id) WHERE change_id IS NOT NULL;
CREATE INDEX past_by_batch ON past (batch_id) WHERE batch_id IS NOT NULL;
CREATE TABLE requests (first_id INTEGER PRIMARY KEY, request TEXT NOT NULL, content TEXT NOT NULL);
CREATE INDEX requests_by_key ON requests (request, first_id);
CREATE TABLE changes (
    change_id INTEGER PRIMARY KEY, category TEXT NOT NULL, name TEXT NOT NULL, requested_by TEXT NOT NULL
);
CREATE INDEX changes_by_category ON changes (category);
CREATE INDEX changes_by_requestor ON changes (requested_by);
CREATE TABLE commits (position INTEGER PRIMARY KEY, oid TEXT NOT NULL UNIQUE, first_id INTEGER NOT NULL);
CREATE INDEX commits_by_event ON commits (first_id);
CREATE TABLE records (
    id INTEGER PRIMARY KEY, position INTEGER NOT NULL, category TEXT NOT NULL, name TEXT NOT NULL,
    before TEXT, after TEXT, changes TEXT NOT NULL
);
CREATE INDEX records_by_name ON records (category, name, position);
CREATE INDEX records_by_position ON records (position);
"""
"""
``steps``    one row a commit of ``queue``: the ids of its events, and where it moved ``main``
``about``    one row for each change and batch that an event speaks of; an event has at least one
``past``     what the import of a queue, the event ``first_id``, brings: one row for each change and batch that an event
             of before speaks of, which is the event at that place from 1 on; with place 0, one for each change
``requests`` the commits of ``queue`` that say what the client called the request that they are part of
``changes``  of each change, purged or not, what is never other than it was
``commits``  the first parents of ``main`` from the first on, each with the first id of the event it belongs to
``records``  what a commit of ``main`` did to a record: its blob before and after, and the changes that a batch merged
"""

Row = tuple[Any, ...]

_LOOKED_UP_AT_MOST: Final = 1_000


@dataclass(slots=True)
class NewSteps:
    """The rows of what came after one queue commit, oldest first, by table."""

    steps: list[Row] = field(default_factory=list)
    about: list[Row] = field(default_factory=list)
    past: list[Row] = field(default_factory=list)
    requests: list[Row] = field(default_factory=list)
    met: bool = False
    """Whether that commit was met; if not, the rows are those of the whole log."""


def steps_after(view: View, last: str | None) -> NewSteps:
    """The rows for what came after the queue commit *last*.

    Raises:
        IntegrityFailure: a commit of the log is no event.
    """
    from modelref_git.proposals import events

    new = NewSteps()
    for commit in view.store.first_parents(view.head):
        if commit.id == last:
            new.met = True
            break
        event = events.decode(commit.id, commit.message, commit.committer.time)
        new.steps.append(
            (event.first_id, event.last_id, commit.id, event.action, event.actor.id, event.time, event.main)
        )
        new.about += reversed(list(about_rows(event)))
        new.past += reversed(list(past_rows(with_brought(view.store, event))))
        if event.request is not None:
            new.requests.append((event.first_id, event.request.key, event.request.content))
    for rows in (new.steps, new.about, new.past, new.requests):
        rows.reverse()
    return new


def changes_after(queue: StoredQueue, last: int) -> Iterator[Row]:
    """The rows of the changes in *queue* with numbers above *last*, ascending."""
    newest = queue.header.last_change_id
    numbers: Iterable[int] = range(last + 1, newest + 1)
    if newest - last > _LOOKED_UP_AT_MOST:  # among many there can be long stretches without a change
        folders = (*FOLDERS, PURGED)
        numbers = sorted(number for folder in folders for number in queue.change_ids(folder) if number > last)
    for number in numbers:
        change = queue.change(number) or queue.purged(number)
        if change is not None:
            yield number, *map(_storable, (change.category, change.model_name, change.requested_by))


def _storable(text: str) -> str:
    """*text* as SQLite can hold it: without halves of characters, which an old queue may bring."""
    return text.encode(errors="replace").decode()


def about_rows(event: Event) -> Iterator[Row]:
    """The rows of ``about`` for one event: its parts, and whom it speaks of besides."""
    first = event.first_id
    for event_id, change_id in event.ids():
        yield event_id, first, change_id, event.batch_id if event.is_of_batch(change_id) else None
    for change_id in event.reassigned:
        yield first, first, change_id, event.new_batch_id
    for change_id in event.returned:
        yield first, first, change_id, event.batch_id


def past_rows(event: Event) -> Iterator[Row]:
    """The rows of ``past`` for one event: what it brings, if it is the import of a queue."""
    if event.brought is None:
        return
    for change in event.brought.changes:
        yield event.first_id, 0, change.change_id, change.batch_id, None, None, None
    for place, past in enumerate(event.brought.events, 1):
        for change_id, batch_id in past.about():
            yield event.first_id, place, change_id, batch_id, past.action, past.actor, past.time


def commits_after(db: sqlite3.Connection, view: View, last: str | None) -> tuple[list[Row], list[list[Row]], bool]:
    """What came to ``main`` after the commit *last*, oldest first.

    Gives ``(commit, first id of its event)`` of each commit, for each the rows ``(category, name, before, after,
    changes)`` of its records, and whether *last* was met; if not, all are those of the whole of ``main``.

    Raises:
        IntegrityFailure: no event names the head of ``main``.
    """
    objects = view.store.buffer()
    commits: list[Row] = []
    records: list[list[Row]] = []
    event: Row | None = None
    commit: Commit | None
    parents = view.store.first_parents(view.main)
    commit = next(parents, None)
    while commit is not None and commit.id != last:
        parent = next(parents, None)
        # A commit within a chain of merges, or within what was adopted, came with the event that named a later one.
        found = db.execute("SELECT min(first_id), action FROM steps WHERE main = ?", (commit.id,)).fetchone()
        event = found if found[0] is not None else event
        if event is None:
            raise IntegrityFailure(f"no event names the commit {commit.id}, at which the log says main is")
        commits.append((commit.id, event[0]))
        records.append(list(_records(objects, commit, parent, merged=event[1] == "apply")))
        commit = parent
    return commits[::-1], records[::-1], commit is not None


def _records(objects: ObjectBuffer, commit: Commit, parent: Commit | None, *, merged: bool) -> Iterator[Row]:
    changed = changed_records(objects, parent.tree if parent is not None else None, commit.tree)
    if not changed:
        return
    # What other hands wrote into the message of a commit that was adopted is not believed.
    numbers = _changes(objects, commit) if merged else {}
    for key in sorted(changed, key=lambda key: (min(numbers.get(key, [0])), key)):
        yield *key, *changed[key], " ".join(map(str, sorted(numbers.get(key, ()))))


def _changes(objects: ObjectBuffer, merge: Commit) -> dict[tuple[str, str], list[int]]:
    """The changes of each record that a batch's merge takes in."""
    numbers = [int(value) for key, value in trailers.read(merge.message) if key == "Change-Id" and value.isdecimal()]
    found: dict[tuple[str, str], list[int]] = {}
    for number, parent in zip(numbers, merge.parents[1:], strict=False):
        rows = dict(trailers.read(objects.read_commit(parent).message))
        found.setdefault((rows.get("Category", ""), rows.get("Name", "")), []).append(number)
    return found
