"""The one error table: what of the package's errors, and of what a route refuses by itself, goes over the wire.

A domain error is ``{"detail": sentence}``, as the clients know it, with the typed ``reason`` beside it:
``{"code", "details"}``, whose code is the command line's word for the same thing. A request that has not the right
shape is the list that FastAPI makes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from modelref_git.errors import Busy, KeyReused, ModelrefError
from modelref_git.formats.pictures.decode import NoDecoder
from modelref_git.server.answers import json_response

STATUS: Final = {
    "usage": 422,
    "not_found": 404,
    "conflict": 409,
    "invalid": 422,
    "forbidden": 403,
    "state": 400,
    "remote": 503,
    "integrity": 503,
    "internal": 500,
}
"""The status of each error code."""

RETRY_AFTER: Final = 5
"""Seconds after which a caller is asked to try again."""


class Refusal(Exception):
    """What a route refuses in the words that its clients know.

    Args:
        status: the status.
        detail: the sentence.
        code: the word for it, as on the command line.
        details: machine-readable entries, one a fault.
        headers: sent with it.
        body: instead of the usual body.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        code: str,
        *,
        details: Iterable[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code
        self.details = list(details)
        self.headers = dict(headers or {})
        self.body = body

    def response(self) -> Response:
        """What is sent."""
        if self.status == 503:
            self.headers.setdefault("Retry-After", str(RETRY_AFTER))
        body = self.body if self.body is not None else refusal_body(self.detail, self.code, self.details)
        return json_response(body, self.status, self.headers)


def refusal_body(detail: str, code: str, details: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The body of a domain error."""
    rows = list(details)
    return {"detail": detail, "reason": {"code": code, **({"details": rows} if rows else {})}}


def refusal_of(fault: ModelrefError) -> Refusal:
    """What an error of the package is over the wire, where a route has no words of its own for it."""
    status = 503 if isinstance(fault, Busy | NoDecoder) else 422 if isinstance(fault, KeyReused) else STATUS[fault.code]
    return Refusal(status, fault.message, "busy" if isinstance(fault, Busy) else fault.code, details=fault.details)


def validation_fault(rows: Iterable[Mapping[str, Any]]) -> RequestValidationError:
    """The refusal of a request's shape: each row has ``type``, ``loc``, ``msg`` and ``input``, perhaps ``ctx``."""
    return RequestValidationError([dict(row) for row in rows])


def install(app: FastAPI) -> None:
    """Have *app* answer every error by this table; what is none of ours stays a plain 500."""

    @app.exception_handler(Refusal)
    async def refused(_request: Request, fault: Refusal) -> Response:
        return fault.response()

    @app.exception_handler(ModelrefError)
    async def failed(_request: Request, fault: ModelrefError) -> Response:
        return refusal_of(fault).response()

    @app.exception_handler(RequestValidationError)
    async def misshapen(_request: Request, fault: RequestValidationError) -> Response:
        return json_response({"detail": [_row(row) for row in fault.errors()]}, 422)

    @app.exception_handler(HTTPException)
    async def told(_request: Request, fault: HTTPException) -> Response:
        return json_response({"detail": fault.detail}, fault.status_code, fault.headers)


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A validation error as the wire has it: an exception in its context shows nothing of itself."""
    known = {key: row[key] for key in ("type", "loc", "msg", "input") if key in row}
    known["loc"] = list(known.get("loc", ()))
    if isinstance(known.get("input"), bytes):  # a body that does not say that it is JSON
        known["input"] = known["input"].decode("utf-8", "replace")
    if "ctx" in row:
        known["ctx"] = {key: {} if isinstance(value, Exception) else value for key, value in row["ctx"].items()}
    return known
