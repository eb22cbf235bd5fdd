"""The dataset: its categories, the records of one, and the search, at any revision."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from modelref_git.operations.context import Context
from modelref_git.pages.views.dataset import PAGE, category_view, dataset_view, search_view
from modelref_git.records import query as queries
from modelref_git.records.categories import TEXT_GENERATION
from modelref_git.server.revisions import LONGEST, PLAIN
from modelref_git.server.service import service_of
from modelref_git.server.settings import Settings
from modelref_git.server.ui.finding import HERE, may_propose, revision_of, shown
from modelref_git.server.ui.page import PageRoute, links_of
from modelref_git.server.ui.visitors import visitor_of

_WORDS_AT_MOST: Final = 8
_TAGS_AT_MOST: Final = 20

_Truth = Literal["", "true", "false"]
_TRUTH: Final = {"true": True, "false": False}
_Text = Annotated[str, Field(max_length=200)]
_Tags = Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=_TAGS_AT_MOST)]


class Filters(BaseModel):
    """What a search is asked for: the filters of the API by its names, and words; a field left empty filters nothing.

    Several tags stand in fields of their own, as the API has them, or in one, between commas.
    """

    model_config = ConfigDict(extra="ignore")

    q: _Text = ""
    name_contains: _Text = ""
    nsfw: _Truth = ""
    baseline: _Text = ""
    inpainting: _Truth = ""
    quantized: _Truth = ""
    tags_all: _Tags = []
    tags_any: _Tags = []
    tags_none: _Tags = []
    sort_by: _Text = ""
    sort_desc: _Truth = ""
    offset: int = Field(0, ge=0, le=1 << 40)
    at: str = Field("", max_length=LONGEST, pattern=f"^$|{PLAIN}")

    def given(self) -> dict[str, str]:
        """What is given, as one text each, without revision and page."""
        listed = {name: ", ".join(_split(getattr(self, name))) for name in ("tags_all", "tags_any", "tags_none")}
        names = ("q", "name_contains", "nsfw", "baseline", "inpainting", "quantized", "sort_by", "sort_desc")
        single = {name: getattr(self, name).strip() for name in names}
        return {name: text for name, text in {**single, **listed}.items() if text}

    def query(self, category: str | None) -> queries.Query:
        """The search of one category, or of all."""
        return queries.Query(
            category,
            self.name_contains.strip(),
            _TRUTH.get(self.nsfw),
            self.baseline.strip() or None,
            _split(self.tags_all),
            sort_by=self.sort_by.strip() or None,
            descending=self.sort_desc == "true",
            tags_any=_split(self.tags_any),
            tags_none=_split(self.tags_none),
            inpainting=_TRUTH.get(self.inpainting),
            quantized=_TRUTH.get(self.quantized) if category == TEXT_GENERATION else None,
            words=tuple(self.q.split()[:_WORDS_AT_MOST]),
        )


def _split(texts: list[str]) -> tuple[str, ...]:
    words = (word.strip() for text in texts for word in text.split(","))
    return tuple(dict.fromkeys(word for word in words if word))[:_TAGS_AT_MOST]


_Asked = Annotated[Filters, Query()]


def make(_settings: Settings) -> APIRouter:
    """The routes of the dataset."""
    router = APIRouter(route_class=PageRoute)
    router.add_api_route("/dataset", dataset_page)
    router.add_api_route("/dataset/{category}", category_page)
    return router


async def dataset_page(request: Request, filters: _Asked) -> Response:
    """All categories; what a search finds in them, if one is asked for."""
    visitor = await visitor_of(request)
    at, snapshot = await revision_of(request, filters.at)
    links, given, revision = links_of(request), filters.given(), snapshot.main

    def work(ctx: Context) -> dict[str, Any]:
        if not given:
            return dataset_view(ctx, revision=revision)
        query = filters.query(None)
        view = search_view(ctx, query, offset=filters.offset, revision=revision, live=at is None)
        before, after = _beside(view["found"], filters.offset)
        ways = [links.dataset(at=at, **given, offset=there) if there is not None else None for there in (before, after)]
        return {**view, "filters": {**view["filters"], **given}, "before": ways[0], "after": ways[1]}

    return await shown(request, visitor, "dataset.html", work, at=at, commit=revision, category=HERE)


async def category_page(request: Request, category: str, filters: _Asked) -> Response:
    """The records of a category that match."""
    visitor = await visitor_of(request)
    at, snapshot = await revision_of(request, filters.at)
    links, given, revision = links_of(request), filters.given(), snapshot.main
    takes = may_propose(service_of(request).settings, category)

    def work(ctx: Context) -> dict[str, Any]:
        query = filters.query(category)
        view = category_view(ctx, query, offset=filters.offset, revision=revision, live=at is None)
        fields = view["fields"] | ({"quantized"} if category == TEXT_GENERATION else set())
        before, after = _beside(view["found"], filters.offset)
        ways = [
            links.category(category, at=at, **given, offset=there or None) if there is not None else None
            for there in (before, after)
        ]
        told = {"fields": fields, "filters": {**view["filters"], **given}, "may_propose": takes}
        return {**view, **told, "before": ways[0], "after": ways[1]}

    return await shown(request, visitor, "category.html", work, at=at, commit=revision, category=category)


def _beside(found: dict[str, Any], offset: int) -> tuple[int | None, int | None]:
    """Where the pages before and behind begin."""
    return max(0, offset - PAGE) if offset else None, offset + PAGE if found["has_more"] else None
