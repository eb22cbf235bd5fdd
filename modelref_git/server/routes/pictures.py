"""The pictures of live records: open to all, as the records are."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from modelref_git.errors import NotFound
from modelref_git.formats.pictures.facts import MEDIA_TYPES
from modelref_git.operations.context import Context
from modelref_git.operations.pictures import image_list, picture_bytes
from modelref_git.operations.thumbnails import SIDES, thumbnail
from modelref_git.records.pictures import SHA256
from modelref_git.server import picture_files
from modelref_git.server.answers import is_known, rendered, tagged, weak
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.documented import NOT_DONE_HERE, READ
from modelref_git.server.paths import V2
from modelref_git.server.revisions import At, snapshot_of
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.wire.pictures import Picture

Name = Annotated[str, Query(min_length=1, max_length=1000, description="The record's name, with all its slashes.")]
Sum = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="The SHA-256 of the picture.")]
Side = Annotated[
    int | None,
    Query(
        ge=1, le=SIDES[-1], description="A WebP of so many pixels a side, or of the next greater size that there is."
    ),
]


def make(_settings: Settings) -> APIRouter:
    """The routes of the pictures."""
    router = APIRouter(route_class=StrictRoute, tags=["pictures"])
    router.add_api_route(
        f"{V2}/{{category}}/pictures",
        read_pictures,
        operation_id="read_v2_pictures",
        response_model=list[Picture],
        responses=READ,
    )
    binary: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
    router.add_api_route(
        f"{V2}/{{category}}/pictures/{{sha256}}",
        read_picture,
        operation_id="read_v2_picture",
        response_class=Response,
        responses={200: {"content": dict.fromkeys(MEDIA_TYPES, binary)}, **READ, **NOT_DONE_HERE},
    )
    return router


async def read_pictures(request: Request, category: str, name: Name, at: At = None) -> Response:
    """List the pictures of a record, with how they were made, in the order in which they are shown."""
    main = (await snapshot_of(request, at)).main
    if is_known(request, weak(main)):
        return tagged(request, b"", weak(main))
    body = await service_of(request).repository.read(lambda ctx: rendered(image_list(ctx, category, name, main)))
    return tagged(request, body, weak(main))


async def read_picture(
    request: Request, category: str, sha256: Sum, name: Name, side: Side = None, at: At = None
) -> Response:
    """Send a picture that a record names, or a small copy of it."""
    main = (await snapshot_of(request, at)).main
    size = None if side is None else next(fitting for fitting in SIDES if fitting >= side)

    def send(ctx: Context) -> Response:
        if sha256 not in [entry[SHA256] for entry in image_list(ctx, category, name, main)]:
            raise NotFound(f"{category} {name!r} has no picture {sha256}")
        known = picture_files.not_modified(request, picture_files.etag_of(sha256, size), picture_files.FOR_ALL)
        if known is not None:
            return known
        if size is None:
            return picture_files.whole(picture_bytes(ctx, sha256, revision=main), sha256, picture_files.FOR_ALL)
        return picture_files.small(thumbnail(ctx, sha256, size, revision=main), sha256, size, picture_files.FOR_ALL)

    return await service_of(request).repository.read(send)
