"""Which pictures live records name: those alone are shown to everybody, whatever else the history keeps."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

from modelref_git.errors import ModelrefError
from modelref_git.operations.context import Context
from modelref_git.records import codec
from modelref_git.records.pictures import PICTURES, named
from modelref_git.store.dataset import DatasetTree, changed_records
from modelref_git.store.layout import SCHEMAS
from modelref_git.store.trees import find

_MARK: Final = f'"{PICTURES}"'.encode()
"""A record without it names no picture, and need not be decoded."""


class LivePictures:
    """The names of the pictures of the live dataset; brought along by what differs since it was last asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tree: str | None = None
        self._schemas: str | None = None
        self._named: dict[tuple[str, str], tuple[str, ...]] = {}
        self._counts: Counter[str] = Counter()

    def has(self, ctx: Context, sha256: str) -> bool:
        """Whether a live record names the picture *sha256*."""
        dataset = ctx.view().dataset()
        if dataset.picture(sha256) is None:
            return False
        with self._lock:
            if self._tree != dataset.tree:
                self._bring(dataset)
            return self._counts[sha256] > 0

    def _bring(self, dataset: DatasetTree) -> None:
        folder = find(dataset.objects, dataset.tree, SCHEMAS)
        schemas = folder.oid if folder is not None else None
        if schemas != self._schemas:  # they say which categories have pictures
            self._schemas, self._tree = schemas, None
            self._named, self._counts = {}, Counter()
        for key, (_, blob) in changed_records(dataset.objects, self._tree, dataset.tree).items():
            for name in self._named.pop(key, ()):
                self._counts[name] -= 1
            names = _names(dataset, key[0], blob) if blob is not None else ()
            if names:
                self._named[key] = names
                self._counts.update(names)
        self._tree = dataset.tree


def _names(dataset: DatasetTree, category: str, blob: str) -> tuple[str, ...]:
    data = dataset.objects.read_blob(blob)
    if _MARK not in data or category not in dataset.config.categories:
        return ()
    try:
        return tuple(one.sha256 for one in named(codec.decode(data), dataset.schema(category)))
    except ModelrefError:
        return ()  # pushed by a stranger; `verify` names it


_OF: Final[dict[str, LivePictures]] = {}
_OF_AT_MOST: Final = 8


def live_pictures(ctx: Context) -> LivePictures:
    """Those of the repository of *ctx*, kept for as long as the process lives."""
    key = str(ctx.store.git_dir)
    if key not in _OF:
        if len(_OF) >= _OF_AT_MOST:
            _OF.clear()
        _OF[key] = LivePictures()
    return _OF[key]
