"""Records to export and read again, and an export of a world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelref_git.operations.replicas.exported import write_export
from modelref_git.reading.export import Export, open_export
from tests.support.world import World

TOYS: dict[str, Any] = {
    "Robot": {"name": "Robot", "tags": ["tin", "red"], "nsfw": False, "size": 2, "baseline": "metal", "from": {"y": 1}},
    "bear": {"name": "bear", "tags": ["soft"], "nsfw": True, "size": 1.50, "baseline": "cloth", "from": {"y": 1.0}},
    "a/b cafe\u0301": {"name": "Globe", "tags": ["red"], "size": "big"},
}
TEXT = {"name": "Author/Model-7B", "parameters": 7_000_000_000, "tags": ["7B"], "text_model_group": "Model"}


def export(world: World, into: Path, *, layout: Any = "v2", before: Path | None = None) -> Export:
    """An export of the world as it is, opened."""
    view = world.context().view()
    write_export(world.store, view.main, view.queue.header.last_event_id, into, layout=layout, before=before)
    return open_export(into)
