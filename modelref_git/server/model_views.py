"""Records as people who manage models know them: the members of their API, made of what a record says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from modelref_git.errors import ModelrefError
from modelref_git.records.categories import TEXT_GENERATION
from modelref_git.records.quality.downloads import is_known
from modelref_git.records.quality.marks import downloads
from modelref_git.server.catalogue import Row, stable_id
from modelref_git.server.model_files import local_file, size_of
from modelref_git.server.picture_views import Gallery, moment

_FORMATS: Final = {
    ".safetensors": "SafeTensor",
    ".ckpt": "PickleTensor",
    ".pt": "PickleTensor",
    ".pth": "PickleTensor",
    ".bin": "PickleTensor",
    ".gguf": "GGUF",
    ".onnx": "ONNX",
}
_UNCOUNTED: Final = dict.fromkeys(
    ("downloadCount", "thumbsUpCount", "thumbsDownCount", "commentCount", "tippedAmountCount")
)
_KB: Final = 1024


def summary(row: Row, record: Mapping[str, Any], gallery: Gallery) -> dict[str, Any]:
    """A model in a list."""
    return _summary(row, record, gallery.hero(row, gallery.entries(row.category, record)))


def _summary(row: Row, record: Mapping[str, Any], hero: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "type": row.kind,
        "category": row.category,
        "subcategory": row.subcategory,
        "baseModel": row.base,
        "nsfwLevel": row.level,
        "creatorName": _creator(row, record),
        "creatorAvatar": None,
        "tags": _words(record.get("tags")),
        "stats": _UNCOUNTED,
        "hasMetadata": True,
        "heroImage": hero,
    }


def details(
    row: Row, record: Mapping[str, Any], folder: Path | None, gallery: Gallery, note: str | None = None
) -> dict[str, Any]:
    """A model with its version and files, which of them are in *folder*, and the *note* that its reader is shown."""
    entries = downloads(record)
    here = [_local_size(folder, entry) for entry in entries]
    first = here[0] if here else None
    whole = record.get("size_on_disk_bytes")
    if not isinstance(whole, int) or isinstance(whole, bool) or whole < 0:
        whole = None
    pictures = gallery.entries(row.category, record)
    images = [gallery.image(row, one) for one in pictures]
    return {
        **_summary(row, record, gallery.hero(row, pictures)),
        "description": _text(record.get("description")),
        "filePath": entries[0]["file_name"] if first is not None else None,
        "fileSize": whole if first is None else first,
        "trainedWords": _words(record.get("trigger")),
        "licensingInfo": {},
        "notes": note,
        "versions": [_version(row, record, whole, images, is_local=bool(here) and None not in here)],
    }


def _version(
    row: Row, record: Mapping[str, Any], whole: int | None, images: list[dict[str, Any]], *, is_local: bool
) -> dict[str, Any]:
    entries = downloads(record)
    sizes = [size_of(entry) for entry in entries]
    if len(entries) == 1 and sizes[0] is None:
        sizes = [whole]  # all files together are that one
    return {
        "id": stable_id(row.category, row.name, "version"),
        "name": _text(record.get("version")),
        "baseModel": row.base,
        "description": None,
        "stats": {},
        "publishedAt": moment(row.created),
        "trainedWords": _words(record.get("trigger")),
        "isLocal": is_local,
        "files": [_file(row, entry, size) for entry, size in zip(entries, sizes, strict=True)],
        "images": images,
    }


def _file(row: Row, entry: Mapping[str, Any], size: int | None) -> dict[str, Any]:
    name, digest = _text(entry.get("file_name")), entry.get("sha256sum")
    return {
        "id": stable_id(row.category, row.name, "file", name or ""),
        "fileName": name,
        "sizeKb": None if size is None else round(size / _KB),
        "format": _FORMATS.get(Path(name).suffix.lower()) if name else None,
        "precision": None,
        "sha256": digest if is_known(digest) else None,
        "url": _text(entry.get("file_url")),
    }


def _local_size(folder: Path | None, entry: Mapping[str, Any]) -> int | None:
    try:
        return local_file(folder, entry).status.st_size
    except ModelrefError:
        return None


def _creator(row: Row, record: Mapping[str, Any]) -> str | None:
    series = record.get("finetune_series")
    author = _text(series.get("author")) if isinstance(series, Mapping) else None
    if author is None and row.category == TEXT_GENERATION and "/" in row.name:
        return row.name.partition("/")[0]
    return author


def _words(value: Any) -> list[str]:
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
