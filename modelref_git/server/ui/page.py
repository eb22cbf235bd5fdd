"""Pages as answers: rendered in a thread that reads, with the headers that all have; faults as pages too."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from modelref_git.errors import ModelrefError
from modelref_git.operations.context import Context
from modelref_git.pages.links import ServiceLinks
from modelref_git.pages.rendering import Frame, Reader, render
from modelref_git.server.auth.interface import AuthTimeout, AuthUnavailable
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.faults import Refusal, refusal_of
from modelref_git.server.service import service_of
from modelref_git.server.ui.visitors import Visitor, visitor_of

PREFIX: Final = "/ui"
HTML: Final = "text/html; charset=utf-8"

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
    "Vary": "Cookie",
}
"""Of every page: each is made for one visitor."""

_LOG: Final = logging.getLogger("modelref_git.server")
_FAULT: Final = "Something is wrong with this service. Whoever runs it finds what it is in its log."
_AUTH_AWAY: Final = (
    "Whose key this is cannot be told at the moment: {}. You are still signed in; try again in a moment."
)

_Work = Callable[[Context], Mapping[str, Any]]


def is_page(scope: Scope) -> bool:
    """Whether a request asks for something of the pages."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return bool(path == PREFIX or path.startswith(f"{PREFIX}/"))


def links_of(request: Request) -> ServiceLinks:
    """The links of a page that *request* asks for."""
    return ServiceLinks(request.scope.get("root_path", ""))


def frame_of(request: Request, visitor: Visitor, here: str = "", *, at: str | None = None) -> Frame:
    """What a page for *visitor* has around its content."""
    settings = service_of(request).settings
    return Frame(
        links_of(request),
        visitor.reader,
        here,
        at,
        is_read_only=settings.read_only,
        has_queue=settings.queue,
        has_audit=settings.audit,
    )


async def page(
    request: Request,
    visitor: Visitor,
    template: str,
    work: _Work,
    *,
    here: str = "",
    at: str | None = None,
    status: int = 200,
) -> Response:
    """The page that *template* makes of what *work* reads."""
    frame = frame_of(request, visitor, here, at=at)
    service = service_of(request)

    def made(ctx: Context) -> bytes:
        done = render(template, frame, work(ctx))
        if visitor.session is not None and visitor.session.notice is not None:
            service.sessions.tell(visitor.session, None)  # it has been told
        return done

    return html(await service.repository.read(made, visitor.login), status)


def html(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The page *body*."""
    return Response(body, status, {**HEADERS, **(headers or {})}, media_type=HTML)


def see(request: Request, visitor: Visitor, address: str, notice: str | None = None) -> Response:
    """Have the visitor go on at *address*, one of our links, where *notice* is told: the end of every form."""
    answer = _Telling(address, HTTPStatus.SEE_OTHER, HEADERS)
    answer.request, answer.visitor, answer.notice = request, visitor, notice
    return answer


class _Telling(RedirectResponse):
    """The way on, with a notice that is written down before it is sent, and not on the event loop."""

    request: Request
    visitor: Visitor
    notice: str | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write it down and send."""
        session, notice = self.visitor.session, self.notice
        if notice is not None and session is not None:
            service = service_of(self.request)
            await service.repository.read(lambda _: service.sessions.tell(session, notice))
        await super().__call__(scope, receive, send)


class PageRoute(StrictRoute):
    """A route whose refusals are pages, and which leads to where one signs in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler."""
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except Refusal as refusal:
                return await _refused(request, refusal, None)
            except (AuthTimeout, AuthUnavailable) as fault:
                # Asking once more, for the head of the page, would take as long again.
                return fault_page(request, Refusal(503, _AUTH_AWAY.format(fault.message), fault.code))
            except ModelrefError as fault:
                return await _refused(request, refusal_of(fault), fault.hint)
            except RequestValidationError as fault:
                rows = [{"path": str(row["loc"][-1]), "message": row["msg"]} for row in fault.errors()]
                return await _refused(request, Refusal(422, "The address is not complete", "usage", details=rows), None)
            except HTTPException as fault:
                headers = fault.headers or {}
                return await _refused(request, Refusal(fault.status_code, fault.detail, "usage", headers=headers), None)
            except Exception:
                _LOG.exception("a page failed: %s %s", request.method, request.url.path)
                return fault_page(request, Refusal(500, _FAULT, "internal"))

        return told


async def _refused(request: Request, refusal: Refusal, hint: str | None) -> Response:
    links = links_of(request)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        path = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
        back = path.partition(b"?")[0].decode("latin-1") + (f"?{request.url.query}" if request.url.query else "")
        go_on = f"?next={quote(back, safe='')}" if request.method == "GET" else ""
        return RedirectResponse(links.to("sign-in") + go_on, HTTPStatus.SEE_OTHER, HEADERS)
    try:
        visitor = await visitor_of(request)
    except ModelrefError:
        visitor = Visitor()
    return fault_page(request, refusal, visitor, hint)


def fault_page(request: Request, refusal: Refusal, visitor: Visitor | None = None, hint: str | None = None) -> Response:
    """The page that says what was refused; *visitor* is who sees it, nobody unless given."""
    visitor, links = visitor or Visitor(), links_of(request)
    values = {
        "heading": _heading(refusal.status),
        "message": refusal.detail,
        "rows": [{"path": row.get("path", ""), "message": row.get("message", "")} for row in refusal.details],
        "hint": hint,
    }
    frame = frame_of(request, visitor) if visitor.login is not None else Frame(links, Reader())
    kept = {name: value for name, value in refusal.response().headers.items() if name in _OF_A_REFUSAL}
    return html(render("fault.html", frame, values), refusal.status, kept)


_OF_A_REFUSAL: Final = frozenset({"retry-after", "allow", "connection"})
_HEADINGS: Final = {403: "Not allowed", 404: "Not there", 409: "In the meantime…", 413: "Too large", 500: "A fault"}


def _heading(status: int) -> str:
    return _HEADINGS.get(status) or HTTPStatus(status).phrase
