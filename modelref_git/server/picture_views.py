"""Pictures as people who manage models know them: the members of their API, made of the entries of a record."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from modelref_git.errors import ModelrefError
from modelref_git.formats.pictures.decode import NoDecoder
from modelref_git.operations.context import Context
from modelref_git.operations.read import dataset_at
from modelref_git.operations.thumbnails import blurhash, known_blurhash
from modelref_git.records.pictures import PICTURES, Named, named, shown
from modelref_git.server.catalogue import LARGEST_ID, Row
from modelref_git.store.dataset import DatasetTree

SIDE: Final = 512
"""Pixels a side of the thumbnails that are linked to."""
MAKING: Final = 0.25
"""Seconds after which one request begins to blur no further picture: the next one goes on."""

PARAMETERS: Final = {
    "negativePrompt": "negative_prompt",
    "seed": "seed",
    "steps": "steps",
    "sampler": "sampler",
    "cfgScale": "cfg_scale",
    "scheduler": "scheduler",
    "loras": "loras",
    "comfyWorkflow": "comfy_workflow",
}
"""What is said of how a picture was made, as the API and as the record calls it."""


def number_of(sha256: str) -> int:
    """The number that stands for a picture, from 1 to `LARGEST_ID`: the same on every host and in every record."""
    return int(sha256[:16], 16) % LARGEST_ID + 1


def moment(seconds: int) -> str | None:
    """A time as the API writes it; ``None`` for one that no calendar has."""
    try:
        return None if seconds < 0 else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return None


class Gallery:
    """Shows the pictures of records that are in one state of the dataset; for one request, in a thread.

    Args:
        ctx: the repository.
        commit: the state.
        root: what stands before every path of this service.
        at: the revision as the caller named it, which every link then names too.
        change: the proposal whose pictures are shown instead.
    """

    def __init__(
        self,
        ctx: Context,
        commit: str,
        root: str = "",
        *,
        at: str | None = None,
        change: Mapping[str, Any] | None = None,
    ) -> None:
        self._ctx = ctx
        self._commit = commit
        self._root = root
        self._change = change
        words = {"at": at, "changeId": None if change is None else change["change_id"]}
        self._query = urlencode({name: word for name, word in words.items() if word is not None})
        self._until = time.monotonic() + MAKING
        self._makes = True
        self._dataset: DatasetTree | None = None
        self.is_whole = True
        """Whether nothing was left out that could be told later."""

    def entries(self, category: str, record: Mapping[str, Any]) -> list[Named]:
        """The entries of *record* that name pictures, in the order in which they are shown."""
        if not isinstance(record.get(PICTURES), list):
            return []
        if self._dataset is None:
            self._dataset = dataset_at(self._ctx, self._commit)
        return shown(named(record, self._dataset.schema(category)))

    def hero(self, row: Row, entries: Sequence[Named]) -> dict[str, Any] | None:
        """The picture that stands for a model in a list."""
        return self._short(row, entries[0]) if entries else None

    def image(self, row: Row, one: Named) -> dict[str, Any]:
        """One picture of a model."""
        short, entry, change = self._short(row, one), one.entry, self._change
        return {
            **{key: short[key] for key in ("id", "thumbPath", "width", "height", "nsfwLevel", "blurhash")},
            "modelId": row.id,
            "localPath": self._path(row, one, "file"),
            "sha256": one.sha256,
            "mediaType": entry.get("media_type"),
            "sizeBytes": entry.get("size_bytes"),
            "prompt": entry.get("prompt"),
            "generationParams": {name: entry[key] for name, key in PARAMETERS.items() if entry.get(key) is not None},
            "sortOrder": entry.get("sort_order") or 0,
            "isUserUpload": True,
            "createdAt": None if change is None else moment(change["requested_at"]),
            "changeId": None if change is None else change["change_id"],
            "status": None if change is None else change["status"],
        }

    def _short(self, row: Row, one: Named) -> dict[str, Any]:
        return {
            "id": number_of(one.sha256),
            "thumbPath": self._path(row, one, "thumbnail", f"side={SIDE}"),
            "width": one.entry.get("width"),
            "height": one.entry.get("height"),
            "nsfwLevel": one.entry.get("nsfw_level") or 0,
            "blurhash": self._blurhash(one.sha256),
        }

    def _path(self, row: Row, one: Named, what: str, *words: str) -> str:
        query = "&".join(filter(None, (*words, self._query)))
        path = f"{self._root}/v1/models/{row.id}/images/{number_of(one.sha256)}/{what}"
        return f"{path}?{query}" if query else path

    def _blurhash(self, sha256: str) -> str | None:
        found = known_blurhash(self._ctx, sha256)
        if found is not None:
            return found
        if self._makes and time.monotonic() < self._until:
            try:
                if self._change is not None:
                    return blurhash(self._ctx, sha256, change_id=self._change["change_id"])
                return blurhash(self._ctx, sha256, revision=self._commit)
            except NoDecoder:
                self._makes = False  # nothing will ever be told
            except ModelrefError:
                return None  # the next one may be a better picture
        self.is_whole = self.is_whole and not self._makes
        return None
