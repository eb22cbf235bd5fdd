"""The order of a category's records: by their place in the imported file, then by first appearance on ``main``.

An imported record carries its place; the others follow in the order in which they came. That order is not stored: it
is read off the history of ``main``, with a cache that may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from modelref_git.proposals import trailers
from modelref_git.records.codec import REMAINDER, cut_remainder
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.objects import Commit, ObjectBuffer
from modelref_git.store.trees import compare, find
from modelref_git.store.unlogged import Unfetched

RANK: Final = "rank"
_MARK: Final = f'\n  "{REMAINDER}": '.encode()
_CACHED_FROM: Final = 32
"""A walk over fewer commits than this is not worth a cache."""


def stored_order(
    store: GitStore, dataset: DatasetTree, category: str, warn: Callable[[str], None] = lambda _: None
) -> list[tuple[str, bytes]]:
    """``(name, canonical bytes)`` of a category's records in stored order.

    In a clone that lacks old history, records without a place follow in the order of their names, and *warn* is told:
    that is the same order in every such clone, wherever its history begins.
    """
    data = {name: dataset.objects.read_blob(blob) for name, blob in dataset.records(category)}
    ranks = {name: rank_of(found) for name, found in data.items()}
    return [(name, data[name]) for name in names_in_order(store, dataset.commit, category, ranks, warn)]


def names_in_order(
    store: GitStore,
    commit: str | None,
    category: str,
    ranks: Mapping[str, int | None],
    warn: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """The names of a category's records at *commit* in stored order.

    Args:
        store: the repository.
        commit: the commit of ``main``; in a tree without one, records without a place stay as they are given.
        category: the category.
        ranks: every name with the place that its record carries, if it does.
        warn: told where a clone lacks the history that tells how records came.
    """
    ranked = sorted((rank, name) for name, rank in ranks.items() if rank is not None)
    others = [name for name, rank in ranks.items() if rank is None]
    if len(others) > 1 and commit is not None:
        try:
            known = {name: place for place, name in enumerate(appearance(store, commit, category))}
        except Unfetched as cut:
            warn(f"records are in the order of their names, as {cut.message}, which tells how they came; {cut.hint}")
            known = {}
        others.sort(key=lambda name: (known.get(name, len(known)), name))
    return [name for _, name in ranked] + others


def rank_of(data: bytes) -> int | None:
    """The place that a record's canonical bytes carry, or ``None``."""
    if len(cut_remainder(data)) == len(data):
        return None
    tail = data[data.rindex(_MARK) + len(_MARK) :].rstrip().removesuffix(b"}")
    remainder = json.loads(tail)
    rank = remainder.get(RANK) if isinstance(remainder, dict) else None
    return rank if type(rank) is int else None


def appearance(store: GitStore, commit: str, category: str) -> list[str]:
    """The names of a category at *commit* in the order in which they came to ``main``; one created again is new."""
    path = store.local_dir / "cache" / "order" / f"{category}.json"
    start, names = _cached(path)
    walked: list[Commit] = []
    for step in store.first_parents(commit):
        if step.id == start:
            break
        walked.append(step)
    else:
        start, names = "", []
    objects = store.buffer()
    folder = layout.category_folder(category)
    order = dict.fromkeys(names)
    for step in reversed(walked):
        parent = step.parents[0] if step.parents else None
        for name, added in _differences(objects, parent, step, folder):
            if not added:
                order.pop(name, None)
            elif name not in order:
                order[name] = None
    if len(walked) >= _CACHED_FROM:
        text = json.dumps({"commit": commit, "names": list(order)}, ensure_ascii=True)
        with contextlib.suppress(OSError):  # a reader need not be allowed to write
            store.disk.make_folder(path.parent)
            store.disk.write_file(path, text.encode(), sync=False)
    return list(order)


def _cached(path: Path) -> tuple[str, list[str]]:
    try:
        row = json.loads(path.read_bytes())
        return str(row["commit"]), list(row["names"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", []


def _differences(objects: ObjectBuffer, parent: str | None, step: Commit, folder: str) -> Iterator[tuple[str, bool]]:
    """``(name, whether it came)`` of the records that one commit of ``main`` added or removed, in their order."""
    before = _subtree(objects, objects.read_commit(parent).tree if parent is not None else None, folder)
    after = _subtree(objects, step.tree, folder)
    came: list[str] = []
    gone: list[str] = []
    for path, old, new in compare(objects, before, after, f"{folder}/"):
        key = layout.record_of(path)
        if key is not None and old is None:
            came.append(key[1])
        elif key is not None and new is None:
            gone.append(key[1])
    moved = set(came) & set(gone)  # another folder after a change of layout
    yield from ((name, False) for name in gone if name not in moved)
    came = sorted(name for name in came if name not in moved)
    if len(came) > 1 and len(step.parents) > 1:
        places = _places(objects, step, folder.rpartition("/")[2])
        came.sort(key=lambda name: places.get(name, len(places)))
    yield from ((name, True) for name in came)


def _places(objects: ObjectBuffer, merge: Commit, category: str) -> dict[str, int]:
    """The place of each record of *category* among the proposals that a merge takes in."""
    places: dict[str, int] = {}
    for place, parent in enumerate(merge.parents[1:]):
        rows = dict(trailers.read(objects.read_commit(parent).message))
        if rows.get("Category") == category:
            places[rows.get("Name", "")] = place
    return places


def _subtree(objects: ObjectBuffer, tree: str | None, path: str) -> str | None:
    entry = find(objects, tree, path) if tree is not None else None
    return entry.oid if entry is not None and entry.is_folder else None
