"""The rules of the old image files, both ways: what a field of one form is in the other.

Nothing here knows of single odd records. Where a real entry is not what these rules make of its v2 record, the
difference is kept with the record (``legacy_remainder``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from modelref_git.records.values import UNKNOWN_HASH

IMAGE: Final = "image_generation"
CATEGORIES: Final = (
    "blip",
    "clip",
    "codeformer",
    "controlnet",
    "esrgan",
    "gfpgan",
    "safety_checker",
    IMAGE,
    "miscellaneous",
)

_IMAGE_ORDER: Final = (
    *("name", "baseline", "optimization", "type", "inpainting", "description", "tags", "showcases"),
    *("min_bridge_version", "version", "style", "trigger", "homepage", "nsfw", "download_all", "requirements"),
    *("config", "available", "features_not_supported", "size_on_disk_bytes"),
)
_OTHER_ORDER: Final = (
    *("name", "pretrained_name", "type", "baseline", "description", "version", "style", "nsfw"),
    *("download_all", "config", "available"),
)
_BASELINES: Final = {
    "stable diffusion 1": "stable_diffusion_1",
    "stable diffusion 2": "stable_diffusion_2_768",
    "stable diffusion 2 512": "stable_diffusion_2_512",
}
_LEGACY_BASELINES: Final = {new: old for old, new in _BASELINES.items()}
# What the old converter knows; any other baseline is taken as it is, and remarked upon.
USUAL_BASELINES: Final = frozenset({*_BASELINES, "stable_diffusion_xl", "stable_cascade"})

LISTS: Final = ("tags", "showcases", "trigger")
FLAGS: Final = ("inpainting", "nsfw")
_IMAGE_COPIED: Final = (
    *("inpainting", "optimization", "tags", "showcases", "min_bridge_version", "trigger", "homepage", "nsfw"),
    *("style", "requirements", "size_on_disk_bytes"),
)
# Fields whose legacy value comes from the v2 record, by category; every other field is the remainder's.
COPIED: Final[Mapping[str, tuple[str, ...]]] = {
    category: ("description", "version", *{IMAGE: _IMAGE_COPIED, "clip": ("pretrained_name",)}.get(category, ()))
    for category in CATEGORIES
}
DERIVED: Final[Mapping[str, tuple[str, ...]]] = {IMAGE: ("baseline",), "controlnet": ("type", "style")}

_STYLED: Final = {"type": None, "style": "generalist", "available": False}
_CONSTANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    IMAGE: {"type": "ckpt", "download_all": False},
    "controlnet": {"nsfw": False, "download_all": True, "available": False},
    "blip": {"type": "blip", "available": False},
    "clip": {"type": "clip", "available": False},
    "codeformer": {**_STYLED, "type": "CodeFormers"},
    "esrgan": {**_STYLED, "type": "realesrgan"},
    "gfpgan": {**_STYLED, "type": "gfpgan"},
    "safety_checker": {"type": "safety_checker", "available": False},
    "miscellaneous": {"type": "layer_diffuse", "available": False},
}
_WITHOUT_YAML: Final = frozenset({"control_qr", "control_qr_sdxl"})


def is_yaml(path: str) -> bool:
    """Whether a file of an entry is a description that comes with the program, and no download of the record."""
    return "yaml" in path.lower()


def constants(category: str) -> Mapping[str, Any]:
    """The fields that an entry of *category* has although nothing in its v2 record says so."""
    return _CONSTANTS[category]


def from_v2_fields(category: str) -> frozenset[str]:
    """The names of the fields of an entry whose value the v2 record decides, ``config`` included."""
    return frozenset({"name", "config", *COPIED[category], *DERIVED.get(category, ())})


def default_yaml(category: str, key: str) -> list[Any]:
    """The yaml files of an entry about which the remainder says nothing."""
    if category != "controlnet" or key in _WITHOUT_YAML:
        return []
    return ["cldm_v21.yaml" if key.endswith("_sd2") else "cldm_v15.yaml"]


def v2_baseline(baseline: str) -> str:
    """The v2 name of a legacy baseline."""
    return _BASELINES.get(baseline, baseline)


def legacy_fields(category: str, key: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an entry, without ``config``, that the v2 record decides; in no particular order."""
    fields: dict[str, Any] = {"name": record.get("name", key)}
    for name in COPIED[category]:
        value = record.get(name)
        if name in FLAGS:
            fields[name] = bool(value)
        elif value is not None and not (name in LISTS and not value):
            fields[name] = value
    if category == IMAGE and "baseline" in record:
        baseline = record["baseline"]
        fields["baseline"] = _LEGACY_BASELINES.get(baseline, baseline)
    style = record.get("controlnet_style")
    if category == "controlnet" and style is not None:
        fields["type"] = fields["style"] = style
    return fields


def legacy_file(category: str, download: Mapping[str, Any], md5sum: Any) -> dict[str, Any]:
    """The ``files`` item of a v2 download; *md5sum* is None where none is known."""
    hashes = [("md5sum", md5sum), ("sha256sum", download.get("sha256sum", UNKNOWN_HASH))]
    if category in ("miscellaneous", "safety_checker"):
        hashes.reverse()
    item = {
        "path": download["file_name"],
        **dict(hashes),
        "file_type": download.get("file_purpose"),
        "content_hash": download.get("content_hash"),
    }
    return {
        name: value
        for name, value in item.items()
        if value is not None and not (name == "sha256sum" and value == UNKNOWN_HASH)
    }


def legacy_download(download: Mapping[str, Any]) -> dict[str, Any] | None:
    """The ``download`` item of a v2 download; None where no address is known."""
    url = download.get("file_url", "")
    return {"file_name": download["file_name"], "file_path": "", "file_url": url} if url else None


def order(category: str) -> tuple[str, ...]:
    """The names of the fields that an entry of *category* may have, in their order."""
    return _IMAGE_ORDER if category == IMAGE else _OTHER_ORDER


def in_order(category: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """*fields* in the order of an entry of *category*, unknown ones last in the order given."""
    known = {name: fields[name] for name in order(category) if name in fields}
    return known | {name: value for name, value in fields.items() if name not in known}
