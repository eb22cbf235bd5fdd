"""The dataset: its categories, the records of one, and what a search finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from modelref_git.operations.context import Context
from modelref_git.operations.read import dataset_at
from modelref_git.operations.search import Figures, Query, category_figures, search_records
from modelref_git.pages.views.values import beginning, whole_number
from modelref_git.records.pictures import named, shown
from modelref_git.records.query import Hit
from modelref_git.store.dataset import DatasetTree

PAGE: Final = 50
NOT_SAFE: Final = 2
"""The lowest level of a picture that is shown only to those who ask for it."""

DESCRIPTION: Final = 160
"""Characters of a description in a list."""
TAGS: Final = 5
"""Tags of a record in a list."""
SORTABLE: Final = ("name", "baseline", "size_on_disk_bytes", "parameters", "version")
"""Fields by which a list is sorted, where a category has them."""

_COLUMNS: Final = ("baseline", "parameters", "controlnet_style", "style", "nsfw", "size_on_disk_bytes", "tags")


def dataset_view(ctx: Context, *, revision: str | None = None) -> dict[str, Any]:
    """What the page of all categories shows.

    Raises:
        NotFound: there is no such revision.
    """
    figures = category_figures(ctx, revision)
    return {
        "figures": figures,
        "records": sum(row.records for row in figures),
        "size": sum(row.size for row in figures),
        "baselines": _baselines(figures),
        "found": None,
        "sortable": SORTABLE[:1],
        "columns": ("category", "baseline", "nsfw", "size_on_disk_bytes"),
        **_UNFILTERED,
    }


def search_view(
    ctx: Context, query: Query, *, offset: int = 0, limit: int = PAGE, revision: str | None = None, live: bool = True
) -> dict[str, Any]:
    """The same with what *query* finds in all categories; see `category_view`."""
    return {**dataset_view(ctx, revision=revision), "found": _found(ctx, query, offset, limit, revision, live)}


def category_view(
    ctx: Context,
    query: Query,
    *,
    offset: int = 0,
    limit: int = PAGE,
    revision: str | None = None,
    live: bool = True,
) -> dict[str, Any]:
    """What the page of one category shows.

    Args:
        ctx: the reader's way in.
        query: which of its records, and in what order; ``query.category`` is the category.
        offset: so many of those found are passed over.
        limit: at most so many are shown.
        revision: the state of the dataset; what is live unless given.
        live: whether that is the live state; small pictures are shown of nothing else.

    Raises:
        NotFound: there is no such revision or category.
        UsageFault: the category has no field that is filtered or sorted by.
    """
    category = query.category or ""
    dataset = dataset_at(ctx, revision)
    dataset.fan_out(category)
    labels = dataset.schema(category).order.labels
    figures = next(row for row in category_figures(ctx, revision) if row.category == category)
    return {
        "category": category,
        "about": beginning(dataset.schema(category).document.get("description"), 300),
        "figures": figures,
        "baselines": figures.baselines,
        "columns": [name for name in _COLUMNS if name in labels],
        "fields": set(labels),
        "sortable": [name for name in SORTABLE if name in labels],
        "found": _found(ctx, query, offset, limit, revision, live),
        **_UNFILTERED,
    }


FILTERS: Final = (
    *("q", "name_contains", "nsfw", "baseline", "inpainting", "quantized"),
    *("tags_all", "tags_any", "tags_none", "sort_by", "sort_desc"),
)
"""The fields of the form, by their names in the address."""

_UNFILTERED: Final[Mapping[str, Any]] = {
    "filters": dict.fromkeys(FILTERS, ""),
    "milestones": (),
    "may_propose": False,
    "before": None,
    "after": None,
}
"""What only the service has: a form with filters, revisions to choose from; and the pages before and behind."""


def _baselines(figures: list[Figures]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for row in figures:
        for name, count in row.baselines[:100]:
            counts[name] = counts.get(name, 0) + count
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:100]


def _found(ctx: Context, query: Query, offset: int, limit: int, revision: str | None, live: bool) -> dict[str, Any]:
    page = search_records(ctx, query, offset=offset, limit=limit, revision=revision)
    dataset = dataset_at(ctx, revision)
    return {
        "rows": [_row(dataset, hit, live) for hit in page.hits],
        "total": page.total,
        "offset": offset,
        "first": offset + 1,
        "last": offset + len(page.hits),
        "has_more": page.has_more,
    }


def _row(dataset: DatasetTree, hit: Hit, live: bool) -> dict[str, Any]:
    record = hit.record
    tags = record.get("tags")
    words = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return {
        "category": hit.category,
        "name": hit.name,
        "baseline": _text(record.get("baseline")),
        "style": _text(record.get("style")),
        "controlnet_style": _text(record.get("controlnet_style")),
        "parameters": _count(record.get("parameters")),
        "nsfw": record.get("nsfw") is True,
        "size": whole_number(record.get("size_on_disk_bytes")),
        "tags": [beginning(tag, 40) for tag in words[:TAGS]],
        "more_tags": max(0, len(words) - TAGS),
        "description": beginning(record.get("description"), DESCRIPTION),
        "picture": _picture(dataset, hit) if live else None,
    }


def _count(value: Any) -> str:
    """A number of parameters as people say it: ``7B``, ``350M``; empty for none."""
    number = whole_number(value)
    if not number:
        return ""
    for unit, length in (("B", 1_000_000_000), ("M", 1_000_000)):
        if number >= length:
            return f"{number / length:.3g}{unit}"
    return f"{number:,}"


def _text(value: Any) -> str:
    return beginning(value, 60)


def _picture(dataset: DatasetTree, hit: Hit) -> str | None:
    """The picture that stands for a record in a list, if there is one that everybody may see unasked."""
    if hit.record.get("nsfw") is True or not hit.record.get("pictures"):
        return None
    for one in shown(named(hit.record, dataset.schema(hit.category))):
        if (whole_number(one.entry.get("nsfw_level")) or 0) < NOT_SAFE:
            return one.sha256
    return None
