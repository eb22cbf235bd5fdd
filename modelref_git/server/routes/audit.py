"""The audit views of the queue: what is pending, what became of each batch, what a batch did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from modelref_git.operations.answers import BatchNotFound
from modelref_git.operations.audit import audit_batch, audit_batches, audit_current, audit_net_changes
from modelref_git.operations.context import Context
from modelref_git.server.auth.interface import Login
from modelref_git.server.callers import Key, reader
from modelref_git.server.modes import check_audit
from modelref_git.server.paging import cursor_links
from modelref_git.server.queues import (
    NO_BATCH,
    READ,
    READ_ONE,
    check_queue_shown,
    listed,
    mounted,
    saying,
    settings_of,
    shown,
)
from modelref_git.server.settings import CanonicalFormat, Settings
from modelref_git.server.wire.audit import (
    PendingQueueAuditBatchDetail,
    PendingQueueAuditBatchPage,
    PendingQueueAuditCurrentResponse,
)
from modelref_git.server.wire.diffs import BatchNetChangeResponse

Domain = Annotated[
    CanonicalFormat | None,
    Query(description="What the answer calls its domain; the canonical format unless given. There is one log."),
]


def make(_settings: Settings) -> APIRouter:
    """The routes of the audit."""
    return mounted(_add, "audit")


def _add(router: APIRouter) -> None:
    for path, endpoint, shape, refusals in (
        ("/audit/current", get_current_pending_changes, PendingQueueAuditCurrentResponse, READ),
        ("/audit/batches", list_pending_queue_batches, PendingQueueAuditBatchPage, READ),
        ("/audit/batches/{batch_id}", get_pending_queue_batch_detail, PendingQueueAuditBatchDetail, READ_ONE),
        ("/audit/batches/{batch_id}/net_changes", get_batch_net_changes, BatchNetChangeResponse, READ_ONE),
    ):
        router.add_api_route(path, endpoint, response_model=shape, responses=refusals)


async def get_current_pending_changes(request: Request, key: Key, domain_override: Domain = None) -> Response:
    """List what waits for a decision, newest first."""
    login = await _reader(request, key)
    return await shown(request, login, _within(request, domain_override, lambda ctx: audit_current(ctx, policy=False)))


async def list_pending_queue_batches(
    request: Request,
    key: Key,
    domain_override: Domain = None,
    cursor: Annotated[int | None, Query(ge=1, description="Only batches with lower numbers.")] = None,
    limit: Annotated[int, Query(ge=1, le=50, description="At most so many.")] = 10,
) -> Response:
    """List the batches, newest first."""
    login = await _reader(request, key)
    return await listed(
        request,
        login,
        _within(request, domain_override, lambda ctx: audit_batches(ctx, cursor=cursor, limit=limit, policy=False)),
        lambda page: cursor_links(request, page["next_cursor"]),
    )


async def get_pending_queue_batch_detail(
    request: Request,
    key: Key,
    batch_id: int,
    domain_override: Domain = None,  # noqa: ARG001 - clients send it, and the answer has no place for it
) -> Response:
    """Give one batch with its changes and their events."""
    login = await _reader(request, key)
    with saying(BatchNotFound, 404, NO_BATCH):
        return await shown(request, login, lambda ctx: audit_batch(ctx, batch_id, policy=False))


async def get_batch_net_changes(request: Request, key: Key, batch_id: int, domain_override: Domain = None) -> Response:
    """Tell what a batch did to the dataset, by what was live before it and after it."""
    login = await _reader(request, key)
    with saying(BatchNotFound, 404, NO_BATCH):
        return await shown(
            request,
            login,
            _within(request, domain_override, lambda ctx: audit_net_changes(ctx, batch_id, policy=False)),
        )


async def _reader(request: Request, key: str) -> Login:
    settings = settings_of(request)
    check_audit(settings)
    login = await reader(request, key)
    check_queue_shown(settings)
    return login


def _within(
    request: Request, override: CanonicalFormat | None, view: Callable[[Context], dict[str, Any]]
) -> Callable[[Context], dict[str, Any]]:
    """*view*, whose answer names the domain that was asked for."""
    domain = override or settings_of(request).canonical_format
    return lambda ctx: {**view(ctx), "domain": domain}
