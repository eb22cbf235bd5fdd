"""The pictures of models, for people who manage models: listed, sent, described anew, taken away, and fetched.

A picture belongs to a record, so that what is sent here is a proposal: all see it when it was approved and applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from modelref_git.errors import NotFound
from modelref_git.formats.pictures.derived import THUMBNAIL_TYPE
from modelref_git.formats.pictures.facts import MEDIA_TYPES
from modelref_git.formats.pictures.parts import BYTES_AT_MOST
from modelref_git.operations.answers import find_change, payload, pending_record
from modelref_git.operations.context import Context
from modelref_git.operations.picture_files import accepted, name_of
from modelref_git.operations.pictures import Options, Upload, image_add, image_remove, image_set, picture_bytes
from modelref_git.operations.repeats import once_only, record_again
from modelref_git.operations.thumbnails import SIDES, thumbnail
from modelref_git.records import codec
from modelref_git.records.pictures import Named
from modelref_git.server import given as requests
from modelref_git.server import picture_files
from modelref_git.server.answers import JSON, json_response, rendered
from modelref_git.server.auth.interface import Login
from modelref_git.server.callers import Key, reader, requestor
from modelref_git.server.catalogue import Row
from modelref_git.server.faults import Refusal, validation_fault
from modelref_git.server.image_fields import FORM, NAMES, NOTE, details_of, patched
from modelref_git.server.manager import ERRORS, PRIVATE, Answers, ImageId, ManagerRoute, ModelId
from modelref_git.server.picture_views import SIDE, Gallery, number_of
from modelref_git.server.queues import check_queue_shown, check_queue_taking, settings_of
from modelref_git.server.repository import Snapshot
from modelref_git.server.revisions import At, snapshot_of
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.uploads import form_of
from modelref_git.server.wire.model_images import ImagePatch, ImageRemoved, ModelImage
from modelref_git.server.wire.models import ErrorMessage

NO_IMAGE: Final = "Image not found"

_TWINS: Final[Answers] = {409: {"model": ErrorMessage, "description": "Two models share the number."}}
_WRITES: Final[Answers] = {
    403: {"model": ErrorMessage, "description": "The caller may not propose."},
    409: {"model": ErrorMessage, "description": "The picture is there already, or another proposal is in the way."},
    413: {"model": ErrorMessage, "description": "The picture is too large."},
    422: {"model": ErrorMessage, "description": "The picture, or the record that would name it, is not valid."},
    **ERRORS,
}
_KNOWN: Final[Answers] = {304: {"description": "The caller has it already."}}

OfChange = Annotated[
    int | None,
    Query(alias="changeId", ge=1, le=1 << 53, description="As an open proposal would have it, by its number."),
]


def make(_settings: Settings) -> APIRouter:
    """The routes of the pictures: as their clients know them, and beside those of the models."""
    both = APIRouter(route_class=ManagerRoute)
    for prefix, version in (("", ""), ("/v1", "_v1")):
        router = APIRouter(route_class=ManagerRoute, prefix=prefix, tags=["models"])
        _add(router, version)
        both.include_router(router)
    return both


def _add(router: APIRouter, version: str) -> None:
    images = "/models/{model_id}/images"
    one = f"{images}/{{image_id}}"
    router.add_api_route(
        images,
        list_images,
        operation_id=f"list_model_images{version}",
        response_model=list[ModelImage],
        responses={**_TWINS, **ERRORS},
    )
    router.add_api_route(
        images,
        add_image,
        methods=["POST"],
        operation_id=f"add_model_image{version}",
        status_code=201,
        response_model=ModelImage,
        responses=_WRITES,
        openapi_extra={"requestBody": FORM, "parameters": requests.PROPOSAL},
    )
    router.add_api_route(
        one,
        set_image,
        methods=["PATCH"],
        operation_id=f"set_model_image{version}",
        response_model=ModelImage,
        responses=_WRITES,
        openapi_extra={"parameters": requests.PROPOSAL},
    )
    router.add_api_route(
        one,
        remove_image,
        methods=["DELETE"],
        operation_id=f"remove_model_image{version}",
        response_model=ImageRemoved,
        responses=_WRITES,
        openapi_extra={"parameters": requests.PROPOSAL},
    )
    binary = {"schema": {"type": "string", "format": "binary"}}
    for path, endpoint, kinds in (
        ("file", get_image_file, MEDIA_TYPES),
        ("thumbnail", get_image_thumbnail, (THUMBNAIL_TYPE,)),
    ):
        router.add_api_route(
            f"{one}/{path}",
            endpoint,
            operation_id=f"{endpoint.__name__}{version}",
            response_class=Response,
            responses={200: {"content": dict.fromkeys(kinds, binary)}, **_KNOWN, **_TWINS, **ERRORS},
        )


# --- reading ---------------------------------------------------------------------------------------------------------


async def list_images(
    request: Request, key: Key, model_id: ModelId, at: At = None, change_id: OfChange = None
) -> Response:
    """List the pictures of a model, in the order in which they are shown."""
    login = await _reader(request, key, change_id)
    snapshot, row = await _model(request, model_id, at)
    root = request.scope.get("root_path", "")

    def listed(ctx: Context) -> bytes:
        entries, change = _entries(ctx, snapshot, row, change_id)
        gallery = Gallery(ctx, snapshot.main, root, at=at, change=change)
        return rendered([gallery.image(row, one) for one in entries])

    body = await service_of(request).repository.read(listed, login)
    return Response(body, headers=PRIVATE, media_type=JSON)


async def get_image_file(
    request: Request, key: Key, model_id: ModelId, image_id: ImageId, at: At = None, change_id: OfChange = None
) -> Response:
    """Send a picture as it was given."""
    login = await _reader(request, key, change_id)
    snapshot, row = await _model(request, model_id, at)

    def send(ctx: Context) -> Response:
        sha256 = _named(ctx, snapshot, row, image_id, change_id).sha256
        known = picture_files.not_modified(request, picture_files.etag_of(sha256), picture_files.FOR_EVER)
        if known is not None:
            return known
        data = picture_bytes(ctx, sha256, revision=_revision(snapshot, change_id), change_id=change_id)
        return picture_files.whole(data, sha256)

    return await service_of(request).repository.read(send, login)


async def get_image_thumbnail(
    request: Request,
    key: Key,
    model_id: ModelId,
    image_id: ImageId,
    side: Annotated[int, Query(ge=1, le=SIDES[-1], description="Pixels; the next greater size that there is.")] = SIDE,
    at: At = None,
    change_id: OfChange = None,
) -> Response:
    """Send a small WebP of a picture, upright and without anything else that its file says."""
    login = await _reader(request, key, change_id)
    snapshot, row = await _model(request, model_id, at)
    size = next(fitting for fitting in SIDES if fitting >= side)

    def send(ctx: Context) -> Response:
        sha256 = _named(ctx, snapshot, row, image_id, change_id).sha256
        known = picture_files.not_modified(request, picture_files.etag_of(sha256, size), picture_files.FOR_A_DAY)
        if known is not None:
            return known
        data = thumbnail(ctx, sha256, size, revision=_revision(snapshot, change_id), change_id=change_id)
        return picture_files.small(data, sha256, size)

    return await service_of(request).repository.read(send, login)


async def _reader(request: Request, key: str, change_id: int | None) -> Login:
    login = await reader(request, key)
    if change_id is not None:
        check_queue_shown(settings_of(request))
    return login


async def _model(request: Request, model_id: int, at: str | None = None) -> tuple[Snapshot, Row]:
    snapshot = await snapshot_of(request, at)
    return snapshot, await service_of(request).catalogue.find(snapshot, model_id)


def _entries(
    ctx: Context, snapshot: Snapshot, row: Row, change_id: int | None
) -> tuple[list[Named], dict[str, Any] | None]:
    """The pictures of a model, and the proposal that they are of, if they are not live."""
    gallery = Gallery(ctx, snapshot.main)
    if change_id is None:
        return gallery.entries(row.category, codec.decode(ctx.store.buffer().read_blob(row.blob))), None
    view = ctx.view()
    change = find_change(view.queue, change_id, policy=False)
    if (change.category, change.model_name) != (row.category, row.name):
        raise NotFound(f"Change {change_id} is none of this model")
    objects = view.dataset().objects
    record = payload(objects, change) if change.blob is not None else {}
    return gallery.entries(row.category, record or {}), pending_record(objects, change, nulls=False)


def _named(ctx: Context, snapshot: Snapshot, row: Row, number: int, change_id: int | None = None) -> Named:
    """The picture of a model with a number.

    Raises:
        NotFound: the model has none with that number.
    """
    entries, _ = _entries(ctx, snapshot, row, change_id)
    for one in entries:
        if number_of(one.sha256) == number:
            return one
    raise NotFound(NO_IMAGE)


def _revision(snapshot: Snapshot, change_id: int | None) -> str | None:
    return snapshot.main if change_id is None else None


# --- writing ---------------------------------------------------------------------------------------------------------


async def add_image(request: Request, key: Key, model_id: ModelId) -> Response:
    """Propose a picture of a model. It waits for an approver, and is shown to all when it was applied."""
    login, options = await _requestor(request, key)
    _, row = await _model(request, model_id)
    repository = service_of(request).repository
    async with form_of(request, NAMES) as form:
        details = details_of(form.fields)
        data = await repository.read(lambda _: _checked(form.file.file.read(BYTES_AT_MOST + 1)), login)
    name, upload = name_of(data), Upload(data, details)
    options = replace(options, note=form.fields.get(NOTE, options.note))
    record = await _proposed(
        request,
        login,
        f"{name} {sorted(form.fields.items())}".encode(errors="surrogatepass"),
        lambda ctx: image_add(ctx, row.category, row.name, [upload], options),
    )
    return await _answer(request, login, row, name, record, 201)


def _checked(data: bytes) -> bytes:
    """*data*, if it is a picture that can be taken: before its turn to write, so that nobody waits for that."""
    if len(data) > BYTES_AT_MOST:
        raise Refusal(413, f"The picture has more than {BYTES_AT_MOST} bytes", "size")
    accepted(data, name_of(data))
    return data


async def set_image(request: Request, key: Key, model_id: ModelId, image_id: ImageId, given: ImagePatch) -> Response:
    """Propose what is to be said of a picture: what is left out stays, null takes it away."""
    login, options = await _requestor(request, key)
    snapshot, row = await _model(request, model_id)
    changes = patched(given)
    if not changes:
        raise Refusal(400, "The body changes nothing", "usage")
    sha256 = (await _found(request, login, snapshot, row, image_id)).sha256
    values = {name: value for name, value in changes.items() if value is not None}
    gone = [name for name, value in changes.items() if value is None]
    record = await _proposed(
        request,
        login,
        await request.body(),
        lambda ctx: image_set(ctx, row.category, row.name, sha256, values, gone, options),
    )
    return await _answer(request, login, row, sha256, record, 200)


async def remove_image(request: Request, key: Key, model_id: ModelId, image_id: ImageId) -> Response:
    """Propose that a model has a picture no longer."""
    login, options = await _requestor(request, key)
    snapshot, row = await _model(request, model_id)
    sha256 = (await _found(request, login, snapshot, row, image_id)).sha256
    record = await _proposed(
        request, login, b"", lambda ctx: image_remove(ctx, row.category, row.name, [sha256], options)
    )
    return json_response({"success": True, "changeId": record["change_id"], "status": record["status"]})


async def _requestor(request: Request, key: str) -> tuple[Login, Options]:
    """Who proposes, and how; before the body is read, which may be large."""
    given = requests.Options.of(request)
    if given.rows:
        raise validation_fault(given.rows)
    login = await requestor(request, key)
    check_queue_taking(settings_of(request))
    return login, Options(given.note, given.allow, given.supersedes)


async def _found(request: Request, login: Login, snapshot: Snapshot, row: Row, number: int) -> Named:
    return await service_of(request).repository.read(lambda ctx: _named(ctx, snapshot, row, number), login)


async def _proposed(
    request: Request, login: Login, body: bytes, work: Callable[[Context], dict[str, Any]]
) -> dict[str, Any]:
    """The proposal that *work* makes, or made when the request was sent for the first time; *body* tells it apart."""
    name = requests.Options.of(request).request_key(request, login, body)
    return await service_of(request).repository.write(
        lambda ctx: once_only(ctx, work, record_again), login, request=name
    )


async def _answer(
    request: Request, login: Login, row: Row, sha256: str, change: Mapping[str, Any], status: int
) -> Response:
    """The picture as a proposal would have it."""
    main = service_of(request).repository.snapshot().main
    root = request.scope.get("root_path", "")

    def render(ctx: Context) -> bytes:
        gallery = Gallery(ctx, main, root, change=change)
        entries = gallery.entries(row.category, change["payload"])
        return rendered(next(gallery.image(row, one) for one in entries if one.sha256 == sha256))

    body = await service_of(request).repository.read(render, login)
    return Response(body, status, PRIVATE, media_type=JSON)
