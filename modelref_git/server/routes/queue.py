"""The queue, read: its changes, the caller's own, one of them, and what changes would do."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from modelref_git.operations.answers import ChangeNotFound
from modelref_git.operations.changes import Filters, diff_change, diff_changes, list_changes, show_change
from modelref_git.server.auth.interface import Login
from modelref_git.server.callers import Key, reader, requestor
from modelref_git.server.paging import page_links
from modelref_git.server.queues import (
    NO_CHANGE,
    READ,
    READ_ONE,
    check_queue_shown,
    check_queue_taking,
    listed,
    mounted,
    responses,
    saying,
    settings_of,
    shown,
)
from modelref_git.server.settings import Settings
from modelref_git.server.wire.changes import PendingChangeRecord
from modelref_git.server.wire.diffs import PendingChangeDiff, PendingChangeDiffPage
from modelref_git.server.wire.queue import (
    Batch,
    Categories,
    Limit,
    NamePart,
    Offset,
    PendingChangeStatus,
    PendingQueuePage,
    People,
    Statuses,
)


def make(_settings: Settings) -> APIRouter:
    """The routes that read the queue."""
    return mounted(_add)


def _add(router: APIRouter) -> None:
    for path, endpoint, shape, refusals in (
        ("/changes", list_pending_changes, PendingQueuePage, READ),
        ("/my_changes", list_my_pending_changes, PendingQueuePage, responses(304, 403)),
        ("/changes/{change_id}", read_pending_change, PendingChangeRecord, READ_ONE),
        ("/changes/{change_id}/diff", get_pending_change_diff, PendingChangeDiff, READ_ONE),
        ("/diffs", get_pending_changes_diffs, PendingChangeDiffPage, READ),
    ):
        router.add_api_route(path, endpoint, response_model=shape, responses=refusals)


async def list_pending_changes(
    request: Request,
    key: Key,
    statuses: Statuses = None,
    categories: Categories = None,
    batch_id: Batch = None,
    model_name: NamePart = None,
    requested_by: People = None,
    offset: Offset = 0,
    limit: Limit = 50,
) -> Response:
    """List the changes that every given filter holds for, oldest first."""
    login = await reader(request, key)
    check_queue_taking(settings_of(request))
    filters = Filters(
        _words(statuses), tuple(categories or ()), batch_id, model_name or "", tuple(requested_by or ()), policy=False
    )
    return await _page(request, login, filters, offset, limit)


async def list_my_pending_changes(
    request: Request,
    key: Key,
    statuses: Statuses = None,
    categories: Categories = None,
    offset: Offset = 0,
    limit: Limit = 50,
) -> Response:
    """List the changes that the caller has asked for, oldest first."""
    login = await requestor(request, key, for_write=False)
    check_queue_taking(settings_of(request))
    filters = Filters(_words(statuses), tuple(categories or ()), policy=False)
    return await _page(request, login, filters, offset, limit, mine=True)


async def _page(
    request: Request, login: Login, filters: Filters, offset: int, limit: int, *, mine: bool = False
) -> Response:
    def links(page: dict[str, Any]) -> str:
        return page_links(request, offset, limit, page["total"])

    return await listed(
        request,
        login,
        lambda ctx: list_changes(ctx, filters, offset=offset, limit=limit, mine=mine, indexed=True),
        links,
        own=mine,
    )


def _words(statuses: list[PendingChangeStatus] | None) -> tuple[str, ...]:
    return tuple(status.value for status in statuses or ())


async def read_pending_change(request: Request, key: Key, change_id: int) -> Response:
    """Give one change."""
    login = await reader(request, key)
    check_queue_shown(settings_of(request))
    with saying(ChangeNotFound, 404, NO_CHANGE):
        return await shown(request, login, lambda ctx: show_change(ctx, change_id, policy=False))


async def get_pending_change_diff(request: Request, key: Key, change_id: int) -> Response:
    """Tell what a change would do to the record that is live now."""
    login = await reader(request, key)
    check_queue_shown(settings_of(request))
    with saying(ChangeNotFound, 404, NO_CHANGE):
        return await shown(request, login, lambda ctx: diff_change(ctx, change_id, policy=False))


async def get_pending_changes_diffs(
    request: Request,
    key: Key,
    change_ids: Annotated[list[int], Query(min_length=1, max_length=100, description="Of these changes.")],
) -> Response:
    """Tell what several changes would do, each by itself, and which numbers are none."""
    login = await reader(request, key)
    check_queue_shown(settings_of(request))
    return await shown(request, login, lambda ctx: diff_changes(ctx, change_ids, policy=False))
