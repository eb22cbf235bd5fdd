"""What the last ``verify`` of this copy of the repository said: kept in the cache, and nothing relies on it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Final

from modelref_git.operations.context import Context

FINDINGS_AT_MOST: Final = 50

_KEYS: Final = frozenset({"at", "queue", "since", "ok", "checked", "findings"})


def remember(ctx: Context, queue: str, since: str | None, answer: dict[str, Any]) -> None:
    """Keep the *answer* of a verification of the log up to the commit *queue*; whoever may not write leaves it."""
    row = {"at": ctx.clock(), "queue": queue, "since": since, **answer}
    row["findings"] = row["findings"][:FINDINGS_AT_MOST]
    path = _path(ctx)
    with contextlib.suppress(OSError):
        ctx.store.disk.make_folder(path.parent)
        ctx.store.disk.write_file(path, json.dumps(row, ensure_ascii=True).encode(), sync=False)


def last_verified(ctx: Context) -> dict[str, Any] | None:
    """``{"at", "queue", "since", "ok", "checked", "findings", "is_newest"}`` of the last verification here, if any.

    ``at`` is in Unix seconds; ``is_newest`` says whether nothing happened since.
    """
    try:
        row = json.loads(_path(ctx).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(row, dict) or not row.keys() >= _KEYS:
        return None
    return {**{key: row[key] for key in sorted(_KEYS)}, "is_newest": row["queue"] == ctx.view().head}


def _path(ctx: Context) -> Path:
    return ctx.store.local_dir / "cache" / "verified.json"
