"""Two revisions of the dataset beside each other, or two records, or two states of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from modelref_git.errors import NotFound
from modelref_git.operations.comparison import NETS, compare_revisions
from modelref_git.operations.context import Context
from modelref_git.operations.near import near_records
from modelref_git.operations.read import dataset_at, get_record
from modelref_git.pages.views.values import Budget, telling
from modelref_git.records.diff import field_diffs

PAGE: Final = 50
_FIELDS: Final = 200


@dataclass(frozen=True, slots=True)
class Side:
    """One of two records."""

    category: str
    name: str
    revision: str | None = None
    """The commit; what is live unless given."""
    at: str | None = None
    """The revision as it was asked for."""


def empty_view(ctx: Context) -> dict[str, Any]:
    """The page before anything was asked."""
    return {
        "mode": None,
        "categories": list(dataset_at(ctx, None).config.categories),
        "nets": NETS,
        "category": None,
        "net": None,
        "old": "",
        "new": "",
        "sides": (Side("", ""), Side("", "")),
        "milestones": (),
        "before": None,
        "after": None,
    }


def compare_view(
    ctx: Context,
    old: str,
    new: str | None,
    *,
    category: str | None = None,
    net: str | None = None,
    offset: int = 0,
    limit: int = PAGE,
) -> dict[str, Any]:
    """What the page shows of two revisions; see :func:`modelref_git.operations.comparison.compare_revisions`.

    Raises:
        NotFound: there is no such revision or category.
    """
    found = compare_revisions(ctx, old, new, category=category, net=net, offset=offset, limit=limit)
    budget = Budget()
    rows = []
    for row in found.rows:
        # Of a record that came or went every field would be told; its own page does that better.
        told = budget.differences(row.diffs) if row.net == "modified" else {"rows": [], "more": len(row.diffs)}
        rows.append({"row": row, **told})
    return {
        **empty_view(ctx),
        "mode": "revisions",
        "comparison": found,
        "rows": rows,
        "sums": {word: sum(counts[word] for counts in found.counts.values()) for word in NETS},
        "offset": offset,
        "has_more": offset + limit < found.total,
        "category": category,
        "net": net,
    }


def compare_records_view(ctx: Context, one: Side, other: Side) -> dict[str, Any]:
    """What the page shows of two records, or of two states of one; of those that are not there, what is like them.

    Raises:
        NotFound: there is no such revision.
    """
    records, missing = [], []
    for side in (one, other):
        try:
            records.append(get_record(ctx, side.category, side.name, side.revision))
        except NotFound as fault:
            missing.append(
                {"side": side, "message": fault.message, "near": near_records(ctx, side.category, side.name)}
            )
    diffs = telling(field_diffs(*records)) if len(records) == 2 else []
    budget = Budget()
    budget.rows = _FIELDS
    shown = [item.as_json() for item in diffs[:_FIELDS]]
    rows = [
        {**row, "old_value": budget.value(row["old_value"]), "new_value": budget.value(row["new_value"])}
        for row in shown
    ]
    return {
        **empty_view(ctx),
        "mode": "records",
        "sides": (one, other),
        "missing": missing,
        "rows": rows,
        "more": len(diffs) - len(rows),
    }
