"""Conflicts settled as somebody chose: one side for all of them, one side a field, or a value of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from modelref_git.errors import NotFound
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import stored_form
from modelref_git.records import codec, pointer
from modelref_git.records.merge import FieldConflict, Merged, merge_records
from modelref_git.store.dataset import DatasetTree

Side = Literal["mine", "theirs"]
"""``mine`` is what is proposed, ``theirs`` what is on ``main`` now."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How conflicts are to be settled."""

    take: Side | None = None
    """Whose values stand where nothing else is said."""
    sides: Mapping[str, Side] = field(default_factory=dict)
    """By the path of a conflict, whose value stands."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """By the path of a conflict, another value."""
    settings: Sequence[tuple[str, Any]] = ()
    """Values at JSON pointers, of conflicts or not, set after all else."""

    @property
    def is_edit(self) -> bool:
        """Whether anything was chosen."""
        return self.take is not None or bool(self.sides or self.values or self.settings)


def settled(merged: Merged, ours: dict[str, Any] | None, mine: dict[str, Any] | None, choice: Choice) -> Merged:
    """The merge with its conflicts settled, as far as *choice* speaks of them; what did not conflict stays merged.

    *ours* is the record on ``main``, *mine* the proposed one.
    """
    if any(conflict.path == "" for conflict in merged.conflicts):
        side = choice.sides.get("", choice.take)
        return merged if side is None else Merged(mine if side == "mine" else ours, ())
    record, left = merged.record, []
    # From the end, so that taking an entry out of a list moves none that is still to be set.
    for conflict in reversed(merged.conflicts):
        side = choice.sides.get(conflict.path, choice.take)
        if record is None or (side is None and conflict.path not in choice.values):
            left.append(conflict)
        elif conflict.path in choice.values:
            record = pointer.with_set(record, conflict.path, choice.values[conflict.path])
        elif side == "mine":
            record = _with_theirs(record, conflict)
    return Merged(record, tuple(reversed(left)))


def _with_theirs(record: dict[str, Any], conflict: FieldConflict) -> dict[str, Any]:
    if conflict.is_removal:
        return pointer.without(record, conflict.path)
    return pointer.with_set(record, conflict.path, conflict.theirs)


@dataclass(frozen=True, slots=True)
class Meeting:
    """A record that somebody edits, and the same record changed by others meanwhile."""

    record: dict[str, Any]
    """Both merged; where a conflict is left, with what is on ``main``."""
    conflicts: tuple[FieldConflict, ...]
    """What is left; ``ours`` is on ``main``, ``theirs`` is what was edited."""
    main: str
    """The commit that it was merged with."""


def meet(ctx: Context, category: str, name: str, edited: dict[str, Any], base: str, choice: Choice) -> Meeting:
    """Merge what somebody made of the record at the commit *base* with today's record, as *choice* settles it.

    Raises:
        NotFound: there is no such record, there or today.
    """
    dataset = ctx.dataset()
    schema = dataset.schema(category)
    then, now = _record(DatasetTree.at(dataset.objects, base), category, name), _record(dataset, category, name)
    if then is None or now is None:
        raise NotFound(f"{category} has no record {name!r}{'' if now is None else ' at ' + base}")
    stored, faults = stored_form(schema, edited, then)
    mine = codec.without_remainder(edited if faults else stored)
    merged = merge_records(then, now, mine, schema.merge_hints)
    merged = settled(merged, now, mine, choice)
    return Meeting(merged.record if merged.record is not None else now, merged.conflicts, dataset.commit or base)


def _record(dataset: DatasetTree, category: str, name: str) -> dict[str, Any] | None:
    blob = dataset.blob(category, name)
    return None if blob is None else codec.without_remainder(codec.decode(dataset.objects.read_blob(blob)))
