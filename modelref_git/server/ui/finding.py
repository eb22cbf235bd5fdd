"""What the pages of the dataset have in common: revisions in the address, and the page of what is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import Query, Request
from starlette.responses import Response

from modelref_git.errors import NotFound
from modelref_git.operations.context import Context
from modelref_git.operations.milestones import milestones
from modelref_git.pages.views.missing import missing_view
from modelref_git.server.faults import Refusal
from modelref_git.server.repository import Snapshot
from modelref_git.server.revisions import LONGEST, PLAIN, snapshot_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.page import page
from modelref_git.server.ui.proposing import is_written
from modelref_git.server.ui.visitors import Visitor

HERE: Final = "dataset"

Revision = Annotated[str, Query(max_length=LONGEST, pattern=f"^$|{PLAIN}")]
"""A revision as `server.revisions` takes it, or nothing, as a form sends a field that was left empty."""
Category = Annotated[str, Query(max_length=200)]
Name = Annotated[str, Query(max_length=1000)]
Offset = Annotated[int, Query(ge=0, le=1 << 40)]

_Work = Callable[[Context], Mapping[str, Any]]


async def revision_of(request: Request, at: str) -> tuple[str | None, Snapshot]:
    """*At* as links and pages name it, ``None`` for what is live; and what the dataset was then.

    Raises:
        NotFound: there is no such revision, or it never went into ``main``.
    """
    given = at or None
    return given, await snapshot_of(request, given)


async def shown(
    request: Request,
    visitor: Visitor,
    template: str,
    work: _Work,
    *,
    at: str | None,
    commit: str,
    category: str,
    name: str | None = None,
    status: int = 200,
) -> Response:
    """The page that *template* makes of what *work* reads, with revisions to choose from; or that it is not there."""

    def whole(ctx: Context) -> dict[str, Any]:
        return {**work(ctx), "milestones": milestones(ctx)}

    try:
        return await page(request, visitor, template, whole, here=HERE, at=at, status=status)
    except NotFound as fault:
        message = fault.message

    def missing(ctx: Context) -> dict[str, Any]:
        return missing_view(ctx, message, category, name, revision=commit)

    return await page(request, visitor, "missing.html", missing, here=HERE, at=at, status=404)


def check_name(name: str) -> None:
    """Refuse an address that names no record.

    Raises:
        Refusal: 422.
    """
    if not name:
        raise Refusal(422, "The address names no record", "usage")


def may_propose(settings: Settings, category: str) -> bool:
    """Whether this deployment takes proposals of a category's records."""
    return settings.queue and not settings.read_only and is_written(settings, category)
