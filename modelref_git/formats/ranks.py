"""The places of records in an imported file, as sparse numbers.

A list of all names would be one file that every create fights over. A number a record lets one row go between two
others by writing that row alone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelref_git.records.codec import REMAINDER

STEP: Final = 1024


def rank_of(record: Mapping[str, Any]) -> int | None:
    """The rank that a stored record carries, if it has one."""
    rank = (record.get(REMAINDER) or {}).get("rank")
    return rank if isinstance(rank, int) else None


def with_rank(record: Mapping[str, Any], rank: int | None) -> dict[str, Any]:
    """A copy of *record* that carries *rank* as the first member of its remainder, or none."""
    others = {name: value for name, value in (record.get(REMAINDER) or {}).items() if name != "rank"}
    remainder = others if rank is None else {"rank": rank, **others}
    content = {name: value for name, value in record.items() if name != REMAINDER}
    return {**content, REMAINDER: remainder} if remainder else content


def assign(existing: Sequence[tuple[str, int | None]], file_order: Sequence[str]) -> dict[str, int]:
    """The ranks that put the records of a file into the file's order, changing as few as can be.

    As many records as possible keep the rank they have: those whose ranks rise in the file's order with room between
    them for what stands between them there. Each other one gets a rank between its neighbours, in the middle of the
    gap. Ranks of records that the file does not name are left alone and given to nobody else.

    Args:
        existing: key and rank (None: none yet) of each live record of the category, in stored order, that is ranked
            ones by rank and then the others.
        file_order: the keys of the file, each once, new ones among them.

    Returns:
        Rank by key. Unranked live records at the end of the file, in the order that they have without a rank, need
        none and are left out; every other key of the file is in it.
    """
    ranked = {key: rank for key, rank in existing if rank is not None}
    keys = file_order[: len(file_order) - _unranked_tail(existing, file_order)]
    wanted = set(keys)
    free = _Free(sorted({rank for key, rank in ranked.items() if key not in wanted}))
    places = [free.place(ranked[key]) if key in ranked else None for key in keys]
    kept = _kept(places)
    result: dict[str, int] = {}
    for start, stop in _gaps(len(keys), kept):
        low = places[start - 1] if start > 0 else None
        high = places[stop] if stop < len(keys) else None
        for key, place in zip(keys[start:stop], _spread(low, high, stop - start), strict=True):
            result[key] = free.rank(place)
        if stop < len(keys):
            result[keys[stop]] = ranked[keys[stop]]
    return result


def _unranked_tail(existing: Sequence[tuple[str, int | None]], file_order: Sequence[str]) -> int:
    """How many keys at the file's end are where they would be without a rank."""
    unranked = [key for key, rank in existing if rank is None]
    position = {key: index for index, key in enumerate(unranked)}
    count, following = 0, len(unranked)
    for key in reversed(file_order):
        here = position.get(key)
        if here is None or here >= following:
            break
        count, following = count + 1, here
    return count


def _kept(places: Sequence[int | None]) -> list[int]:
    """The indices of the largest choice of places that rise with room for all that stands between them.

    Two places have room for the rows between them exactly if place minus index does not fall, so the choice is the
    longest non-falling subsequence of that difference.
    """
    tails: list[int] = []
    tail_index: list[int] = []
    before: dict[int, int] = {}
    for index, place in enumerate(places):
        if place is None:
            continue
        slack = place - index
        at = bisect_right(tails, slack)
        if at:
            before[index] = tail_index[at - 1]
        tails[at : at + 1] = [slack]
        tail_index[at : at + 1] = [index]
    chain: list[int] = []
    link = tail_index[-1] if tail_index else None
    while link is not None:
        chain.append(link)
        link = before.get(link)
    return chain[::-1]


def _gaps(count: int, kept: Sequence[int]) -> list[tuple[int, int]]:
    """The half-open runs of indices between the kept ones; each run but the last is followed by a kept index."""
    starts = [0, *(index + 1 for index in kept)]
    return list(zip(starts, [*kept, count], strict=True))


def _spread(low: int | None, high: int | None, count: int) -> list[int]:
    """*count* places evenly between two others, of which either may be missing."""
    if high is None:
        return [(low or 0) + STEP * number for number in range(1, count + 1)]
    if low is None:
        # In front of the first: below it as far as the numbers above zero go, then below zero.
        low = 0 if high > count else high - STEP * (count + 1)
    return [low + (high - low) * number // (count + 1) for number in range(1, count + 1)]


class _Free:
    """The integers without those that are taken, counted on: ``place`` of a free rank, and ``rank`` of a place."""

    def __init__(self, taken: Sequence[int]) -> None:
        self._taken = taken
        # How many free integers lie below each taken one: rising, so that a place can be looked up.
        self._below = [rank - index for index, rank in enumerate(taken)]

    def place(self, rank: int) -> int:
        return rank - bisect_left(self._taken, rank)

    def rank(self, place: int) -> int:
        return place + bisect_right(self._below, place)
