"""How the dataset came to be what it is: a record's history and blame, the feed of changes, what differs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from modelref_git.errors import NotFound
from modelref_git.operations.blame import blame
from modelref_git.operations.context import Context
from modelref_git.operations.feed import FeedPage, NotOfMain, feed_page, feed_point
from modelref_git.operations.read import diff_page
from modelref_git.operations.record_log import record_log
from modelref_git.server.answers import JSON, is_known, rendered, tagged, weak
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.faults import Refusal
from modelref_git.server.paths import V2
from modelref_git.server.revisions import LONGEST, PLAIN, At, snapshot_at, snapshot_of
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.streams import EventStream
from modelref_git.server.wire import history as wire
from modelref_git.server.wire.errors import ErrorResponse

LINES: Final = "application/x-ndjson"

_UNKNOWN: Final[dict[int | str, dict[str, Any]]] = {
    404: {"model": ErrorResponse, "description": "There is no such category, record or revision."}
}
_NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "The caller has it already."}}
_FULL: Final[dict[int | str, dict[str, Any]]] = {
    503: {"model": ErrorResponse, "description": "There are as many streams as one process bears."}
}

_POINT: Final = f"{PLAIN.removesuffix('$')}(?::[0-9]{{1,12}})?$"

Name = Annotated[str, Query(min_length=1, max_length=1000, description="The record's name, with all its slashes.")]
Since = Annotated[
    str | None,
    Query(
        max_length=LONGEST,
        pattern=_POINT,
        description="What the feed goes on behind: an event's number, a commit of main or queue, or what `next` said.",
    ),
]
_From = Annotated[str, Query(alias="from", max_length=LONGEST, pattern=PLAIN, description="The older revision.")]
_To = Annotated[
    str | None, Query(max_length=LONGEST, pattern=PLAIN, description="The newer one; what is live now unless given.")
]


def make(_settings: Settings) -> APIRouter:
    """The routes of the history."""
    router = APIRouter(route_class=StrictRoute, tags=["history"])
    router.add_api_route(
        f"{V2}/feed",
        read_feed,
        operation_id="read_v2_feed",
        response_model=wire.FeedPage,
        responses={200: {"content": {LINES: {}}}, **_NOT_MODIFIED, **_UNKNOWN},
    )
    router.add_api_route(
        f"{V2}/feed/events",
        read_feed_events,
        operation_id="read_v2_feed_events",
        response_class=Response,
        responses={200: {"content": {EventStream.media_type: {"schema": {"type": "string"}}}}, **_UNKNOWN, **_FULL},
    )
    router.add_api_route(
        f"{V2}/diff",
        read_difference,
        operation_id="read_v2_diff",
        response_model=wire.DifferencePage,
        responses={**_NOT_MODIFIED, **_UNKNOWN},
    )
    for path, endpoint, shape in (
        ("history", read_history, wire.HistoryEntry),
        ("blame", read_blame, wire.BlameEntry),
    ):
        router.add_api_route(
            f"{V2}/{{category}}/{path}",
            endpoint,
            operation_id=f"read_v2_{path}",
            response_model=list[shape],  # type: ignore[valid-type]
            responses={**_NOT_MODIFIED, **_UNKNOWN},
        )
    return router


async def read_history(request: Request, category: str, name: Name, at: At = None) -> Response:
    """Tell who changed a record, when, in which change and batch, field by field; newest first."""
    return await _past(request, at, lambda ctx, main: record_log(ctx, category, name, revision=main))


async def read_blame(request: Request, category: str, name: Name, at: At = None) -> Response:
    """Tell for each field of a record what gave it its present value."""
    return await _past(request, at, lambda ctx, main: blame(ctx, category, name, revision=main))


async def _past(request: Request, at: str | None, work: Callable[[Context, str], Any]) -> Response:
    """What *work* tells of the history up to a commit: that never changes, so the commit is its tag."""
    main = (await snapshot_of(request, at)).main
    if is_known(request, weak(main)):
        return tagged(request, b"", weak(main))
    body = await service_of(request).repository.read(lambda ctx: rendered(work(ctx, main)))
    return tagged(request, body, weak(main))


async def read_feed(
    request: Request, since: Since = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Response:
    """Tell the changes of records behind a point, oldest first.

    A copy that takes each item in turn is the dataset. With `Accept: application/x-ndjson` each item is a line; the
    header `Link` then leads on.
    """
    repository = service_of(request).repository
    lines = LINES in request.headers.get("accept", "")
    tag = _feed_tag(repository.snapshot().main, lines=lines)
    headers = {"Vary": "Accept"}
    if is_known(request, tag):
        return tagged(request, b"", tag, headers)
    page, body = await repository.read(lambda ctx: _page(ctx, since, limit, lines=lines))
    if page.has_more:
        following = request.url.include_query_params(since=page.next, limit=limit)
        headers["Link"] = f'<{following}>; rel="next"'
    answer = tagged(request, body, _feed_tag(page.main, lines=lines), headers)
    if answer.status_code == 200:
        answer.headers["Content-Type"] = LINES if lines else JSON
    return answer


def _feed_tag(main: str, *, lines: bool) -> str:
    return weak(f"{main}.lines" if lines else main)


def _page(ctx: Context, since: str | None, limit: int, *, lines: bool) -> tuple[FeedPage, bytes]:
    page = _found(lambda: feed_page(ctx, since=since, limit=limit))
    rows = [row for _, row in page.rows]
    if lines:
        return page, b"".join(rendered(row) + b"\n" for row in rows)
    return page, rendered({"items": rows, "next": page.next, "has_more": page.has_more})


def _found(work: Callable[[], Any]) -> Any:
    """What *work* gives; a commit that the feed does not know is not found, though it is there."""
    try:
        return work()
    except NotOfMain as fault:
        raise Refusal(404, fault.message, NotFound.code) from fault


async def read_feed_events(
    request: Request,
    since: Since = None,
    last_event_id: Annotated[str | None, Header(description="As browsers send it; it counts before `since`.")] = None,
) -> Response:
    """Tell the changes of records as they come, as server-sent events, from *since* on or else from now on.

    An event `change` has an item of the feed as its data. An event `reset` means that the point to resume from is not
    known here (any more): make the copy anew, what follows is told from now on.
    """
    service = service_of(request)
    resumed = (last_event_id or "").strip()
    if not resumed:
        return EventStream(
            service.streams, await service.repository.read(lambda ctx: _found(lambda: feed_point(ctx, since)))
        )
    point, reset = await service.repository.read(lambda ctx: _resumed(ctx, resumed))
    return EventStream(service.streams, point, reset)


def _resumed(ctx: Context, point: str) -> tuple[str, str | None]:
    """Where a listener goes on, and why that is not where it left off."""
    try:
        if len(point) > LONGEST or re.fullmatch(_POINT, point) is None:
            raise NotFound("that is no point of the feed")
        return feed_point(ctx, point), None
    except (NotFound, NotOfMain) as fault:
        # A browser that is refused never asks again, so that it would stand still with an old copy.
        return feed_point(ctx), fault.message


async def read_difference(
    request: Request,
    old: _From,
    to: _To = None,
    category: Annotated[str | None, Query(description="Only this category.")] = None,
    offset: Annotated[int, Query(ge=0, le=1 << 53)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """Tell in what two revisions of the dataset differ, record by record."""
    newer = (await snapshot_of(request, to)).main

    def work(ctx: Context) -> tuple[str, bytes, bool]:
        older = snapshot_at(ctx, old).main
        rows, total = diff_page(ctx, older, newer, category, offset=offset, limit=limit)
        has_more = offset + limit < total
        answer = {"items": rows, "total": total, "offset": offset, "limit": limit, "has_more": has_more}
        return older, rendered(answer), has_more

    older, body, has_more = await service_of(request).repository.read(work)
    headers = {}
    if has_more:
        following = request.url.include_query_params(offset=offset + limit, limit=limit)
        headers["Link"] = f'<{following}>; rel="next"'
    return tagged(request, body, weak(f"{older}.{newer}"), headers)
