"""Read: categories, names, records, and what differs between two revisions. No role is needed."""

from __future__ import annotations

from typing import Any

from modelref_git.errors import Invalid, NotFound
from modelref_git.operations.context import Context
from modelref_git.records import codec
from modelref_git.store.dataset import DatasetTree, changed_records


def dataset_at(ctx: Context, revision: str | None) -> DatasetTree:
    """The dataset at a revision; at ``main`` when there is none, see :meth:`.Context.dataset`.

    Raises:
        NotFound: there is no such revision, or it holds no dataset.
    """
    live = ctx.dataset()
    dataset = live if revision is None else DatasetTree.at(live.objects, ctx.store.resolve(revision))
    _ = live.config  # an unknown format stops every command
    _ = dataset.config  # refuses a revision that is no dataset's, such as one of the queue
    return dataset


def list_categories(ctx: Context, revision: str | None = None) -> list[dict[str, Any]]:
    """The categories with their numbers of records."""
    dataset = dataset_at(ctx, revision)
    return [
        {"category": name, "records": dataset.count(name), "schema": category.schema}
        for name, category in dataset.config.categories.items()
    ]


def list_names(ctx: Context, category: str, revision: str | None = None) -> list[str]:
    """The names of a category's records, sorted."""
    return dataset_at(ctx, revision).names(category)


def get_record(ctx: Context, category: str, name: str, revision: str | None = None) -> dict[str, Any]:
    """One record. A backend variant of a text model is derived from its base record.

    Raises:
        NotFound: there is no such category or record.
    """
    dataset = dataset_at(ctx, revision)
    blob = _blob(dataset, category, name)
    if blob is not None:
        return codec.without_remainder(codec.decode(dataset.objects.read_blob(blob)))
    variant = _variant(dataset, category, name)
    if variant is not None:
        return variant
    alike = dataset.look_alike(category, name) if name.strip() else None
    hint = f"there is {alike!r}" if alike else f"`modelref-git ls {category}` lists the names"
    raise NotFound(f"{category} has no record {name!r}", hint=hint)


def record_bytes(ctx: Context, category: str, name: str, revision: str | None = None) -> tuple[str, bytes] | None:
    """The blob of a record that is stored under *name*, and its canonical bytes without what only older files said.

    ``None`` if there is none: a variant of a text model is not stored.

    Raises:
        NotFound: there is no such revision or category.
    """
    dataset = dataset_at(ctx, revision)
    blob = _blob(dataset, category, name)
    return None if blob is None else (blob, codec.cut_remainder(dataset.objects.read_blob(blob)))


def get_category(ctx: Context, category: str, revision: str | None = None) -> dict[str, dict[str, Any]]:
    """All records of a category, in stored order."""
    from modelref_git.operations.order import stored_order

    dataset = dataset_at(ctx, revision)
    ordered = stored_order(ctx.store, dataset, category, ctx.warn)
    return {name: codec.without_remainder(codec.decode(data)) for name, data in ordered}


def diff_revisions(ctx: Context, old: str, new: str, category: str | None = None) -> list[dict[str, Any]]:
    """What differs between two revisions of the dataset, record by record."""
    return diff_page(ctx, old, new, category)[0]


def diff_page(
    ctx: Context, old: str, new: str, category: str | None = None, *, offset: int = 0, limit: int | None = None
) -> tuple[list[dict[str, Any]], int]:
    """At most *limit* of the records in which two revisions differ, and how many there are.

    Raises:
        NotFound: there is no such revision or category.
    """
    from modelref_git.records.diff import field_diffs

    before, after = dataset_at(ctx, old), dataset_at(ctx, new)
    if category is not None and category not in before.config.categories:
        after.fan_out(category)  # refuses a category that neither knows
    changed = list(changed_records(after.objects, before.tree, after.tree, category).items())
    answer = []
    for (kind, name), blobs in changed[offset : None if limit is None else offset + limit]:
        left, right = (None if oid is None else _record(after, oid) for oid in blobs)
        diffs = [item.as_json() for item in field_diffs(left, right)]
        net = "added" if left is None else "deleted" if right is None else "modified"
        answer.append({"category": kind, "model_name": name, "net_operation": net, "field_diffs": diffs})
    return answer, len(changed)


def _record(dataset: DatasetTree, blob: str) -> dict[str, Any]:
    return codec.without_remainder(codec.decode(dataset.objects.read_blob(blob)))


def _blob(dataset: DatasetTree, category: str, name: str) -> str | None:
    dataset.fan_out(category)
    try:
        return dataset.blob(category, name)
    except Invalid:
        return None  # a name that no record can have


def _variant(dataset: DatasetTree, category: str, name: str) -> dict[str, Any] | None:
    """The record of a backend variant, worked out from its base record."""
    # Imported here: a record that is there is read without the rules for text models.
    from modelref_git.records import text
    from modelref_git.records.categories import TEXT_GENERATION

    if category != TEXT_GENERATION:
        return None

    def stored(base: str) -> dict[str, Any] | None:
        blob = _blob(dataset, category, base)
        return None if blob is None else _record(dataset, blob)

    return text.variant_record(name, stored, lambda: dataset.names(category))
