"""What all routes of the queue have in common: under both versions, and never with a change of the policy.

Changes of members, policy and categories have no category that clients know, so over HTTP they are not there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.errors import ModelrefError
from modelref_git.operations.answers import find_change
from modelref_git.operations.context import Context
from modelref_git.operations.repeats import Again, once_only
from modelref_git.server.answers import JSON, is_known, rendered, tagged, weak
from modelref_git.server.auth.interface import Login
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.faults import Refusal, validation_fault
from modelref_git.server.given import IDEMPOTENCY_KEY, Options
from modelref_git.server.modes import QUEUE_OFF, check_queue
from modelref_git.server.paths import V1, V2
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.wire.errors import ErrorResponse, InvalidRequest

PREFIXES: Final = (f"{V2}/pending_queue", f"{V1}/pending_queue")

READ_ONLY: Final = (
    "This instance is in REPLICA mode and does not support write operations. "
    "Only PRIMARY instances can queue model changes."
)
NO_CHANGE: Final = "Change not found"
NO_BATCH: Final = "Batch not found"

_PRIVATE: Final = "private, no-cache"
"""Answers for whoever has a key: nobody but the caller keeps them, and asks before they are used again."""

_T = TypeVar("_T")

_REFUSALS: Final[dict[int, str]] = {
    304: "The caller has it already",
    400: "It is not in a state in which that can be done",
    401: "There is no key, or it is nobody's",
    403: "The caller may not do this",
    404: "There is no such change or batch",
    409: "It does not merge with what is live, or with others",
    413: "The body is too large",
    422: "The request is not valid",
    503: "This deployment does not do that, or not at this moment",
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route for the OpenAPI document: 401, 422 and 503 besides *statuses*."""
    shapes: dict[int, Any] = {304: None, 422: InvalidRequest}
    return {
        status: {"model": shapes.get(status, ErrorResponse), "description": _REFUSALS[status]}
        for status in sorted({401, 422, 503, *statuses})
    }


READ: Final = responses(304)
READ_ONE: Final = responses(304, 404)
WRITE: Final = responses(400, 403, 404, 409, 413)
NAMED: Final[dict[str, Any]] = {"parameters": [IDEMPOTENCY_KEY]}
"""What the document says of a write that may be sent twice."""


def mounted(add: Callable[[APIRouter], None], tag: str = "queue") -> APIRouter:
    """The routes that *add* gives a router, under both versions of the API."""
    both = APIRouter(route_class=StrictRoute)
    for prefix in PREFIXES:
        router = APIRouter(prefix=prefix, route_class=StrictRoute, tags=[tag])
        add(router)
        both.include_router(router)
    return both


def settings_of(request: Request) -> Settings:
    """The settings of the service that answers."""
    return service_of(request).settings


def check_queue_taking(settings: Settings) -> None:
    """Refuse with 503 where the queue takes nothing: of a page of it, and of all that changes it."""
    if settings.read_only:
        raise Refusal(503, READ_ONLY, "state")
    check_queue(settings)


def check_queue_shown(settings: Settings) -> None:
    """Refuse with 503 where the queue is not shown."""
    if settings.read_only:
        raise Refusal(503, QUEUE_OFF, "state")
    check_queue(settings)


def check_of_records(ctx: Context, change_ids: Iterable[int]) -> None:
    """Refuse changes of the policy as if they were not there; what is not there is left to the operation.

    Raises:
        ChangeNotFound: one is such a change.
    """
    queue = ctx.view().queue
    for number in change_ids:
        if queue.change(number) is not None:
            find_change(queue, number, policy=False)


@contextmanager
def saying(kind: type[ModelrefError], status: int, text: str) -> Iterator[None]:
    """Have an error of *kind* answered with *status* in the words that clients know."""
    try:
        yield
    except kind as fault:
        raise Refusal(status, text, fault.code) from fault


async def shown(request: Request, login: Login, work: Callable[[Context], Any]) -> Response:
    """What *work* reads off the queue, under the tag of its newest event; 304 for who has it."""
    etag = queue_tag(request)
    body = await service_of(request).repository.read(lambda ctx: rendered(work(ctx)), login)
    return tagged(request, body, etag, {"Cache-Control": _PRIVATE})


async def listed(
    request: Request,
    login: Login,
    work: Callable[[Context], _T],
    links: Callable[[_T], str],
    *,
    own: bool = False,
) -> Response:
    """What `shown` answers, of a page; *links* makes its ``Link``.

    Nothing is read for who has the page. With *own*, another caller's page is another one.
    """
    etag = queue_tag(request, login if own else None)
    headers = {"Cache-Control": _PRIVATE}
    if is_known(request, etag):
        return tagged(request, b"", etag, headers)

    def read(ctx: Context) -> tuple[bytes, str]:
        page = work(ctx)
        return rendered(page), links(page)

    body, link = await service_of(request).repository.read(read, login)
    return tagged(request, body, etag, {**headers, "Link": link} if link else headers)


def queue_tag(request: Request, owner: Login | None = None) -> str:
    """The tag of what is read off the queue: the commit of its newest event, and for whom it is, if that matters."""
    head = service_of(request).repository.snapshot().head
    if owner is None:
        return weak(head)
    return weak(f"{head}-{hashlib.sha256(owner.user_id.encode(errors='surrogatepass')).hexdigest()[:16]}")


def check_request_key(request: Request) -> None:
    """Refuse an ``Idempotency-Key`` that is none.

    Raises:
        RequestValidationError: it is empty or too long.
    """
    rows = [row for row in Options.of(request).rows if row["loc"][0] == "header"]
    if rows:
        raise validation_fault(rows)


async def written(
    request: Request,
    login: Login,
    work: Callable[[Context], _T],
    again: Again[_T],
    *,
    route: str | None = None,
) -> Response:
    """What *work*, one step, answers; if the request was sent before, what *again* makes of that step."""
    name = Options.of(request).request_key(request, login, await request.body())
    body = await service_of(request).repository.write(
        lambda ctx: rendered(once_only(ctx, work, again)), login, route=route, request=name
    )
    return Response(body, media_type=JSON)
