"""What is not there: what somebody may have meant, and what became of it."""

from __future__ import annotations

from typing import Any

from modelref_git.errors import ModelrefError
from modelref_git.operations.context import Context
from modelref_git.operations.near import near_categories, near_records
from modelref_git.operations.read import dataset_at
from modelref_git.store.index import Index


def missing_view(
    ctx: Context, message: str, category: str, name: str | None = None, *, revision: str | None = None
) -> dict[str, Any]:
    """What the page shows of a category, or a record, that is not there.

    Args:
        ctx: the reader's way in.
        message: what was refused.
        category: the category that was asked for.
        name: the record; ``None`` where a category was asked for.
        revision: the state of the dataset; what is live unless given.
    """
    known = list(dataset_at(ctx, revision).config.categories)
    return {
        "message": message,
        "category": category,
        "name": name,
        "has_category": category in known,
        "near": near_records(ctx, category, name, revision) if name is not None else [],
        "categories": near_categories(ctx, category, revision) or known if category not in known else [],
        "was_there": name is not None and _was_there(ctx, category, name),
        "is_live": name is not None and revision is not None and _is_live(ctx, category, name),
    }


def _was_there(ctx: Context, category: str, name: str) -> bool:
    with Index(ctx.view()) as index:
        return bool(index.record(category, name))


def _is_live(ctx: Context, category: str, name: str) -> bool:
    dataset = ctx.dataset()
    try:
        return category in dataset.config.categories and dataset.blob(category, name) is not None
    except ModelrefError:
        return False  # a name that no record can have
