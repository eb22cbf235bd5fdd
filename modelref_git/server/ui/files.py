"""The files that pages refer to. Their addresses change with their content, so browsers keep them for a year."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.pages import assets
from modelref_git.server.kept import Body
from modelref_git.server.settings import Settings
from modelref_git.server.ui.page import PageRoute

_FOREVER: Final = "public, max-age=31536000, immutable"
_KEPT: Final[dict[str, Body]] = {}


def make(_settings: Settings) -> APIRouter:
    """The route of the files."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/static/{name}")
    async def read_file(request: Request, name: str) -> Response:
        body = _KEPT.get(name)
        if body is None:
            data = assets.read(name)
            body = _KEPT[name] = Body.of(data, f'"{assets.sum_of(name)}"', assets.type_of(name) or "")
        headers = {"Content-Security-Policy": "default-src 'none'; sandbox"}
        if request.query_params.get("v") == assets.sum_of(name):
            headers["Cache-Control"] = _FOREVER
        return body.response(request, headers)

    return router
