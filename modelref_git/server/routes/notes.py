"""Notes on records: for members alone, and never kept where others could come upon them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from modelref_git.operations.context import Context
from modelref_git.operations.notes import note_add, note_history, note_list, note_own, note_remove, note_set
from modelref_git.server.answers import JSON, json_response, rendered
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.callers import Key, member, requestor
from modelref_git.server.manager import ERRORS, ManagerRoute, ModelId, model_body
from modelref_git.server.modes import check_takes_writes
from modelref_git.server.paths import V2
from modelref_git.server.picture_views import Gallery
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.wire import notes as wire
from modelref_git.server.wire.errors import ErrorResponse, InvalidRequest
from modelref_git.server.wire.models import ErrorMessage, ModelDetails

PRIVATE: Final = {"Cache-Control": "private, no-store"}

_Work = Callable[[Context], Any]

Name = Annotated[str, Query(min_length=1, max_length=1000, description="The record's name, with all its slashes.")]
NoteId = Annotated[int, Path(ge=1, le=1 << 53)]

_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": ErrorResponse, "description": "There is no key, or it is nobody's."},
    403: {"model": ErrorResponse, "description": "The caller is no member, may not write, or it is another's note."},
    404: {"model": ErrorResponse, "description": "There is no such category, record or note."},
    422: {"model": InvalidRequest, "description": "The request is not valid."},
    503: {"model": ErrorResponse, "description": "This deployment does not do that, or not at this moment."},
}
_WRITE: Final[dict[int | str, dict[str, Any]]] = {
    **_REFUSALS,
    400: {"model": ErrorResponse, "description": "The record has as many notes as fit."},
    413: {"model": ErrorResponse, "description": "The body is too large."},
}


def make(_settings: Settings) -> APIRouter:
    """The routes of notes."""
    both = APIRouter(route_class=StrictRoute)
    router = APIRouter(route_class=StrictRoute, prefix=f"{V2}/{{category}}/notes", tags=["notes"])
    many, answer = list[wire.NoteEntry], wire.NoteAnswer
    for verb, path, endpoint, name, shape in (
        ("GET", "", list_notes, "list_v2_notes", many),
        ("GET", "/history", read_note_history, "read_v2_note_history", list[wire.NoteAct]),
        ("POST", "", add_note, "create_v2_note", answer),
        ("PUT", "/{note_id}", set_note, "update_v2_note", answer),
        ("DELETE", "/{note_id}", remove_note, "delete_v2_note", answer),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=[verb],
            operation_id=name,
            response_model=shape,
            status_code=201 if verb == "POST" else 200,
            responses=_REFUSALS if verb == "GET" else _WRITE,
        )
    both.include_router(router)
    managed = APIRouter(route_class=ManagerRoute, tags=["models"])
    for prefix, name in (("", "update_model"), ("/v1", "update_model_v1")):
        managed.add_api_route(
            f"{prefix}/models/{{model_id}}",
            update_model,
            methods=["PATCH"],
            operation_id=name,
            response_model=ModelDetails,
            responses={
                403: {"model": ErrorMessage, "description": "The caller may not write notes."},
                409: {"model": ErrorMessage, "description": "Two models share the number."},
                **ERRORS,
            },
        )
    both.include_router(managed)
    return both


async def list_notes(request: Request, key: Key, category: str, name: Name) -> Response:
    """List the notes on a record, oldest first. One that is gone keeps its notes."""
    return await _read(request, key, lambda ctx: note_list(ctx, category, name))


async def read_note_history(request: Request, key: Key, category: str, name: Name) -> Response:
    """Tell who wrote, changed and removed notes on a record, newest first."""
    return await _read(request, key, lambda ctx: note_history(ctx, category, name))


async def add_note(request: Request, key: Key, category: str, name: Name, body: wire.NoteRequest) -> Response:
    """Write a note on a record."""
    return await _write(request, key, lambda ctx: note_add(ctx, category, name, body.text, team=body.team), 201)


async def set_note(
    request: Request, key: Key, category: str, note_id: NoteId, name: Name, body: wire.NoteText
) -> Response:
    """Give a note of one's own another text; one of the team's, as an approver too."""
    return await _write(request, key, lambda ctx: note_set(ctx, category, name, note_id, body.text))


async def remove_note(request: Request, key: Key, category: str, note_id: NoteId, name: Name) -> Response:
    """Remove a note of one's own; one of the team's, as an approver too. The history keeps what it said."""
    return await _write(request, key, lambda ctx: note_remove(ctx, category, name, note_id))


async def update_model(request: Request, key: Key, model_id: ModelId, body: wire.ModelNotes) -> Response:
    """Set or remove the caller's own note on a model; nothing else of it is changed without a review."""
    login = await requestor(request, key)
    service = service_of(request)
    check_takes_writes(service.settings)
    snapshot = service.repository.snapshot()
    row = await service.catalogue.find(snapshot, model_id)
    if "notes" in body.model_fields_set:
        text = body.notes if (body.notes or "").strip() else None
        await service.repository.write(lambda ctx: note_own(ctx, row.category, row.name, text), login)
    folder, root = service.settings.files, request.scope.get("root_path", "")
    data = await service.repository.read(
        lambda ctx: model_body(ctx, row, folder, Gallery(ctx, snapshot.main, root)), login
    )
    return Response(data, headers=PRIVATE, media_type=JSON)


async def _read(request: Request, key: str, work: _Work) -> Response:
    login = await member(request, key)
    body = await service_of(request).repository.read(lambda ctx: rendered(work(ctx)), login)
    return Response(body, headers=PRIVATE, media_type=JSON)


async def _write(request: Request, key: str, work: _Work, status: int = 200) -> Response:
    login = await requestor(request, key)
    service = service_of(request)
    check_takes_writes(service.settings)
    return json_response(await service.repository.write(work, login), status, PRIVATE)
