"""Search: the records of one category or of all that match every filter, sorted, one page at a time.

What a search looks at of each record is kept by the records' blobs, so that the next one decodes only what is new, and
the records of the page that it gives.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from sys import intern
from typing import Any, Final, TypeGuard

from modelref_git.operations.context import Context
from modelref_git.operations.listing import Row, list_records
from modelref_git.operations.read import dataset_at
from modelref_git.records import codec, pointer
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.query import Hit, Query, SearchPage, folded_names, page_of, select
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.writing import once

__all__ = ["Figures", "Hit", "Query", "SearchPage", "category_figures", "search_bytes", "search_records"]

_HITS_AT_MOST: Final = 250_000
"""Records of which is kept what a search looks at: some 250 MB."""
_FOUND_AT_MOST: Final = 400_000
"""Records in what was found and is kept; most of them are among those above."""
_QUERIES_AT_MOST: Final = 64
_FIGURES_AT_MOST: Final = 256


def search_records(
    ctx: Context, query: Query, *, offset: int = 0, limit: int = 50, revision: str | None = None
) -> SearchPage:
    """The records that match *query*, without what only older files said about them.

    Text models are found under their base names alone; their variants are no results.

    Raises:
        NotFound: there is no such revision or category.
        UsageFault: the category has no field that is filtered or sorted by (`query.NoSuchField`).
        Invalid: a pointer is none (``pointer.syntax``).
    """
    dataset, page = _search(ctx, query, offset, limit, revision)
    hits = tuple(replace(hit, record=_record(dataset, hit.blob)) for hit in page.hits)
    return replace(page, hits=hits)


def search_bytes(
    ctx: Context, query: Query, *, offset: int = 0, limit: int = 50, revision: str | None = None
) -> tuple[list[bytes], SearchPage]:
    """The canonical bytes of what `search_records` finds, and the page, whose records are not whole.

    Raises:
        NotFound, UsageFault, Invalid: as `search_records`.
    """
    dataset, page = _search(ctx, query, offset, limit, revision)
    return [codec.cut_remainder(dataset.objects.read_blob(hit.blob)) for hit in page.hits], page


def _search(
    ctx: Context, query: Query, offset: int, limit: int, revision: str | None
) -> tuple[DatasetTree, SearchPage]:
    for place, _ in query.where:
        pointer.split(place)
    dataset = dataset_at(ctx, revision)
    key = (str(ctx.store.git_dir), dataset.tree, query)
    with _LOCK:
        found = None if query.where else _FOUND.get(key)  # what is looked for there may be no key
    if found is None:
        found, are_light = _select(ctx, dataset, query)
        if are_light:
            _keep(key, found)
    return dataset, page_of(found, offset=offset, limit=limit)


def _select(ctx: Context, dataset: DatasetTree, query: Query) -> tuple[list[Hit], bool]:
    """What matches, and whether no record had to be read whole for it."""
    categories = _categories(dataset) if query.category is None else [query.category]
    warn = once(ctx.warn)
    hits = [hit for category in categories for hit in _hits(ctx, dataset, category, warn)]
    needs_whole = query.where or (query.sort_by and any(hit.record.get(query.sort_by) is _PART for hit in hits))
    if needs_whole:
        hits = [replace(hit, record=_record(dataset, hit.blob)) for hit in hits]
    return select(query, hits, _Fields(dataset, categories)), not needs_whole


def _keep(key: tuple[str, str, Query], found: list[Hit]) -> None:
    """Keep what was found, so that the next page of it is not looked for again."""
    if len(found) > _FOUND_AT_MOST:
        return
    with _LOCK:
        _FOUND[key] = found
        _FOUND.move_to_end(key)
        while len(_FOUND) > _QUERIES_AT_MOST or sum(map(len, _FOUND.values())) > _FOUND_AT_MOST:
            _FOUND.popitem(last=False)


# What there is to search


@dataclass(frozen=True, slots=True)
class Figures:
    """What a category holds."""

    category: str
    records: int
    size: int
    """Bytes of all models together, of those that tell it."""
    sized: int
    """How many tell it."""
    baselines: tuple[tuple[str, int], ...] = ()
    """How many records have each, the commonest first."""


def category_figures(ctx: Context, revision: str | None = None) -> list[Figures]:
    """What each category holds, in the order that clients know.

    Raises:
        NotFound: there is no such revision.
    """
    dataset = dataset_at(ctx, revision)
    return [_figures(ctx, dataset, category) for category in _categories(dataset)]


def _figures(ctx: Context, dataset: DatasetTree, category: str) -> Figures:
    tree = list_records(ctx.store, dataset, category, ctx.warn).tree
    key = (str(ctx.store.git_dir), category, tree)
    with _LOCK:
        known = _FIGURES.get(key)
    if known is not None:
        return known
    hits = _hits(ctx, dataset, category, ctx.warn)
    sizes = [size for hit in hits if _is_size(size := hit.record.get("size_on_disk_bytes"))]
    baselines = Counter(base for hit in hits if isinstance(base := hit.record.get("baseline"), str) and base)
    ordered = sorted(baselines.items(), key=lambda row: (-row[1], row[0]))
    made = Figures(category, len(hits), sum(sizes), len(sizes), tuple(ordered))
    with _LOCK:
        _FIGURES[key] = made
        while len(_FIGURES) > _FIGURES_AT_MOST:
            _FIGURES.popitem(last=False)
    return made


def _is_size(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _categories(dataset: DatasetTree) -> list[str]:
    """The categories in the order that clients know, then the dataset's own."""
    names = dataset.config.categories
    return [name for name in CATEGORIES if name in names] + [name for name in names if name not in CATEGORIES]


