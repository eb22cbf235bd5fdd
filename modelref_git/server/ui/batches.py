"""Batches: all of them, one of them, and what one does with it: apply it or a part of it, or take it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from modelref_git.errors import ModelrefError
from modelref_git.operations.answers import BatchNotFound
from modelref_git.operations.context import Context
from modelref_git.operations.deciding import apply_seen
from modelref_git.operations.previews import Counts
from modelref_git.operations.revert import revert_batch
from modelref_git.pages.views.batch import acting_view
from modelref_git.pages.views.batches import batches_view
from modelref_git.server.faults import Refusal
from modelref_git.server.modes import check_audit
from modelref_git.server.queues import NO_BATCH, check_of_records, check_queue_shown, check_queue_taking, saying
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.faulty import fault_rows, status_of
from modelref_git.server.ui.forms import form_of
from modelref_git.server.ui.page import PageRoute, links_of, page, see
from modelref_git.server.ui.visitors import Visitor, visitor_of

_Number = Annotated[str, Query(pattern="^[0-9]{0,12}$")]
_Numbers = Annotated[list[int] | None, Query(max_length=5_000)]
_Flag = Annotated[str, Query(max_length=1)]


def make(_settings: Settings) -> APIRouter:
    """The routes of batches."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/batches", batches_page)
    router.add_api_route("/batches/{batch_id}", batch_page)
    router.add_api_route("/batches/{batch_id}/apply", apply, methods=["POST"])
    router.add_api_route("/batches/{batch_id}/revert", revert, methods=["POST"])
    return router


async def batches_page(request: Request, cursor: _Number = "") -> Response:
    """A page of all batches, newest first."""
    visitor = await _reader(request)
    links = links_of(request)

    def work(ctx: Context) -> Mapping[str, Any]:
        shown = batches_view(ctx, cursor=int(cursor) if cursor else None)
        more = links.batches(cursor=shown["next_cursor"]) if shown["next_cursor"] is not None else None
        return {**shown, "first": links.batches() if cursor else None, "more": more}

    return await page(request, visitor, "batches.html", work, here="batches")


async def batch_page(
    request: Request,
    batch_id: int,
    after: _Number = "",
    change_ids: _Numbers = None,
    preview: _Flag = "",
    revert: _Flag = "",
) -> Response:
    """One batch; what an apply of it, or of *change_ids* of it, would do, or what a revert would."""
    visitor = await _reader(request)
    return await _page(
        request,
        visitor,
        batch_id,
        after=int(after or 0),
        change_ids=change_ids or (),
        preview=preview == "1",
        revert=revert == "1",
    )


async def apply(request: Request, batch_id: int) -> Response:
    """Apply a batch, or those of its changes that are named, as the preview showed it."""
    visitor, fields = await form_of(request)
    login = visitor.approver()
    service = service_of(request)
    check_queue_taking(service.settings)
    numbers = fields.numbers("change_ids")
    main, head = fields.text("main"), fields.text("head")
    if main is None:
        raise Refusal(422, "the form does not say what was seen of main", "usage")

    def work(ctx: Context) -> dict[str, Any]:
        batch = ctx.view().queue.batch(batch_id)
        check_of_records(ctx, numbers or (batch.changes if batch is not None else ()))
        return apply_seen(ctx, batch_id, numbers, main=main, head=head)

    try:
        with saying(BatchNotFound, 404, NO_BATCH):
            answer = await service.repository.write(work, login)
    except ModelrefError as fault:
        return await _page(request, visitor, batch_id, change_ids=numbers, preview=True, fault=fault)
    count = len(answer["applied"])
    rest = answer.get("batch_split_new_batch_id")
    split = f" The rest is batch {rest} now." if rest else ""
    notice = f"{count} change{'' if count == 1 else 's'} of batch {batch_id} went live.{split}"
    return see(request, visitor, links_of(request).batch(batch_id), notice)


async def revert(request: Request, batch_id: int) -> Response:
    """Propose the inverse of an applied batch."""
    visitor, fields = await form_of(request)
    login = visitor.requestor()
    service = service_of(request)
    check_queue_taking(service.settings)
    title = fields.text("title")

    def work(ctx: Context) -> dict[str, Any]:
        return revert_batch(ctx, batch_id, title=title)

    try:
        with saying(BatchNotFound, 404, NO_BATCH):
            answer = await service.repository.write(work, login, route="revert_applied_batch")
    except ModelrefError as fault:
        return await _page(request, visitor, batch_id, revert=True, title=title or "", fault=fault)
    made, left = answer["change_ids"], len({(row["category"], row["model_name"]) for row in answer["conflicts"]})
    said = f"Proposed: {', '.join(map(str, made[:10]))}{' and more' if len(made) > 10 else ''}." if made else ""
    out = f" {left} record{'' if left == 1 else 's'} left out, as others changed it since." if left else ""
    notice = f"{said or 'Nothing was left to take back.'}{out}"
    address = links_of(request).change(made[0]) if len(made) == 1 else links_of(request).to("queue")
    return see(request, visitor, address, notice)


async def _counts(request: Request) -> Counts:
    """How many records each category has, from what the service keeps of each category's tree."""
    service = service_of(request)
    snapshot = service.repository.snapshot()
    shelves = await service.catalogue.shelves(snapshot)
    return Counts(snapshot.main, {shelf.category: len(shelf.rows) for shelf in shelves})


async def _reader(request: Request) -> Visitor:
    visitor = await visitor_of(request)
    visitor.signed_in()
    settings = service_of(request).settings
    check_audit(settings)
    check_queue_shown(settings)
    return visitor


async def _page(
    request: Request, visitor: Visitor, batch_id: int, *, fault: ModelrefError | None = None, **more: Any
) -> Response:
    links = links_of(request)
    faults = fault_rows(fault) if fault is not None else ()
    counts = await _counts(request) if visitor.reader.is_approver else None

    def work(ctx: Context) -> Mapping[str, Any]:
        shown = acting_view(ctx, batch_id, faults=faults, counts=counts, **more)
        behind = shown["sheet"].next_after
        return {
            **shown,
            "first": links.batch(batch_id) if more.get("after") else None,
            "more": links.to("batches", batch_id, after=behind) if behind is not None else None,
        }

    with saying(BatchNotFound, 404, NO_BATCH):
        status = status_of(fault) if fault is not None else 200
        return await page(request, visitor, "batch.html", work, here="batches", status=status)
