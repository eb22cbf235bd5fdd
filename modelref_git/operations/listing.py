"""Listing: which records a category has, and in what order, without their content.

A listing follows from a tree and the history that led to it. The newest ones are kept by the trees' ids, and the next
is made from the one before it: of a hundred thousand records only those that changed are read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from modelref_git.operations.order import names_in_order, rank_of
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.trees import compare, find

_ROWS_AT_MOST: Final = 400_000
"""Rows of all listings that are kept: some 100 MB."""


class Row(NamedTuple):
    """One record of a listing."""

    name: str
    blob: str
    rank: int | None
    """The place that the record carries, if it does."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The records of a category at one tree."""

    tree: str | None
    rows: Mapping[str, Row]
    """By name, in stored order."""


_LOCK: Final = threading.Lock()
_KEPT: Final[OrderedDict[tuple[str, str, str | None], Listing]] = OrderedDict()
"""By repository, category and tree, the one used last at the end."""


def list_records(
    store: GitStore,
    dataset: DatasetTree,
    category: str,
    warn: Callable[[str], None] = lambda _: None,
    *,
    read: Callable[[str], bytes] | None = None,
) -> Listing:
    """The records of a category in stored order; of a clone that lacks old history, see `order.stored_order`.

    Args:
        store: the repository.
        dataset: the revision.
        category: the category.
        warn: told where the order cannot be told.
        read: gives the bytes of a blob, for callers who want to have those that are read besides.

    Raises:
        NotFound: there is no such category.
    """
    dataset.fan_out(category)
    folder = find(dataset.objects, dataset.tree, layout.category_folder(category))
    tree = folder.oid if folder is not None and folder.is_folder else None
    place = (str(store.git_dir), category)
    with _LOCK:
        known = _KEPT.get((*place, tree))
        if known is not None:
            _KEPT.move_to_end((*place, tree))
            return known
        before = next((kept for key, kept in reversed(_KEPT.items()) if key[:2] == place), Listing(None, {}))
    rows = _rows(dataset, category, before, tree, read or dataset.objects.read_blob)
    if not _is_in_order(before.rows, rows):
        ranks = {name: row.rank for name, row in rows.items()}
        rows = {name: rows[name] for name in names_in_order(store, dataset.commit, category, ranks, warn)}
    made = Listing(tree, rows)
    with _LOCK:
        _KEPT[(*place, tree)] = made
        while len(_KEPT) > 1 and sum(len(kept.rows) + 1 for kept in _KEPT.values()) > _ROWS_AT_MOST:
            _KEPT.popitem(last=False)
    return made


def _rows(
    dataset: DatasetTree, category: str, before: Listing, tree: str | None, read: Callable[[str], bytes]
) -> dict[str, Row]:
    """The rows of *tree*: those of *before*, each in its place, and then those that it has not."""
    gone: set[str] = set()
    there: dict[str, str] = {}
    for path, _, new in compare(dataset.objects, before.tree, tree, f"{layout.category_folder(category)}/"):
        key = layout.record_of(path)
        if key is not None and new is None:
            gone.add(key[1])
        elif key is not None and new is not None:
            there[key[1]] = new.oid
    rows = dict(before.rows)
    for name in gone - there.keys():  # a record in another folder than before is not gone
        rows.pop(name, None)
    for name, blob in there.items():
        old = rows.get(name)
        if old is None or old.blob != blob:
            rows[name] = Row(name, blob, rank_of(read(blob)))
    return rows


def _is_in_order(before: Mapping[str, Row], rows: Mapping[str, Row]) -> bool:
    """Whether *rows*, made from *before*, are in order because those were."""
    return all(name in before and before[name].rank == row.rank for name, row in rows.items())
