"""What the authors of concurrent proposals meant, worked out without the merge, for `concurrent_edits.py`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from history import MISSING, Group, Key, Proposal, Record, Records

from modelref_git.records.json_text import same
from modelref_git.records.merge import MergeHints

Intent = tuple[tuple[str, ...], str, Any]
"""A place, ``is``, ``has`` or ``lacks``, and a value: `MISSING` for what shall not be there."""


def intents(hints: MergeHints, path: tuple[str, ...], before: Any, after: Any) -> Iterator[Intent]:
    """Every single thing that somebody changed who made *after* of *before*.

    Objects by field, sets by member, keyed lists by entry, and who comes first in them; all else as a whole, a record
    that is made or deleted too. Stamps are not looked at: they are settled by rule.
    """
    is_stamp = len(path) == 2 and path[0] == "metadata" and path[1].startswith(("created_", "updated_"))
    if is_stamp or same(before, after):
        return
    is_new = before is MISSING and bool(path) and not hints.is_atomic
    if isinstance(after, dict) and (isinstance(before, dict) or is_new) and not hints.is_atomic:
        yield from by_name(hints, path, {} if is_new else before, after)
    elif isinstance(after, list) and (isinstance(before, list) or is_new) and (hints.is_set or hints.key):
        yield from by_item(hints, path, [] if is_new else before, after)
    else:
        yield path, "is", after


def by_item(hints: MergeHints, path: tuple[str, ...], before: list[Any], after: list[Any]) -> Iterator[Intent]:
    """The intents in the members of a set, or in the entries of a keyed list."""
    if hints.is_set:
        yield from ((path, "has", item) for item in after if not contains(before, item))
        yield from ((path, "lacks", item) for item in before if not contains(after, item))
    elif hints.key is not None and is_keyed([before, after], hints.key):
        old, new = ({entry[hints.key]: entry for entry in side} for side in (before, after))
        for name in {**old, **new}:
            yield from intents(hints.of_items(), (*path, name), old.get(name, MISSING), new.get(name, MISSING))
        kept = [name for name in old if name in new]
        if new and list(new)[:1] != kept[:1]:
            yield path, "first", next(iter(new))
    else:
        yield path, "is", after


def by_name(hints: MergeHints, path: tuple[str, ...], before: Any, after: Any) -> Iterator[Intent]:
    """The intents in the members of two objects."""
    for name in {**before, **after}:
        yield from intents(hints.of_member(name), (*path, name), before.get(name, MISSING), after.get(name, MISSING))


def is_keyed(sides: list[list[Any]], key: str) -> bool:
    """Whether entries can be told apart by the text in *key*."""
    names = [[entry.get(key) if isinstance(entry, dict) else None for entry in side] for side in sides]
    return all(all(isinstance(name, str) for name in side) and len(side) == len(set(side)) for side in names)


def contains(items: list[Any], item: Any) -> bool:
    """Whether one of *items* is the same as *item*."""
    return any(same(one, item) for one in items)


def faults(group: Group, accepted: list[Proposal], records: Records) -> list[str]:
    """Where *records* are not what the authors of the *accepted* proposals meant.

    Each thing that one of them changed must be changed from the base to the result, to the same; and nothing else.
    """
    found = []
    proposed = by_key(accepted)
    for key, base in group.base.items():
        hints = group.schemas[key].merge_hints
        wanted = [
            intent
            for proposal in proposed[key]
            for intent in intents(hints, (), _or_missing(base), _or_missing(proposal.records[key]))
        ]
        done = list(intents(hints, (), _or_missing(base), _or_missing(records.get(key))))
        found += [f"{key}: lost {intent}" for intent in wanted if not _is_among(intent, done)]
        found += [f"{key}: not asked for {intent}" for intent in done if not _is_among(intent, wanted)]
    return found


def by_key(proposals: list[Proposal]) -> dict[Key, list[Proposal]]:
    """The proposals of each record."""
    found: dict[Key, list[Proposal]] = defaultdict(list)
    for proposal in proposals:
        for key in proposal.records:
            found[key].append(proposal)
    return found


def collide(group: Group, one: Proposal, two: Proposal, key: Key) -> bool:
    """Whether two proposals made something different of the same thing in one record."""
    hints, base = group.schemas[key].merge_hints, _or_missing(group.base[key])
    mine, theirs = (list(intents(hints, (), base, _or_missing(side.records[key]))) for side in (one, two))
    return any(_are_opposed(this, that) for this in mine for that in theirs)


def _are_opposed(one: Intent, two: Intent) -> bool:
    if one[1] in ("has", "lacks") and two[1] in ("has", "lacks"):
        return False  # nobody adds what another takes away: both set out from one list
    if one[0] == two[0]:
        return one[1] != two[1] or not same(one[2], two[2])
    # What one replaced or took away as a whole, the other changed inside.
    longer, shorter = sorted((one, two), key=lambda intent: -len(intent[0]))
    return shorter[1] == "is" and longer[0][: len(shorter[0])] == shorter[0]


def _or_missing(record: Record) -> Any:
    return MISSING if record is None else record


def _is_among(intent: Intent, others: list[Intent]) -> bool:
    return any(intent[:2] == other[:2] and same(intent[2], other[2]) for other in others)
