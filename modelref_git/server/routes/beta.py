"""Beta records: what open changes of a category ask for, for callers with a key."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from modelref_git.formats.v2 import aggregate
from modelref_git.operations.beta import beta_key, beta_records
from modelref_git.server.answers import weak
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.callers import Key, reader
from modelref_git.server.categories import CategoryName
from modelref_git.server.documented import INVALID, NOBODY, NOT_DONE_HERE, NOT_MODIFIED, answers, by_name
from modelref_git.server.faults import Refusal
from modelref_git.server.kept import Body
from modelref_git.server.modes import QUEUE_OFF, check_queue
from modelref_git.server.paths import V2
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.wire.records import GENERIC

_RECORDS: Final = by_name({"$ref": f"#/components/schemas/{GENERIC}"})
_PRIVATE: Final = {"Cache-Control": "private, no-cache"}


def make(settings: Settings) -> APIRouter:
    """The route of the beta records."""
    router = APIRouter(route_class=StrictRoute, tags=["v2"])

    @router.get(
        f"{V2}/{{model_category_name}}/pending",
        operation_id="read_v2_reference_pending",
        responses={
            **answers(_RECORDS, "The records by their names"),
            **NOT_MODIFIED,
            **NOBODY,
            **INVALID,
            **NOT_DONE_HERE,
        },
    )
    async def read_pending(request: Request, key: Key, model_category_name: CategoryName) -> Response:
        """Give the records that pending and approved creates and updates ask for, by name."""
        await reader(request, key)
        if settings.read_only:
            raise Refusal(503, QUEUE_OFF, "state")
        check_queue(settings)
        service = service_of(request)
        head = service.repository.snapshot().head

        def make_body() -> Body:
            view = service.repository.context().view()
            return Body.of(aggregate(beta_records(view, model_category_name)), weak(beta_key(view)))

        body = await service.kept.get(
            ("beta", model_category_name, head), lambda: service.repository.read(lambda _: make_body())
        )
        return body.response(request, _PRIVATE)

    return router
