"""A site: which pages a dataset has, what decides each, and how it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from modelref_git import __version__
from modelref_git.operations.batches import list_batches
from modelref_git.operations.context import Context
from modelref_git.operations.listing import Row, list_records
from modelref_git.operations.pictures import picture_bytes
from modelref_git.operations.search import Figures, Query, category_figures
from modelref_git.operations.thumbnails import thumbnail
from modelref_git.pages import assets
from modelref_git.pages.rendering import Frame, render
from modelref_git.pages.site import links as place
from modelref_git.pages.site import search
from modelref_git.pages.site.folder import Page, Written, key_of, write_site
from modelref_git.pages.site.links import Places, SiteLinks
from modelref_git.pages.views import batch as batches
from modelref_git.pages.views import commit as commits
from modelref_git.pages.views import dataset as datasets
from modelref_git.pages.views import history as histories
from modelref_git.pages.views.record import record_view
from modelref_git.pages.views.start import start_view
from modelref_git.proposals.events import APPLY
from modelref_git.proposals.header import POLICY
from modelref_git.proposals.queue import Batch
from modelref_git.records import codec
from modelref_git.records.pictures import named
from modelref_git.store import layout
from modelref_git.store.index import Index
from modelref_git.store.trees import find

SIDE: Final = 512
"""Pixels a side of the small copies of pictures, at most."""
MARKER: Final = ".nojekyll"
"""Has GitHub Pages hand out every file as it is."""

_TRIES: Final = 3
_SUFFIXES: Final = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif"}

_Values = Mapping[str, Any]


def build_site(ctx: Context, folder: Path, *, progress: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Bring the site in *folder* up to what is live: ``{"at", "files", "written", "removed", "unchanged"}``.

    Args:
        ctx: the way in.
        folder: made if it is not there.
        progress: called after each file that is written.

    Raises:
        NotFound: it is no dataset repository.
        Conflict: the folder holds other things than a site.
        Invalid: it cannot be written.
        UsageFault: what decodes pictures is not installed, and there are some.
    """
    written: set[str] = set()
    removed: set[str] = set()
    for _ in range(_TRIES):
        plan = _Plan(ctx)
        pages = list(plan.pages())
        done: Written = write_site(folder, pages, disk=ctx.store.disk, progress=progress, dry_run=ctx.dry_run)
        written |= set(done.written)
        removed |= set(done.removed)
        if ctx.dry_run or ctx.view().main == plan.main:
            break  # else somebody applied something meanwhile, and pages may be of both states
    answer = {
        "at": plan.main,
        "files": len(pages),
        "written": len(written),
        "removed": len(removed),
        "unchanged": len(pages) - len(written),
    }
    return {**answer, "dry_run": True} if ctx.dry_run else answer


@cache
def _program() -> str:
    """What of this version decides how every page looks."""
    digest = hashlib.sha256(__version__.encode())
    for item in sorted(files("modelref_git.pages").joinpath("templates").iterdir(), key=lambda item: item.name):
        digest.update(item.name.encode() + item.read_bytes())
    for name in assets.names():
        digest.update(name.encode() + assets.sum_of(name).encode())
    return digest.hexdigest()


