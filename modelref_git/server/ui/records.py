"""A record, and its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.operations.context import Context
from modelref_git.pages.views.history import PAGE, history_view
from modelref_git.pages.views.record import notes_view, record_view
from modelref_git.server.paths import V2
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.finding import Category, Name, Offset, Revision, check_name, may_propose, revision_of, shown
from modelref_git.server.ui.page import PageRoute, links_of
from modelref_git.server.ui.visitors import Visitor, visitor_of


def make(_settings: Settings) -> APIRouter:
    """The routes of records."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/record", record_page)
    router.add_api_route("/record/history", history_page)
    return router


async def record_page(request: Request, category: Category = "", name: Name = "", at: Revision = "") -> Response:
    """One record, as it is or was."""
    return await show_record(request, await visitor_of(request), category, name, at)


async def show_record(
    request: Request,
    visitor: Visitor,
    category: str,
    name: str,
    at: str = "",
    *,
    draft: Mapping[str, str] | None = None,
    faults: Sequence[Any] = (),
    status: int = 200,
) -> Response:
    """The page of a record; with a *draft*, that of a note which was refused for these *faults*."""
    check_name(name)
    given, snapshot = await revision_of(request, at)
    settings = service_of(request).settings
    queue = visitor.login is not None and settings.queue and not settings.read_only
    member = visitor.reader.is_member
    words = f"?{urlencode({'at': given})}" if given is not None else ""
    root = request.scope.get("root_path", "")
    raw = f"{root}{V2}/{quote(category, safe='')}/model/{quote(name, safe='')}{words}"
    takes = may_propose(settings, category)

    def work(ctx: Context) -> dict[str, Any]:
        live = given is None
        view = record_view(
            ctx, category, name, revision=snapshot.main, live=live, queue=queue and live, notes=member and live
        )
        if draft is not None and view["notes"] is not None:
            key = view["base"] or name
            view["notes"] = notes_view(ctx, category, key, draft=draft, faults=faults)
        return {**view, "raw": None if view["base"] else raw, "may_propose": takes}

    return await shown(
        request,
        visitor,
        "record.html",
        work,
        at=given,
        commit=snapshot.main,
        category=category,
        name=name,
        status=status,
    )


async def history_page(request: Request, category: Category = "", name: Name = "", offset: Offset = 0) -> Response:
    """The versions of a record, newest first."""
    check_name(name)
    visitor = await visitor_of(request)
    _, snapshot = await revision_of(request, "")
    links = links_of(request)

    def work(ctx: Context) -> dict[str, Any]:
        view = history_view(ctx, category, name, offset=offset)
        place = {"category": category, "name": name}
        before = links.to("record", "history", **place, offset=max(0, offset - PAGE) or None) if offset else None
        after = links.to("record", "history", **place, offset=offset + PAGE) if view["has_more"] else None
        return {**view, "before": before, "after": after}

    return await shown(
        request, visitor, "history.html", work, at=None, commit=snapshot.main, category=category, name=name
    )
