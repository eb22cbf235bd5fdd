"""One commit of ``main`` or of ``queue``: which step it belongs to, and what it did to which records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelref_git.errors import NotFound
from modelref_git.operations.audit_events import read_event
from modelref_git.operations.context import Context
from modelref_git.proposals import trailers
from modelref_git.proposals.header import POLICY
from modelref_git.store.index import Index, RecordChange
from modelref_git.store.objects import Commit


@dataclass(frozen=True, slots=True)
class CommitSheet:
    """A commit with all that is told of it."""

    commit: Commit
    branch: str
    """``main`` or ``queue``."""
    event_commit: str
    """The commit of ``queue`` that holds the step; itself on ``queue``."""
    first_id: int
    last_id: int
    """The ids of the step's events."""
    action: str
    actor: str
    attested_by: str | None
    time: int
    title: str | None
    reason: str | None
    batch_id: int | None
    change_ids: tuple[int, ...]
    """The changes that the step is about, without those of the policy where these are left out."""
    main: tuple[str, ...]
    """The commits that the step brought to ``main``, oldest first."""
    body: tuple[str, ...]
    """The lines of the message between its subject and its trailers."""
    trailers: tuple[tuple[str, str], ...]
    parents: tuple[tuple[str, bool], ...]
    """Each parent, and whether it is a commit of one of the two branches."""
    records: tuple[dict[str, Any], ...]
    """What a commit of ``main`` did: ``{"category", "name", "net", "change_ids"}``, a page of them."""
    has_more: bool
    """Whether it did more to records than that."""


def commit_sheet(
    ctx: Context, oid: str, *, queue: bool = True, policy: bool = True, offset: int = 0, limit: int = 50
) -> CommitSheet:
    """What there is to tell of a commit.

    Args:
        ctx: the way in.
        oid: its whole id.
        queue: whether it may be one of ``queue``.
        policy: whether steps about the policy alone are told.
        offset: so many records that a commit of ``main`` touched are passed over.
        limit: at most so many of them are told.

    Raises:
        NotFound: there is no such commit on either branch; other objects are none, whatever they are.
    """
    view = ctx.view()
    with Index(view) as index:
        position, own = index.position(oid), index.first_id(oid) if queue else None
        first = own if position is None else index.event_of(oid)
        holder = index.event_commit(first) if first is not None else None
        if first is None or holder is None:
            raise NotFound(f"there is no commit {oid} on main{' or queue' if queue else ''}")
        found = read_event(view, holder)
        hidden = frozenset() if policy else frozenset(index.changes((POLICY,)))
        numbers = tuple(number for number in found.change_ids if number not in hidden)
        if found.change_ids and not numbers:
            raise NotFound(f"the commit {oid} is one of the policy, which members see")
        rows = index.changes_after(position - 1, limit=limit + 1, skip=offset) if position is not None else []
        rows = [row for row in rows if row.position == position]
        commit = view.objects.read_commit(oid)
        return CommitSheet(
            commit=commit,
            branch="queue" if position is None else "main",
            event_commit=holder,
            first_id=found.first_id,
            last_id=found.last_id,
            action=found.action,
            actor=str(found.actor),
            attested_by=str(found.attested_by) if found.attested_by is not None else None,
            time=found.time,
            title=found.title,
            reason=found.reason,
            batch_id=found.batch_id,
            change_ids=numbers,
            main=tuple(index.commits_by(first)),
            body=_body(commit),
            trailers=tuple(trailers.read(commit.message)),
            parents=tuple((parent, _is_told(index, parent, queue)) for parent in commit.parents),
            records=tuple(_record(row) for row in rows[:limit]),
            has_more=len(rows) > limit,
        )


def _body(commit: Commit) -> tuple[str, ...]:
    """The lines of a message without its first and without its trailers."""
    lines = commit.message.rstrip("\n").split("\n")[1:]
    if trailers.read(commit.message):
        while lines and lines[-1]:
            lines.pop()
    return tuple("\n".join(lines).strip("\n").split("\n")) if any(lines) else ()


def _is_told(index: Index, oid: str, queue: bool) -> bool:
    return index.position(oid) is not None or (queue and index.first_id(oid) is not None)


def _record(row: RecordChange) -> dict[str, Any]:
    net = "added" if row.before is None else "deleted" if row.after is None else "modified"
    return {"category": row.category, "name": row.name, "net": net, "change_ids": row.change_ids}
