"""What consumers read a dataset through, wherever it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypedDict, Unpack

from modelref_git.errors import Problem
from modelref_git.records.query import Hit, Query, Record, SearchPage

__all__ = ["Change", "Dataset", "Filters", "Hit", "Record", "SearchPage", "query_of"]


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to one record."""

    category: str
    name: str
    operation: Literal["create", "update", "delete"]
    record: Record | None
    """What it is since; ``None`` for a delete."""
    commit: str
    """The revision that has it so."""
    event_id: int | None
    """The event of the queue log that made it so, or the last one of the export that has it so."""


class Filters(TypedDict, total=False):
    """The filters of a search: every one that is given must hold."""

    name_contains: str
    """A part of the name, in any letter case."""
    nsfw: bool | None
    baseline: str | None
    tags: str | Sequence[str]
    """A tag, or several: a record must have them all."""
    where: Mapping[str, Any]
    """JSON pointers, each with the value that must stand there."""
    sort_by: str | None
    """A field; records keep their stored order without one."""
    descending: bool


class Dataset(Protocol):
    """One revision of a dataset, to be read. It stays that revision, whatever happens meanwhile.

    Errors are those of :mod:`modelref_git.errors`. Records are fresh dicts: a caller may change them.
    """

    @property
    def commit(self) -> str:
        """The revision: what :meth:`changes_since` takes later on."""
        ...

    @property
    def event_id(self) -> int | None:
        """The last event of the queue log that had happened; ``None`` where the log is not at hand."""
        ...

    def categories(self) -> list[str]:
        """The names of the categories."""
        ...

    def names(self, category: str) -> list[str]:
        """The names of a category's records, sorted.

        Raises:
            NotFound: there is no such category.
        """
        ...

    def get(self, category: str, name: str) -> Record:
        """One record. A backend variant of a text model is derived from its base record.

        Raises:
            NotFound: there is no such category or record.
        """
        ...

    def records(self, category: str) -> Iterator[tuple[str, Record]]:
        """Names and records of a category, in stored order; text models under their base names alone.

        Raises:
            NotFound: there is no such category.
        """
        ...

    def __iter__(self) -> Iterator[Hit]:
        """Every record of every category."""
        ...

    def search(
        self, category: str | None = None, *, offset: int = 0, limit: int = 50, **filters: Unpack[Filters]
    ) -> SearchPage:
        """The records that match every filter, of one category or of all, one page of them.

        Raises:
            NotFound: there is no such category.
            UsageFault: the category has no field that is filtered or sorted by.
            Invalid: a pointer is none.
        """
        ...

    def changes_since(self, mark: int | str) -> Iterator[Change]:
        """What was done to records behind *mark*, up to this revision; a later change of a record comes later.

        Args:
            mark: the ``commit`` or ``event_id`` of a revision read before.

        Raises:
            NotFound: the mark is not known; the hint says how to go on.
        """
        ...

    def verify(self) -> list[Problem]:
        """What is wrong with what is read from, if anything. ``path`` is that of the file, or the commit."""
        ...


def query_of(category: str | None, filters: Filters) -> Query:
    """The query that *filters* say.

    Raises:
        TypeError: one has a name that none has.
    """
    given: dict[str, Any] = dict(filters)
    tags = given.get("tags", ())
    given["tags"] = (tags,) if isinstance(tags, str) else tuple(tags)
    given["where"] = tuple(given.get("where", {}).items())
    return Query(category, **given)
