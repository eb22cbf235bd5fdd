"""Requests whose JSON is read as strictly as records are: no key twice, no NaN, no half of a character."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from modelref_git.errors import Invalid
from modelref_git.records.json_text import parse
from modelref_git.server.categories import ASKED
from modelref_git.server.service import service_of


class StrictRequest(Request):
    """A request whose ``json()`` refuses what a record may not hold either."""

    async def json(self) -> Any:
        """The body's value.

        Raises:
            JSONDecodeError: it is none, or not one that is taken; FastAPI answers 422.
        """
        return strict_json(await self.body())


def strict_json(data: bytes) -> Any:
    """The value that *data* writes.

    Raises:
        JSONDecodeError: it is no JSON, or not such as is taken.
    """
    try:
        return parse(data, what="the body", max_bytes=None)
    except Invalid as fault:
        cause = fault.__cause__
        if isinstance(cause, json.JSONDecodeError):
            raise cause from fault
        raise json.JSONDecodeError(fault.details[0]["message"] if fault.details else fault.message, "", 0) from fault


class StrictRoute(APIRoute):
    """A route whose requests are `StrictRequest`, and which knows the categories of its dataset."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            ASKED.set(service_of(request).repository)
            return await handle(StrictRequest(request.scope, request.receive))

        return strict
