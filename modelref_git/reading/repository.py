"""Reading a dataset repository at one revision, by the operations that the commands use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Unpack

from modelref_git.errors import NotFound, Problem
from modelref_git.operations import search as searching
from modelref_git.operations.audit_events import read_event
from modelref_git.operations.context import Context
from modelref_git.operations.feed import read_feed
from modelref_git.operations.order import stored_order
from modelref_git.operations.read import dataset_at, get_record
from modelref_git.operations.verify import verify
from modelref_git.reading.interface import Change, Filters, Hit, Record, SearchPage, query_of
from modelref_git.records import codec
from modelref_git.store.index import Index


def open_dataset(repo: str | os.PathLike[str], at: str | None = None) -> Repository:
    """Open a dataset repository to read from.

    Args:
        repo: the repository, or a folder in its work tree.
        at: the revision; the log's ``main`` of this moment if not given.

    Raises:
        NotFound: there is no such repository or revision, or it holds no dataset.
        IntegrityFailure: it is of a format that this version does not read.
    """
    ctx = Context.open(Path(repo))
    if at is not None:
        commit = dataset_at(ctx, at).commit or ""
        return Repository(ctx, commit, _event_of(ctx, commit))
    try:
        view = ctx.view()
    except NotFound:
        return Repository(ctx, dataset_at(ctx, None).commit or "", None)  # a clone without the log
    return Repository(ctx, view.main, view.queue.header.last_event_id)


class Repository:
    """One revision in a repository; see :class:`~modelref_git.reading.interface.Dataset`.

    Made by :func:`open_dataset`.
    """

    def __init__(self, ctx: Context, commit: str, event_id: int | None) -> None:
        self._ctx = ctx
        self._commit = commit
        self._event_id = event_id
        self._dataset = dataset_at(ctx, commit)

    def __repr__(self) -> str:
        return f"<dataset at {self._commit} in {self._ctx.store.git_dir}>"

    @property
    def commit(self) -> str:
        """The revision."""
        return self._commit

    @property
    def event_id(self) -> int | None:
        """The last event that had happened; of a revision that was named, the last one of the step that made it."""
        return self._event_id

    def categories(self) -> list[str]:
        """The names of the categories."""
        return list(self._dataset.config.categories)

    def names(self, category: str) -> list[str]:
        """The names of a category's records, sorted."""
        return self._dataset.names(category)

    def get(self, category: str, name: str) -> Record:
        """One record, or the variant of a text model."""
        return get_record(self._ctx, category, name, self._commit)

    def records(self, category: str) -> Iterator[tuple[str, Record]]:
        """Names and records of a category, in stored order."""
        ordered = stored_order(self._ctx.store, self._dataset, category)
        return ((name, codec.without_remainder(codec.decode(data))) for name, data in ordered)

    def __iter__(self) -> Iterator[Hit]:
        """Every record of every category."""
        for category in self.categories():
            for name, record in self.records(category):
                yield Hit(category, name, record)

    def search(
        self, category: str | None = None, *, offset: int = 0, limit: int = 50, **filters: Unpack[Filters]
    ) -> SearchPage:
        """The records that match every filter, one page of them."""
        wanted = query_of(category, filters)
        return searching.search_records(self._ctx, wanted, offset=offset, limit=limit, revision=self._commit)

    def changes_since(self, mark: int | str) -> Iterator[Change]:
        """Every change behind *mark*, up to this revision, oldest first, as ``feed`` tells them.

        Args:
            mark: an event's number, or a commit of ``main`` or ``queue``.
        """
        rows = read_feed(self._ctx, since=str(mark), until=self._commit)
        first = list(islice(rows, 1))  # so that an unknown mark is told now
        return (
            Change(row["category"], row["model_name"], row["operation"], row["record"], row["commit"], row["event_id"])
            for row in chain(first, rows)
        )

    def verify(self) -> list[Problem]:
        """What the history promises and does not keep, as ``verify`` finds it; it reads all of it."""
        findings = verify(self._ctx).findings
        return [Problem(finding.commit or "", finding.message, finding.rule) for finding in findings]


def _event_of(ctx: Context, commit: str) -> int | None:
    """The last event of the step that brought a commit to ``main``; ``None`` if none did, or nobody can say."""
    try:
        view = ctx.view()
    except NotFound:
        return None
    with Index(view) as index:
        first = index.event_of(commit)
        made = index.event_commit(first) if first is not None else None
    return read_event(view, made).last_id if made is not None else None
