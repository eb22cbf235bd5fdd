"""The feed: what was done to the records of ``main`` after a point, for consumers that keep a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from modelref_git.errors import IntegrityFailure, NotFound
from modelref_git.operations.audit_events import read_event
from modelref_git.operations.context import Context
from modelref_git.proposals.events import CREATE, DELETE, UPDATE
from modelref_git.records import codec
from modelref_git.store.index import Index, RecordChange
from modelref_git.store.log import View

_SKIPPED_AT_MOST: Final = 12
"""Digits of a number of rows."""


class NotOfMain(IntegrityFailure):
    """A revision that is no commit of ``main`` or ``queue``, so that the feed has no such place."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A part of the feed, for those who ask again and again."""

    main: str
    """The newest commit of ``main`` when this was read."""
    rows: tuple[tuple[str, dict[str, Any]], ...]
    """``(point, row)``: a point is what :func:`feed_page` takes to go on behind its row."""
    next: str
    """The point behind the last row."""
    has_more: bool
    """Whether there is more behind it by now."""


def read_feed(
    ctx: Context, *, since: str | None = None, until: str | None = None, pause: Callable[[], bool] | None = None
) -> Iterator[dict[str, Any]]:
    """The record changes of ``main``, oldest first.

    The rows of one event stand together, and all carry its last id: asked again with that id, the feed goes on behind
    them.

    Args:
        ctx: the way in.
        since: an event's number, or a commit of ``main`` or ``queue``, behind which it begins; the very beginning
            unless given.
        until: the commit of ``main`` behind which nothing is told any more; the newest unless given.
        pause: called when all is told; the feed ends when it gives false, else it looks for what is new. Without it,
            the feed ends there.

    Raises:
        NotFound: there is no such event or revision.
        IntegrityFailure: the revision is none of ``main`` or ``queue``, or ``main`` was rewritten meanwhile.
    """
    last: str | None = None
    while True:
        view = ctx.view()
        with Index(view) as index:
            position = _position(ctx, index, since) if last is None else index.position(last)
            if position is None:
                raise IntegrityFailure(
                    f"main was rewritten: {last}, up to which the feed has told, is not on it any more"
                )
            rows = index.changes_after(position)
            if until is not None:
                end = _position(ctx, index, until)
                rows = [row for row in rows if row.position <= end]
            yield from _rows(view, index, rows)
        last = view.main
        if pause is None or not pause():
            return


def feed_page(ctx: Context, *, since: str | None = None, limit: int = 100) -> FeedPage:
    """At most *limit* record changes of ``main`` behind a point, oldest first, each as :func:`read_feed` tells it.

    The point behind the last row of an event is that event's last id. Behind another row it is the point before the
    event, a colon, and how many of the event's rows have been told: an import may have more of them than a page takes.

    Args:
        ctx: the way in.
        since: a point, an event's number, or a commit of ``main`` or ``queue``; the very beginning unless given.
        limit: the number of rows.

    Raises:
        NotFound: there is no such event, revision or point.
        NotOfMain: the revision is no commit of ``main`` or ``queue``.
    """
    view = ctx.view()
    with Index(view) as index:
        base, position, told = _point(ctx, index, since)
        found = index.changes_after(position, limit=limit + 1, skip=told)
        if told and not found:
            raise NotFound(f"the feed has no point {since!r}")
        here = found[:limit]
        rows: list[tuple[str, dict[str, Any]]] = []
        for place, row in enumerate(_rows(view, index, here), 1):
            if place < len(found) and found[place].event == here[place - 1].event:
                told += 1
            else:
                base, told = str(row["event_id"]), 0
            rows.append((_written(base, told), row))
    return FeedPage(view.main, tuple(rows), _written(base, told), len(found) > limit)


def feed_point(ctx: Context, since: str | None = None) -> str:
    """The point that *since* means, which stays the same whatever happens; that of this moment unless given.

    Raises:
        NotFound, NotOfMain: as for :func:`feed_page`.
    """
    if since is None:
        return str(ctx.view().queue.header.last_event_id)
    view = ctx.view()
    with Index(view) as index:
        base, position, told = _point(ctx, index, since)
        if told and not index.changes_after(position, limit=1, skip=told):
            raise NotFound(f"the feed has no point {since!r}")
    return _written(base, told)


def _point(ctx: Context, index: Index, since: str | None) -> tuple[str, int, int]:
    """What *since* means: an event's number or a commit, its place on ``main``, and the rows behind it to leave out."""
    base, divided, told = (since or "0").partition(":")
    if divided and not (told.isascii() and told.isdigit() and len(told) <= _SKIPPED_AT_MOST):
        raise NotFound(f"the feed has no point {since!r}")
    position = _position(ctx, index, base)
    return base if _is_event(index, base) else ctx.store.resolve(base), position, int(told or 0)


def _written(base: str, told: int) -> str:
    return f"{base}:{told}" if told else base


def _position(ctx: Context, index: Index, since: str | None) -> int:
    """The place of ``main`` behind which the feed begins."""
    if since is None:
        return 0
    if _is_event(index, since):
        return index.position_at(int(since))
    commit = ctx.store.resolve(since)
    position = index.position(commit)
    if position is not None:
        return position
    event_id = index.first_id(commit)
    if event_id is None:
        raise NotOfMain(
            f"{since!r} is {commit}, which is no commit of main or queue",
            hint="name a commit that `git log --first-parent main` shows, or an event's number",
        )
    return index.position_at(event_id)


def _is_event(index: Index, since: str) -> bool:
    return since.isascii() and since.isdigit() and int(since) <= index.last_event


def _rows(view: View, index: Index, changes: list[RecordChange]) -> Iterator[dict[str, Any]]:
    last_ids: dict[int, int] = {}
    for change in changes:
        if change.event not in last_ids:
            last_ids[change.event] = read_event(view, index.event_commit(change.event) or "").last_id
        record = None
        if change.after is not None:
            record = codec.without_remainder(codec.decode(view.objects.read_blob(change.after)))
        yield {
            "commit": change.commit,
            "event_id": last_ids[change.event],
            "category": change.category,
            "model_name": change.name,
            "operation": CREATE if change.before is None else DELETE if change.after is None else UPDATE,
            "record": record,
        }
