"""What a writing request brings: its body, judged before the caller is looked at, and the words around it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from modelref_git.proposals.request_key import RequestKey
from modelref_git.records.wire_errors import Row, no_object
from modelref_git.server.answers import tags_of
from modelref_git.server.auth.interface import Login
from modelref_git.server.bodies import strict_json
from modelref_git.server.faults import validation_fault

KEY_AT_MOST: Final = 255
"""Longest ``Idempotency-Key``, in characters."""

_KEY_HEADER: Final = "idempotency-key"


def _parameter(place: str, name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"in": place, "name": name, "required": False, "schema": schema, "description": description}


_LISTED: Final = {"type": "array", "items": {"type": "string"}}
_KEY_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": KEY_AT_MOST}
IDEMPOTENCY_KEY: Final = _parameter(
    "header", "Idempotency-Key", _KEY_TEXT, "What the client calls this request: sent again, it is done once."
)
IF_MATCH: Final = _parameter(
    "header", "If-Match", {"type": "string"}, "The ETag of the record that was read: 412 if it has changed since."
)
PROPOSAL: Final = [
    _parameter("query", "note", {"type": "string"}, "What reviewers are to know about it."),
    _parameter("query", "allow", _LISTED, "Quality rules that are waived, by their ids; `*` for all."),
    _parameter("query", "supersedes", {"type": "integer", "minimum": 1}, "An open change that it takes the place of."),
    IDEMPOTENCY_KEY,
]
"""The parameters of every proposal, for the document."""


@dataclass(frozen=True, slots=True)
class Given:
    """The body of a request."""

    data: bytes
    value: Any
    rows: list[Row] = field(default_factory=list)
    """Why it is no JSON object; empty if it is one."""


async def _given(request: Request) -> Given:
    data = await request.body()
    if not data:
        return Given(data, None, [_absent()])
    if not _is_json(request.headers.get("content-type", "")):
        text = data.decode(errors="replace")
        return Given(data, text, [no_object(text)])
    try:
        value = strict_json(data)
    except json.JSONDecodeError as error:
        place = {"loc": ["body", error.pos], "msg": "JSON decode error"}
        raise validation_fault([{"type": "json_invalid", **place, "input": {}, "ctx": {"error": error.msg}}]) from error
    if value is None:
        return Given(data, None, [_absent()])
    return Given(data, value, [] if isinstance(value, dict) else [no_object(value)])


Body = Annotated[Given, Depends(_given)]
"""The body of a request, as a dependency that stands before the key: what is no JSON is refused with 422 first."""


def _absent() -> Row:
    return {"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


@dataclass(frozen=True, slots=True)
class Options:
    """What a request says beside its body."""

    note: str | None
    allow: tuple[str, ...]
    supersedes: int | None
    if_match: list[str] | None
    """The opaque tags of ``If-Match``."""
    key: str | None
    rows: list[Row]
    """What is wrong with them."""

    @classmethod
    def of(cls, request: Request) -> Options:
        """Those of *request*."""
        query, headers = request.query_params, request.headers
        rows: list[Row] = []
        superseded = query.get("supersedes")
        number = _number(superseded) if superseded is not None else None
        if superseded is not None and number is None:
            message = "Input should be a valid integer greater than or equal to 1"
            rows.append({"type": "int_parsing", "loc": ["query", "supersedes"], "msg": message, "input": superseded})
        key = headers.get(_KEY_HEADER)
        rows += _key_faults(key) if key is not None else []
        match = headers.get("if-match")
        allow = tuple(query.getlist("allow"))
        return cls(query.get("note"), allow, number, tags_of(match) if match is not None else None, key, rows)

    def request_key(self, request: Request, login: Login, data: bytes) -> RequestKey | None:
        """What the caller calls the request, if it has a name: with the method, the path and the body *data*."""
        if self.key is None:
            return None
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        target = f"{request.method} {path}?{request.url.query}\n".encode(errors="surrogatepass")
        return RequestKey.of(login.user_id, self.key, target + data)


def _number(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return number or None


def _key_faults(key: str) -> list[Row]:
    if not key:
        kind, message, ctx = "string_too_short", "String should have at least 1 character", {"min_length": 1}
    elif len(key) > KEY_AT_MOST:
        message = f"String should have at most {KEY_AT_MOST} characters"
        kind, ctx = "string_too_long", {"max_length": KEY_AT_MOST}
    else:
        return []
    return [{"type": kind, "loc": ["header", _KEY_HEADER], "msg": message, "input": key, "ctx": ctx}]
