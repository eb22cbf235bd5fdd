"""Writes by v1: entries of the older files, where a deployment has these for its format."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.errors import Problem
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request as Proposed
from modelref_git.operations.entry_writes import entry_again, entry_faults, propose_entry, write_entry
from modelref_git.operations.repeats import once_only
from modelref_git.operations.wording import TITLE_AT_MOST
from modelref_git.proposals.events import CREATE, DELETE, UPDATE
from modelref_git.records import wire_errors
from modelref_git.records.categories import CATEGORIES
from modelref_git.server.answers import json_response
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.callers import Key, approver, requestor
from modelref_git.server.categories import CategoryName
from modelref_git.server.faults import Refusal, validation_fault
from modelref_git.server.given import PROPOSAL, Body, Given, Options
from modelref_git.server.modes import check_takes_writes, has_legacy_form
from modelref_git.server.paths import V1
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.targets import ABSENT_IN_V1, GONE, Target
from modelref_git.server.wire.changes import PendingChangeRecord
from modelref_git.server.wire.errors import ErrorResponse, InvalidRequest

_DELETE: Final = "delete_legacy_model"
_AT_ONCE: Final = {CREATE: 201, UPDATE: 200, DELETE: 204}
"""What a write answers that is applied at once."""

_ENTRY: Final = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": True,
}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorResponse, "description": "The name is not one to be written, or another change is in the way"},
    401: {"model": ErrorResponse, "description": "There is no key, or it is nobody's"},
    403: {"model": ErrorResponse, "description": "The caller may not write this, or not alone"},
    404: {"model": ErrorResponse, "description": "There is no such record, or category"},
    409: {"model": ErrorResponse, "description": "The record is there already, or has changed underneath"},
    413: {"model": ErrorResponse, "description": "The body is too large"},
    422: {"model": InvalidRequest, "description": "The request or the entry is not valid"},
    503: {"model": ErrorResponse, "description": "This deployment takes no writes, or not at this moment"},
}
_QUEUED: Final = {"model": PendingChangeRecord, "description": "It waits in the queue"}
_WRITTEN: Final = "It is live: this deployment has no queue"


def make(settings: Settings) -> APIRouter:
    """The routes that write entries; none where the records are what is written."""
    router = APIRouter(route_class=StrictRoute, tags=["v1"])
    if settings.canonical_format == "legacy":
        for category in CATEGORIES:
            if has_legacy_form(category):
                _add_create(router, category)
                _add_update(router, category)
        _add_delete(router)
    return router


def _described(operation: str, what: str, *, has_body: bool = True) -> dict[str, Any]:
    extra: dict[str, Any] = {"parameters": PROPOSAL}
    if has_body:
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ENTRY}}}
    written: dict[str, Any] = {"description": _WRITTEN}
    if has_body:
        written["content"] = {"application/json": {"schema": _ENTRY}}
    status = _AT_ONCE[operation]
    return {
        "summary": f"{operation.capitalize()} {what} in the older format",
        "status_code": status,
        "responses": {202: _QUEUED, status: written, **_REFUSALS},
        "openapi_extra": extra,
    }


def _add_create(router: APIRouter, category: str) -> None:
    route = f"create_legacy_{category}_model"

    @router.post(f"{V1}/{category}", operation_id=route, **_described(CREATE, f"a {category} model"))
    async def create(request: Request, body: Body, key: Key) -> Response:
        """Propose a new entry; without a queue, write it."""
        return await _write_body(request, key, body, CREATE, category, route)


def _add_update(router: APIRouter, category: str) -> None:
    route = "update_legacy_model" if category == "image_generation" else f"update_legacy_{category}_model"

    @router.put(f"{V1}/{category}", operation_id=route, **_described(UPDATE, f"a {category} model"))
    async def update(request: Request, body: Body, key: Key) -> Response:
        """Propose what an entry is to be; without a queue, write it."""
        return await _write_body(request, key, body, UPDATE, category, route)


def _add_delete(router: APIRouter) -> None:
    path = f"{V1}/{{model_category_name}}/model/{{model_name:path}}"

    @router.delete(path, operation_id=_DELETE, **_described(DELETE, "a model", has_body=False))
    async def delete(request: Request, key: Key, model_category_name: CategoryName, model_name: str) -> Response:
        """Propose to delete an entry; without a queue, delete it."""
        options = Options.of(request)
        if options.rows:
            raise validation_fault(options.rows)
        target = Target(DELETE, model_category_name, model_name)
        if not has_legacy_form(model_category_name):
            words = GONE.format(name=model_name, category=model_category_name)
            raise Refusal(404, words, "not_found")
        return await _write(request, key, target, None, b"", _DELETE, options)


async def _write_body(request: Request, key: str, body: Given, operation: str, category: str, route: str) -> Response:
    repository = service_of(request).repository
    options = Options.of(request)
    rows = list(options.rows)
    rows += body.rows or await repository.read(lambda ctx: _faults(ctx, category, body.value))
    if rows:
        raise validation_fault(rows)
    target = Target(operation, category, body.value["name"], absent=ABSENT_IN_V1)
    return await _write(request, key, target, body.value, body.data, route, options)


def _faults(ctx: Context, category: str, entry: dict[str, Any]) -> list[wire_errors.Row]:
    """Why *entry* is none of its category; in a thread. Its name is judged later, as clients know it."""
    if not isinstance(entry.get("name"), str):
        return [wire_errors.no_name(entry)]
    dataset = ctx.dataset()
    if category not in dataset.config.categories:
        return []
    found = entry_faults(dataset, category, entry)
    return wire_errors.of_problems([problem for problem in found if not _is_of_prefix(problem)], entry)


def _is_of_prefix(problem: Problem) -> bool:
    return problem.path == "/name" and problem.rule in ("name.backend_prefix", "schema.not")


async def _write(
    request: Request, key: str, target: Target, entry: dict[str, Any] | None, data: bytes, route: str, options: Options
) -> Response:
    """The one way of all these writes, in the order of refusals that clients know: the caller comes last."""
    service = service_of(request)
    settings, repository = service.settings, service.repository
    target.check_name()
    if options.key is None:  # a request that was answered before finds its own doing there
        await repository.read(lambda ctx: target.check(ctx.dataset()))
    login = await (requestor if settings.queue else approver)(request, key)
    check_takes_writes(settings)
    proposed = Proposed(target.operation, target.category, target.name, entry, options.note, options.allow)

    def write(ctx: Context) -> dict[str, Any]:
        guarded = target.guarding(ctx)
        if settings.queue:
            return propose_entry(guarded, proposed)
        return write_entry(guarded, proposed, f"{target.operation} {target.category} {target.name}"[:TITLE_AT_MOST])

    answer = await repository.write(
        lambda ctx: once_only(ctx, write, entry_again),
        login,
        route=route,
        request=options.request_key(request, login, data),
    )
    return json_response(answer, 202) if settings.queue else _written(request, target, answer)


def _written(request: Request, target: Target, answer: dict[str, Any]) -> Response:
    """The answer to what was applied at once."""
    status = _AT_ONCE[target.operation]
    if target.operation == DELETE:
        return Response(None, status)
    headers = {}
    if target.operation == CREATE:
        root = request.scope.get("root_path", "")
        headers["Location"] = f"{root}{V1}/{target.category}/model/{quote(target.name, safe='')}"
    return json_response(answer["payload"], status, headers)
