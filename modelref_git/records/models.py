"""The shape of a record of each shipped category: fields, types, defaults, and the order of keys.

The models give a record its stored form and are the source of the JSON Schemas that are laid into a new dataset; what
a record of a dataset must satisfy is the schema in that dataset. The docstrings and descriptions here become those of
the schemas, so they speak to people who write records.

Scalars are read leniently (``"7"`` for 7, ``"yes"`` for true), numbers are no text, and fields that no model names
are kept on every level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from modelref_git.records import pictures, text
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.field_types import (
    PICTURE_HINTS,
    SET,
    TAG_HINTS,
    BaseName,
    Domain,
    FalseOrNone,
    ImageBaseline,
    ImageStyle,
    ListOrNone,
    MediaType,
    NsfwLevel,
    Number,
    NumberOrNone,
    Parameters,
    PictureName,
    Positive,
    Purpose,
    ScalarOrList,
    Settings,
    Tag,
    Whole,
)
from modelref_git.records.values import (
    CONTROLNET_STYLES,
    RECORD_TYPES,
    UNKNOWN_HASH,
)

SCHEMA_VERSION: Final = "2.0.0"
"""Version of the record model that new records claim."""

# Parts of a record


class Part(BaseModel):
    """What all models have in common: nothing they do not name is lost."""

    # Validators are built when a category is first used: a command needs one of fifteen.
    model_config = ConfigDict(extra="allow", protected_namespaces=(), defer_build=True)


class DownloadEntry(Part):
    """One file of the model: where it comes from, and how to tell that it arrived whole."""

    model_config = ConfigDict(json_schema_extra={"x-merge": "atomic"})

    file_name: str = Field(description="Name of the file on the worker's disk; may differ from the host's.")
    file_url: str = Field(description="Address to fetch the file from; empty if it cannot be fetched.")
    sha256sum: str = Field(
        default=UNKNOWN_HASH, description="SHA-256 of the file in hexadecimal; FIXME while nobody has computed it."
    )
    content_hash: str | None = Field(
        default=None, description="SHA-256 of the tensors alone, which stays the same in another container."
    )
    file_purpose: str | None = Field(
        default=None, description="Part the file plays beside the primary one, such as vae or text_encoders."
    )
    known_slow_download: bool | None = Field(default=None, description="Whether the host is known to be slow.")
    size_bytes: Whole | None = Field(default=None, description="Size of the file in bytes.")


class Config(Part):
    """What a worker needs in order to run the model."""

    download: list[DownloadEntry] = Field(
        default_factory=list,
        description="The files in order; the first is the primary one.",
        json_schema_extra={"x-merge": {"key": "file_name"}},
    )
    embedded_component_hashes: dict[str, str] | None = Field(
        default=None, description="Hashes of components that are baked into a checkpoint, such as its vae."
    )


class Metadata(Part):
    """When the record was made and last changed, and by whom. Stamped by the program."""

    schema_version: str = Field(default=SCHEMA_VERSION, description="Version of the record model.")
    created_at: Whole | None = Field(default=None, description="Time of creation in Unix seconds.")
    updated_at: Whole | None = Field(default=None, description="Time of the last change in Unix seconds.")
    created_by: str | None = Field(default=None, description="Who proposed the record, as name#id.")
    updated_by: str | None = Field(default=None, description="Who proposed the last change, as name#id.")


class ModelClassification(Part):
    """What the model deals in and what it is for."""

    domain: Domain = Field(description="What the model deals in.")
    purpose: Purpose = Field(description="What the model is for.")


class FinetuneSeries(Part):
    """A line of models by the same people that this one belongs to."""

    name: str = Field(description="Name of the series.")
    version: str | None = Field(default=None, description="Version of the series.")
    author: str | None = Field(default=None, description="Who makes the series.")
    description: str | None = Field(default=None, description="What the series is about.")
    homepage: str | None = Field(default=None, description="Where to read more.")


class PictureLora(Part):
    """A patch of weights that took part in making a picture."""

    name: str = Field(description="Name of the patch.")
    strength: Number = Field(description="How strongly it was applied.")


class Picture(Part):
    """One picture that the model made: which file it is, and how it came about."""

    sha256: PictureName = Field(description="SHA-256 of the file in lower-case hexadecimal, which is its name.")
    media_type: MediaType | None = Field(default=None, description="Kind of the file. Filled in by the program.")
    width: Positive | None = Field(default=None, description="Width in pixels. Filled in by the program.")
    height: Positive | None = Field(default=None, description="Height in pixels. Filled in by the program.")
    size_bytes: Positive | None = Field(
        default=None, description="Size of the file in bytes. Filled in by the program."
    )
    prompt: str | None = Field(default=None, description="What was asked for.")
    negative_prompt: str | None = Field(default=None, description="What was to be avoided.")
    seed: Whole | None = Field(default=None, description="The random numbers' beginning.")
    steps: Positive | None = Field(default=None, description="Number of sampling steps.")
    cfg_scale: NumberOrNone = Field(default=None, description="How closely the prompt was followed.")
    sampler: str | None = Field(default=None, description="Name of the sampler.")
    scheduler: str | None = Field(default=None, description="Name of the scheduler.")
    loras: list[PictureLora] | None = Field(default=None, description="Patches of weights that took part.")
    comfy_workflow: dict[str, Any] | None = Field(default=None, description="The workflow of ComfyUI, as it saves it.")
    nsfw_level: NsfwLevel | None = Field(default=None, description="From 0, safe for work, to 3, explicit.")
    sort_order: Whole | None = Field(
        default=None, description="Lower ones are shown first; 0 where it is left out, then by place in the list."
    )


class BaseRecord(Part):
    """Fields that records of every category have."""

    category: ClassVar[str]

    record_type: str = Field(description="The category that the record belongs to.")
    name: str = Field(description="Name of the model; normally the key it is stored under.")
    description: str | None = Field(default=None, description="What the model does, in a sentence or two.")
    version: str | None = Field(default=None, description="Version of the model in its maker's own words.")
    finetune_series: FinetuneSeries | None = Field(default=None, description="The series the model belongs to.")
    metadata: Metadata = Field(default_factory=Metadata, description="Stamps of creation and last change.")
    config: Config = Field(default_factory=Config, description="The files that make up the model.")
    model_classification: ModelClassification = Field(description="What kind of model it is.")
    size_on_disk_bytes: Whole | None = Field(default=None, description="Size of all files together, in bytes.")
    pictures: list[Picture] | None = Field(
        default=None,
        max_length=pictures.AT_MOST,
        description="Pictures that the model made, to show what it does.",
        json_schema_extra=PICTURE_HINTS,
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in_the_category(cls, record: Any) -> Any:
        """Give a record that does not say so the type and classification of its category."""
        if not isinstance(record, dict):
            return record
        category = CATEGORIES[cls.category]
        classification = {"domain": category.domain, "purpose": category.purpose}
        return {"record_type": category.name, "model_classification": classification, **record}

    @field_validator("record_type")
    @classmethod
    def _is_of_no_other_category(cls, value: str) -> str:
        """Refuse the type of another category; text that names none is somebody's own and is kept."""
        if value != cls.category and value in RECORD_TYPES:
            message = f"Record type {value} contradicts the category {cls.category}"
            raise PydanticCustomError("rule", "{text}", {"text": message, "rule": RECORD_TYPES.rule})
        return value


