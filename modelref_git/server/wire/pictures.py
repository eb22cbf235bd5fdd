"""The shape of a picture's entry in a record."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Picture(BaseModel):
    """One picture of a record, as the record names it; what is not known is left out."""

    model_config = ConfigDict(extra="allow")

    sha256: str
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    size_bytes: int | None = None
    prompt: str | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    steps: int | None = None
    cfg_scale: float | None = None
    sampler: str | None = None
    scheduler: str | None = None
    loras: list[dict[str, Any]] | None = None
    comfy_workflow: dict[str, Any] | None = None
    nsfw_level: int | None = None
    sort_order: int | None = None
