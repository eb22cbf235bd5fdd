"""One change: its page, and what one does about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.errors import ModelrefError
from modelref_git.operations.answers import ChangeNotFound
from modelref_git.operations.closing import withdraw
from modelref_git.operations.context import Context
from modelref_git.pages.views.change import change_view
from modelref_git.pages.views.queue import CHOICES, Draft, collisions
from modelref_git.proposals.events import WITHDRAW
from modelref_git.server.faults import Refusal
from modelref_git.server.queues import NO_CHANGE, check_of_records, check_queue_shown, check_queue_taking, saying
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.faulty import fault_rows, status_of
from modelref_git.server.ui.forms import Fields, form_of
from modelref_git.server.ui.page import PageRoute, links_of, page, see
from modelref_git.server.ui.queue import decided, draft_of, told
from modelref_git.server.ui.visitors import Visitor, visitor_of


def make(_settings: Settings) -> APIRouter:
    """The routes of one change."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/changes/{change_id}", change_page)
    router.add_api_route("/changes/{change_id}/withdraw", take_back, methods=["POST"])
    router.add_api_route("/changes/{change_id}/{choice}", decide, methods=["POST"])
    return router


async def change_page(request: Request, change_id: int) -> Response:
    """All about one change; with ``whole`` to the end of every value."""
    visitor = await visitor_of(request)
    visitor.signed_in()
    check_queue_shown(service_of(request).settings)
    return await _page(request, visitor, change_id)


async def decide(request: Request, change_id: int, choice: str) -> Response:
    """Approve, reject, hold or let go of exactly what was seen of one change."""
    visitor, fields = await form_of(request)
    login = visitor.approver()
    service = service_of(request)
    check_queue_taking(service.settings)
    if choice not in CHOICES:
        raise Refusal(404, "There is nothing of the kind to do with a change", "not_found")
    rows = [*((name, value) for name, value in fields.rows if name != "reason"), (f"choice-{change_id}", choice)]
    draft = draft_of(Fields([*rows, ("reason", fields.get("reason", ""))]))
    if set(draft.choices) != {change_id}:
        raise Refusal(422, "the form is about another change", "usage")
    try:
        answer = await service.repository.write(lambda ctx: decided(ctx, draft), login)
    except ChangeNotFound:
        raise
    except ModelrefError as fault:
        return await _refused(request, visitor, change_id, choice, draft, fault)
    return see(request, visitor, links_of(request).change(change_id), told(answer))


async def take_back(request: Request, change_id: int) -> Response:
    """Take an open proposal of one's own back."""
    visitor, fields = await form_of(request)
    login = visitor.requestor()
    service = service_of(request)
    check_queue_taking(service.settings)
    reason = fields.text("reason")

    def work(ctx: Context) -> list[dict[str, Any]]:
        check_of_records(ctx, [change_id])
        return withdraw(ctx, [change_id], reason=reason)

    try:
        await service.repository.write(work, login)
    except ChangeNotFound:
        raise
    except ModelrefError as fault:
        draft = Draft({change_id: WITHDRAW}, reason=reason or "")
        return await _refused(request, visitor, change_id, WITHDRAW, draft, fault)
    return see(request, visitor, links_of(request).change(change_id), f"Change {change_id} is withdrawn.")


async def _refused(
    request: Request, visitor: Visitor, change_id: int, tried: str, draft: Draft, fault: ModelrefError
) -> Response:
    """The page of the change as it is by now, with what was typed; who was first, where somebody was."""
    found = await service_of(request).repository.read(lambda ctx: collisions(ctx, draft), visitor.login)
    rows, status = fault_rows(fault), status_of(fault)
    if change_id in found:
        rows, status = [{"path": "", "message": f"Nothing was done, somebody was first: {found[change_id]}"}], 409
    return await _page(request, visitor, change_id, tried=tried, draft=draft, faults=rows, status=status)


async def _page(
    request: Request,
    visitor: Visitor,
    change_id: int,
    *,
    tried: str = "",
    draft: Draft | None = None,
    faults: list[dict[str, str]] | None = None,
    status: int = 200,
) -> Response:
    audit = service_of(request).settings.audit
    whole = request.query_params.get("whole") == "1"

    def work(ctx: Context) -> Mapping[str, Any]:
        return change_view(
            ctx,
            change_id,
            # What the policy is, members see; other people with a key see records alone.
            policy_too=visitor.reader.is_member,
            audit=audit,
            whole=whole,
            draft=draft,
            faults=faults or (),
            tried=tried,
        )

    with saying(ChangeNotFound, 404, NO_CHANGE):
        return await page(request, visitor, "change.html", work, here="queue", status=status)