# The categories


class BlipRecord(BaseRecord):
    """A BLIP model, which describes pictures in words."""

    category = "blip"


class ClipRecord(BaseRecord):
    """A CLIP model, which puts pictures and texts into one space."""

    category = "clip"

    pretrained_name: str | None = Field(default=None, description="Name of the pretrained weights in OpenCLIP.")


class CodeformerRecord(BaseRecord):
    """A CodeFormer model, which restores faces."""

    category = "codeformer"


class ControlnetRecord(BaseRecord):
    """A ControlNet model, which steers a picture by another one."""

    category = "controlnet"

    controlnet_style: str | None = Field(
        default=None,
        description="What the model takes from the steering picture.",
        json_schema_extra={
            "x-known-values": list(CONTROLNET_STYLES.values),
            "x-severity": CONTROLNET_STYLES.severity,
        },
    )


class ControlnetAnnotatorRecord(BaseRecord):
    """A model that turns a picture into what a ControlNet model is steered by."""

    category = "controlnet_annotator"

    control_types: list[str] = Field(
        default_factory=list, description="Kinds of control that it prepares.", json_schema_extra=SET
    )
    preprocessors: list[str] = Field(
        default_factory=list, description="Preprocessor nodes that load it.", json_schema_extra=SET
    )


class EsrganRecord(BaseRecord):
    """An ESRGAN model, which enlarges pictures."""

    category = "esrgan"


class GfpganRecord(BaseRecord):
    """A GFPGAN model, which restores faces."""

    category = "gfpgan"


class SafetyCheckerRecord(BaseRecord):
    """A model that finds pictures which should not be shown to everybody."""

    category = "safety_checker"


