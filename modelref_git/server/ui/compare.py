"""Two revisions of the dataset beside each other, or two records."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from modelref_git.operations.context import Context
from modelref_git.pages.views.compare import PAGE, Side, compare_records_view, compare_view, empty_view
from modelref_git.server.settings import Settings
from modelref_git.server.ui.finding import Category, Name, Offset, Revision, revision_of, shown
from modelref_git.server.ui.page import PageRoute, links_of
from modelref_git.server.ui.visitors import visitor_of

_Net = Annotated[str, Query(pattern="^(added|modified|deleted)?$")]


def make(_settings: Settings) -> APIRouter:
    """The route of the comparison."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/compare", compare_page)
    return router


async def compare_page(
    request: Request,
    old: Revision = "",
    new: Revision = "",
    category: Category = "",
    net: _Net = "",
    offset: Offset = 0,
    name: Name = "",
    at: Revision = "",
    other_category: Category = "",
    other_name: Name = "",
    other_at: Revision = "",
) -> Response:
    """What *old* and *new* differ in, or what the records *name* and *other_name* do, each *at* a revision.

    What is left out of the other record is that of the one, but for the revision: that is today's.
    """
    visitor = await visitor_of(request)
    live = (await revision_of(request, ""))[1].main
    if name and (other_name or other_category or other_at or at):
        sides = (
            await _side(request, category, name, at),
            await _side(request, other_category or category, other_name or name, other_at),
        )

        def work(ctx: Context) -> dict[str, Any]:
            return compare_records_view(ctx, *sides)

    elif old:
        commits = [(await revision_of(request, given))[1].main for given in (old, new)]
        links = links_of(request)

        def work(ctx: Context) -> dict[str, Any]:
            view = compare_view(ctx, *commits, category=category or None, net=net or None, offset=offset)
            place = {"old": old, "new": new or None, "category": category or None, "net": net or None}
            before = links.to("compare", **place, offset=max(0, offset - PAGE) or None) if offset else None
            after = links.to("compare", **place, offset=offset + PAGE) if view["has_more"] else None
            return {**view, "old": old, "new": new, "before": before, "after": after}

    else:
        side = await _side(request, category, name, at)

        def work(ctx: Context) -> dict[str, Any]:
            # One record and nothing to compare it with: the form asks for that.
            return {**empty_view(ctx), "sides": (side, Side("", "")), "new": new}

    return await shown(request, visitor, "compare.html", work, at=None, commit=live, category=category)


async def _side(request: Request, category: str, name: str, at: str) -> Side:
    given, snapshot = await revision_of(request, at)
    return Side(category, name, snapshot.main, given)
