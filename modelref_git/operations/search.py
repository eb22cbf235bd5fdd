"""Search: the records of one category or of all that match every filter, sorted, one page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from modelref_git.operations.context import Context
from modelref_git.operations.order import stored_order
from modelref_git.operations.read import dataset_at
from modelref_git.records import codec, pointer
from modelref_git.records.query import Hit, Query, SearchPage, answer
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.writing import once

__all__ = ["Hit", "Query", "SearchPage", "search_records"]


def search_records(
    ctx: Context, query: Query, *, offset: int = 0, limit: int = 50, revision: str | None = None
) -> SearchPage:
    """The records that match *query*, without what only older files said about them.

    Text models are found under their base names alone; their variants are no results.

    Raises:
        NotFound: there is no such revision or category.
        UsageFault: the category has no field that is filtered or sorted by.
        Invalid: a pointer is none (``pointer.syntax``).
    """
    for place, _ in query.where:
        pointer.split(place)
    dataset = dataset_at(ctx, revision)
    categories = list(dataset.config.categories) if query.category is None else [query.category]
    warn = once(ctx.warn)
    hits = (hit for category in categories for hit in _records(ctx, dataset, category, warn))
    fields = _Fields(dataset, categories)
    return answer(query, hits, fields, offset=offset, limit=limit)


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


def _records(ctx: Context, dataset: DatasetTree, category: str, warn: Callable[[str], None]) -> Iterator[Hit]:
    for name, data in stored_order(ctx.store, dataset, category, warn):
        yield Hit(category, name, codec.without_remainder(codec.decode(data)))
