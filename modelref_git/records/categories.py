"""The fifteen categories a dataset starts with, and the facts that belong to each.

A dataset may have categories of its own besides; those are described by their JSON Schema alone and appear nowhere
in this module. It imports nothing, so that any command can ask it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

TEXT_GENERATION: Final = "text_generation"
"""The category whose records have variants, one for each backend."""

LegacyRepo = Literal["image", "text"]
"""Which of the two older published repositories a category's file lives in."""


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of model."""

    name: str
    domain: str
    """What the models of the category deal in; the default of ``model_classification.domain``."""
    purpose: str
    """What they are for; the default of ``model_classification.purpose``."""
    v2_file: str
    """Name of the aggregated v2 file."""
    legacy_file: str | None = None
    """Name of the file that older clients read, if the category ever had one."""
    legacy_repo: LegacyRepo | None = None
    critical: tuple[str, ...] = ()
    """Dotted paths of the fields that a reviewer must not overlook. Downloads are critical in every category."""
    weights_folder: str | None = None
    """Folder of a worker that holds the weights, if there is one."""
    managed_elsewhere: bool = False
    """Clients get these records from third parties; the canonical file may be absent."""


_HELPER_CRITICAL: Final = ("style", "nsfw")


def _image_helper(name: str, purpose: str, *, critical: tuple[str, ...] = _HELPER_CRITICAL) -> Category:
    """A category whose files all bear its own name: image models that serve others."""
    file = f"{name}.json"
    return Category(name, "image", purpose, file, file, "image", critical, weights_folder=name)


def _v2_only(name: str, domain: str, purpose: str, *, weights: str | None, elsewhere: bool = False) -> Category:
    """A category that older clients never knew."""
    return Category(name, domain, purpose, f"{name}.json", weights_folder=weights, managed_elsewhere=elsewhere)


_ALL: Final = (
    _image_helper("blip", "feature_extractor"),
    _image_helper("clip", "feature_extractor"),
    _image_helper("codeformer", "post_processing"),
    # v2 keeps the style under another name than the legacy files; both names are watched.
    _image_helper("controlnet", "auxiliary_or_patch", critical=(*_HELPER_CRITICAL, "controlnet_style")),
    _v2_only("controlnet_annotator", "image", "auxiliary_or_patch", weights="controlnet"),
    _image_helper("esrgan", "post_processing"),
    _image_helper("gfpgan", "post_processing"),
    _image_helper("safety_checker", "safety_checker"),
    Category(
        "image_generation",
        "image",
        "generation",
        "stable_diffusion.json",
        "stable_diffusion.json",
        "image",
        ("baseline", "nsfw", "inpainting", "trigger", "homepage"),
        weights_folder="compvis",
    ),
    Category(
        TEXT_GENERATION,
        "text",
        "generation",
        "text_generation.json",
        "models.csv",
        "text",
        ("baseline", "nsfw", "url", "parameters"),
    ),
    _v2_only("video_generation", "video", "generation", weights=None),
    _v2_only("audio_generation", "audio", "generation", weights=None),
    _image_helper("miscellaneous", "miscellaneous", critical=()),
    _v2_only("lora", "image", "auxiliary_or_patch", weights="lora", elsewhere=True),
    _v2_only("ti", "image", "auxiliary_or_patch", weights="ti", elsewhere=True),
)

CATEGORIES: Final[Mapping[str, Category]] = MappingProxyType({category.name: category for category in _ALL})
"""Every shipped category by name, in the order in which lists and documents show them."""

_BY_V2_FILE: Final = {category.v2_file: category.name for category in _ALL}
_BY_LEGACY_FILE: Final = {category.legacy_file: category.name for category in _ALL if category.legacy_file}


def v2_file(category: str) -> str:
    """Name of the aggregated v2 file of *category*; a category of one's own gives its file its name."""
    known = CATEGORIES.get(category)
    return known.v2_file if known else f"{category}.json"


def category_of_v2_file(filename: str) -> str | None:
    """The category whose aggregated v2 file is called *filename*, or None if that is no name of such a file.

    ``image_generation.json`` is understood too, though we never write it: the name is what people expect.
    """
    if filename in _BY_V2_FILE:
        return _BY_V2_FILE[filename]
    stem = filename.removesuffix(".json")
    return stem if stem and stem != filename and "/" not in stem else None


def category_of_legacy_file(filename: str) -> str | None:
    """The category whose legacy file is called *filename*, or None."""
    return _BY_LEGACY_FILE.get(filename)
