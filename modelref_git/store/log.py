"""The queue log: one commit an event on the branch ``queue``, each with the queue's state as its tree.

A thing has happened when its event commit is on ``queue``, and not before. :func:`.writing.write` makes it happen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modelref_git.errors import IntegrityFailure, NotFound, UsageFault
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.header import POLICY
from modelref_git.store import layout, trees
from modelref_git.store.dataset import DatasetTree, added_pictures
from modelref_git.store.git import GitStore
from modelref_git.store.objects import Commit, ObjectBuffer
from modelref_git.store.state import StoredQueue

if TYPE_CHECKING:
    from modelref_git.proposals.events import Event, Proposal

# What only readers of the whole log need is imported where they need it: most commands only read ``main``.


@dataclass(frozen=True, slots=True)
class View:
    """The repository as the log has it at one event: what every reader answers from."""

    store: GitStore
    head: str
    queue: StoredQueue
    objects: ObjectBuffer

    @property
    def main(self) -> str:
        """The log's ``main``."""
        return main_of_queue(self.queue)

    def dataset(self, commit: str | None = None) -> DatasetTree:
        """The dataset at *commit*; at the log's ``main`` unless given."""
        return DatasetTree.at(self.objects, commit or self.main)


def main_of_queue(queue: StoredQueue) -> str:
    """The log's ``main`` by its state.

    Raises:
        NotFound: the state names none: the repository was never finished.
    """
    main = queue.header.main
    if main is None:
        raise NotFound("the queue log names no main")
    return main


def read(store: GitStore) -> View:
    """The repository at the newest event.

    Raises:
        NotFound: it has no queue log, so it is no dataset repository.
        IntegrityFailure: the log of the remote that counts is not a continuation of what this clone has seen.
    """
    head = store.refs.read(store.counted(layout.QUEUE))
    if head is None:
        from modelref_git.store import unlogged

        raise unlogged.without_log(store)
    if store.remote is not None:
        from modelref_git.store.remote import Remote

        Remote(store, store.remote).check_seen()
    objects = store.buffer()
    return View(store, head, StoredQueue(objects, store.read_commit(head).tree), objects)


def history(store: GitStore, head: str) -> Iterator[tuple[Commit, Event]]:
    """``(commit, event)`` of the log from *head* back, with what each event speaks of read from its commits.

    Raises:
        IntegrityFailure: a commit of the log is no event.
    """
    from modelref_git.proposals import events

    for commit in store.first_parents(head):
        event = events.decode(commit.id, commit.message, commit.committer.time)
        proposals = tuple(read_proposal(store, proposal.commit) for proposal in event.proposals)
        yield commit, with_brought(store, replace(event, proposals=proposals))


def with_brought(store: GitStore, event: Event) -> Event:
    """*event*, with what it brings if it is the import of a queue.

    Raises:
        IntegrityFailure: what it keeps is not readable.
    """
    if event.imported is None:
        return event
    from modelref_git.store.kept_queue import read_brought

    return replace(event, brought=read_brought(store, event.imported))


def read_proposal(store: GitStore, oid: str, *, blobs: bool = True) -> Proposal:
    """The proposal that a commit makes: its words from the trailers, its blobs from the trees.

    Without *blobs*, which are most of the work, it has none.

    Raises:
        IntegrityFailure: the commit is no proposal.
    """
    from modelref_git.proposals import trailers
    from modelref_git.proposals.events import Proposal

    commit = store.read_commit(oid)
    rows: dict[str, Any] = dict(trailers.read(commit.message))
    if len(commit.parents) != 1 or not {"Operation", "Category", "Name", "Requestor"} <= rows.keys():
        raise IntegrityFailure(f"the commit {oid} is no proposal")
    try:
        requestor = Actor.parse(rows["Requestor"])
    except UsageFault as error:
        raise IntegrityFailure(f"the commit {oid} names no requestor: {error.message}") from error
    base = commit.parents[0]
    category, name = rows["Category"], rows["Name"]
    found: list[str | None] = [None, None]
    pictures: tuple[str, ...] = ()
    if blobs:
        objects = store.buffer()
        sides = [DatasetTree.at(objects, side) for side in (base, oid)]
        found = [_blob(side, category, name) for side in sides]
        pictures = added_pictures(objects, sides[0].tree, sides[1].tree)
    return Proposal(
        operation=rows["Operation"],
        category=category,
        name=name,
        requestor=requestor,
        note=rows.get("Note"),
        commit=oid,
        base=base,
        base_blob=found[0],
        blob=found[1],
        origin=rows.get("Origin"),
        pictures=pictures,
    )


def _blob(dataset: DatasetTree, category: str, name: str) -> str | None:
    path = name if category == POLICY else dataset.path(category, name)
    entry = trees.find(dataset.objects, dataset.tree, path)
    return None if entry is None else entry.oid