class _Plan:
    """The pages of one state of the dataset."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        view = ctx.view()
        self.main = view.main
        self._dataset = view.dataset()
        self._schemas = {name: self._dataset.schema(name) for name in self._dataset.config.categories}
        self._rows = {
            name: list(list_records(ctx.store, self._dataset, name, ctx.warn).rows.values()) for name in self._schemas
        }
        self._figures: dict[str, Figures] = {row.category: row for row in category_figures(ctx)}
        self._batches = list(_applied_batches(ctx))
        with Index(view) as index:
            self._lives = index.lives()
            hidden = {
                oid
                for number in index.changes((POLICY,))
                for event, _ in index.events(change_id=number, actions=(APPLY,))
                for oid in index.commits_by(event)
            }
        shown = (commit.id for commit in ctx.store.first_parents(self.main))
        self._commits = [oid for oid in shown if oid not in hidden]
        self._pictures = dict(self._named_pictures())
        self._places = Places(self._places_of_changes(), frozenset(self._commits), self._pictures)

    def pages(self) -> Iterator[Page]:
        """Every file of the site."""
        yield Page(MARKER, "", lambda: b"")
        for name in assets.names():
            yield Page(place.asset_file(name), assets.sum_of(name), partial(assets.read, name))
        yield self._page(place.START, "start", (self.main,), "start.html", self._start, "start")
        figures = [repr(self._figures[name]) for name in self._rows]
        yield self._page(
            place.DATASET,
            "dataset",
            figures,
            "dataset.html",
            partial(datasets.dataset_view, self._ctx),
            "dataset",
        )
        for category, rows in self._rows.items():
            yield from self._category_pages(category, rows)
            yield from self._record_pages(category, rows)
        yield from self._gone_pages()
        yield from self._batch_pages()
        for oid in self._commits:
            yield self._page(
                place.commit_page(oid),
                "commit",
                (oid,),
                "commit.html",
                partial(commits.commit_view, self._ctx, oid, queue=False, policy=False),
                "batches",
            )
        yield from self._search_pages()
        for sha256, suffix in self._pictures.items():
            yield Page(place.picture_file(sha256, suffix), sha256, partial(picture_bytes, self._ctx, sha256))
            key = key_of(sha256, SIDE)
            yield Page(place.thumbnail_file(sha256), key, partial(thumbnail, self._ctx, sha256, SIDE))

    def _page(
        self,
        path: str,
        kind: str,
        decides: Sequence[str | int | None],
        template: str,
        view: Callable[[], _Values],
        here: str,
    ) -> Page:
        def make() -> bytes:
            return render(template, Frame(SiteLinks(path, self._places), here=here), view())

        return Page(path, key_of(_program(), kind, path, *decides), make)

    # --- the parts -----------------------------------------------------------------------------------------------

    def _start(self) -> _Values:
        counts = {name: len(rows) for name, rows in self._rows.items()}
        baselines: dict[str, int] = {}
        for figures in self._figures.values():
            for name, count in figures.baselines:
                baselines[name] = baselines.get(name, 0) + count
        now = self._ctx.store.read_commit(self.main).committer.time
        return {
            **start_view(self._ctx, counts, baselines, signed_in=False, audit=False, until=now),
            "batches": self._batches[:5],
        }

    def _category_pages(self, category: str, rows: Sequence[Row]) -> Iterator[Page]:
        size = datasets.PAGE
        last = max(1, -(-len(rows) // size))
        schema = self._oid(self._dataset.config.categories[category].schema)
        for number in range(1, last + 1):
            part = rows[(number - 1) * size : number * size]
            path = place.category_page(category, number)

            def view(number: int = number, path: str = path) -> _Values:
                links = SiteLinks(path, self._places)
                shown = datasets.category_view(
                    self._ctx, Query(category=category), offset=(number - 1) * size, limit=size
                )
                return {
                    **shown,
                    "before": links.category(category, page=number - 1) if number > 1 else None,
                    "after": links.category(category, page=number + 1) if number < last else None,
                }

            decides = (schema, repr(self._figures[category]), last, *(f"{row.name}\0{row.blob}" for row in part))
            yield self._page(path, "category", decides, "category.html", view, "dataset")

    def _record_pages(self, category: str, rows: Sequence[Row]) -> Iterator[Page]:
        schema = self._oid(self._dataset.config.categories[category].schema)
        for row in rows:
            changed, _ = self._lives.get((category, row.name), (0, 0))
            yield self._page(
                place.record_page(category, row.name),
                "record",
                (row.blob, schema, changed),
                "record.html",
                partial(record_view, self._ctx, category, row.name),
                "dataset",
            )
            yield from self._history_pages(category, row.name)

    def _gone_pages(self) -> Iterator[Page]:
        """Of records that are no more: their histories, which stand in the place of the records too."""
        live = {(category, row.name) for category, rows in self._rows.items() for row in rows}
        for category, name in self._lives:
            if (category, name) not in live and category in self._rows:
                yield from self._history_pages(category, name)
                yield self._history_page(place.record_page(category, name), category, name, 1)

    def _history_pages(self, category: str, name: str) -> Iterator[Page]:
        _, count = self._lives.get((category, name), (0, 0))
        for number in range(1, max(1, -(-count // histories.PAGE)) + 1 if count else 1):
            yield self._history_page(place.history_page(category, name, number), category, name, number)

    def _history_page(self, path: str, category: str, name: str, number: int) -> Page:
        changed, count = self._lives[category, name]

        def view() -> _Values:
            links = SiteLinks(path, self._places)
            shown = histories.history_view(self._ctx, category, name, offset=(number - 1) * histories.PAGE)
            newer = place.history_page(category, name, number - 1) if number > 1 else None
            older = place.history_page(category, name, number + 1) if shown["has_more"] else None
            return {
                **shown,
                "before": links.file(newer) if newer is not None else None,
                "after": links.file(older) if older is not None else None,
            }

        return self._page(path, "history", (changed, count), "history.html", view, "dataset")

    def _batch_pages(self) -> Iterator[Page]:
        size = datasets.PAGE
        last = max(1, -(-len(self._batches) // size))
        for number in range(1, last + 1):
            part = self._batches[(number - 1) * size : number * size]
            path = place.batches_page(number)

            def view(part: Sequence[Batch] = part, number: int = number, path: str = path) -> _Values:
                links = SiteLinks(path, self._places)
                return {
                    "batches": part,
                    "cursor": None,
                    "first": links.batches(page=number - 1) if number > 1 else None,
                    "more": links.batches(page=number + 1) if number < last else None,
                }

            yield self._page(path, "batches", (last, *map(repr, part)), "batches.html", view, "batches")
        for batch in self._batches:
            yield from self._pages_of(batch)

    def _pages_of(self, batch: Batch) -> Iterator[Page]:
        parts = _parts(batch)
        for number, part in enumerate(parts, 1):
            path = place.batch_page(batch.batch_id, number)

            def view(number: int = number, part: Sequence[int] = part, path: str = path) -> _Values:
                links = SiteLinks(path, self._places)
                after = part[0] - 1 if part else 0
                return {
                    **batches.batch_view(self._ctx, batch.batch_id, after=after),
                    "first": links.file(place.batch_page(batch.batch_id, number - 1)) if number > 1 else None,
                    "more": links.file(place.batch_page(batch.batch_id, number + 1)) if number < len(parts) else None,
                }

            yield self._page(path, "batch", (repr(batch),), "batch.html", view, "batches")

    def _search_pages(self) -> Iterator[Page]:
        lists: list[tuple[str, str]] = []
        for category, rows in self._rows.items():
            for start in range(0, len(rows), search.RECORDS):
                part = rows[start : start + search.RECORDS]
                path = search.list_file(place.category_page(category), start // search.RECORDS + 1)
                lists.append((category, path))

                def make(category: str = category, part: Sequence[Row] = part) -> bytes:
                    return search.list_bytes(category, [(row, self._record(row)) for row in part])

                yield Page(path, key_of(_program(), "list", *(f"{row.name}\0{row.blob}" for row in part)), make)
        yield Page(search.INDEX, key_of(_program(), *map(repr, lists)), partial(search.index_bytes, lists))
        yield self._page(
            place.SEARCH,
            "search",
            sorted(self._rows),
            "site-search.html",
            lambda: {"index": search.INDEX, "categories": [name for name, rows in self._rows.items() if rows]},
            "search",
        )

    # --- what links ask for --------------------------------------------------------------------------------------

    def _places_of_changes(self) -> dict[int, str]:
        return {
            number: place.batch_page(batch.batch_id, page)
            for batch in self._batches
            for page, part in enumerate(_parts(batch), 1)
            for number in part
        }

    def _named_pictures(self) -> Iterator[tuple[str, str]]:
        """The pictures that live records name, each with the end of its file's name."""
        for category, rows in self._rows.items():
            schema = self._schemas[category]
            if not schema.has_pictures or self._oid(layout.PICTURES) is None:
                continue
            for row in rows:
                for one in named(self._record(row), schema):
                    yield one.sha256, _SUFFIXES.get(str(one.entry.get("media_type")), "")

    def _oid(self, path: str) -> str | None:
        """The id of the file or folder at *path* of the dataset."""
        entry = find(self._dataset.objects, self._dataset.tree, path)
        return entry.oid if entry is not None else None

    def _record(self, row: Row) -> dict[str, Any]:
        return codec.without_remainder(codec.decode(self._dataset.objects.read_blob(row.blob)))


def _parts(batch: Batch) -> list[tuple[int, ...]]:
    """The changes of a batch by the pages that tell of them; a batch without any has one page too."""
    numbers, size = sorted(batch.changes), batches.PAGE
    return [tuple(numbers[start : start + size]) for start in range(0, len(numbers), size)] or [()]


def _applied_batches(ctx: Context) -> Iterator[Batch]:
    cursor: int | None = None
    while True:
        page = list_batches(ctx, cursor=cursor, limit=500, policy=False, applied_only=True)
        yield from page.batches
        cursor = page.next_cursor
        if cursor is None:
            return
