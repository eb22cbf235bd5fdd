"""What is told about categories as such, under both versions: when they last changed, and how often."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.operations.category_metadata import category_metadata
from modelref_git.operations.context import Context
from modelref_git.server.answers import rendered, tagged, weak
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.categories import CategoryName, in_known_order
from modelref_git.server.documented import NOT_DONE_HERE, READ
from modelref_git.server.faults import Refusal
from modelref_git.server.kept import Body
from modelref_git.server.paths import V1, V2
from modelref_git.server.revisions import At, snapshot_of
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.wire import metadata as wire

UNSUPPORTED: Final = "Metadata tracking is not supported in REPLICA mode"
OTHER_FORMAT: Final = (
    "This endpoint is only available when canonical_format='{}'. Current setting: canonical_format='{}'"
)
NONE_FOUND: Final = "No {} metadata found for category {}"

_RESPONSES: Final = {**READ, **NOT_DONE_HERE}


def make(settings: Settings) -> APIRouter:
    """The routes of the metadata."""
    router = APIRouter(route_class=StrictRoute, tags=["metadata"])
    _add(router, settings, V2, "v2", "v2")
    _add(router, settings, V1, "legacy", "LEGACY")
    return router


def _add(router: APIRouter, settings: Settings, version: str, word: str, named: str) -> None:
    """The routes of one version: *word* is that of its format, *named* how a refusal writes it."""
    prefix = f"{version}/metadata"

    @router.get(
        f"{prefix}/last_updated",
        operation_id=f"read_{word}_last_updated",
        response_model=wire.LastUpdatedResponse,
        responses=_RESPONSES,
    )
    async def read_last_updated(request: Request, at: At = None) -> Response:
        """Tell when a record of any category last changed; only where this version's format is the canonical one."""
        _check_tracks(settings)
        if settings.canonical_format != word:
            raise Refusal(503, OTHER_FORMAT.format(named, settings.canonical_format), "state")
        return await _told(request, at, lambda found: {"last_updated": _last(found)})

    @router.get(
        f"{prefix}/metadata",
        operation_id=f"read_all_{word}_metadata",
        response_model=dict[str, wire.CategoryMetadata],
        responses=_RESPONSES,
    )
    async def read_all_metadata(request: Request, at: At = None) -> Response:
        """Tell what has become of each category."""
        _check_tracks(settings)
        return await _told(request, at, lambda found: found)

    @router.get(
        f"{prefix}/{{model_category_name}}/last_updated",
        operation_id=f"read_{word}_category_last_updated",
        response_model=wire.CategoryLastUpdatedResponse,
        responses=_RESPONSES,
    )
    async def read_category_last_updated(
        request: Request, model_category_name: CategoryName, at: At = None
    ) -> Response:
        """Tell when a record of a category last changed."""
        _check_tracks(settings)
        wanted = ("category", "last_updated")
        return await _told(
            request, at, lambda found: {key: _one(found, model_category_name, word)[key] for key in wanted}
        )

    @router.get(
        f"{prefix}/{{model_category_name}}",
        operation_id=f"read_{word}_category_metadata",
        response_model=wire.CategoryMetadata,
        responses=_RESPONSES,
    )
    async def read_category_metadata(request: Request, model_category_name: CategoryName, at: At = None) -> Response:
        """Tell what has become of a category."""
        _check_tracks(settings)
        return await _told(request, at, lambda found: _one(found, model_category_name, word))


_Found = dict[str, dict[str, Any]]
"""CategoryMetadata by category."""


def _check_tracks(settings: Settings) -> None:
    if settings.read_only:
        raise Refusal(503, UNSUPPORTED, "state")


def _last(found: _Found) -> int | None:
    return max((row["last_updated"] for row in found.values() if row["last_updated"] is not None), default=None)


def _one(found: _Found, category: str, word: str) -> dict[str, Any]:
    if category not in found:
        raise Refusal(404, NONE_FOUND.format(word, category), "not_found")
    return found[category]


async def _told(request: Request, at: str | None, part: Callable[[_Found], Any]) -> Response:
    """A *part* of what is known of all categories at a commit, which never changes: so the commit is its tag."""
    service = service_of(request)
    snapshot = await snapshot_of(request, at)
    order = in_known_order(snapshot)

    def make(ctx: Context) -> Body:
        found = category_metadata(ctx, snapshot.main)
        return Body.of(rendered({category: found[category] for category in order}), weak(snapshot.main))

    whole = await service.kept.get(("metadata", snapshot.main), lambda: service.repository.read(make))
    answer = part(json.loads(whole.plain))
    return tagged(request, rendered(answer), whole.etag)
