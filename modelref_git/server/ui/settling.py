"""Two pages for proposals about what is there: a record to be deleted, and an open change brought up to date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.errors import Conflict, ModelrefError
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request as Proposed
from modelref_git.operations.propose import propose_delete
from modelref_git.operations.rebase import propose_rebase
from modelref_git.pages.views import propose as views
from modelref_git.pages.views import rebase as rebase_views
from modelref_git.proposals.events import DELETE
from modelref_git.server.faults import refusal_of
from modelref_git.server.modes import check_writes_by_v2
from modelref_git.server.queues import check_queue_taking
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.choices import choices_of, shown_choices
from modelref_git.server.ui.forms import Fields, form_of
from modelref_git.server.ui.page import PageRoute, links_of, page, see
from modelref_git.server.ui.proposing import HERE, KEPT_BY_BROWSER, proposer
from modelref_git.server.ui.visitors import Visitor
from modelref_git.store.step import Step


def make(_settings: Settings) -> APIRouter:
    """The routes of both."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/propose/delete", delete_form)
    router.add_api_route("/propose/delete", delete, methods=["POST"])
    router.add_api_route("/propose/rebase", rebase_form)
    router.add_api_route("/propose/rebase", rebase, methods=["POST"])
    return router


async def delete_form(request: Request, category: str, name: str) -> Response:
    """The question whether a record is to be deleted."""
    visitor = await proposer(request)
    check_writes_by_v2(service_of(request).settings, category)
    return await _delete_page(request, visitor, category, name)


async def _delete_page(
    request: Request, visitor: Visitor, category: str, name: str, fault: ModelrefError | None = None, note: str = ""
) -> Response:
    def work(ctx: Context) -> Mapping[str, Any]:
        rows = [{"path": "", "message": fault.message}] if fault is not None else []
        return {**views.delete_view(ctx, category, name), "fault": rows, "note": note}

    status = 200 if fault is None else refusal_of(fault).status
    answer = await page(request, visitor, "propose-delete.html", work, here=HERE, status=status)
    answer.headers["Cache-Control"] = KEPT_BY_BROWSER
    return answer


async def delete(request: Request) -> Response:
    """Propose to delete the record that was shown."""
    visitor, fields = await form_of(request)
    login = visitor.requestor()
    check_queue_taking(service_of(request).settings)
    category, name, note = fields.get("category", ""), fields.get("name", ""), fields.text("note")
    check_writes_by_v2(service_of(request).settings, category)

    def propose(ctx: Context) -> dict[str, Any]:
        guarded = _guarding(ctx, lambda step: step.dataset().blob(category, name) == fields.get("blob"), name)
        return propose_delete(guarded, Proposed(DELETE, category, name, None, note))

    try:
        answer = await service_of(request).repository.write(propose, login, route="propose_delete_page")
    except ModelrefError as fault:
        return await _delete_page(request, visitor, category, name, fault, note or "")
    number = answer["change_id"]
    notice = f"Change {number} is proposed: to delete {category} {name}"
    return see(request, visitor, links_of(request).change(number), notice)


async def rebase_form(request: Request, change: int) -> Response:
    """Where an open change stands, and what its requestor has to choose."""
    visitor = await proposer(request)
    answer = await _rebase_page(request, visitor, change)
    answer.headers["Cache-Control"] = KEPT_BY_BROWSER
    return answer


async def _rebase_page(
    request: Request, visitor: Visitor, number: int, fields: Fields | None = None, fault: ModelrefError | None = None
) -> Response:
    user_id = visitor.requestor().user_id
    choices = shown_choices(fields) if fields is not None else {}

    def work(ctx: Context) -> Mapping[str, Any]:
        return rebase_views.rebase_view(ctx, number, user_id, choices, fault)

    status = 200 if fault is None else refusal_of(fault).status
    return await page(request, visitor, "propose-rebase.html", work, here=HERE, status=status)


async def rebase(request: Request) -> Response:
    """Rebase the change that was shown, as was chosen."""
    visitor, fields = await form_of(request)
    login = visitor.requestor()
    check_queue_taking(service_of(request).settings)
    numbers = fields.numbers("change")
    number = numbers[-1] if numbers else 0
    choice = choices_of(fields)

    def work(ctx: Context) -> dict[str, Any]:
        rebase_views.check_of_records(ctx, number)
        what = f"change {number}"
        guarded = _guarding(ctx, lambda step: rebase_views.seen(step, number) == fields.get("seen"), what)
        return propose_rebase(guarded, number, sides=choice.sides, values=choice.values)

    try:
        await service_of(request).repository.write(work, login, route="propose_rebase_page")
    except ModelrefError as fault:
        return await _rebase_page(request, visitor, number, fields, fault)
    notice = f"Change {number} is up to date with main"
    return see(request, visitor, links_of(request).change(number), notice)


def _guarding(ctx: Context, is_as_shown: Any, what: str) -> Context:
    """*ctx* whose step is refused if what was shown has changed since."""
    earlier = ctx.before

    def before(step: Step) -> None:
        if earlier is not None:
            earlier(step)
        if not is_as_shown(step):
            raise Conflict(
                f"{what} has changed since this page was made; nothing was done",
                hint="look at what is here now, and decide again",
            )

    return replace(ctx, before=before)
