"""Signing in with an API key, and out again."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from modelref_git.operations.context import Context
from modelref_git.pages.rendering import render
from modelref_git.server import callers, sessions
from modelref_git.server.auth.interface import AuthTimeout, AuthUnavailable
from modelref_git.server.faults import RETRY_AFTER
from modelref_git.server.service import service_of
from modelref_git.server.sessions import Session
from modelref_git.server.settings import Settings
from modelref_git.server.ui.forms import check_origin, fields_of, form_of
from modelref_git.server.ui.page import HEADERS, PageRoute, frame_of, html, links_of
from modelref_git.server.ui.visitors import Visitor, cookie_name, visitor_of

_LONGEST_NEXT: Final = 2_000
_LONGEST_KEY: Final = 1_000
_NOBODYS: Final = "This key is nobody's. Keys are made with `modelref-git key create`."
_NO_KEY: Final = "Enter your API key."
_TOO_OFTEN: Final = "Too many keys came from your address that are nobody's. Wait a minute, then try again."
_AWAY: Final = "Whose key this is cannot be told at the moment: {}. Try again in a moment."


def make(_settings: Settings) -> APIRouter:
    """The routes of signing in and out."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/sign-in", sign_in_page)
    router.add_api_route("/sign-in", sign_in, methods=["POST"])
    router.add_api_route("/sign-out", sign_out, methods=["POST"])
    return router


async def sign_in_page(request: Request, next: Annotated[str | None, Query()] = None) -> Response:  # noqa: A002 - the parameter's name
    """The form that asks for a key."""
    visitor = await visitor_of(request)
    if visitor.login is not None:
        return RedirectResponse(_go_on(request, next), 303, HEADERS)
    return _form(request, {"next": next or ""})


async def sign_in(request: Request) -> Response:
    """Begin a session under a new token, whatever cookie came along; whoever's session that was, it is over."""
    check_origin(request)
    fields = await fields_of(request)
    service, address = service_of(request), _address(request)
    wait = service.sign_ins.wait(address)
    if wait:
        return _form(request, fields, _TOO_OFTEN, 429, {"Retry-After": str(int(wait) + 1)})
    key = (fields.text("key") or "")[:_LONGEST_KEY]
    try:
        login = await callers.login_of(request, key, for_write=True) if key else None
    except (AuthTimeout, AuthUnavailable) as fault:
        service.sign_ins.give_back(address)
        return _form(request, fields, _AWAY.format(fault.message), 503, {"Retry-After": str(RETRY_AFTER)})
    if login is None:
        return _form(request, fields, _NOBODYS if key else _NO_KEY, 401)
    service.sign_ins.give_back(address)
    old, owner = request.cookies.get(cookie_name(request)), login.user_id

    def begin(_: Context) -> Session:
        if old:
            service.sessions.close(old)
        return service.sessions.open(key, owner)

    session = await service.repository.read(begin)
    answer = RedirectResponse(_go_on(request, fields.get("next")), 303, HEADERS)
    answer.set_cookie(
        cookie_name(request),
        session.token,
        max_age=sessions.LONGEST,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


async def sign_out(request: Request) -> Response:
    """End the session. What pages keep in the browser, such as drafts, goes too."""
    visitor, _ = await form_of(request)
    service = service_of(request)
    if visitor.session is not None:
        token = visitor.session.token
        await service.repository.read(lambda _: service.sessions.close(token))
    answer = RedirectResponse(links_of(request).start(), 303, {**HEADERS, "Clear-Site-Data": '"cache", "storage"'})
    answer.delete_cookie(
        cookie_name(request), path="/", secure=request.url.scheme == "https", httponly=True, samesite="lax"
    )
    return answer


def _address(request: Request) -> bytes:
    """Who is counted as one: an address; of IPv6 the network, of which one host has all addresses."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host.encode()
    if isinstance(address, IPv6Address):
        return (address.ipv4_mapped or ip_network((address, 64), strict=False).network_address).packed
    return address.packed


def _form(
    request: Request,
    fields: Mapping[str, str],
    fault: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    values = {"next": fields.get("next", ""), "fault": fault, "providers": service_of(request).settings.auth}
    return html(render("sign-in.html", frame_of(request, Visitor()), values), status, headers)


def _go_on(request: Request, address: str | None) -> str:
    """Where to go after signing in: *address* if it is a page of ours, else the first page."""
    start = links_of(request).start()
    if address is None or len(address) > _LONGEST_NEXT or not address.startswith(start) or "\\" in address:
        return start
    # What a browser would take out of a path, or what could end a header.
    if ".." in address.partition("?")[0] or not all(" " < char < "\x7f" for char in address):
        return start
    return address
