"""Review: changes approved as a titled batch, changes rejected, changes taken out of the queue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.operations.answers import ChangeNotFound
from modelref_git.operations.changes import Filters
from modelref_git.operations.context import Context
from modelref_git.operations.purge import purge_changes
from modelref_git.operations.repeats import purge_again, review_again
from modelref_git.operations.review import Decided, Pick, review_changes
from modelref_git.proposals.header import PENDING
from modelref_git.server.callers import Key, approver
from modelref_git.server.faults import Refusal
from modelref_git.server.queues import (
    NAMED,
    WRITE,
    check_of_records,
    check_queue_taking,
    check_request_key,
    mounted,
    settings_of,
    written,
)
from modelref_git.server.settings import Settings
from modelref_git.server.wire.batches import (
    PendingBatchRequest,
    PendingBatchResult,
    PurgePendingChangesRequest,
    PurgePendingChangesResponse,
)


def make(_settings: Settings) -> APIRouter:
    """The routes of a review."""
    return mounted(_add)


def _add(router: APIRouter) -> None:
    for path, endpoint, shape in (
        ("/batches", process_pending_batch, PendingBatchResult),
        ("/purge", purge_pending_changes, PurgePendingChangesResponse),
    ):
        router.add_api_route(
            path, endpoint, methods=["POST"], response_model=shape, responses=WRITE, openapi_extra=NAMED
        )


async def process_pending_batch(request: Request, key: Key, given: PendingBatchRequest) -> Response:
    """Approve changes as one titled batch, and reject others: all or nothing."""
    check_request_key(request)
    login = await approver(request, key)
    check_queue_taking(settings_of(request))
    approved, rejected = given.approved_ids or [], given.rejected_ids or []

    def review(ctx: Context) -> dict[str, Any]:
        check_of_records(ctx, [*approved, *rejected])
        return review_changes(
            ctx,
            [Pick(number) for number in approved],
            rejected,
            title=given.batch_title,
            reason=given.reject_reason,
            acknowledged=given.ack_critical,
        )

    try:
        return await written(request, login, review, lambda view, step: review_again(view, step, given.batch_title))
    except ChangeNotFound as fault:
        raise Refusal(400, f"Change {fault.change_id} does not exist.", fault.code) from fault
    except Decided as fault:
        change = fault.change
        if change.status == PENDING:
            raise
        text = f"Change {change.change_id} is not pending (status={change.status})."
        raise Refusal(400, text, fault.code) from fault


async def purge_pending_changes(request: Request, key: Key, given: PurgePendingChangesRequest) -> Response:
    """Take changes out of the queue, whatever their status. Their history stays in the audit."""
    check_request_key(request)
    login = await approver(request, key)
    check_queue_taking(settings_of(request))
    filters = Filters(
        tuple(status.value for status in given.statuses or ()),
        tuple(given.categories or ()),
        None,
        given.model_name or "",
        tuple(given.requested_by or ()),
        policy=False,
    )

    def purge(ctx: Context) -> dict[str, Any]:
        return purge_changes(replace(ctx, dry_run=given.dry_run), filters, everything=given.purge_all)

    return await written(request, login, purge, purge_again)
