"""Queries: which records are wanted, in what order, one page at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelref_git.errors import Invalid, UsageFault
from modelref_git.records import pointer, text
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.json_text import same
from modelref_git.records.names import fold

Record = dict[str, Any]


Test = Callable[["Hit"], bool]


class NoSuchField(UsageFault):
    """A field that the records filtered or sorted by it cannot have.

    Args:
        verb: what it was to do: ``filter`` or ``sort``.
        field: its name.
        categories: whose records lack it.
        known: the fields that they all have; none for open categories.
    """

    def __init__(self, verb: str, field: str, categories: Sequence[str], known: Sequence[str]) -> None:
        what = f"records of {categories[0]} have no field {field!r}"
        if len(categories) > 1:
            what = f"not every category has a field {field!r}"
        hint = f"the fields are: {', '.join(map(repr, known))}" if known else None
        super().__init__(f"cannot {verb}: {what}", hint=hint)
        self.verb = verb
        self.field = field
        self.known = tuple(known)


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
    tags_any: tuple[str, ...] = ()
    """Tags of which a record must have one."""
    tags_none: tuple[str, ...] = ()
    """Tags of which a record may have none."""
    inpainting: bool | None = None
    quantized: bool | None = None
    """Whether the name says how the model was quantised."""
    words: tuple[str, ...] = ()
    """Texts each of which is a part of the names, the description or a tag; letter case does not matter."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are filtered by name: a category must have them."""
        given = {
            "nsfw": self.nsfw is not None,
            "baseline": self.baseline is not None,
            "inpainting": self.inpainting is not None,
            "tags": bool(self.tags or self.tags_any or self.tags_none),
        }
        return tuple(field for field, is_given in given.items() if is_given)

    def test(self) -> Test:
        """The test whether a record is wanted."""
        tests = [*self._by_name(), *self._by_field(), *self._by_tags(), *map(_said, self.words)]
        tests += [_standing(place, value) for place, value in self.where]
        match tests:
            case []:
                return lambda _: True
            case [only]:
                return only
            case _:
                return lambda hit: all(test(hit) for test in tests)

    def _by_name(self) -> Iterator[Test]:
        part, quantized = fold(self.name_contains), self.quantized
        if part:
            yield lambda hit: any(part in name for name in hit.folded or folded_names(hit.name, hit.record))
        if quantized is not None:
            yield lambda hit: (text.quantisation(hit.name) is not None) is quantized

    def _by_field(self) -> Iterator[Test]:
        nsfw, baseline, inpainting = self.nsfw, self.baseline, self.inpainting
        if nsfw is not None:
            yield lambda hit: hit.record.get("nsfw") is nsfw
        if baseline is not None:
            yield lambda hit: bool(hit.record.get("baseline") == baseline)
        if inpainting is not None:
            yield lambda hit: hit.record.get("inpainting") is inpainting

    def _by_tags(self) -> Iterator[Test]:
        every, some, none = self.tags, self.tags_any, self.tags_none
        if every:
            yield lambda hit: all(tag in _tags(hit) for tag in every)
        if some:
            yield lambda hit: any(tag in _tags(hit) for tag in some)
        if none:
            yield lambda hit: not any(tag in _tags(hit) for tag in none)


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that was found."""

    category: str
    name: str
    record: Record
    blob: str = field(default="", repr=False, compare=False)
    """Where the record is kept, if it is kept by Git."""
    folded: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """`folded_names` of it, where they were worked out before."""


def folded_names(name: str, record: Record) -> tuple[str, ...]:
    """The names by which the record stored under *name* is found, folded."""
    own = record.get("name")
    return tuple(dict.fromkeys(fold(text) for text in (name, own) if isinstance(text, str)))


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of what was found."""

    hits: tuple[Hit, ...]
    total: int
    """How many there are on all pages."""
    offset: int
    limit: int

    @property
    def has_more(self) -> bool:
        """Whether there are more behind this page."""
        return self.offset + self.limit < self.total

    def as_json(self) -> dict[str, Any]:
        """A SearchResponse, as the wire has it."""
        return {
            "results": [hit.record for hit in self.hits],
            "total": self.total,
            "offset": self.offset,
            "limit": self.limit,
            "has_more": self.has_more,
        }


def answer(
    query: Query, hits: Iterable[Hit], fields: Mapping[str, Sequence[str]], *, offset: int = 0, limit: int = 50
) -> SearchPage:
    """One page of what `select` finds.

    Args:
        query: which are wanted.
        hits: the records of the query's category, or of all categories, in stored order.
        fields: by category, those that were searched, the fields that its schema names; none for an open one.
        offset: how many of those found to pass over.
        limit: how many of them to give.

    Raises:
        UsageFault, Invalid: as `select`.
    """
    return page_of(select(query, hits, fields), offset=offset, limit=limit)


def page_of(found: Sequence[Hit], *, offset: int, limit: int) -> SearchPage:
    """One page of what was found."""
    return SearchPage(tuple(found[offset : offset + limit]), len(found), offset, limit)


def select(query: Query, hits: Iterable[Hit], fields: Mapping[str, Sequence[str]]) -> list[Hit]:
    """All of the *hits* that match *query*, in its order.

    Args:
        query: which are wanted.
        hits: the records of the query's category, or of all categories, in stored order.
        fields: by category, those that were searched, the fields that its schema names; none for an open one.

    Raises:
        UsageFault: the category has no field that is filtered or sorted by.
        Invalid: a pointer is none (``pointer.syntax``).
    """
    for place, _ in query.where:
        pointer.split(place)
    records = list(hits)
    _check_fields(query, fields, records)
    wanted = query.test()
    found = [hit for hit in records if wanted(hit)]
    if query.sort_by is not None:
        found = _sorted(found, query.sort_by, descending=query.descending)
    return found


def _tags(hit: Hit) -> Sequence[Any]:
    tags = hit.record.get("tags")
    return tags if isinstance(tags, list) else ()


def _said(word: str) -> Test:
    folded, part = fold(word), word.casefold()

    def says(hit: Hit) -> bool:
        if any(folded in name for name in hit.folded or folded_names(hit.name, hit.record)):
            return True
        texts = (hit.record.get("description"), *_tags(hit))
        return any(part in text.casefold() for text in texts if isinstance(text, str))

    return says


def _standing(place: str, value: Any) -> Test:
    def stands(hit: Hit) -> bool:
        try:
            return same(pointer.get(hit.record, place), value)
        except Invalid:
            return False

    return stands


# Fields


def _check_fields(query: Query, fields: Mapping[str, Sequence[str]], records: Sequence[Hit]) -> None:
    """Refuse a field that no record can have: a misspelt one would find nothing and look like an answer."""
    if query.category is not None:
        for name in query.fields:
            _check_field([query.category], fields, records, name, "filter")
    if query.sort_by is not None:
        # Over all categories one sorts by what the records of every shipped one have; others come last without it.
        common = [category for category in fields if category in CATEGORIES] or list(fields)
        _check_field(common, fields, records if query.category is not None else (), query.sort_by, "sort")


def _check_field(
    categories: Sequence[str], fields: Mapping[str, Sequence[str]], records: Iterable[Hit], name: str, verb: str
) -> None:
    """Refuse a field *name* that is not named by the schema of each of *categories*, nor in any of *records*.

    A schema that names no fields at all is that of an open category, whose records may have any.
    """
    named = [list(labels) for category in categories if (labels := fields[category])]
    if all(name in labels for labels in named) or any(name in hit.record for hit in records):
        return
    shared = [label for label in named[0] if all(label in labels for labels in named)]
    raise NoSuchField(verb, name, categories, shared)


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
