"""The service itself: that it is there, how it is set up, who the caller is to it, what it has counted."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.server.answers import json_response
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.callers import Key, person_of, reader
from modelref_git.server.metrics import CONTENT_TYPE
from modelref_git.server.paths import V2
from modelref_git.server.queues import responses
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.wire.service import ContainsMessage, Heartbeat, ReplicateModeResponse, UserRolesResponse

WELCOME: Final = "Welcome to the Horde Model Reference API. See `/api/docs` for interactive documentation."

_HEARTBEAT: Final = {
    "status": "ok",
    "ai_horde": {"degraded": False, "consecutive_failures": 0, "seconds_until_retry": None},
}


def make(settings: Settings) -> APIRouter:
    """The routes of the service itself."""
    router = APIRouter(route_class=StrictRoute, tags=["service"])
    mode: dict[str, Any] = {
        "replicate_mode": "REPLICA" if settings.read_only else "PRIMARY",
        "canonical_format": settings.canonical_format,
        "writable": not settings.read_only,
    }

    @router.get("/", response_model=ContainsMessage)
    async def read_root() -> Response:
        """Say welcome."""
        return json_response({"message": WELCOME})

    @router.get("/heartbeat", response_model=Heartbeat)
    async def heartbeat() -> Response:
        """Tell that the service is there, and can read its repository."""
        return json_response(_HEARTBEAT)

    @router.get("/replicate_mode", response_model=ReplicateModeResponse)
    async def replicate_mode() -> Response:
        """Tell how the service is set up."""
        return json_response(mode)

    @router.get(f"{V2}/me/roles", response_model=UserRolesResponse, responses=responses())
    async def get_current_user_roles(request: Request, key: Key) -> Response:
        """Tell who the caller is, and what they may do."""
        person = person_of(service_of(request), await reader(request, key))
        granted = {"approver": person.is_approver, "requestor": person.is_requestor}
        return json_response(
            {
                "user_id": person.actor.id,
                "username": str(person.actor),
                "roles": [role for role, is_granted in granted.items() if is_granted],
                "is_approver": person.is_approver,
                "is_requestor": person.is_requestor,
            }
        )

    @router.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        """What the service counts, for Prometheus."""
        service = service_of(request)
        waiting = service.repository.waiting
        text = await service.repository.read(lambda ctx: service.metrics.text(ctx.view(), waiting))
        return Response(text, media_type=CONTENT_TYPE)

    return router
