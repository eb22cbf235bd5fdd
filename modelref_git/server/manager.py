"""The API for people who manage models: refusals as they know them, and how a model is named in a path."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, Final

from fastapi import Path, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from modelref_git.errors import ModelrefError
from modelref_git.operations.context import Context
from modelref_git.operations.notes import shown_note
from modelref_git.records import codec
from modelref_git.server import model_views
from modelref_git.server.answers import json_response, rendered
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.catalogue import LARGEST_ID, Row
from modelref_git.server.faults import Refusal, refusal_of
from modelref_git.server.picture_views import Gallery
from modelref_git.server.wire.models import ErrorMessage

BAD_ID: Final = "Invalid model ID"
BAD_IMAGE_ID: Final = "Invalid image ID"

PRIVATE: Final = {"Cache-Control": "private, no-cache"}

Answers = dict[int | str, dict[str, Any]]
ERRORS: Final[Answers] = {
    400: {"model": ErrorMessage, "description": "The number or a parameter is none."},
    401: {"model": ErrorMessage, "description": "There is no key, or it is nobody's."},
    404: {"model": ErrorMessage, "description": "There is no such model, file or revision."},
    503: {"model": ErrorMessage, "description": "Who asks, or what is asked for, cannot be told at the moment."},
    "4XX": {"model": ErrorMessage},
}

ModelId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
ImageId = Annotated[int, Path(ge=1, le=LARGEST_ID)]


def model_body(ctx: Context, row: Row, folder: pathlib.Path | None, gallery: Gallery) -> bytes:
    """All about one model as its reader is shown it, and which of its files are in *folder*. In a thread."""
    record = codec.without_remainder(codec.decode(ctx.store.buffer().read_blob(row.blob)))
    return rendered(model_views.details(row, record, folder, gallery, shown_note(ctx, row.category, row.name)))


class ManagerRoute(StrictRoute):
    """A route whose refusals are ``{"error": sentence}``, and whose faults of shape are 400."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler."""
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except Refusal as refusal:
                return _told(refusal)
            except ModelrefError as fault:
                return _told(refusal_of(fault))
            except RequestValidationError as fault:
                return _told(Refusal(400, _shape_fault(fault.errors()), "usage"))
            except HTTPException as fault:  # the framework's own, as of a body that is too large
                return json_response({"error": fault.detail}, fault.status_code, fault.headers)

        return told


def _told(refusal: Refusal) -> Response:
    refusal.body = {"error": refusal.detail}
    return refusal.response()


def _shape_fault(rows: Sequence[Any]) -> str:
    where = [str(part) for part in rows[0]["loc"]]
    if where[0] == "path":
        return BAD_IMAGE_ID if where[-1] == "image_id" else BAD_ID
    return f"{where[-1]}: {rows[0]['msg']}"
