"""What stands before every route: bounds on what a caller sends, counting, the access log, headers for browsers."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any, Final

from fastapi import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelref_git.errors import NotFound
from modelref_git.server.answers import json_response
from modelref_git.server.faults import Refusal, refusal_body
from modelref_git.server.kept import Body
from modelref_git.server.service import Service
from modelref_git.server.ui.page import fault_page, is_page
from modelref_git.server.uploads import body_at_most
from modelref_git.store.keyring import PREFIX

ROOT: Final = "/api"
"""Every path answers with this before it, and without."""

ACCESS: Final = logging.getLogger("modelref_git.access")

_TOO_LARGE: Final = "The body has more than {} bytes"
_HEAD_AT_MOST: Final = 65_536
"""Bytes of a request's path, query and headers together."""
_OUR_KEY: Final = re.compile(rf"({PREFIX}_[0-9a-f]{{12}})_[^/]*")
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")


class Front:
    """The outermost layer of the application; *service* gives the one that answers."""

    def __init__(self, app: ASGIApp, service: Callable[[], Service]) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, if it is within the bounds."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        service = self._service()
        if scope["path"].startswith(f"{ROOT}/"):
            scope = {**scope, "root_path": scope.get("root_path", "") + ROOT}
        started = time.perf_counter()
        service.metrics.begin()
        told, known = _Told(send), None
        try:
            refusal = _refusal(service, scope)
            known = None if refusal is not None else _known(service, scope)
            if refusal is not None:
                await _refused(scope, *refusal)(scope, receive, told)
            elif known is not None:
                await known[0].response(Request(scope))(scope, receive, told)
            else:
                await self._app(scope, _bounded(receive, body_at_most(scope, service.settings.max_body)), told)
        finally:
            seconds = time.perf_counter() - started
            route = known[1] if known is not None else _route(scope)
            service.metrics.end(scope["method"], route, told.status, seconds)
            if service.settings.access_log:
                _log(scope, told, seconds)


def _refusal(service: Service, scope: Scope) -> tuple[Any, int, dict[str, str]] | None:
    """What is refused before the request is even looked at."""
    size = len(scope["path"]) + len(scope["query_string"])
    body = body_at_most(scope, service.settings.max_body)
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        if name == b"content-length" and (not value.isdigit() or int(value) > body):
            return _too_large(body)
    if size > _HEAD_AT_MOST:
        text = f"Path, query and headers have more than {_HEAD_AT_MOST} bytes"
        return refusal_body(text, "size"), 431, {"Connection": "close"}
    wait = service.rate.wait(_caller(scope)) if service.rate is not None else 0.0
    if wait:
        text = f"Too many requests: more than {service.settings.rate_limit} a minute"
        return refusal_body(text, "rate"), 429, {"Retry-After": str(int(wait) + 1)}
    return None


def _refused(scope: Scope, body: Any, status: int, headers: dict[str, str]) -> Response:
    """A refusal as whoever asked reads it: a page, or JSON."""
    if is_page(scope):
        return fault_page(Request(scope), Refusal(status, body["detail"], body["reason"]["code"], headers=headers))
    return json_response(body, status, headers)


def _known(service: Service, scope: Scope) -> tuple[Body, str] | None:
    """The answer that was given before, since the newest event, with the name of its route."""
    if scope["method"] != "GET" or service.lane.is_empty:
        return None
    # A page of another origin needs headers of its own.
    if service.settings.cors_origins and any(name == b"origin" for name, _ in scope["headers"]):
        return None
    try:
        return service.lane.find(scope, service.repository.head())
    except NotFound:
        return None  # the route says what is missing


def _too_large(at_most: int) -> tuple[Any, int, dict[str, str]]:
    return refusal_body(_TOO_LARGE.format(at_most), "size"), 413, {"Connection": "close"}


def _bounded(receive: Receive, at_most: int) -> Receive:
    """*receive*, which gives no more than *at_most* bytes of a body."""
    came = 0

    async def bounded() -> Message:
        nonlocal came
        message = await receive()
        if message["type"] == "http.request":
            came += len(message.get("body", b""))
            if came > at_most:
                raise HTTPException(413, _TOO_LARGE.format(at_most))
        return message

    return bounded


class _Told:
    """The way out, with what went through it."""

    __slots__ = ("_send", "bytes", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 500
        self.bytes = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), _NOSNIFF]
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)


def _caller(scope: Scope) -> bytes:
    """Who is counted as one: a key, of which only a sum is kept, or an address."""
    for name, value in scope["headers"]:
        if name in (b"apikey", b"authorization") and value:
            return hashlib.sha256(value).digest()
    client = scope.get("client")
    return str(client[0]).encode() if client else b""


def _route(scope: Scope) -> str:
    """The template of the route that answered: what a caller writes never becomes a label of its own."""
    route = scope.get("route")
    return str(getattr(route, "path", "")) or "none"


def _log(scope: Scope, told: _Told, seconds: float) -> None:
    """One line of JSON. Neither headers nor the query are told: somebody may have put a key there, or into the path."""
    client = scope.get("client")
    row = {
        "time": round(time.time(), 3),
        "client": client[0] if client else None,
        "user": scope.get("modelref.user"),
        "method": scope["method"],
        "path": _OUR_KEY.sub(r"\1_...", scope["path"]),
        "status": told.status,
        "bytes": told.bytes,
        "ms": round(seconds * 1000, 2),
    }
    ACCESS.info(json.dumps(row, ensure_ascii=True))
