"""The service itself: that it is there, how it is set up, who the caller is to it, what it has counted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from modelref_git.pages.links import ServiceLinks
from modelref_git.server.answers import JSON, json_response
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


def wants_html(accept: Iterable[str]) -> bool:
    """Whether the headers ``Accept`` name HTML, and JSON not before it; whoever takes anything gets JSON."""
    found = {"text/html": 0.0, JSON: 0.0}
    for part in ",".join(accept).split(","):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        if kind in found:
            found[kind] = max(found[kind], _quality(parameters))
    return 0 < found["text/html"] >= found[JSON]


def _quality(parameters: Iterable[str]) -> float:
    for word in parameters:
        name, _, value = word.partition("=")
        if name.strip() == "q":
            return float(value) if re.fullmatch(r"[01](\.[0-9]{0,3})?", value.strip()) else 0.0
    return 1.0


def make(settings: Settings) -> APIRouter:
    """The routes of the service itself."""
    router = APIRouter(route_class=StrictRoute, tags=["service"])
    mode: dict[str, Any] = {
        "replicate_mode": "REPLICA" if settings.read_only else "PRIMARY",
        "canonical_format": settings.canonical_format,
        "writable": not settings.read_only,
    }

    @router.get("/", response_model=ContainsMessage, responses={307: {"description": "The pages, for a browser."}})
    async def read_root(request: Request) -> Response:
        """Say welcome; a browser is led to the pages."""
        if settings.pages and wants_html(request.headers.getlist("accept")):
            return RedirectResponse(
                ServiceLinks(request.scope.get("root_path", "")).start(), headers={"Vary": "Accept"}
            )
        return json_response({"message": WELCOME}, headers={"Vary": "Accept"})

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
