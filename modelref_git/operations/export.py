"""Export: the dataset as aggregated files, each one written whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelref_git.errors import Conflict
from modelref_git.formats import v2
from modelref_git.operations.context import Context
from modelref_git.operations.order import stored_order
from modelref_git.operations.read import dataset_at
from modelref_git.records.categories import v2_file
from modelref_git.records.codec import cut_remainder


def export_v2(
    ctx: Context,
    target: Path,
    *,
    revision: str | None = None,
    categories: tuple[str, ...] = (),
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Write one v2 file for each category into *target*; answers the commit, and each file with its sum.

    Raises:
        NotFound: there is no such revision or category.
        Conflict: *target* is a file.
    """
    dataset = dataset_at(ctx, revision)
    wanted = categories or tuple(dataset.config.categories)
    for category in wanted:
        dataset.fan_out(category)
    if target.exists() and not target.is_dir():
        raise Conflict(f"{target} is a file; an export goes into a folder")
    files = []
    for category in wanted:
        records = stored_order(ctx.store, dataset, category)
        data = v2.aggregate((name, cut_remainder(blob)) for name, blob in records)
        name = v2_file(category)
        if not ctx.dry_run:
            ctx.store.disk.make_folder(target)
            ctx.store.disk.write_file(target / name, data)
        files.append({"path": name, "sha256": hashlib.sha256(data).hexdigest(), "records": len(records)})
        progress()
    answer: dict[str, Any] = {"at": dataset.commit, "files": files}
    return {**answer, "dry_run": True} if ctx.dry_run else answer
