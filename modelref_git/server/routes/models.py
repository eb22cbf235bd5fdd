"""Reading for people who manage models: lists with filters, details, files; with the paths and errors they know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, Response

from modelref_git.errors import Invalid
from modelref_git.operations.context import Context
from modelref_git.operations.keys import regenerate_key
from modelref_git.records import codec
from modelref_git.server import model_views
from modelref_git.server.answers import FILE, JSON, is_known, json_response, rendered, tagged, weak
from modelref_git.server.auth.keys import KeysProvider
from modelref_git.server.callers import Key, reader
from modelref_git.server.catalogue import Row
from modelref_git.server.catalogue import tagged as in_tags
from modelref_git.server.faults import Refusal
from modelref_git.server.manager import ERRORS, PRIVATE, ManagerRoute, ModelId, model_body
from modelref_git.server.model_files import disposition, find_file
from modelref_git.server.picture_views import Gallery
from modelref_git.server.revisions import At, snapshot_of
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.wire.models import ErrorMessage, ModelDetails, ModelFilters, ModelPage, NewKeyAnswer
from modelref_git.store.keyring import key_id_of

REGENERATED: Final = "API key regenerated. Update your clients with the new key."
NOT_OURS: Final = "This key was not made by this service, which cannot give it another secret"


def make(_settings: Settings) -> APIRouter:
    """The routes of the models."""
    router = APIRouter(route_class=ManagerRoute, prefix="/v1", tags=["models"])
    router.add_api_route(
        "/models",
        list_models,
        operation_id="list_models",
        response_model=ModelPage,
        responses={304: {"description": "The caller has it already."}, **ERRORS},
    )
    router.add_api_route(
        "/models/{model_id}",
        get_model,
        operation_id="get_model",
        response_model=ModelDetails,
        responses={409: {"model": ErrorMessage, "description": "Two models share the number."}, **ERRORS},
    )
    content = {"content": {FILE: {"schema": {"type": "string", "format": "binary"}}}}
    router.add_api_route(
        "/models/{model_id}/download",
        download_model,
        operation_id="download_model",
        response_class=FileResponse,
        responses={
            200: content,
            206: {**content, "description": "The part that was asked for."},
            304: {"description": "The caller has it already."},
            403: {"model": ErrorMessage, "description": "The file is outside the folder."},
            416: {"description": "The file has no such part."},
            **ERRORS,
        },
    )
    router.add_api_route(
        "/auth/regenerate",
        regenerate,
        methods=["POST"],
        operation_id="regenerate_key",
        response_model=NewKeyAnswer,
        responses={403: {"model": ErrorMessage, "description": "The key is not one of this service."}, **ERRORS},
    )
    return router


async def list_models(request: Request, key: Key, filters: Annotated[ModelFilters, Query()]) -> Response:
    """List models, page by page. Text filters do not mind letter case.

    `downloads` and `likes` are counted nowhere, so that all models are equal by them: they sort by name.
    """
    await reader(request, key)
    service = service_of(request)
    snapshot = await snapshot_of(request, filters.at)
    tag = weak(snapshot.main)
    if is_known(request, tag):
        return tagged(request, b"", tag, PRIVATE)
    rows = await service.catalogue.ordered(snapshot, filters.sort)
    root = request.scope.get("root_path", "")

    def page(ctx: Context) -> tuple[bytes, bool]:
        gallery = Gallery(ctx, snapshot.main, root, at=filters.at)
        return _page(ctx, rows, filters, gallery), gallery.is_whole

    body, is_whole = await service.repository.read(page)
    if not is_whole:  # asked for again, it says more
        return Response(body, headers=PRIVATE, media_type=JSON)
    return tagged(request, body, tag, PRIVATE)


def _page(ctx: Context, rows: Sequence[Row], filters: ModelFilters, gallery: Gallery) -> bytes:
    found = _matching(rows, filters)
    start = (filters.page - 1) * filters.limit
    end = start + filters.limit
    items = [model_views.summary(row, _record(ctx, row), gallery) for row in found[start:end]]
    answer = {"items": items, "total": len(found), "page": filters.page, "limit": filters.limit}
    return rendered({**answer, "hasMore": end < len(found)})


def _matching(rows: Sequence[Row], filters: ModelFilters) -> Sequence[Row]:
    if filters.has_metadata is False:
        return []  # a record is what the API calls metadata, and without it there is no model here
    equal = {
        "category": filters.category,
        "subcategory": filters.subcategory,
        "base": filters.base_model,
        "kind": filters.type,
    }
    wanted = {name: text.casefold() for name, text in equal.items() if text}
    needed = [in_tags([tag.strip()]) for tag in (filters.tags or "").split(",") if tag.strip()]
    part = (filters.search or "").strip().casefold()
    most = filters.max_nsfw_level
    return [
        row
        for row in rows
        if all((getattr(row, name) or "").casefold() == text for name, text in wanted.items())
        and (most is None or row.level <= most)
        and part in row.name.casefold()
        and all(tag in row.tags for tag in needed)
    ]


async def get_model(request: Request, key: Key, model_id: ModelId, at: At = None) -> Response:
    """Tell all about one model."""
    login = await reader(request, key)
    service = service_of(request)
    snapshot = await snapshot_of(request, at)
    row = await service.catalogue.find(snapshot, model_id)
    folder, root = service.settings.files, request.scope.get("root_path", "")
    body = await service.repository.read(
        lambda ctx: model_body(ctx, row, folder, Gallery(ctx, snapshot.main, root, at=at)), login
    )
    return Response(body, headers=PRIVATE, media_type=JSON)


async def download_model(
    request: Request,
    key: Key,
    model_id: ModelId,
    file: Annotated[str | None, Query(max_length=1000, description="One of its files; the first unless given.")] = None,
    at: At = None,
) -> Response:
    """Send a file of a model that this deployment has, or the parts of it that `Range` asks for."""
    await reader(request, key)
    service = service_of(request)
    row = await service.catalogue.find(await snapshot_of(request, at), model_id)
    found = await service.repository.read(lambda ctx: find_file(service.settings.files, _record(ctx, row), file))
    headers = {**PRIVATE, "Content-Disposition": disposition(found.name)}
    if found.sha256 is not None:
        headers["ETag"] = f'"{found.sha256}"'
    answer = FileResponse(found.path, headers=headers, media_type=FILE, stat_result=found.status)
    if is_known(request, answer.headers["etag"]):
        return Response(None, 304, {**PRIVATE, "ETag": answer.headers["etag"]})
    return answer


async def regenerate(request: Request, key: Key) -> Response:
    """Give the key that the caller uses another secret. The old one is dead at once."""
    login = await reader(request, key)
    key_id = key_id_of(key)
    if login.provider != KeysProvider.name or key_id is None:
        raise Refusal(403, NOT_OURS, "forbidden")
    service = service_of(request)
    try:
        made = await service.repository.read(
            lambda ctx: regenerate_key(ctx, key_id, path=service.settings.keys_file), login
        )
    except Invalid as fault:  # what cannot be written is no fault of the caller's
        raise Refusal(503, "The keys of this service cannot be changed at the moment", "busy") from fault
    return json_response({"key": made["key"], "message": REGENERATED}, headers={"Cache-Control": "no-store"})


def _record(ctx: Context, row: Row) -> dict[str, Any]:
    return codec.without_remainder(codec.decode(ctx.store.buffer().read_blob(row.blob)))
