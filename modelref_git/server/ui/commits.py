"""The commits of ``main`` and of ``queue``, and no other object."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from modelref_git.operations.context import Context
from modelref_git.pages.views.commit import PAGE, commit_view
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.finding import HERE, Offset
from modelref_git.server.ui.page import PageRoute, links_of, page
from modelref_git.server.ui.visitors import visitor_of

_Oid = Annotated[str, Path(pattern="^[0-9a-f]{40}$")]


def make(_settings: Settings) -> APIRouter:
    """The route of commits."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/commits/{oid}", commit_page)
    return router


async def commit_page(request: Request, oid: _Oid, offset: Offset = 0) -> Response:
    """One commit. Those of ``main`` are for everybody, those of the queue's log for whoever sees the audit."""
    visitor = await visitor_of(request)
    links, settings = links_of(request), service_of(request).settings
    audit = visitor.login is not None and settings.audit and settings.queue

    def work(ctx: Context) -> dict[str, Any]:
        view = commit_view(ctx, oid, queue=audit, policy=visitor.reader.is_member, offset=offset)
        before = links.to("commits", oid, offset=max(0, offset - PAGE) or None) if offset else None
        after = links.to("commits", oid, offset=offset + PAGE) if view["sheet"].has_more else None
        return {**view, "before": before, "after": after}

    return await page(request, visitor, "commit.html", work, here=HERE)
