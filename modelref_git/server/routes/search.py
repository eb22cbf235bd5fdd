"""Search by v2: in one category with all its filters, or in all of them with those that any record may have."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from modelref_git.operations.context import Context
from modelref_git.operations.search import search_bytes
from modelref_git.records import query as queries
from modelref_git.records.categories import CATEGORIES, TEXT_GENERATION
from modelref_git.records.pictures import PICTURES
from modelref_git.records.values import TEXT_BACKENDS
from modelref_git.server.answers import weak
from modelref_git.server.bodies import StrictRoute
from modelref_git.server.categories import present
from modelref_git.server.documented import BAD_FILTER, READ
from modelref_git.server.faults import Refusal
from modelref_git.server.kept import Body
from modelref_git.server.paging import page_links
from modelref_git.server.paths import V2
from modelref_git.server.repository import Snapshot
from modelref_git.server.revisions import At, snapshot_of
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.wire.records import GENERIC, record_name
from modelref_git.server.wire.search import SearchResponse
from modelref_git.store.objects import EMPTY_TREE

HERE: Final = "horde"
ANY: Final = "any"
"""Where records come from: the dataset, or that and all that were added to it, which are none."""

_TOTAL: Final = b'"total": '

_UNSUPPORTED: Final = "Filter not supported for this category: {}"
_UNSORTABLE: Final = "Invalid sort_by field: {}"
_NO_FIELD: Final = "Field '{}' does not exist on {}. Valid fields: {}"

_Nsfw = Annotated[bool | None, Query(description="Only those that are, or are not, prone to unsafe results.")]
_NameContains = Annotated[str | None, Query(description="Only names that contain this text, in any letter case.")]
_TagsAny = Annotated[list[str] | None, Query(description="Only those with one of these tags.")]
_TagsAll = Annotated[list[str] | None, Query(description="Only those with all of these tags.")]
_TagsNone = Annotated[list[str] | None, Query(description="Only those with none of these tags.")]
_SortBy = Annotated[str | None, Query(description="A field; those without it come last. Stored order unless given.")]
_SortDesc = Annotated[bool, Query(description="The greatest first.")]
_Limit = Annotated[int, Query(ge=1, le=500)]
_Offset = Annotated[int, Query(ge=0, description="How many to pass over.")]
_Quantized = Annotated[
    bool | None, Query(description="Text models: only those whose names tell a quantisation, or not.")
]
_Backend = Annotated[str | None, Query(description="Text models: only those that this backend knows.")]
_BaseOnly = Annotated[bool, Query(description="Text models: no variants of backends; there are none here.")]


def make(_settings: Settings) -> APIRouter:
    """The routes of the search."""
    router = APIRouter(route_class=StrictRoute, tags=["v2", "search"])
    router.add_api_route(f"{V2}/search", search_all, response_model=SearchResponse, responses={**READ, **BAD_FILTER})
    router.add_api_route(
        f"{V2}/{{model_category_name}}/search",
        search_category,
        response_model=SearchResponse,
        responses={**READ, **BAD_FILTER},
    )
    return router


async def search_category(
    request: Request,
    model_category_name: str,
    nsfw: _Nsfw = None,
    baseline: Annotated[str | None, Query(description="Only those of this family of models.")] = None,
    inpainting: Annotated[bool | None, Query(description="Only those made, or not made, for inpainting.")] = None,
    tags_any: _TagsAny = None,
    tags_all: _TagsAll = None,
    tags_none: _TagsNone = None,
    name_contains: _NameContains = None,
    sort_by: _SortBy = None,
    sort_desc: _SortDesc = False,
    limit: _Limit = 50,
    offset: _Offset = 0,
    backend: _Backend = None,
    exclude_backend_variations: _BaseOnly = False,  # noqa: ARG001 - v2 holds base names only
    quantized: _Quantized = None,
    source: Annotated[str, Query(description="Where records come from: `horde`, the dataset, or `any`.")] = HERE,
    at: At = None,
) -> Response:
    """Find the records of a category that match every filter."""
    snapshot = await snapshot_of(request, at)
    if model_category_name not in CATEGORIES:
        _check_known(model_category_name, snapshot)
    category = present(snapshot, model_category_name)
    if source not in (HERE, ANY):
        unknown = f"No provider registered under source id '{source}'. Registered providers: []."
        raise Refusal(400, f"Unknown source: {unknown}", "usage")
    is_text = category == TEXT_GENERATION
    if is_text and backend is not None and backend not in TEXT_BACKENDS:
        unknown = f"Unknown backend '{backend}'. Valid backends: {sorted(TEXT_BACKENDS)}"
        raise Refusal(400, _UNSUPPORTED.format(unknown), "usage")
    query = queries.Query(
        category,
        name_contains or "",
        nsfw,
        baseline,
        tuple(tags_all or ()),
        sort_by=sort_by,
        descending=sort_desc,
        tags_any=tuple(tags_any or ()),
        tags_none=tuple(tags_none or ()),
        inpainting=inpainting,
        quantized=quantized if is_text else None,
    )
    return await _found(request, snapshot, query, offset, limit)


async def search_all(
    request: Request,
    nsfw: _Nsfw = None,
    name_contains: _NameContains = None,
    tags_any: _TagsAny = None,
    tags_all: _TagsAll = None,
    tags_none: _TagsNone = None,
    sort_by: _SortBy = None,
    sort_desc: _SortDesc = False,
    limit: _Limit = 50,
    offset: _Offset = 0,
    at: At = None,
) -> Response:
    """Find the records of all categories that match every filter; one without a field that is asked for does not."""
    query = queries.Query(
        None,
        name_contains or "",
        nsfw,
        tags=tuple(tags_all or ()),
        sort_by=sort_by,
        descending=sort_desc,
        tags_any=tuple(tags_any or ()),
        tags_none=tuple(tags_none or ()),
    )
    return await _found(request, await snapshot_of(request, at), query, offset, limit)


def _check_known(category: str, snapshot: Snapshot) -> None:
    own = [name for name in snapshot.config.categories if name not in CATEGORIES]
    if category not in own:
        detail = f"Unknown category '{category}'. Valid: {[*CATEGORIES, *own]}"
        raise Refusal(422, detail, "invalid")


async def _found(request: Request, snapshot: Snapshot, query: queries.Query, offset: int, limit: int) -> Response:
    service = service_of(request)
    tree = snapshot.main if query.category is None else snapshot.trees[query.category] or EMPTY_TREE
    try:
        body = await service.kept.get(
            ("search", tree, query, offset, limit),
            lambda: service.repository.read(lambda ctx: _page(ctx, snapshot, query, offset, limit, weak(tree))),
        )
    except queries.NoSuchField as fault:
        raise _refusal(fault, query.category) from fault
    # A page ends with its counts: they need not be kept beside it.
    total = int(body.plain[body.plain.rindex(_TOTAL) + len(_TOTAL) :].partition(b",")[0])
    return body.response(request, {"Link": page_links(request, offset, limit, total)})


def _page(ctx: Context, snapshot: Snapshot, query: queries.Query, offset: int, limit: int, etag: str) -> Body:
    """The answer, made of the records' bytes as they are stored."""
    records, page = search_bytes(ctx, query, offset=offset, limit=limit, revision=snapshot.main)
    more = b"true" if page.has_more else b"false"
    counts = _TOTAL + b'%d, "offset": %d, "limit": %d, "has_more": %s}\n' % (page.total, offset, limit, more)
    results = b",\n".join(data.rstrip(b"\n") for data in records)
    return Body.of(b'{"results": [' + results + b"], " + counts, etag)


def _refusal(fault: queries.NoSuchField, category: str | None) -> Refusal:
    words = _UNSUPPORTED if fault.verb == "filter" else _UNSORTABLE
    record = record_name(category) if category is not None and category in CATEGORIES else GENERIC
    known = sorted(name for name in fault.known if name != PICTURES)  # the answer that clients know, letter for letter
    return Refusal(400, words.format(_NO_FIELD.format(fault.field, record, known)), "usage")
