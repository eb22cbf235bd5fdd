"""The history of a record: its versions, newest first, each with what it changed."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from shlex import quote
from typing import Any, Final

from modelref_git.errors import NotFound
from modelref_git.operations.context import Context
from modelref_git.operations.record_log import versions
from modelref_git.pages.views.values import Budget
from modelref_git.records.diff import field_diffs

PAGE: Final = 20


def history_view(ctx: Context, category: str, name: str, *, offset: int = 0, limit: int = PAGE) -> dict[str, Any]:
    """What the page shows, behind the newest *offset* versions.

    Raises:
        NotFound: there is no such category, or no record of that name ever was.
    """
    with closing(versions(ctx, category, name)) as past:
        first = next(past, None)
        if first is None:
            raise NotFound(f"{category} has no record {name!r}, and never had one")
        rest = past if offset == 0 else islice(past, offset - 1, None)
        found = [first] if offset == 0 else []
        found += islice(rest, limit + 1 - len(found))
    budget = Budget()
    rows = [
        {"version": version, **budget.differences(field_diffs(version.old, version.new))} for version in found[:limit]
    ]
    return {
        "category": category,
        "name": name,
        "is_live": first.new is not None,
        "rows": rows,
        "offset": offset,
        "has_more": len(found) > limit,
        "before": None,
        "after": None,
        "command": f"modelref-git log {'-- ' if name.startswith('-') else ''}{quote(category)} {quote(name)}",
    }
