"""Queries: which records are wanted, in what order, one page at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelref_git.errors import Invalid, UsageFault
from modelref_git.records import pointer
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.json_text import same
from modelref_git.records.names import fold

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """Which records are wanted: every filter that is given must hold."""

    category: str | None = None
    """The one category to search; ``None`` for all."""
    name_contains: str = ""
    """A part of the record's key or of its own ``name``; letter case and Unicode form do not matter."""
    nsfw: bool | None = None
    baseline: str | None = None
    tags: tuple[str, ...] = ()
    """Tags that a record must have, all of them."""
    where: tuple[tuple[str, Any], ...] = ()
    """``(JSON pointer, value)``: the value that must stand there. A pointer that leads nowhere matches nothing."""
    sort_by: str | None = None
    """A field of the record. Without one, records keep their stored order."""
    descending: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are filtered by name: a category must have them."""
        given = {"nsfw": self.nsfw is not None, "baseline": self.baseline is not None, "tags": bool(self.tags)}
        return tuple(field for field, is_given in given.items() if is_given)

    def matches(self, name: str, record: Record) -> bool:
        """Whether the record stored under *name* is wanted."""
        tags = record.get("tags")
        return (
            _contains(fold(self.name_contains), name, record.get("name"))
            and (self.nsfw is None or record.get("nsfw") is self.nsfw)
            and (self.baseline is None or record.get("baseline") == self.baseline)
            and (not self.tags or (isinstance(tags, list) and all(tag in tags for tag in self.tags)))
            and all(_stands_at(record, place, value) for place, value in self.where)
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that was found."""

    category: str
    name: str
    record: Record


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of what was found."""

    hits: tuple[Hit, ...]
    total: int
    """How many there are on all pages."""
    offset: int
    limit: int

    def as_json(self) -> dict[str, Any]:
        """A SearchResponse, as the wire has it."""
        return {
            "results": [hit.record for hit in self.hits],
            "total": self.total,
            "offset": self.offset,
            "limit": self.limit,
            "has_more": self.offset + self.limit < self.total,
        }


def answer(
    query: Query, hits: Iterable[Hit], fields: Mapping[str, Sequence[str]], *, offset: int = 0, limit: int = 50
) -> SearchPage:
    """One page of the *hits* that match *query*.

    Args:
        query: which are wanted.
        hits: the records of the query's category, or of all categories, in stored order.
        fields: by category, those that were searched, the fields that its schema names; none for an open one.
        offset: how many of those found to pass over.
        limit: how many of them to give.

    Raises:
        UsageFault: the category has no field that is filtered or sorted by.
        Invalid: a pointer is none (``pointer.syntax``).
    """
    for place, _ in query.where:
        pointer.split(place)
    records = list(hits)
    _check_fields(query, fields, records)
    found = [hit for hit in records if query.matches(hit.name, hit.record)]
    if query.sort_by is not None:
        found = _sorted(found, query.sort_by, descending=query.descending)
    return SearchPage(tuple(found[offset : offset + limit]), len(found), offset, limit)


def _contains(folded: str, *names: Any) -> bool:
    return not folded or any(isinstance(name, str) and folded in fold(name) for name in names)


def _stands_at(record: Record, place: str, value: Any) -> bool:
    try:
        return same(pointer.get(record, place), value)
    except Invalid:
        return False


# Fields


def _check_fields(query: Query, fields: Mapping[str, Sequence[str]], records: Sequence[Hit]) -> None:
    """Refuse a field that no record can have: a misspelt one would find nothing and look like an answer."""
    if query.category is not None:
        for field in query.fields:
            _check_field([query.category], fields, records, field, "filter")
    if query.sort_by is not None:
        # Over all categories one sorts by what the records of every shipped one have; others come last without it.
        common = [category for category in fields if category in CATEGORIES] or list(fields)
        _check_field(common, fields, records if query.category is not None else (), query.sort_by, "sort")


def _check_field(
    categories: Sequence[str], fields: Mapping[str, Sequence[str]], records: Iterable[Hit], field: str, verb: str
) -> None:
    """Refuse a *field* that is not named by the schema of each of *categories*, nor in any of *records*.

    A schema that names no fields at all is that of an open category, whose records may have any.
    """
    named = [list(labels) for category in categories if (labels := fields[category])]
    if all(field in labels for labels in named) or any(field in hit.record for hit in records):
        return
    shared = [label for label in named[0] if all(label in labels for labels in named)]
    what = f"records of {categories[0]} have no field {field!r}"
    if len(categories) > 1:
        what = f"not every category has a field {field!r}"
    hint = f"the fields are: {', '.join(map(repr, shared))}" if shared else None
    raise UsageFault(f"cannot {verb}: {what}", hint=hint)


# Order


def _sorted(hits: Sequence[Hit], field: str, *, descending: bool) -> list[Hit]:
    """The *hits* by the value of *field*, equal ones in stored order; those without one come last either way."""
    having = [hit for hit in hits if hit.record.get(field) is not None]
    lacking = [hit for hit in hits if hit.record.get(field) is None]
    return sorted(having, key=lambda hit: _place(hit.record[field]), reverse=descending) + lacking


def _place(value: Any) -> tuple[int, Any]:
    """Where a value stands among values of all types: false and true, numbers, texts, and all else by its text."""
    if isinstance(value, bool):
        return 0, value
    if isinstance(value, int | float):
        return 1, value
    if isinstance(value, str):
        return 2, value
    return 3, json.dumps(value, sort_keys=True)
