"""What the older service lacks: proposals rebased, withdrawn and held, a look ahead, batches reverted, all verified."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Query, Request
from starlette.responses import Response

from modelref_git.operations.answers import BatchNotFound, ChangeNotFound, find_change
from modelref_git.operations.closing import withdraw
from modelref_git.operations.context import Context
from modelref_git.operations.forecast import forecast_conflicts
from modelref_git.operations.hold import hold, unhold
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.repeats import record_again, records_again, revert_again
from modelref_git.operations.revert import revert_batch
from modelref_git.operations.status import change_status
from modelref_git.operations.verify import verify
from modelref_git.proposals.events import Event
from modelref_git.server.answers import JSON, rendered
from modelref_git.server.auth.interface import Login
from modelref_git.server.callers import Key, approver, reader, requestor
from modelref_git.server.faults import Refusal
from modelref_git.server.queues import (
    NAMED,
    NO_BATCH,
    NO_CHANGE,
    READ,
    READ_ONE,
    WRITE,
    check_of_records,
    check_queue_shown,
    check_queue_taking,
    check_request_key,
    mounted,
    responses,
    saying,
    settings_of,
    shown,
    written,
)
from modelref_git.server.revisions import LONGEST, PLAIN
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.wire.changes import PendingChangeRecord
from modelref_git.server.wire.changing import (
    ChangeOutlook,
    ConflictForecast,
    HoldRequest,
    RebaseRequest,
    RevertRequest,
    RevertResult,
    VerifyReport,
    WithdrawRequest,
)
from modelref_git.store.log import View

_BUSY: Final = "The repository is being verified already. Try again when that is done."

VERIFYING: Final = threading.Lock()
"""Held by the one verification that a process does at a time: it keeps a thread busy for long."""


def make(_settings: Settings) -> APIRouter:
    """The routes that the older service lacks."""
    return mounted(_add)


def _add(router: APIRouter) -> None:
    one = "/changes/{change_id}"
    for path, endpoint, shape, sparse in (
        (f"{one}/rebase", rebase_pending_change, PendingChangeRecord, True),
        (f"{one}/withdraw", withdraw_pending_change, PendingChangeRecord, False),
        (f"{one}/hold", hold_pending_change, PendingChangeRecord, False),
        (f"{one}/unhold", unhold_pending_change, PendingChangeRecord, False),
        ("/batches/{batch_id}/revert", revert_applied_batch, RevertResult, False),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            response_model=shape,
            response_model_exclude_none=sparse,
            responses=WRITE,
            openapi_extra=NAMED,
        )
    router.add_api_route(f"{one}/status", get_pending_change_status, response_model=ChangeOutlook, responses=READ_ONE)
    router.add_api_route(
        "/conflicts", list_pending_conflicts, response_model=list[ConflictForecast], responses=READ | responses(404)
    )
    router.add_api_route("/verify", verify_repository, response_model=VerifyReport, responses=responses(403, 404))


async def rebase_pending_change(
    request: Request, key: Key, change_id: int, given: Annotated[RebaseRequest | None, Body()] = None
) -> Response:
    """Bring an open proposal up to what is live, with conflicts settled as told.

    Only its requestor may edit it so; an approver may rebase it as it is.
    """
    login = await _requestor(request, key)
    how = given or RebaseRequest()

    def rebase(ctx: Context) -> dict[str, Any]:
        check_of_records(ctx, [change_id])
        return propose_rebase(ctx, change_id, settings=list(how.set.items()), take=how.take, allow=how.allow)

    with saying(ChangeNotFound, 404, NO_CHANGE):
        return await written(request, login, rebase, record_again)


async def withdraw_pending_change(
    request: Request, key: Key, change_id: int, given: Annotated[WithdrawRequest | None, Body()] = None
) -> Response:
    """Take an open proposal of one's own back."""
    login = await _requestor(request, key)
    reason = given.reason if given is not None else None
    return await _one(request, login, change_id, lambda ctx: withdraw(ctx, [change_id], reason=reason))


