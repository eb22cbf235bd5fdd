"""Merging a record by field: what two sides made of a common base, as one record, and what only a person can settle.

Nothing is lost in silence: whatever either side changed is in the merged record, or a conflict stands at its place or
above it. The stamps of ``metadata`` alone are settled by rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, TypeAlias

from modelref_git.records import pointer
from modelref_git.records.codec import KeyOrder
from modelref_git.records.json_text import same

METADATA: Final = "metadata"
CREATED: Final = ("created_at", "created_by")
UPDATED: Final = ("updated_at", "updated_by")

_ABSENT: Final[Any] = object()
"""Stands for a member, entry or record that a side does not have; it differs from null."""


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A place that both sides changed, and not to the same; ``None`` stands for a value that is absent, too."""

    path: str
    """JSON pointer into the merged record, empty for the record as a whole. An entry of a keyed list that ours does
    not have ends in ``-``, the place behind the list's end."""
    base: Any
    ours: Any
    theirs: Any
    is_removal: bool = field(default=False, compare=False, repr=False)
    """Whether theirs has no value there, which is something else than a null."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge gives. The record shares parts with those that it came from."""

    record: dict[str, Any] | None
    """None where there is no such record any more. Where there is a conflict, it holds ours' value."""
    conflicts: tuple[FieldConflict, ...]
    """In the order of the record's fields; one does not lie within another."""


@dataclass(frozen=True, slots=True, eq=False)
class MergeHints:
    """What a schema says with ``x-merge`` about the values at a place, and within them."""

    _order: KeyOrder

    NONE: ClassVar[MergeHints]
    """No hints, as in an open map: objects by field, all else as a whole."""

    @classmethod
    def of_schema(cls, document: Mapping[str, Any]) -> MergeHints:
        """The hints of a JSON Schema.

        They are found wherever `KeyOrder.of_schema` follows the schema; what is no hint counts as none.
        """
        return cls(KeyOrder.of_schema(document))

    @classmethod
    def of_order(cls, order: KeyOrder) -> MergeHints:
        """The hints of the schema that *order* was read from."""
        return cls(order)

    @property
    def is_stamped(self) -> bool:
        """Whether the schema names a member ``metadata``, in which the program writes its stamps."""
        return METADATA in self._order.labels

    @property
    def is_atomic(self) -> bool:
        """Whether a value here is never mixed from two sides."""
        return "atomic" in self._order.merge

    @property
    def is_set(self) -> bool:
        """Whether a list here has no order and no repetition."""
        return bool(self._agreed() == "set")

    @property
    def key(self) -> str | None:
        """The field that tells the entries of a list here apart."""
        hint = self._agreed()
        key = hint.get("key") if isinstance(hint, dict) else None
        return key if isinstance(key, str) else None

    @property
    def is_in_any_order(self) -> bool:
        """Whether the order of the entries of a keyed list here means little: two wishes for it are no conflict."""
        hint = self._agreed()
        return isinstance(hint, dict) and hint.get("order") == "any"

    def of_member(self, name: str) -> MergeHints:
        """The hints for the member *name* of an object that stands here."""
        return MergeHints(self._order.of_member(name))

    def of_items(self) -> MergeHints:
        """The hints for the items of a list that stands here."""
        return MergeHints(self._order.of_items())

    def _agreed(self) -> Any:
        """The hint that all parts of the schema which have one give; with two opinions, the list counts as plain."""
        hints = self._order.merge
        return hints[0] if hints and all(hint == hints[0] for hint in hints) else None


MergeHints.NONE = MergeHints(KeyOrder.NONE)

_Record: TypeAlias = dict[str, Any] | None
_Outcome: TypeAlias = tuple[Any, tuple[FieldConflict, ...]]
"""The merged value, and the conflicts with their paths from there."""


def merge_records(base: _Record, ours: _Record, theirs: _Record, hints: MergeHints) -> Merged:
    """Merge what *ours* and *theirs* made of *base*; ``None`` is a record that is not there.

    A side that equals the base gives way to the other. Fields that both changed are merged through nested objects and
    as *hints* say; what both changed and not to the same is a conflict. So is a record that one side deleted and the
    other changed, or that both created, unless the two differ in nothing but their stamps. Values are compared with
    types kept (1, 1.0 and true differ). Keys come in the order of ours. The inputs are left as they are.

    Args:
        base: the record from which both sides set out.
        ours: the record as it is now.
        theirs: the record as proposed.
        hints: those of the category's schema.
    """
    sides = [_ABSENT if side is None else side for side in (base, ours, theirs)]
    if settled := _settled(*sides):
        value, conflicts = settled
    elif ours is None or theirs is None or (base is None and not _is_same_content(ours, theirs, hints)):
        value, conflicts = _conflict(*sides)
    else:
        value, conflicts = _value(hints, *sides, is_record=True)
    return Merged(None if value is _ABSENT else value, conflicts)


