"""The shapes of what is told about categories as such."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class LastUpdatedResponse(BaseModel):
    """When a record of any category last changed."""

    last_updated: int | None = Field(description="Unix seconds, as all times; null before the first change.")


class CategoryLastUpdatedResponse(BaseModel):
    """When a record of a category last changed."""

    category: str
    last_updated: int | None


class CategoryMetadata(BaseModel):
    """What has become of a category's records up to now, counted in the history."""

    category: str
    last_updated: int | None
    last_operation_type: Literal["create", "update", "delete"] | None
    last_operation_model: str | None
    total_creates: int
    total_updates: int
    total_deletes: int
    total_models: int = Field(description="How many records there are.")
    initialization_time: int = Field(description="When the dataset began.")
    last_successful_operation: int | None
    error_count: int
    metadata_schema_version: str
    backend_type: str
