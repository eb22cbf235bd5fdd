"""What would become of ``main`` and of the queue: an apply and a revert as they would go now, without doing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from modelref_git.operations.answers import find_batch, find_change, without_stamps
from modelref_git.operations.apply import applying
from modelref_git.operations.audit import net_change
from modelref_git.operations.context import Context
from modelref_git.operations.deciding import head_of
from modelref_git.operations.revert import reverting
from modelref_git.records import codec
from modelref_git.store.dataset import DatasetTree, changed_records
from modelref_git.store.step import Step

RECORDS_AT_MOST: Final = 25
"""So many records are told with their fields; the others are counted."""


@dataclass(frozen=True, slots=True)
class CategoryPreview:
    """What becomes of one category."""

    category: str
    before: int
    after: int
    """How many records it has."""
    added: int
    changed: int
    removed: int


@dataclass(frozen=True, slots=True)
class ApplyPreview:
    """What an apply would do."""

    main: str
    """The commit of ``main`` that it would begin from."""
    head: str | None
    """The batch's merge."""
    categories: tuple[CategoryPreview, ...]
    records: tuple[dict[str, Any], ...]
    """The first of the records, each as ``audit net-changes`` tells it."""
    count: int
    """How many records change in all."""
    new_batch: int | None
    """The number of the batch that the rest would become."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records each category has at one commit of ``main``: counting them reads every folder."""

    main: str
    by_category: Mapping[str, int]


def apply_preview(
    ctx: Context, batch_id: int, change_ids: Sequence[int] = (), *, counts: Counts | None = None
) -> ApplyPreview:
    """What an apply of a batch, or of those of its changes that are named, would make of ``main``.

    Args:
        ctx: the caller.
        batch_id: the batch.
        change_ids: some of its changes; all unless given.
        counts: what is known of ``main``; believed if it is of the commit that the apply would begin from.

    Raises:
        ModelrefError: as `apply_changes`: it would be refused.
    """
    told: list[str] = []

    def decide(step: Step) -> ApplyPreview:
        batch = find_batch(step.queue, batch_id)
        before = step.dataset()
        whole = not change_ids or set(change_ids) == set(batch.changes)
        part = applying(ctx, () if whole else change_ids, batch_id=batch_id if whole else None)
        answer = part(step)
        told[:] = step.warnings
        known = counts.by_category if counts is not None and counts.main == before.commit else {}
        return _preview(before, step.dataset(), head_of(batch), answer.get("batch_split_new_batch_id"), known)

    preview = replace(ctx, dry_run=True, warn=lambda _: None).write(decide)
    return replace(preview, warnings=tuple(told))


def _preview(
    before: DatasetTree, after: DatasetTree, head: str | None, new_batch: int | None, counts: Mapping[str, int]
) -> ApplyPreview:
    changed = changed_records(before.objects, before.tree, after.tree)
    categories = []
    for name in sorted({category for category, _ in changed}):
        sides = [pair for (category, _), pair in changed.items() if category == name]
        added, removed = (sum(1 for pair in sides if pair[side] is None) for side in (0, 1))
        count = counts[name] if name in counts else before.count(name)
        categories.append(
            CategoryPreview(name, count, count + added - removed, added, len(sides) - added - removed, removed)
        )
    rows = []
    for key in sorted(changed)[:RECORDS_AT_MOST]:
        states = tuple(_record(after, blob) for blob in changed[key])
        rows.append(net_change(before, after, key, (states[0], states[1])))
    return ApplyPreview(before.commit or "", head, tuple(categories), tuple(rows), len(changed), new_batch)


def _record(tree: DatasetTree, blob: str | None) -> dict[str, Any] | None:
    if blob is None:
        return None
    # Stamps are set by the program, and tell nothing about what was asked for.
    return without_stamps(codec.without_remainder(codec.decode(tree.objects.read_blob(blob))))


@dataclass(frozen=True, slots=True)
class RevertPreview:
    """What a revert would propose."""

    proposals: tuple[dict[str, Any], ...]
    """Each ``{"operation", "category", "model_name"}``."""
    conflicts: tuple[dict[str, Any], ...]
    """What was changed again since, and so is left out."""
    warnings: tuple[str, ...] = ()


def revert_preview(ctx: Context, batch_id: int) -> RevertPreview:
    """What a revert of an applied batch would propose.

    Raises:
        ModelrefError: as `revert_batch`: it would be refused.
    """
    told: list[str] = []
    revert = reverting(ctx, batch_id)

    def decide(step: Step) -> RevertPreview:
        answer = revert(step)
        told[:] = step.warnings
        changes = (find_change(step.queue, number) for number in answer["change_ids"])
        rows = tuple(
            {"operation": change.operation, "category": change.category, "model_name": change.model_name}
            for change in changes
        )
        return RevertPreview(rows, tuple(answer["conflicts"]))

    preview = replace(ctx, dry_run=True, warn=lambda _: None).write(decide)
    return replace(preview, warnings=tuple(told))
