"""The shape of a page of search results."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class SearchResponse(BaseModel):
    """One page of what a search found."""

    results: list[dict[str, Any]] = Field(description="The records.")
    total: int = Field(description="How many there are on all pages.")
    offset: int
    limit: int
    has_more: bool = Field(description="Whether there are more behind this page.")
