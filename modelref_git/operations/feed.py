"""The feed: what was done to the records of ``main`` after a point, for consumers that keep a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from modelref_git.errors import IntegrityFailure
from modelref_git.operations.audit_events import read_event
from modelref_git.operations.context import Context
from modelref_git.proposals.events import CREATE, DELETE, UPDATE
from modelref_git.records import codec
from modelref_git.store.index import Index, RecordChange
from modelref_git.store.log import View


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


def _position(ctx: Context, index: Index, since: str | None) -> int:
    """The place of ``main`` behind which the feed begins."""
    if since is None:
        return 0
    if since.isascii() and since.isdigit() and int(since) <= index.last_event:
        return index.position_at(int(since))
    commit = ctx.store.resolve(since)
    position = index.position(commit)
    if position is not None:
        return position
    event_id = index.first_id(commit)
    if event_id is None:
        raise IntegrityFailure(
            f"{since!r} is {commit}, which is no commit of main or queue",
            hint="name a commit that `git log --first-parent main` shows, or an event's number",
        )
    return index.position_at(event_id)


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
