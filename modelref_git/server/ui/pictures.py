"""Pictures on pages: those of live records for everybody, those of open proposals for whoever is signed in."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from modelref_git.errors import NotFound
from modelref_git.operations.answers import find_change
from modelref_git.operations.context import Context
from modelref_git.operations.pictures import picture_bytes
from modelref_git.operations.thumbnails import SIDES, thumbnail
from modelref_git.proposals.queue import Change
from modelref_git.records import codec
from modelref_git.records.pictures import named
from modelref_git.server import picture_files
from modelref_git.server.live_pictures import live_pictures
from modelref_git.server.queues import check_queue_shown
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.page import PageRoute
from modelref_git.server.ui.visitors import visitor_of
from modelref_git.store.log import View

SIDE: Final = 512
"""Pixels a side of the copies on pages, at most."""

_NO_PICTURE: Final = "No live record has this picture"

Sum = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
OfChange = Annotated[int | None, Query(ge=1, le=1 << 53)]
Side = Annotated[int, Query(ge=1, le=SIDES[-1])]


def make(_settings: Settings) -> APIRouter:
    """The routes of pictures on pages."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/pictures/{sha256}", read_picture)
    router.add_api_route("/pictures/{sha256}/thumbnail", read_thumbnail)
    return router


async def read_picture(request: Request, sha256: Sum, change: OfChange = None) -> Response:
    """A picture as it was given; with *change*, one that an open proposal names."""
    return await _send(request, sha256, change, None)


async def read_thumbnail(request: Request, sha256: Sum, change: OfChange = None, side: Side = SIDE) -> Response:
    """A small WebP of it, of *side* pixels a side or of the next greater size that there is."""
    return await _send(request, sha256, change, next(fitting for fitting in SIDES if fitting >= side))


async def _send(request: Request, sha256: str, change_id: int | None, side: int | None) -> Response:
    login = None
    if change_id is not None:
        login = (await visitor_of(request)).signed_in()
        check_queue_shown(service_of(request).settings)

    def send(ctx: Context) -> Response:
        of = _of(ctx, sha256, change_id)
        cache = picture_files.FOR_EVER if side is None else picture_files.FOR_A_DAY
        known = picture_files.not_modified(request, picture_files.etag_of(sha256, side), cache)
        if known is not None:
            return known
        if side is None:
            return picture_files.whole(picture_bytes(ctx, sha256, change_id=of), sha256)
        return picture_files.small(thumbnail(ctx, sha256, side, change_id=of), sha256, side)

    return await service_of(request).repository.read(send, login)


def _of(ctx: Context, sha256: str, change_id: int | None) -> int | None:
    """The proposal to read the picture from; ``None`` for the live dataset.

    Raises:
        NotFound: the caller may see no such picture.
    """
    if change_id is not None:
        view = ctx.view()
        change = find_change(view.queue, change_id, policy=False)
        if change.is_open and sha256 in _names(view, change):
            return change_id
    if live_pictures(ctx).has(ctx, sha256):
        return None
    raise NotFound(_NO_PICTURE)


def _names(view: View, change: Change) -> set[str]:
    """The pictures that a proposal names, or the record that it was made from."""
    dataset = view.dataset()
    if change.category not in dataset.config.categories:
        return set()
    schema = dataset.schema(change.category)
    records = (codec.decode(view.objects.read_blob(blob)) for blob in (change.base_blob, change.blob) if blob)
    return {one.sha256 for record in records for one in named(record, schema)}
