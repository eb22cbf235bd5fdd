"""What an entry of an old image file must be to be imported, and what is worth a remark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelref_git.errors import Problem
from modelref_git.formats.legacy import rules
from modelref_git.records import pointer

_USUAL_YAML: Final = frozenset({"v1-inference.yaml", "v2-inference-v.yaml"})
_USUAL_CONFIG: Final = 2


def faults(category: str, key: str, entry: Any) -> list[Problem]:
    """What makes an entry impossible to import; paths are JSON pointers into the entry."""
    if not isinstance(entry, dict):
        return [Problem("", f"the entry {key!r} is not a JSON object", "legacy.object")]
    found = [] if isinstance(entry.get("name"), str) else [Problem("/name", "a name is missing", "legacy.name")]
    found += _image_faults(entry) if category == rules.IMAGE else []
    config = entry.get("config")
    if not isinstance(config, dict):
        return [*found, Problem("/config", "'config' must be a JSON object", "legacy.config")]
    return [*found, *_unmatched(config)]


def remarks(category: str, key: str, entry: Mapping[str, Any]) -> list[Problem]:
    """What is unusual about an entry that can be imported; paths are JSON pointers into the entry.

    What the v2 record shows as well, such as a missing sum, is a matter of the rules of good data.
    """
    found = list(_common_remarks(key, entry))
    if category == rules.IMAGE:
        found += _image_remarks(entry)
    return found


def set_aside(name: str, reason: str) -> Problem:
    """The remark on a field that v2 refuses, and that only the remainder holds from now on."""
    message = f"{name!r} is not what a record may hold, and is kept for the legacy file alone: {reason}"
    return Problem(pointer.join((name,)), message, "legacy.set_aside")


def _image_faults(entry: Mapping[str, Any]) -> Iterator[Problem]:
    if entry.get("type") != "ckpt":
        yield Problem("/type", "the type of an image model must be 'ckpt'", "legacy.type")
    if not isinstance(entry.get("baseline"), str):
        yield Problem("/baseline", "a baseline is missing", "legacy.baseline")
    showcases = entry.get("showcases")
    for index, address in enumerate(showcases if isinstance(showcases, list) else ()):
        if isinstance(address, str) and "huggingface" in address:
            yield Problem(f"/showcases/{index}", "a showcase may not be hosted at huggingface", "legacy.showcases")


def _unmatched(config: Mapping[str, Any]) -> Iterator[Problem]:
    paths = [item.get("path") for item in _items(config, "files")]
    downloads = config.get("download")
    for index, download in enumerate(downloads if isinstance(downloads, list) else ()):
        name = download.get("file_name") if isinstance(download, dict) else None
        if not isinstance(name, str) or name not in paths:
            message = f"the download {name!r} is not among the files" if name else "the download names no file"
            yield Problem(f"/config/download/{index}", message, "legacy.download")


def _common_remarks(key: str, entry: Mapping[str, Any]) -> Iterator[Problem]:
    if entry["name"] != key:
        yield Problem("/name", f"the body says {entry['name']!r} under the key {key!r}", "name.key_mismatch")
    if entry.get("available") is True:
        yield Problem("/available", "'available' is true", "legacy.available")
    config = entry["config"]
    downloads = _items(config, "download")
    if not downloads:
        yield Problem("/config/download", "there is no download", "legacy.no_download")
    for index, download in enumerate(downloads):
        if download.get("file_path", "") != "":
            yield Problem(f"/config/download/{index}/file_path", "'file_path' is not empty", "legacy.file_path")
    for index, item in enumerate(_items(config, "files")):
        if not isinstance(item.get("path"), str):
            yield Problem(f"/config/files/{index}", "the file has no path, and v2 leaves it out", "legacy.file")
    if len(config) > _USUAL_CONFIG:
        yield Problem("/config", "'config' holds more than 'files' and 'download'", "legacy.config_keys")


def _image_remarks(entry: Mapping[str, Any]) -> Iterator[Problem]:
    if entry.get("style") == "":
        yield Problem("/style", "the style is empty", "legacy.empty_style")
    if entry["baseline"] not in rules.USUAL_BASELINES:
        yield Problem("/baseline", f"the old clients do not know {entry['baseline']!r}", "legacy.unusual_baseline")
    if not entry.get("showcases"):
        yield Problem("/showcases", "there are no showcases", "legacy.no_showcases")
    for index, item in enumerate(_items(entry["config"], "files")):
        path = item.get("path")
        if isinstance(path, str) and rules.is_yaml(path) and path not in _USUAL_YAML:
            yield Problem(f"/config/files/{index}/path", f"{path!r} is an unusual yaml file", "legacy.yaml")


def _items(config: Mapping[str, Any], name: str) -> list[Any]:
    """The items of a list of *config*; one that is no object counts as an empty object, so that places stay right."""
    items = config.get(name)
    return [item if isinstance(item, dict) else {} for item in items] if isinstance(items, list) else []
