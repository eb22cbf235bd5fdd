"""Writes by v2: a create, an update or a delete of one record becomes a change in the queue."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.operations.answers import without_stamps
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request as Proposed
from modelref_git.operations.drafting import stored_form
from modelref_git.operations.propose import propose_create, propose_delete, propose_update
from modelref_git.operations.repeats import once_only, record_again
from modelref_git.proposals.events import CREATE, DELETE, UPDATE
from modelref_git.records import text, wire_errors
from modelref_git.records.categories import CATEGORIES, TEXT_GENERATION
from modelref_git.records.wire_errors import Row
from modelref_git.server.answers import json_response
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.callers import Key, requestor
from modelref_git.server.categories import CategoryName
from modelref_git.server.faults import Refusal, validation_fault
from modelref_git.server.given import IF_MATCH, PROPOSAL, Body, Given, Options
from modelref_git.server.modes import check_queue, check_takes_writes, check_writes_by_v2
from modelref_git.server.paths import V2
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.targets import Target
from modelref_git.server.wire.changes import PendingChangeRecord
from modelref_git.server.wire.errors import ErrorResponse, InvalidRequest
from modelref_git.server.wire.records import record_reference

OTHER_NAME: Final = "Model name in the path must match the payload when queuing updates."

_PROPOSE: Final = {CREATE: propose_create, UPDATE: propose_update, DELETE: propose_delete}
_MODEL: Final = "/model/{model_name:path}"

_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorResponse, "description": "The name is not one to be written, or another change is in the way"},
    401: {"model": ErrorResponse, "description": "There is no key, or it is nobody's"},
    403: {"model": ErrorResponse, "description": "The caller may not propose this"},
    404: {"model": ErrorResponse, "description": "There is no such record, or category"},
    409: {"model": ErrorResponse, "description": "The record is there already, or was edited from an older state"},
    413: {"model": ErrorResponse, "description": "The body is too large"},
    422: {"model": InvalidRequest, "description": "The request or the record is not valid"},
    503: {"model": ErrorResponse, "description": "This deployment takes no such write, or not at this moment"},
}
_CHANGED: Final[dict[int | str, dict[str, Any]]] = {
    412: {"model": ErrorResponse, "description": "The record is not the one that was read"},
}


def make(settings: Settings) -> APIRouter:  # noqa: ARG001 - all of them exist in every mode
    """The routes that propose changes of records."""
    router = APIRouter(route_class=StrictRoute, tags=["v2"])
    for category in CATEGORIES:
        _add_create(router, category)
        _add_update(router, category)
    _add_generic(router)
    return router


def _accepted(summary: str, body: dict[str, str] | None, *more: dict[str, Any]) -> dict[str, Any]:
    """What all these routes have in common, for the framework: a body after the schema *body*, and the parameters."""
    extra: dict[str, Any] = {"parameters": [*PROPOSAL, *more]}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return {
        "summary": summary,
        "status_code": 202,
        "response_model": PendingChangeRecord,
        "response_model_exclude_none": True,
        "responses": _RESPONSES | (_CHANGED if more else {}),
        "openapi_extra": extra,
    }


def _add_create(router: APIRouter, category: str) -> None:
    route = f"create_v2_{category}"

    @router.post(
        f"{V2}/{category}",
        operation_id=route,
        **_accepted(f"Propose a new {category} model", record_reference(category)),
    )
    async def create(request: Request, body: Body, key: Key) -> Response:
        """Propose a new record. Nothing becomes live before it is approved and applied."""
        return await _propose(request, key, body, CREATE, category, None, route)


def _add_update(router: APIRouter, category: str) -> None:
    route = f"update_v2_{category}"

    extra = _accepted(f"Propose a change of a {category} model", record_reference(category), IF_MATCH)

    @router.put(f"{V2}/{category}{_MODEL}", operation_id=route, **extra)
    async def update(request: Request, body: Body, key: Key, model_name: str) -> Response:
        """Propose the full new record of a model. Nothing becomes live before it is approved and applied."""
        return await _propose(request, key, body, UPDATE, category, model_name, route)


def _add_generic(router: APIRouter) -> None:
    """The routes of any category, those of the dataset's own included."""
    one = f"{V2}/{{model_category_name}}"

    @router.post(f"{one}/add", operation_id="create_v2_model", **_accepted("Propose a new model", record_reference()))
    async def create(request: Request, body: Body, key: Key, model_category_name: CategoryName) -> Response:
        """Propose a new record of any category, judged by the schema of that category."""
        return await _propose(request, key, body, CREATE, model_category_name, None, "create_v2_model")

    changed = _accepted("Propose a change of a model", record_reference(), IF_MATCH)

    @router.put(one + _MODEL, operation_id="update_v2_model", **changed)
    async def update(
        request: Request, body: Body, key: Key, model_category_name: CategoryName, model_name: str
    ) -> Response:
        """Propose the full new record of a model of any category."""
        return await _propose(request, key, body, UPDATE, model_category_name, model_name, "update_v2_model")

    @router.delete(
        one + _MODEL, operation_id="delete_v2_model", **_accepted("Propose to delete a model", None, IF_MATCH)
    )
    async def delete(request: Request, key: Key, model_category_name: CategoryName, model_name: str) -> Response:
        """Propose to delete a record. It stays live until that is approved and applied."""
        return await _propose(request, key, None, DELETE, model_category_name, model_name, "delete_v2_model")


