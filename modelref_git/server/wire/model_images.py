"""The shapes of a model's pictures, as people who manage models know them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from modelref_git.server.catalogue import LARGEST_ID


class _Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class HeroImage(_Shape):
    """The picture that stands for a model in a list."""

    id: int = Field(description="Stays the same for the same bytes, on every host.")
    thumb_path: str = Field(description="Where this service has a small WebP of it.")
    width: int | None = Field(description="Pixels.")
    height: int | None
    nsfw_level: int
    blurhash: str | None = Field(description="Null as long as it was not made; it is made little by little.")


class GenerationParams(_Shape):
    """How a picture was made; what is not known is left out."""

    negative_prompt: str | None = None
    seed: int | None = None
    steps: int | None = None
    sampler: str | None = None
    cfg_scale: float | None = None
    scheduler: str | None = None
    loras: list[dict[str, Any]] | None = None
    comfy_workflow: dict[str, Any] | None = None


class ModelImage(HeroImage):
    """One picture of a model."""

    model_id: int
    local_path: str = Field(description="Where this service has the picture itself.")
    sha256: str
    media_type: str | None
    size_bytes: int | None
    prompt: str | None
    generation_params: GenerationParams
    sort_order: int = Field(description="Lower ones come first.")
    is_user_upload: bool
    created_at: str | None = Field(description="Null of what is live: the history tells it.")
    change_id: int | None = Field(description="The proposal that carries it; null of what is live.")
    status: str | None = Field(description="Of that proposal: it waits for an approver.")


class Lora(BaseModel):
    """A patch of weights that took part in making a picture."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=1000)
    strength: float = Field(strict=True, allow_inf_nan=False)


class _Given(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


_Whole = Annotated[int, Field(ge=-LARGEST_ID, le=LARGEST_ID, strict=True)]


class GivenParams(_Given):
    """How a picture was made: what is given is set, null takes it away, what is left out stays."""

    negative_prompt: str | None = None
    seed: _Whole | None = None
    steps: int | None = Field(default=None, ge=1, le=LARGEST_ID, strict=True)
    sampler: str | None = None
    cfg_scale: float | None = Field(default=None, strict=True, allow_inf_nan=False)
    scheduler: str | None = None
    loras: list[Lora] | None = Field(default=None, max_length=1000)
    comfy_workflow: dict[str, Any] | None = None


class ImagePatch(_Given):
    """What is to be said of a picture from now on."""

    prompt: str | None = None
    negative_prompt: str | None = None
    nsfw_level: int | None = Field(default=None, ge=0, le=3, strict=True)
    sort_order: _Whole | None = None
    generation_params: GivenParams | None = None


class ImageRemoved(_Shape):
    """That the removal of a picture was proposed."""

    success: bool
    change_id: int
    status: str
