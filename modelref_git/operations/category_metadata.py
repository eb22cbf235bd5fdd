"""Metadata of categories: when their records last changed, and how often, counted in the history."""

from __future__ import annotations

from typing import Any, Final

from modelref_git.errors import NotFound
from modelref_git.operations.context import Context
from modelref_git.operations.listing import list_records
from modelref_git.operations.read import dataset_at
from modelref_git.proposals.events import CREATE, DELETE, UPDATE
from modelref_git.store.index import Index, Tally

SCHEMA_VERSION: Final = "1.0.0"
BACKEND: Final = "git"


def category_metadata(ctx: Context, revision: str | None = None) -> dict[str, dict[str, Any]]:
    """The CategoryMetadata of every category of the dataset, at ``main`` or at an older commit of it.

    Raises:
        NotFound: there is no such revision, or it was never what ``main`` was.
    """
    view = ctx.view()
    dataset = dataset_at(ctx, revision)
    with Index(view) as index:
        position = index.last_position if dataset.commit == view.main else index.position(dataset.commit or "")
        if position is None:
            raise NotFound(
                f"{revision} was never what main was, so nothing is counted up to it",
                hint="name a commit of main's first parents",
            )
        tallies, began = index.tallies(position), index.began()
    return {
        category: {
            "category": category,
            **_told(tallies.get(category), len(list_records(ctx.store, dataset, category, ctx.warn).rows), began),
            "error_count": 0,
            "metadata_schema_version": SCHEMA_VERSION,
            "backend_type": BACKEND,
        }
        for category in dataset.config.categories
    }


def _told(tally: Tally | None, records: int, began: int) -> dict[str, Any]:
    time = tally.last_time if tally is not None else None
    return {
        "last_updated": time,
        "last_operation_type": _operation(tally) if tally is not None else None,
        "last_operation_model": tally.last_name if tally is not None else None,
        "total_creates": tally.creates if tally is not None else 0,
        "total_updates": tally.updates if tally is not None else 0,
        "total_deletes": tally.deletes if tally is not None else 0,
        "total_models": records,
        "initialization_time": began,
        "last_successful_operation": time,
    }


def _operation(tally: Tally) -> str:
    if tally.last_before is None:
        return CREATE
    return DELETE if tally.last_after is None else UPDATE