# --- any value -------------------------------------------------------------------------------------------------------


def _settled(base: Any, ours: Any, theirs: Any) -> _Outcome | None:
    """The outcome where one side alone changed something, or both did the same."""
    if same(base, ours):
        return theirs, ()
    if same(ours, theirs) or same(base, theirs):
        return ours, ()
    return None


def _value(hints: MergeHints, base: Any, ours: Any, theirs: Any, *, is_record: bool = False) -> _Outcome:
    if settled := _settled(base, ours, theirs):
        return settled
    if hints.is_atomic:
        return _conflict(base, ours, theirs)
    if all(isinstance(side, dict) for side in (ours, theirs)) and (base is _ABSENT or isinstance(base, dict)):
        return _object(hints, {} if base is _ABSENT else base, ours, theirs, is_record)
    if all(isinstance(side, list) for side in (ours, theirs)) and (base is _ABSENT or isinstance(base, list)):
        return _list(hints, base, ours, theirs)
    return _conflict(base, ours, theirs)


def _conflict(base: Any, ours: Any, theirs: Any) -> _Outcome:
    was, here, there = (None if side is _ABSENT else side for side in (base, ours, theirs))
    return ours, (FieldConflict("", was, here, there, is_removal=theirs is _ABSENT),)


def _under(part: str, conflicts: Iterable[FieldConflict]) -> list[FieldConflict]:
    """*Conflicts* as seen from the value that has theirs as its member *part*."""
    step = pointer.join((part,))
    return [replace(conflict, path=step + conflict.path) for conflict in conflicts]


def _object(
    hints: MergeHints, base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any], is_record: bool
) -> _Outcome:
    merged: dict[str, Any] = {}
    conflicts: list[FieldConflict] = []
    for key in _woven(list(ours), list(theirs), first_at_end=True):
        sides = (base.get(key, _ABSENT), ours.get(key, _ABSENT), theirs.get(key, _ABSENT))
        merge = _metadata if is_record and key == METADATA and hints.is_stamped else _value
        value, found = merge(hints.of_member(key), *sides)
        if value is not _ABSENT:
            merged[key] = value
        conflicts += _under(key, found)
    return merged, tuple(conflicts)


# --- the stamps ------------------------------------------------------------------------------------------------------


def _metadata(hints: MergeHints, base: Any, ours: Any, theirs: Any) -> _Outcome:
    """Merge the ``metadata`` of a record: its stamps by rule, the rest as everywhere."""
    if settled := _settled(base, ours, theirs):
        return settled
    if isinstance(ours, dict) and isinstance(theirs, dict):
        newer = max(ours, theirs, key=_when_and_by)  # ours, if nothing tells them apart
        stamps = {key: ours[key] for key in CREATED if key in ours}
        stamps |= {key: newer[key] for key in UPDATED if key in newer}
        return _value(hints, *(_stamped(side, stamps) for side in (base, ours, theirs)))
    # One side took it away, or made something else of it. A stamp is no change that would speak against that.
    value, conflicts = _value(hints, *map(_unstamped, (base, ours, theirs)))
    return _conflict(base, ours, theirs) if conflicts else (value, ())


def _when_and_by(metadata: dict[str, Any]) -> tuple[float, str]:
    when, by = (metadata.get(key) for key in UPDATED)
    if isinstance(when, bool) or not isinstance(when, (int, float)):
        when = float("-inf")
    return when, by if isinstance(by, str) else ""


def _stamped(metadata: Any, stamps: dict[str, Any]) -> Any:
    """*Metadata* with *stamps* for its own, in their places; what is no object stays as it is."""
    if not isinstance(metadata, dict):
        return metadata
    kept = {key: value for key, value in metadata.items() if key in stamps or key not in (*CREATED, *UPDATED)}
    return kept | stamps


def _unstamped(metadata: Any) -> Any:
    return _stamped(metadata, {})


