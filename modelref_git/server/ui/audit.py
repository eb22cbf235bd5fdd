"""The timeline of both histories."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from modelref_git.operations.audit_events import EventFilters
from modelref_git.operations.context import Context
from modelref_git.pages.views.audit import audit_view
from modelref_git.proposals.events import ACTIONS
from modelref_git.server.faults import Refusal
from modelref_git.server.modes import check_audit
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.page import PageRoute, links_of, page
from modelref_git.server.ui.visitors import visitor_of

_Word = Annotated[str, Query(max_length=200)]
_Number = Annotated[str, Query(pattern="^[0-9]{0,12}$")]


def make(_settings: Settings) -> APIRouter:
    """The route of the timeline."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/audit", timeline_page)
    return router


async def timeline_page(
    request: Request,
    action: _Word = "",
    actor: _Word = "",
    change: _Number = "",
    batch: _Number = "",
    before: _Number = "",
) -> Response:
    """One page of it, newest first."""
    visitor = await visitor_of(request)
    visitor.signed_in()
    check_audit(service_of(request).settings)
    if action and action not in ACTIONS:
        raise Refusal(422, f"there is no action {action!r}", "usage")
    filters = EventFilters(
        change_id=int(change) if change else None,
        batch_id=int(batch) if batch else None,
        actor=actor or None,
        actions=(action,) if action else (),
    )
    links = links_of(request)
    given = {"action": action or None, "actor": actor or None, "change": change or None, "batch": batch or None}

    def work(ctx: Context) -> dict[str, object]:
        # What the policy is, members see on a page of its own; other people with a key see records alone.
        policy = visitor.reader.is_member
        shown = audit_view(ctx, filters, before=int(before) if before else None, policy=policy)
        cursor = shown["next_cursor"]
        return {**shown, "older": links.audit(**given, before=cursor) if cursor is not None else None}

    return await page(request, visitor, "audit.html", work, here="audit")
