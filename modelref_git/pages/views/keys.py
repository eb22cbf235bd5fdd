"""API keys: the caller's own, and all of them for whoever looks after them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from modelref_git.operations.context import Context
from modelref_git.operations.keys import LONGEST_LABEL, MOST_DAYS, list_keys, may_make_for_others
from modelref_git.operations.members import list_members

ROWS: Final = 50


def keys_view(ctx: Context, path: Path | None, *, skip: int = 0) -> dict[str, Any]:
    """What the page shows, from the key after the first *skip*; *path* is the keys' file, if not the usual one."""
    person = ctx.person(ctx.view().dataset().config)
    others = may_make_for_others(ctx, remote=True)
    rows, now = list_keys(ctx, path=path), ctx.clock()
    names = {member["user_id"]: member["username"] for member in list_members(ctx)}
    for row in rows:
        row["owner"] = names.get(row["user_id"], f"#{row['user_id']}, no member any more")
        row["is_over"] = row["expires"] is not None and row["expires"] <= now
        row["may_regenerate"] = row["user_id"] in names and (others or row["user_id"] == person.actor.id)
    return {
        "keys": rows[skip : skip + ROWS],
        "count": len(rows),
        "before": max(0, skip - ROWS) if skip else None,
        "after": skip + ROWS if skip + ROWS < len(rows) else None,
        "sees_all": person.member is not None and person.member.approves(None),
        "own_id": person.actor.id,
        "people": sorted(names.items(), key=lambda item: item[1].casefold()) if others else [],
        "label_at_most": LONGEST_LABEL,
        "days_at_most": MOST_DAYS,
    }