def _is_same_content(ours: dict[str, Any], theirs: dict[str, Any], hints: MergeHints) -> bool:
    """Whether two records differ in nothing but stamps."""
    return same(ours, theirs) or (hints.is_stamped and same(_content(ours), _content(theirs)))


def _content(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, METADATA: _unstamped(record.get(METADATA, {}))}


# --- lists -----------------------------------------------------------------------------------------------------------

_Members: TypeAlias = dict[Any, Any]
"""The items of a list in its order, by what tells them apart."""


def _list(hints: MergeHints, base: Any, ours: list[Any], theirs: list[Any]) -> _Outcome:
    lists = ([] if base is _ABSENT else base, ours, theirs)
    if hints.is_set:
        return _set(*({_identity(item): item for item in items} for items in lists)), ()
    if hints.key is not None:
        sides = [members for items in lists if (members := _by_key(items, hints.key)) is not None]
        if len(sides) == len(lists):
            order = _merged_order(*sides)
            if order is None and hints.is_in_any_order:
                order = _woven(list(sides[1]), list(sides[2]))
            if order is not None:
                return _keyed(hints.of_items(), order, *sides)
    return _conflict(base, ours, theirs)


def _set(base: _Members, ours: _Members, theirs: _Members) -> list[Any]:
    """What both have, and what one of them added."""
    order = _merged_order(base, ours, theirs) or _woven(list(ours), list(theirs))
    return [
        ours[item] if item in ours else theirs[item]
        for item in order
        if item not in base or (item in ours and item in theirs)
    ]


def _by_key(items: list[Any], key: str) -> _Members | None:
    """The entries by the value of their field *key*; None if one has no such field, or two have the same."""
    if not all(isinstance(item, dict) and key in item for item in items):
        return None
    entries = {_identity(item[key]): item for item in items}
    return entries if len(entries) == len(items) else None


def _keyed(hints: MergeHints, order: list[Any], base: _Members, ours: _Members, theirs: _Members) -> _Outcome:
    merged: list[Any] = []
    conflicts: list[FieldConflict] = []
    for entry in order:
        value, found = _value(hints, *(side.get(entry, _ABSENT) for side in (base, ours, theirs)))
        conflicts += _under(pointer.APPEND if value is _ABSENT else str(len(merged)), found)
        if value is not _ABSENT:
            merged.append(value)
    return merged, tuple(conflicts)


def _merged_order(base: _Members, ours: _Members, theirs: _Members) -> list[Any] | None:
    """The order of all that either side has, or None where the two want different ones."""
    first = _put_first(base, ours), _put_first(base, theirs)
    if None not in first and first[0] != first[1]:
        return None  # the first entry is the primary one, and only one can be
    in_ours, in_theirs = [item for item in ours if item in theirs], [item for item in theirs if item in ours]
    if in_ours != in_theirs:
        in_base = [item for item in base if item in ours and item in theirs]
        if in_base not in (in_ours, in_theirs):
            return None
        if in_base == in_ours:
            return _woven(list(theirs), list(ours))
    return _woven(list(ours), list(theirs))


def _put_first(base: _Members, side: _Members) -> Any:
    """The item that a side added or moved to the front; None if it did neither."""
    first = next(iter(side), None)
    return None if first == next((item for item in base if item in side), None) else first


def _woven(leading: Sequence[Any], other: Sequence[Any], *, first_at_end: bool = False) -> list[Any]:
    """*Leading* with what only *other* has behind its predecessor there, and behind what only *leading* has there.

    What has no predecessor comes first, or last if *first_at_end*.
    """
    shared = set(leading) & set(other)
    followers: dict[Any, list[Any]] = {}
    predecessor = None
    for item in other:
        if item in shared:
            predecessor = item
        else:
            followers.setdefault(predecessor, []).append(item)
    at_end = followers.pop(None, []) if first_at_end else []
    woven: list[Any] = []
    waiting = followers.get(None, [])
    for item in leading:
        if item in shared:
            woven += [*waiting, item]
            waiting = followers.get(item, [])
        else:
            woven.append(item)
    return [*woven, *waiting, *at_end]


def _identity(value: Any) -> Any:
    """Something hashable that is equal for two values just when they are the same, and never None."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "object", frozenset((key, _identity(item)) for key, item in value.items())
    if isinstance(value, list):
        return "list", tuple(map(_identity, value))
    # Every float is one type here, however its text is written.
    return ("float", float(value)) if isinstance(value, float) else (type(value).__name__, value)