class ImageGenerationRecord(BaseRecord):
    """A model that makes pictures."""

    category = "image_generation"

    inpainting: Annotated[bool, FalseOrNone] = Field(
        default=False, description="Whether the model is made for filling holes in a picture."
    )
    baseline: ImageBaseline = Field(description="Family of models that this one shares its architecture with.")
    optimization: str | None = Field(default=None, description="How it was made faster, for instance lightning.")
    tags: Annotated[list[Tag], ListOrNone] = Field(
        default_factory=list, description="Words to find the model by.", json_schema_extra=TAG_HINTS
    )
    showcases: Annotated[list[str], ListOrNone] = Field(
        default_factory=list, description="Addresses of sample pictures.", json_schema_extra=SET
    )
    min_bridge_version: Whole | None = Field(default=None, description="Oldest worker version that can run it.")
    trigger: Annotated[list[str], ListOrNone] = Field(
        default_factory=list, description="Words in a prompt that call up what it learned.", json_schema_extra=SET
    )
    homepage: str | None = Field(default=None, description="Page of the model.")
    nsfw: bool = Field(description="Whether the model is prone to make pictures that are not safe for work.")
    style: ImageStyle | None = Field(default=None, description="What its pictures look like.")
    requirements: dict[str, ScalarOrList] | None = Field(
        default=None, description="Settings that requests must keep to, such as clip_skip or max_steps."
    )


class TextGenerationRecord(BaseRecord):
    """A model that writes text. It is stored once, under its base name, without the prefix of a backend."""

    # The number has two names on the way in and one in the stored form.
    model_config = ConfigDict(json_schema_extra={"not": {"required": ["parameters_count"]}})

    category = "text_generation"

    name: BaseName = Field(description="Base name of the model: Author/Model or Model.")
    baseline: str | None = Field(default=None, description="Model it was made from, usually a repository name.")
    parameters: Parameters = Field(description="Number of parameters.")
    nsfw: bool = Field(default=False, description="Whether it was made for texts that are not safe for work.")
    style: str | None = Field(default=None, description="What it is good at, for instance chat or roleplay.")
    display_name: str | None = Field(default=None, description="Title to show, if not the name itself.")
    url: str | None = Field(default=None, description="Page of the model.")
    tags: Annotated[list[Tag] | None, BeforeValidator(text.tag_list)] = Field(
        default=None,
        description="Words to find the model by, its style and its size among them.",
        json_schema_extra=TAG_HINTS,
    )
    instruct_format: str | None = Field(default=None, description="Prompt format that it was trained on.")
    settings: Settings = Field(default=None, description="Generation settings that its makers recommend.")
    text_model_group: str | None = Field(
        default=None, description="Group of models that differ in size, version and the like alone."
    )
    name_schema_exception: str | None = Field(
        default=None, description="Why the name does not follow the scheme of its group."
    )


class _MediaRecord(BaseRecord):
    baseline: str | None = Field(default=None, description="Family of models that it belongs to.")
    nsfw: bool = Field(default=False, description="Whether it is prone to results that are not safe for work.")
    tags: list[Tag] | None = Field(default=None, description="Words to find the model by.", json_schema_extra=TAG_HINTS)


class VideoGenerationRecord(_MediaRecord):
    """A model that makes videos."""

    category = "video_generation"


class AudioGenerationRecord(_MediaRecord):
    """A model that makes sounds."""

    category = "audio_generation"


class MiscellaneousRecord(BaseRecord):
    """A model that fits nowhere else."""

    category = "miscellaneous"


class _PatchRecord(_MediaRecord):
    trigger: list[str] | None = Field(
        default=None, description="Words in a prompt that call it up.", json_schema_extra=SET
    )
    homepage: str | None = Field(default=None, description="Page of the model.")
    showcases: list[str] | None = Field(
        default=None, description="Addresses of sample pictures.", json_schema_extra=SET
    )


class LoraRecord(_PatchRecord):
    """A small patch of weights that teaches an image model a style or a subject."""

    category = "lora"


class TiRecord(_PatchRecord):
    """An embedding that teaches an image model a new word."""

    category = "ti"


_MODELS: Final[Mapping[str, type[BaseRecord]]] = {
    model.category: model
    for model in (
        BlipRecord,
        ClipRecord,
        CodeformerRecord,
        ControlnetRecord,
        ControlnetAnnotatorRecord,
        EsrganRecord,
        GfpganRecord,
        SafetyCheckerRecord,
        ImageGenerationRecord,
        TextGenerationRecord,
        VideoGenerationRecord,
        AudioGenerationRecord,
        MiscellaneousRecord,
        LoraRecord,
        TiRecord,
    )
}


def model_for(category: str) -> type[BaseRecord]:
    """The model of a shipped category. It is chosen by the category alone, never by what a record looks like.

    Raises:
        KeyError: for a category of one's own, which has none.
    """
    return _MODELS[category]
