"""The records around the one that is judged: those of the live dataset, as a batch or a branch would leave them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any, Final

from modelref_git.errors import Invalid
from modelref_git.records import codec
from modelref_git.records.quality.others import Overlaid
from modelref_git.records.quality.rule import Others
from modelref_git.store.dataset import DatasetTree, changed_records
from modelref_git.store.git import GitStore
from modelref_git.store.lookup import open_lookup

OVERLAID_AT_MOST: Final = 2_000
"""A dataset that differs from the live one in more records is looked up by itself."""


@contextlib.contextmanager
def around(store: GitStore, dataset: DatasetTree, main: DatasetTree | None) -> Iterator[Others]:
    """The records of *dataset*, found by what they share.

    The kept lookup is that of *main*, the live dataset (None: there is none), and what *dataset* differs in is laid
    over it: what a branch costs to judge does not grow with the dataset.
    """
    changed = changed_records(dataset.objects, main.tree, dataset.tree) if main is not None else {}
    if main is None or len(changed) > OVERLAID_AT_MOST:
        with open_lookup(store, dataset, cached=False) as others:
            yield others
        return
    with open_lookup(store, main) as below:
        others_too = Overlaid(below)
        for (category, name), (_, blob) in changed.items():
            others_too.put(category, name, glance(dataset, blob))
        yield others_too


def glance(dataset: DatasetTree, blob: str | None) -> dict[str, Any] | None:
    """As :func:`readable`, several times as quick, for a record that is judged and never written.

    What is stored was read strictly when it came in, and no rule asks how a number was written.
    """
    if blob is None:
        return None
    try:
        record = json.loads(dataset.objects.read_blob(blob))
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def readable(dataset: DatasetTree, blob: str | None) -> dict[str, Any] | None:
    """The record in a blob; ``None`` for no blob, and for one that holds no record."""
    if blob is None:
        return None
    try:
        return codec.decode(dataset.objects.read_blob(blob))
    except Invalid:
        return None