async def _propose(
    request: Request, key: str, body: Given | None, operation: str, category: str, path_name: str | None, route: str
) -> Response:
    """The one way of all proposals, in the order of refusals that clients know."""
    service = service_of(request)
    settings, repository = service.settings, service.repository
    options = Options.of(request)
    rows = list(options.rows)
    if body is not None:
        rows += body.rows or await repository.read(lambda ctx: record_faults(ctx, category, body.value))
    if rows:
        raise validation_fault(rows)
    record: dict[str, Any] | None = None if body is None else body.value
    name = path_name if path_name is not None else str((record or {}).get("name", ""))
    if record is not None and record["name"] != name:
        raise Refusal(400, OTHER_NAME, "usage")
    login = await requestor(request, key)
    check_takes_writes(settings)
    check_writes_by_v2(settings, category)
    target = Target(operation, category, name)
    target.check_name()
    if not settings.queue:
        await repository.read(lambda ctx: target.check(ctx.dataset(), options.if_match))
        check_queue(settings)
    if record is not None and options.if_match is not None and category in CATEGORIES:
        record = without_stamps(record)  # the header says from which state it was edited
    proposed = Proposed(operation, category, name, record, options.note, options.allow)

    def propose(ctx: Context) -> dict[str, Any]:
        guarded = target.guarding(ctx, options.if_match)
        return _PROPOSE[operation](guarded, proposed, supersedes=options.supersedes)

    answer = await repository.write(
        lambda ctx: once_only(ctx, propose, record_again),
        login,
        route=route,
        request=options.request_key(request, login, b"" if body is None else body.data),
    )
    return json_response(answer, 202)


def record_faults(ctx: Context, category: str, record: dict[str, Any]) -> list[Row]:
    """Why *record* is none of its category by the schema of the live dataset; in a thread."""
    dataset = ctx.dataset()
    rows: list[Row] = []
    if category in dataset.config.categories:
        schema = dataset.schema(category)
        by_model = schema.is_shipped
        rows += [] if by_model else wire_errors.of_problems(stored_form(schema, dict(record))[1], record)
    else:
        by_model = category in CATEGORIES  # the category is refused later, as clients know it
    if by_model:
        rows += wire_errors.of_model(category, record)
    place = ["body", "name"]
    if not isinstance(record.get("name"), str) and all(row["loc"] != place for row in rows):
        rows.append(wire_errors.no_name(record))
    if category == TEXT_GENERATION and isinstance(record.get("name"), str) and text.has_backend_prefix(record["name"]):
        rows = [row for row in rows if row["loc"] != place]  # refused later, in words of its own
    return rows
