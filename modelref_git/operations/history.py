"""The two histories: who changed a record on ``main``, and the lifecycle events of the queue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelref_git.errors import NotFound
from modelref_git.operations.context import Context
from modelref_git.proposals import trailers
from modelref_git.proposals.events import CREATE, DELETE, UPDATE, Event
from modelref_git.records import codec
from modelref_git.records.diff import field_diffs
from modelref_git.records.names import structural_problems
from modelref_git.store import log
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import View
from modelref_git.store.objects import Commit


def record_log(ctx: Context, category: str, name: str) -> list[dict[str, Any]]:
    """Who changed a record, when, in which change and batch, field by field; newest first.

    Raises:
        NotFound: there is no such category, or no record of that name ever was.
    """
    view = ctx.view()
    view.dataset().fan_out(category)
    if structural_problems(category, name):
        raise NotFound(f"{category} has no record {name!r}, and can have none of that name")
    rows = []
    commits = ctx.store.first_parents(view.main)
    commit = next(commits, None)
    blob = _blob(view, commit, category, name)
    while commit is not None:
        parent = next(commits, None)
        before = _blob(view, parent, category, name)
        if before != blob:
            rows.append(_log_row(view, commit, category, name, before, blob))
        commit, blob = parent, before
    if not rows:
        raise NotFound(f"{category} has no record {name!r}, and never had one")
    return rows


def _blob(view: View, commit: Commit | None, category: str, name: str) -> str | None:
    if commit is None:
        return None
    dataset = DatasetTree(view.objects, commit.tree, commit.id)
    return dataset.blob(category, name) if category in dataset.config.categories else None


def _log_row(
    view: View, commit: Commit, category: str, name: str, before: str | None, after: str | None
) -> dict[str, Any]:
    old, new = (_record(view, blob) for blob in (before, after))
    operation = CREATE if old is None else DELETE if new is None else UPDATE
    row: dict[str, Any] = {
        "commit": commit.id,
        "change_id": None,
        "batch_id": None,
        "operation": operation,
        "author": None,
        "approver": None,
        "applied_by": None,
        "time": commit.committer.time,
        "fields": [{"path": diff.pointer, "old": diff.old, "new": diff.new} for diff in field_diffs(old, new)],
    }
    change_id = _change_of(view, commit, category, name)
    change = view.queue.change(change_id) if change_id is not None else None
    if change is None:
        # An administrative commit: whoever made it asked, approved and applied in one.
        actor = dict(trailers.read(commit.message)).get("Actor")
        row |= {"author": actor, "approver": actor, "applied_by": actor}
        return row
    return row | {
        "change_id": change.change_id,
        "batch_id": change.batch_id,
        "author": change.requested_username,
        "approver": change.approved_username,
        "applied_by": change.applied_username,
        "time": change.applied_at,
    }


def _record(view: View, blob: str | None) -> dict[str, Any] | None:
    return None if blob is None else codec.without_remainder(codec.decode(view.objects.read_blob(blob)))


def _change_of(view: View, merge: Commit, category: str, name: str) -> int | None:
    """The number of the change by which a batch's merge changed a record."""
    numbers = [int(value) for key, value in trailers.read(merge.message) if key == "Change-Id"]
    for number, parent in zip(numbers, merge.parents[1:], strict=False):
        rows = dict(trailers.read(view.objects.read_commit(parent).message))
        if rows.get("Category") == category and rows.get("Name") == name:
            return number
    return None


@dataclass(frozen=True, slots=True)
class EventFilters:
    """Which events are wanted: every filter that is given must hold."""

    change_id: int | None = None
    batch_id: int | None = None
    actor: str | None = None
    """An id, or ``name#id``."""
    actions: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    """Unix seconds, both ends counted in."""

    def hold(self, event: Event, change_id: int | None) -> bool:
        """Whether the part of *event* that is about *change_id* is wanted."""
        return (
            (self.change_id is None or self.change_id == change_id)
            and (self.batch_id is None or self.batch_id == event.batch_id)
            and (self.actor is None or self.actor.rpartition("#")[2] == event.actor.id)
            and (not self.actions or event.action in self.actions)
            and (self.since is None or event.time >= self.since)
            and (self.until is None or event.time <= self.until)
        )


def list_events(ctx: Context, filters: EventFilters) -> Iterator[dict[str, Any]]:
    """The queue's lifecycle events, oldest first: PendingQueueAuditEvents with their commits."""
    view = ctx.view()
    entries = list(log.history(ctx.store, view.head))
    for commit, event in reversed(entries):
        for place, (event_id, change_id) in enumerate(event.ids()):
            if filters.hold(event, change_id):
                yield {
                    "event_id": event_id,
                    "timestamp": event.time,
                    "action": event.action,
                    "logical_user_id": event.actor.id,
                    "payload": _payload(event, change_id, place),
                    "commit": commit.id,
                }


def _payload(event: Event, change_id: int | None, place: int) -> dict[str, Any]:
    """The event's fields as the queue's clients know them, nulls left out."""
    row: dict[str, Any] = {"action": event.action, "change_id": change_id}
    if event.proposals:
        proposal = event.proposals[place]
        row |= {"operation": proposal.operation, "category": proposal.category, "model": proposal.name}
    row |= {
        "waived": [rule for number, rule in event.waived if number in (0, change_id)] or None,
        "batch_id": event.batch_id,
        "batch_title": event.title if event.action != "apply" else None,
        "reason": event.reason,
        "job_id": event.job_id,
        "main": event.main,
        "note": event.note,
    }
    return {key: value for key, value in row.items() if value is not None}