async def hold_pending_change(request: Request, key: Key, change_id: int, given: HoldRequest) -> Response:
    """Stop an open proposal from being approved or applied."""
    login = await _approver(request, key)
    return await _one(request, login, change_id, lambda ctx: hold(ctx, [change_id], reason=given.reason))


async def unhold_pending_change(request: Request, key: Key, change_id: int) -> Response:
    """Let a held proposal go on."""
    login = await _approver(request, key)
    return await _one(request, login, change_id, lambda ctx: unhold(ctx, [change_id]))


async def _one(
    request: Request, login: Login, change_id: int, work: Callable[[Context], list[dict[str, Any]]]
) -> Response:
    """The record that an operation of several changes answers of one."""

    def act(ctx: Context) -> dict[str, Any]:
        check_of_records(ctx, [change_id])
        return work(ctx)[0]

    def again(view: View, step: list[Event]) -> dict[str, Any]:
        return records_again(view, step)[0]

    with saying(ChangeNotFound, 404, NO_CHANGE):
        return await written(request, login, act, again)


async def revert_applied_batch(
    request: Request, key: Key, batch_id: int, given: Annotated[RevertRequest | None, Body()] = None
) -> Response:
    """Propose the inverse of an applied batch, record by record and field by field; later edits stay."""
    login = await _requestor(request, key)
    title = given.title if given is not None else None
    with saying(BatchNotFound, 404, NO_BATCH):
        return await written(
            request,
            login,
            lambda ctx: revert_batch(ctx, batch_id, title=title),
            revert_again(batch_id),
            route="revert_applied_batch",
        )


async def get_pending_change_status(request: Request, key: Key, change_id: int) -> Response:
    """Tell where a change stands: whether it still merges, what blocks it, whose turn it is."""
    login = await reader(request, key)
    check_queue_shown(settings_of(request))

    def status(ctx: Context) -> dict[str, Any]:
        find_change(ctx.view().queue, change_id, policy=False)
        return change_status(ctx, change_id)

    with saying(ChangeNotFound, 404, NO_CHANGE):
        return await shown(request, login, status)


async def list_pending_conflicts(
    request: Request,
    key: Key,
    change_ids: Annotated[
        list[int] | None, Query(max_length=100, description="Only the records of these changes.")
    ] = None,
) -> Response:
    """Tell which open proposals touch the same record, and what would become of them together."""
    login = await reader(request, key)
    check_queue_shown(settings_of(request))

    def forecast(ctx: Context) -> list[dict[str, Any]]:
        check_of_records(ctx, change_ids or ())
        return forecast_conflicts(ctx, change_ids or ())

    with saying(ChangeNotFound, 404, NO_CHANGE):
        return await shown(request, login, forecast)


async def verify_repository(
    request: Request,
    key: Key,
    since: Annotated[
        str | None,
        Query(max_length=LONGEST, pattern=PLAIN, description="A trusted event, or a commit of the queue."),
    ] = None,
) -> Response:
    """Check everything that the history promises, or what came behind a trusted point. It takes long."""
    login = await approver(request, key)
    check_queue_shown(settings_of(request))

    def check(ctx: Context) -> bytes:
        if not VERIFYING.acquire(blocking=False):
            raise Refusal(503, _BUSY, "busy")
        try:
            return rendered(verify(ctx, since=since).as_json())
        finally:
            VERIFYING.release()

    body = await service_of(request).repository.read(check, login)
    return Response(body, media_type=JSON, headers={"Cache-Control": "no-store"})


async def _requestor(request: Request, key: str) -> Login:
    check_request_key(request)
    login = await requestor(request, key)
    check_queue_taking(settings_of(request))
    return login


async def _approver(request: Request, key: str) -> Login:
    check_request_key(request)
    login = await approver(request, key)
    check_queue_taking(settings_of(request))
    return login
