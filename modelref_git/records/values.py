"""The sets of values that some fields draw from, and what a value outside the set means.

These are the sets of this version of the package. A dataset grows its own by changing its schema, which is what its
records are judged by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from modelref_git.records.categories import CATEGORIES

Severity = Literal["error", "warning", "hint"]
"""What a value outside the set is: a fault of the record, a thing to look at, or at most worth a remark."""


UNKNOWN_HASH: Final = "FIXME"
"""What stands for the SHA-256 sum of a download while nobody has computed it."""


@dataclass(frozen=True, slots=True)
class ValueSet:
    """Values that a field may or should have.

    Membership is exact: letter case counts, and no spelling is changed on the way in.
    """

    noun: str
    """What one value is called in a message."""
    values: tuple[str, ...]
    severity: Severity
    _lookup: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lookup", frozenset(self.values))

    def __contains__(self, value: object) -> bool:
        return value in self._lookup

    @property
    def rule(self) -> str:
        """Id of the rule that a value outside the set breaks."""
        return "value." + self.noun.replace(" ", "_")

    def complaint(self, value: str) -> str:
        """What to say about a value outside the set."""
        return f"Unknown {self.noun}: {value}"


@dataclass(frozen=True, slots=True)
class Baseline:
    """A family of image models that share an architecture."""

    name: str
    native_pixels: int | None
    """Edge of the square images that the family was trained on, in pixels; None where it depends on the model."""
    spellings: tuple[str, ...] = ()
    """Other spellings that count as the same family. They are stored as submitted."""


_BASELINES: Final = (
    Baseline("infer", None),
    Baseline(
        "stable_diffusion_1",
        512,
        (
            "stable diffusion 1",
            "stable diffusion 1.4",
            "stable diffusion 1.5",
            "SD1",
            "SD14",
            "SD1.4",
            "SD15",
            "SD1.5",
            "stable_diffusion",
            "stable_diffusion_1.4",
            "stable_diffusion_1.5",
        ),
    ),
    Baseline("stable_diffusion_2_768", 768),
    Baseline("stable_diffusion_2_512", 512),
    Baseline("stable_diffusion_xl", 1024, ("stable diffusion xl", "SDXL")),
    Baseline("stable_cascade", 1024, ("stable cascade",)),
    Baseline("flux_1", 1024),
    Baseline("flux_schnell", 1024, ("flux schnell",)),
    Baseline("flux_dev", 1024, ("flux dev",)),
    Baseline("qwen_image", 1024, ("qwen image", "qwen-image", "qwen")),
    Baseline("z_image_turbo", 1024, ("z image turbo", "zimage-turbo", "zimage")),
)

IMAGE_BASELINES: Final[Mapping[str, Baseline]] = MappingProxyType({baseline.name: baseline for baseline in _BASELINES})
"""The image baselines by their canonical name."""

BASELINES: Final = ValueSet(
    "baseline", tuple(text for one in _BASELINES for text in (one.name, *one.spellings)), "error"
)
STYLES: Final = ValueSet("style", ("generalist", "anime", "furry", "artistic", "other", "realistic"), "error")
DOMAINS: Final = ValueSet("domain", ("image", "text", "video", "audio", "rendered_3d"), "error")
PURPOSES: Final = ValueSet(
    "purpose",
    (
        "generation",
        "post_processing",
        "auxiliary_or_patch",
        "feature_extractor",
        "safety_checker",
        "miscellaneous",
    ),
    "error",
)
RECORD_TYPES: Final = ValueSet("record type", tuple(CATEGORIES), "warning")
CONTROLNET_STYLES: Final = ValueSet(
    "controlnet style",
    (
        "control_seg",
        "control_scribble",
        "control_fakescribbles",
        "control_openpose",
        "control_normal",
        "control_mlsd",
        "control_hough",
        "control_hed",
        "control_canny",
        "control_depth",
        "control_qr",
        "control_qr_xl",
        "control_lineart",
        "control_lineart_anime",
        "control_normal_bae",
        "control_recolor",
        "control_tile",
    ),
    "warning",
)
TAGS: Final = ValueSet(
    "tag",
    (
        "anime",
        "booru",
        "cartoon",
        "cg",
        "character",
        "comic",
        "cyberpunk",
        "game",
        "hentai",
        "high resolution",
        "landscapes",
        "low poly",
        "manga",
        "painting",
        "retro",
        "scenes",
        "sketch",
        "tv show",
    ),
    "hint",
)
SETTINGS_KEYS: Final = ValueSet(
    "settings key",
    (
        "n",
        "frmtadsnsp",
        "frmtrmblln",
        "frmtrmspch",
        "frmttriminc",
        "max_context_length",
        "max_length",
        "rep_pen",
        "rep_pen_range",
        "rep_pen_slope",
        "singleline",
        "temperature",
        "tfs",
        "top_a",
        "top_k",
        "top_p",
        "typical",
        "sampler_order",
        "use_default_badwordsids",
        "stop_sequence",
        "min_p",
        "smoothing_factor",
        "dynatemp_range",
        "dynatemp_exponent",
    ),
    "error",
)
TEXT_BACKENDS: Final = ("aphrodite", "koboldcpp")
"""Programs that serve text models. Their names are prefixes of variants and never of a record's own name."""

_SPELLINGS: Final = {text: one for one in _BASELINES for text in (one.name, *one.spellings)}


def baseline_of(text: str) -> Baseline | None:
    """The image baseline that *text* spells, or None for a spelling this version does not know."""
    return _SPELLINGS.get(text)
