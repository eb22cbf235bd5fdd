"""Comparison: in what two revisions of the dataset differ, counted by category, and told record by record."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from modelref_git.operations.context import Context
from modelref_git.operations.read import dataset_at
from modelref_git.records import codec
from modelref_git.records.diff import FieldDiff, field_diffs
from modelref_git.store.dataset import DatasetTree, changed_records

ADDED: Final = "added"
MODIFIED: Final = "modified"
DELETED: Final = "deleted"
NETS: Final = (ADDED, MODIFIED, DELETED)

_KEPT_AT_MOST: Final = 8
_RECORDS_AT_MOST: Final = 300_000

_Changed = list[tuple[tuple[str, str], tuple[str | None, str | None]]]


@dataclass(frozen=True, slots=True)
class ChangedRecord:
    """A record in which two revisions differ."""

    category: str
    name: str
    net: str
    """``added``, ``modified`` or ``deleted``."""
    diffs: tuple[FieldDiff, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two revisions beside each other."""

    old: str
    new: str
    """Their commits."""
    counts: dict[str, dict[str, int]]
    """By category, how many records were ``added``, ``modified`` and ``deleted``; none of one in which they agree."""
    rows: tuple[ChangedRecord, ...]
    """A page of those that are wanted."""
    total: int
    """How many of those there are."""


_LOCK: Final = threading.Lock()
_KEPT: Final[OrderedDict[tuple[str, str, str], _Changed]] = OrderedDict()
"""By repository and both trees."""


def compare_revisions(
    ctx: Context,
    old: str,
    new: str | None,
    *,
    category: str | None = None,
    net: str | None = None,
    offset: int = 0,
    limit: int = 50,
) -> Comparison:
    """What became of the records between two revisions of the dataset.

    Args:
        ctx: the way in.
        old: the older revision; nothing says that it is.
        new: the newer one; what is live unless given.
        category: tell the records of this category alone.
        net: tell those alone that were `ADDED`, `MODIFIED` or `DELETED`.
        offset: so many of them are passed over.
        limit: at most so many are told.

    Raises:
        NotFound: there is no such revision or category.
    """
    before, after = dataset_at(ctx, old), dataset_at(ctx, new)
    if category is not None and category not in before.config.categories:
        after.fan_out(category)  # refuses a category that neither knows
    counts: dict[str, dict[str, int]] = {}
    wanted: _Changed = []
    for key, blobs in _changed(ctx, before, after):
        what = _net(*blobs)
        counts.setdefault(key[0], dict.fromkeys(NETS, 0))[what] += 1
        if category in (None, key[0]) and net in (None, what):
            wanted.append((key, blobs))
    rows = [_row(after, key, *blobs) for key, blobs in wanted[offset : offset + limit]]
    return Comparison(before.commit or "", after.commit or "", counts, tuple(rows), len(wanted))


def _changed(ctx: Context, before: DatasetTree, after: DatasetTree) -> _Changed:
    key = (str(ctx.store.git_dir), before.tree, after.tree)
    with _LOCK:
        known = _KEPT.get(key)
    if known is not None:
        return known
    found = list(changed_records(after.objects, before.tree, after.tree).items())
    with _LOCK:
        _KEPT[key] = found
        while len(_KEPT) > _KEPT_AT_MOST or (len(_KEPT) > 1 and sum(map(len, _KEPT.values())) > _RECORDS_AT_MOST):
            _KEPT.popitem(last=False)
    return found


def _net(old: str | None, new: str | None) -> str:
    return ADDED if old is None else DELETED if new is None else MODIFIED


def _row(dataset: DatasetTree, key: tuple[str, str], old: str | None, new: str | None) -> ChangedRecord:
    diffs = field_diffs(_record(dataset, old), _record(dataset, new))
    return ChangedRecord(*key, _net(old, new), tuple(diffs))


def _record(dataset: DatasetTree, blob: str | None) -> dict[str, Any] | None:
    return None if blob is None else codec.without_remainder(codec.decode(dataset.objects.read_blob(blob)))
