"""Reads by v2: a category, one record, and which categories there are."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from modelref_git.operations.context import Context
from modelref_git.operations.read import record_bytes
from modelref_git.records.categories import CATEGORIES
from modelref_git.server.answers import json_response, rendered, tagged, weak
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.categories import CategoryName, in_known_order, present
from modelref_git.server.category_bodies import body_of
from modelref_git.server.documented import READ, answers, by_name
from modelref_git.server.faults import Refusal
from modelref_git.server.kept import Body
from modelref_git.server.paths import V2
from modelref_git.server.repository import Snapshot
from modelref_git.server.revisions import At, snapshot_of
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.wire.records import GENERIC
from modelref_git.server.wire.service import ContainsMessage

INFO: Final = (
    "The model reference, version 2: an object of records by their names for each category. "
    "What is live has been reviewed; who proposed and approved it is told under /pending_queue."
)

_RECORD: Final = {"$ref": f"#/components/schemas/{GENERIC}"}


def make(_settings: Settings) -> APIRouter:
    """The reads whose paths are fixed, or are those of one record."""
    router = APIRouter(route_class=StrictRoute, tags=["v2"])
    router.add_api_route(
        f"{V2}/info", read_info, operation_id="read_v2_reference_api_info", response_model=ContainsMessage
    )
    router.add_api_route(
        f"{V2}/model_categories",
        read_names,
        operation_id="read_v2_references_names",
        response_model=list[str],
        responses=READ,
    )
    router.add_api_route(
        f"{V2}/{{model_category_name}}/model/{{model_name:path}}",
        read_record,
        operation_id="read_v2_single_model",
        responses={**answers(_RECORD, "The record"), **READ},
    )
    return router


def make_last(_settings: Settings) -> APIRouter:
    """The read of a category, whose path any other of one word would match too."""
    router = APIRouter(route_class=StrictRoute, tags=["v2"])
    router.add_api_route(
        f"{V2}/{{model_category_name}}",
        read_category,
        operation_id="read_v2_reference",
        responses={**answers(by_name(_RECORD), "The records by their names, in stored order"), **READ},
    )
    return router


async def read_info() -> Response:
    """Say what this is."""
    return json_response({"message": INFO})


async def read_names(request: Request, at: At = None) -> Response:
    """List the categories; those whose records clients get from elsewhere are left out."""
    snapshot = await snapshot_of(request, at)
    names = [
        name for name in in_known_order(snapshot) if name not in CATEGORIES or not CATEGORIES[name].managed_elsewhere
    ]
    return tagged(request, rendered(names), weak(snapshot.main))


async def read_category(request: Request, model_category_name: CategoryName, at: At = None) -> Response:
    """Give all records of a category by their names, in stored order; text models under their base names alone."""
    service = service_of(request)
    snapshot = await snapshot_of(request, at)
    category = present(snapshot, model_category_name)
    body = await service.kept.get(
        ("category", category, snapshot.trees[category]),
        lambda: service.repository.read(lambda ctx: body_of(ctx, snapshot, category)),
    )
    if at is None:
        service.lane.remember(request, snapshot.head, body)
    return body.response(request)


async def read_record(request: Request, model_category_name: CategoryName, model_name: str, at: At = None) -> Response:
    """Give one record. A variant of a text model, which v2 does not hold, is not found."""
    service = service_of(request)
    snapshot = await snapshot_of(request, at)
    category = present(snapshot, model_category_name)
    try:
        body = await service.kept.get(
            ("record", category, snapshot.trees[category], model_name),
            lambda: service.repository.read(lambda ctx: _record_body(ctx, snapshot, category, model_name)),
        )
    except Refusal:
        shorter = _without_slash(request)
        if shorter is None:
            raise
        if not model_name.strip("/"):
            raise HTTPException(404) from None
        return shorter
    if at is None:
        service.lane.remember(request, snapshot.head, body)
    return body.response(request)


def _record_body(ctx: Context, snapshot: Snapshot, category: str, name: str) -> Body:
    found = record_bytes(ctx, category, name, snapshot.main)
    if found is None:
        raise Refusal(404, f"Model '{name}' not found in category '{category}'", "not_found")
    blob, data = found
    return Body.of(data, weak(blob))


def _without_slash(request: Request) -> Response | None:
    """The way to the path without the slash at its end, if it has one; a slash in a name may also come encoded."""
    raw = bytes(request.scope.get("raw_path") or b"").partition(b"?")[0]
    if not raw.endswith(b"/"):
        return None
    url = request.url
    query = f"?{url.query}" if url.query else ""
    path = raw.rstrip(b"/").decode("ascii", "replace")
    return RedirectResponse(f"{url.scheme}://{url.netloc}{path}{query}", 307)
