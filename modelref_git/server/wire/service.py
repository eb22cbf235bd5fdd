"""What the service tells of itself and of its caller."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Breaker(BaseModel):
    """How calls to AI-Horde's statistics go; this service makes none."""

    degraded: bool
    consecutive_failures: int
    seconds_until_retry: float | None


class Heartbeat(BaseModel):
    """That the service is there."""

    status: Literal["ok"]
    ai_horde: Breaker


class ReplicateModeResponse(BaseModel):
    """How the service is set up."""

    replicate_mode: Literal["PRIMARY", "REPLICA"]
    canonical_format: Literal["v2", "legacy"]
    writable: bool


class UserRolesResponse(BaseModel):
    """Who the caller is, and what they may do."""

    user_id: str
    username: str
    roles: list[str]
    is_approver: bool
    is_requestor: bool


class ContainsMessage(BaseModel):
    """A sentence."""

    message: str
