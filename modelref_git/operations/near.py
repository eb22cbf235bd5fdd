"""Near names: what somebody may have meant who asks for a record or a category that is not there."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from typing import Final

from modelref_git.errors import Invalid
from modelref_git.operations.context import Context
from modelref_git.operations.listing import list_records
from modelref_git.operations.read import dataset_at
from modelref_git.store.dataset import DatasetTree

AT_MOST: Final = 6
_COMPARED_AT_MOST: Final = 400
"""Names that are compared letter by letter, which takes its time."""
_LIKENESS: Final = 0.6
_BEGINNING: Final = 3
_LONGEST: Final = 200


def near_records(ctx: Context, category: str, name: str, revision: str | None = None) -> list[tuple[str, str]]:
    """``(category, name)`` of records like the one asked for, the nearest first: at most `AT_MOST`.

    A record of the very name in another category comes first. What is near is told by letters, whatever their case.

    Raises:
        NotFound: there is no such revision.
    """
    dataset = dataset_at(ctx, revision)
    if not name.strip():
        return []
    elsewhere = [
        (other, name) for other in dataset.config.categories if other != category and _has(dataset, other, name)
    ]
    if category not in dataset.config.categories:
        return elsewhere[:AT_MOST]
    names = list_records(ctx.store, dataset, category, ctx.warn).rows.keys()
    return (elsewhere + [(category, found) for found in _nearest(name, names)])[:AT_MOST]


def near_categories(ctx: Context, category: str, revision: str | None = None) -> list[str]:
    """The categories whose names are like *category*, the nearest first.

    Raises:
        NotFound: there is no such revision.
    """
    return get_close_matches(category[:_LONGEST], list(dataset_at(ctx, revision).config.categories), 3, _LIKENESS)


def _has(dataset: DatasetTree, category: str, name: str) -> bool:
    try:
        return dataset.blob(category, name) is not None
    except Invalid:
        return False  # a name that no record can have


def _nearest(name: str, names: Iterable[str]) -> list[str]:
    wanted = name.casefold()[:_LONGEST]
    start = wanted[:_BEGINNING]
    candidates: list[tuple[bool, str, str]] = []
    for found in names:
        folded = found.casefold()
        is_part = wanted in folded or (len(folded) > _BEGINNING and folded in wanted)
        if is_part or folded.startswith(start):
            candidates.append((not is_part, folded, found))
    # What holds the whole name, or is a part of it, is compared before what only begins like it.
    candidates.sort(key=lambda row: (row[0], abs(len(row[1]) - len(wanted))))
    matcher = SequenceMatcher(b=wanted, autojunk=False)
    rated = []
    for is_other, folded, found in candidates[:_COMPARED_AT_MOST]:
        matcher.set_seq1(folded[:_LONGEST])
        likeness = matcher.ratio()
        if not is_other or likeness >= _LIKENESS:
            rated.append((is_other and likeness < 1, -likeness, found))
    return [found for _, _, found in sorted(rated)[:AT_MOST]]
