"""The shapes of the API for people who manage models. What nobody knows here is null, never a number made up."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from modelref_git.server.revisions import At
from modelref_git.server.wire.model_images import HeroImage, ModelImage


class _Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class ModelFilters(_Shape):
    """Which models a list is of, and in what order."""

    category: str | None = Field(default=None, max_length=500)
    subcategory: str | None = Field(default=None, max_length=500)
    base_model: str | None = Field(default=None, max_length=500)
    type: str | None = Field(default=None, max_length=500)
    search: str | None = Field(default=None, max_length=500, description="A part of the name.")
    tags: str | None = Field(default=None, max_length=2000, description="With commas between them; all must be there.")
    max_nsfw_level: int | None = Field(default=None, ge=0, le=63)
    has_metadata: bool | None = None
    sort: Literal["newest", "oldest", "name", "downloads", "likes"] = "newest"
    page: int = Field(default=1, ge=1, le=1 << 31)
    limit: int = Field(default=40, ge=1, le=100)
    at: At = None


class ErrorMessage(BaseModel):
    """Why a request was refused."""

    error: str


class ModelStats(_Shape):
    """What people did with a model elsewhere: this service counts none of it."""

    download_count: int | None
    thumbs_up_count: int | None
    thumbs_down_count: int | None
    comment_count: int | None
    tipped_amount_count: int | None


class ModelSummary(_Shape):
    """One model of a list."""

    id: int = Field(description="Stays the same for a category and name, on every host.")
    name: str
    type: str = Field(description="The record's type.")
    category: str
    subcategory: str | None = Field(description="The record's style.")
    base_model: str | None = Field(description="The record's baseline.")
    nsfw_level: int = Field(description="4 if the record says that it is not safe for work, else 0.")
    creator_name: str | None = Field(description="The author of its series, or of a text model.")
    creator_avatar: str | None
    tags: list[str]
    stats: ModelStats
    has_metadata: bool = Field(description="True: a record is nothing else.")
    hero_image: HeroImage | None


class ModelPage(_Shape):
    """A page of models."""

    items: list[ModelSummary]
    total: int
    page: int
    limit: int
    has_more: bool


class ModelFile(_Shape):
    """One file of a model."""

    id: int
    file_name: str | None
    size_kb: int | None
    format: str | None = Field(description="SafeTensor, PickleTensor, GGUF, ONNX, or null.")
    precision: str | None
    sha256: str | None
    url: str | None = Field(description="Where its makers have it.")


class ModelVersion(_Shape):
    """The one version that a record describes."""

    id: int
    name: str | None
    base_model: str | None
    description: str | None
    stats: dict[str, Any]
    published_at: str | None
    trained_words: list[str]
    is_local: bool = Field(description="Whether this deployment has every file of it.")
    files: list[ModelFile]
    images: list[ModelImage]


class ModelDetails(ModelSummary):
    """All about one model."""

    description: str | None
    file_path: str | None = Field(description="Its first file below the folder of this deployment, if it is there.")
    file_size: int | None = Field(description="Bytes.")
    trained_words: list[str]
    licensing_info: dict[str, Any]
    notes: str | None = Field(description="The caller's own newest note on it, else the team's newest.")
    versions: list[ModelVersion]


class NewKeyAnswer(BaseModel):
    """A key in the one moment in which it is known."""

    key: str
    message: str