class _Fields(Mapping[str, Sequence[str]]):
    """The fields that schemas name, each schema read when it is asked for: most queries need none."""

    def __init__(self, dataset: DatasetTree, categories: Sequence[str]) -> None:
        self._dataset = dataset
        self._categories = categories

    def __getitem__(self, category: str) -> Sequence[str]:
        return tuple(self._dataset.schema(category).order.labels)

    def __iter__(self) -> Iterator[str]:
        return iter(self._categories)

    def __len__(self) -> int:
        return len(self._categories)


# What a search looks at

_PART: Final = object()
"""Stands for a value that most searches do not look at."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """The records of a category at one tree, in stored order."""

    tree: str | None
    hits: Mapping[Row, Hit]


_LOCK: Final = threading.Lock()
_LOOKED: Final[OrderedDict[tuple[str, str], _Looked]] = OrderedDict()
"""What was looked at last of each category, by repository and category; the one used last at the end."""
_FOUND: Final[OrderedDict[tuple[str, str, Query], list[Hit]]] = OrderedDict()
"""What was found last, by repository, tree of the dataset and query."""
_FIGURES: Final[OrderedDict[tuple[str, str, str | None], Figures]] = OrderedDict()
"""By repository, category and its tree."""


def _hits(ctx: Context, dataset: DatasetTree, category: str, warn: Callable[[str], None]) -> list[Hit]:
    listing = list_records(ctx.store, dataset, category, warn)
    place = (str(ctx.store.git_dir), category)
    with _LOCK:
        before = _LOOKED.get(place, _Looked(None, {}))
        if before.tree == listing.tree:
            return list(before.hits.values())
    old = before.hits
    hits = {row: old.get(row) or _looked_at(dataset, category, row) for row in listing.rows.values()}
    with _LOCK:
        _LOOKED[place] = _Looked(listing.tree, hits)
        _LOOKED.move_to_end(place)
        while len(_LOOKED) > 1 and sum(len(looked.hits) + 1 for looked in _LOOKED.values()) > _HITS_AT_MOST:
            _LOOKED.popitem(last=False)
    return list(hits.values())


def _looked_at(dataset: DatasetTree, category: str, row: Row) -> Hit:
    record = _record(dataset, row.blob)
    # Most keys are the same in all records: each text of one is kept once.
    fields = {
        intern(key): _PART if isinstance(value, dict | list) and key != "tags" else value
        for key, value in record.items()
    }
    return Hit(category, row.name, fields, row.blob, folded_names(row.name, record))


def _record(dataset: DatasetTree, blob: str) -> dict[str, Any]:
    return codec.without_remainder(codec.decode(dataset.objects.read_blob(blob)))
