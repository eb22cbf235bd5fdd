"""Reads by v1: the files that older clients know, byte for byte, made from what is live."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from modelref_git.operations.legacy_reading import read_legacy
from modelref_git.records.categories import CATEGORIES, TEXT_GENERATION
from modelref_git.server.answers import json_response, weak
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.documented import READ, answers, by_name
from modelref_git.server.faults import Refusal
from modelref_git.server.kept import Body
from modelref_git.server.paths import V1
from modelref_git.server.revisions import At, snapshot_of
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.wire.service import ContainsMessage

INFO: Final = (
    "The model reference in the format of the older files, as the AI-Horde-image-model-reference and "
    "AI-Horde-text-model-reference repositories have them. New programs read version 2."
)
NO_TEXT: Final = "Text generation models not found or empty"

_SUFFIX: Final = ".json"
_ALIASES: Final = {"stable_diffusion": "image_generation", "db": TEXT_GENERATION}
"""The names of files, without their ending, that are not those of their categories."""

_ENTRIES: Final[dict[str, Any]] = by_name({"type": "object"})


def make(_settings: Settings) -> APIRouter:
    """The routes with fixed paths."""
    router = APIRouter(route_class=StrictRoute, tags=["v1"])
    router.add_api_route(f"{V1}/info", read_legacy_reference_info, response_model=ContainsMessage)
    router.add_api_route(f"{V1}/model_categories", read_legacy_reference_names, response_model=list[str])
    router.add_api_route(
        f"{V1}/{TEXT_GENERATION}",
        read_legacy_text_generation,
        responses={**answers(_ENTRIES, "Three entries for each model, by name"), **READ},
    )
    return router


def make_last(_settings: Settings) -> APIRouter:
    """The read of a category, whose path any other of one word would match too."""
    router = APIRouter(route_class=StrictRoute, tags=["v1"])
    router.add_api_route(
        f"{V1}/{{model_category_name}}",
        read_legacy_reference,
        responses={**answers(_ENTRIES, "The entries by name, as the file has them"), **READ},
    )
    return router


async def read_legacy_reference_info() -> Response:
    """Say what this is."""
    return json_response({"message": INFO})


async def read_legacy_reference_names() -> Response:
    """List the categories."""
    return json_response(list(CATEGORIES))


async def read_legacy_text_generation(
    request: Request,
    include_group: Annotated[bool, Query(description="Whether each entry tells its group.")] = False,
    at: At = None,
) -> Response:
    """Give the text models in the format of the older files: each under its own name and those of the backends."""
    return await _file(request, TEXT_GENERATION, at, NO_TEXT, include_group=include_group)


async def read_legacy_reference(request: Request, model_category_name: str, at: At = None) -> Response:
    """Give the older file of a category; it may also be asked for by its file's name."""
    word = model_category_name.removesuffix(_SUFFIX)
    category = _ALIASES.get(word, word)
    if category not in CATEGORIES:
        detail = f"Invalid model category: '{word}'. '{word}' is not a valid MODEL_REFERENCE_CATEGORY"
        raise Refusal(422, detail, "invalid")
    if CATEGORIES[category].managed_elsewhere:
        return json_response({})
    return await _file(request, category, at, f"Model category '{category}' not found or is empty")


async def _file(
    request: Request, category: str, at: str | None, absent: str, *, include_group: bool = False
) -> Response:
    service = service_of(request)
    snapshot = await snapshot_of(request, at)
    trees = (snapshot.trees.get(category), snapshot.legacy.get(category))
    body = await service.kept.get(
        ("legacy", category, trees, include_group),
        lambda: service.repository.read(
            lambda ctx: _body(read_legacy(ctx, category, snapshot.main, include_group=include_group), trees, absent)
        ),
    )
    if at is None:
        service.lane.remember(request, snapshot.head, body)
    return body.response(request)


def _body(data: bytes | None, trees: tuple[str | None, str | None], absent: str) -> Body:
    if data is None:
        raise Refusal(404, absent, "not_found")
    return Body.of(data, weak(".".join(filter(None, trees))))
