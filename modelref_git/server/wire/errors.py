"""The shapes of refusals."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Reason(BaseModel):
    """Why, for programs."""

    code: str = Field(description="The word for it, as on the command line.")
    details: list[dict[str, Any]] | None = Field(default=None, description="One entry a fault.")


class ErrorResponse(BaseModel):
    """A refusal in a sentence."""

    detail: str
    reason: Reason | None = None


class ValidationRow(BaseModel):
    """One fault of a request's shape."""

    type: str
    loc: list[str | int]
    msg: str
    input: Any = None
    ctx: dict[str, Any] | None = None


class InvalidRequest(BaseModel):
    """A request that is not valid: its faults, or the rule that its record breaks in a sentence."""

    detail: list[ValidationRow] | str
    reason: Reason | None = None
