"""The first page."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.pages.views.start import start_view
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.page import PageRoute, page
from modelref_git.server.ui.visitors import visitor_of

NO_BASELINE: Final = "(none)"

_KEPT_AT_MOST: Final = 64
_KEPT: Final[OrderedDict[tuple[str, str], Mapping[str, int]]] = OrderedDict()
"""By category and its tree, how many records have each baseline."""


def make(settings: Settings) -> APIRouter:
    """The route of the first page."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/")
    async def start(request: Request) -> Response:
        visitor = await visitor_of(request)
        categories, baselines = await _counts(request)
        signed_in = visitor.login is not None and settings.queue and not settings.read_only
        audit = visitor.login is not None and settings.audit
        return await page(
            request,
            visitor,
            "start.html",
            lambda ctx: start_view(ctx, categories, baselines, signed_in=signed_in, audit=audit),
            here="start",
        )

    return router


async def _counts(request: Request) -> tuple[dict[str, int], Counter[str]]:
    """How many records each category has, and each baseline, from what the service keeps of each category's tree."""
    service = service_of(request)
    categories: dict[str, int] = {}
    baselines: Counter[str] = Counter()
    for shelf in await service.catalogue.shelves(service.repository.snapshot()):
        categories[shelf.category] = len(shelf.rows)
        if shelf.tree is None:
            continue
        key = (shelf.category, shelf.tree)
        counts = _KEPT.get(key)
        if counts is None:
            found = Counter(row.base for row in shelf.rows.values())
            some = any(base is not None for base in found)
            counts = {base or NO_BASELINE: count for base, count in found.items()} if some else {}
            _KEPT[key] = counts
            if len(_KEPT) > _KEPT_AT_MOST:
                _KEPT.popitem(last=False)
        baselines.update(counts)
    return categories, baselines
