"""Where the rows of ``models.csv`` stand that share their name with another row.

A record's first row has the record's place. Each further one is told by the rows that it stood behind, so that it goes
back there whatever else has come or gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

Place: TypeAlias = tuple[str, int]
"""A row, by its key and its number among the rows of the key, from 0."""

_ENOUGH: Final = 4
"""So many rows in front of a row are remembered, and more until two keys are among them: it stays in place while one of
them does, and so whichever record goes."""

_FAR: Final = 1_000_000_000
"""How far a row is from its place that has lost all of them."""


def behind(keys: Sequence[str]) -> dict[str, list[list[list[Any]]]]:
    """The member ``behind`` of each key that has one, from the keys of all rows in the order of the file."""
    seen: Counter[str] = Counter()
    places: list[Place] = []
    found: dict[str, list[list[list[Any]]]] = {}
    for key in keys:
        if seen[key]:
            found.setdefault(key, []).append(_in_front(places, key))
        places.append((key, seen[key]))
        seen[key] += 1
    return {key: fronts for key, fronts in found.items() if any(fronts)}


def in_file_order(counts: Mapping[str, int], fronts: Mapping[str, Any]) -> list[Place]:
    """All rows of a file in its order.

    Args:
        counts: the number of rows of each key, the keys in the order of their first rows.
        fronts: the member ``behind`` of the keys that have one. Rows in it that are not there any more are passed over.
    """
    parents: dict[Place, tuple[int, Place]] = {}
    for key, count in counts.items():
        for number in range(1, count):
            parents[key, number] = _parent((key, number), counts, fronts.get(key))
    followers: dict[Place, list[tuple[int, Place]]] = {}
    for place, (distance, parent) in parents.items():
        followers.setdefault(parent, []).append((distance, place))
    order = list(_walk([(key, 0) for key in counts], followers))
    if len(order) < len(counts) + len(parents):
        # Rows that follow each other in a ring, as files of different times may tell: each goes to its key's first.
        reached = set(order)
        for place in parents:
            if place not in reached:
                followers.setdefault((place[0], 0), []).append((_FAR + place[1], place))
        order = list(_walk([(key, 0) for key in counts], followers))
    # Whatever the places say, readers take the last row of a key, so that one must be the last.
    seen: Counter[str] = Counter()
    numbered: list[Place] = []
    for key, _ in order:
        numbered.append((key, seen[key]))
        seen[key] += 1
    return numbered


def _in_front(places: Sequence[Place], key: str) -> list[list[Any]]:
    """The rows between the next one and the one of the same key before it, nearest first and not too many."""
    front: list[list[Any]] = []
    for other, number in reversed(places):
        if other == key or (len(front) >= _ENOUGH and len({row[0] for row in front}) > 1):
            break
        front.append([other, number] if number else [other])
    return front


def _parent(place: Place, counts: Mapping[str, int], fronts: Any) -> tuple[int, Place]:
    """The row right behind which a row goes, and how far that one is from where it was."""
    key, number = place
    front = fronts[number - 1] if isinstance(fronts, list) and number <= len(fronts) else []
    for distance, named in enumerate(front if isinstance(front, list) else ()):
        match named:
            case [str(other)] if other in counts:
                return distance, (other, 0)
            case [str(other), int(row)] if 0 <= row < counts.get(other, 0):
                return distance, (other, row)
    return _FAR, (key, number - 1)


def _walk(roots: Sequence[Place], followers: Mapping[Place, list[tuple[int, Place]]]) -> Iterator[Place]:
    waiting = list(reversed(roots))
    seen: set[Place] = set()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        yield place
        # The nearest goes first; of those that are left without their neighbour, the later row of the file.
        near = sorted(followers.get(place, ()), key=lambda one: one[0])
        waiting += [follower for _, follower in reversed(near)]
