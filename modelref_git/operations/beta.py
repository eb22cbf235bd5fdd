"""Beta: the records that open changes ask for, for readers who want to have them before they are live."""

from __future__ import annotations

from modelref_git.operations.changes import Filters, matching_changes
from modelref_git.proposals.header import APPROVED, PENDING
from modelref_git.proposals.queue import Change
from modelref_git.records.codec import cut_remainder
from modelref_git.store.log import View
from modelref_git.store.trees import find


def beta_key(view: View) -> str:
    """What the open changes are known by: two views with the same have the same open changes."""
    tree = view.queue.tree
    folders = [find(view.objects, tree, f"changes/{folder}") for folder in (PENDING, APPROVED)]
    return ".".join(entry.oid if entry is not None else "0" for entry in folders)


def beta_records(view: View, category: str) -> list[tuple[str, bytes]]:
    """``(name, canonical bytes)`` of the records that pending and approved creates and updates ask for.

    Of several changes of one record the one that was touched last counts, and of two the later one. The records are in
    the order of their changes.
    """
    wanted = Filters(statuses=(PENDING, APPROVED), categories=(category,))
    latest: dict[str, Change] = {}
    for change in matching_changes(view.queue, wanted):
        other = latest.get(change.model_name)
        if change.blob is not None and (other is None or _touched(other) < _touched(change)):
            latest[change.model_name] = change
    changes = sorted(latest.values(), key=lambda change: change.change_id)
    return [(change.model_name, cut_remainder(view.objects.read_blob(change.blob or ""))) for change in changes]


def _touched(change: Change) -> tuple[int, int]:
    return change.updated_at, change.change_id
