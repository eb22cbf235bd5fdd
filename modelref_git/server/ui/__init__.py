"""The pages over HTTP, below ``/ui``: one file a part, over the operations that the API uses too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from modelref_git.server.faults import Refusal
from modelref_git.server.settings import Settings
from modelref_git.server.ui import (
    audit,
    batches,
    changes,
    commits,
    compare,
    dataset,
    files,
    importing,
    keys,
    members,
    notes,
    pictures,
    policy,
    proposing,
    queue,
    records,
    settling,
    signing_in,
    start,
)
from modelref_git.server.ui.page import PREFIX, PageRoute

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_NO_PAGE: Final = "There is no page at this address"
_NO_METHOD: Final = "This address takes no such request: go back, load the page anew and use what it offers"

PARTS: Final[tuple[Callable[[Settings], APIRouter], ...]] = (
    files.make,
    signing_in.make,
    start.make,
    audit.make,
    queue.make,
    changes.make,
    batches.make,
    pictures.make,
    dataset.make,
    records.make,
    compare.make,
    commits.make,
    notes.make,
    proposing.make,
    settling.make,
    importing.make,
    members.make,
    keys.make,
    policy.make,
)
"""What makes each part's router, its paths relative to `PREFIX`."""


def make(settings: Settings) -> APIRouter:
    """The routes of all pages."""
    router = APIRouter(prefix=PREFIX, route_class=PageRoute, include_in_schema=False)
    if not settings.pages:
        return router
    known: list[BaseRoute] = []
    for part in PARTS:
        made = part(settings)
        known += made.routes
        router.include_router(made)

    async def lost(path: str) -> Response:
        """Say that there is no such page, or that it takes no such request."""
        pages = [route for route in known if isinstance(route, Route) and route.path_regex.match(f"/{path}")]
        methods = sorted({method for route in pages for method in route.methods or ()})
        if methods:
            raise Refusal(405, _NO_METHOD, "usage", headers={"Allow": ", ".join(methods)})
        raise Refusal(404, _NO_PAGE, "not_found")

    router.add_api_route("/{path:path}", lost, methods=list(_METHODS))
    return router
