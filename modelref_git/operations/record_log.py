"""The history of one record on ``main``: who changed it, when, in which change and batch."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from modelref_git.errors import ModelrefError, NotFound
from modelref_git.operations.audit_events import read_event
from modelref_git.operations.context import Context
from modelref_git.proposals.events import ADOPT, CREATE, DELETE, UPDATE
from modelref_git.proposals.queue import Change
from modelref_git.records import codec
from modelref_git.records.diff import field_diffs
from modelref_git.store.index import Index, RecordChange
from modelref_git.store.log import View

_Record = dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Version:
    """One step in the life of a record: what it was and became, and by whom. People are ``name#id``."""

    commit: str
    time: int
    """When it came to ``main``, Unix seconds."""
    old: _Record
    new: _Record
    author: str | None
    approver: str | None
    applied_by: str | None
    change_id: int | None = None
    """``None`` for what was done without a proposal."""
    batch_id: int | None = None

    @property
    def operation(self) -> str:
        """What was done, by the two states."""
        return CREATE if self.old is None else DELETE if self.new is None else UPDATE


def record_log(ctx: Context, category: str, name: str, *, revision: str | None = None) -> list[dict[str, Any]]:
    """Who changed a record, when, in which change and batch, field by field; newest first.

    Several changes of it that one merge took in are several rows, each with what it made of the one before.

    Args:
        ctx: the way in.
        category: the record's category.
        name: its name.
        revision: a commit of ``main`` up to which is told; all unless given.

    Raises:
        NotFound: there is no such category or revision, or no record of that name ever was.
    """
    with contextlib.closing(versions(ctx, category, name, revision=revision)) as past:
        rows = [_row(version) for version in past]
    if not rows:
        raise NotFound(f"{category} has no record {name!r}, and never had one")
    return rows


def versions(ctx: Context, category: str, name: str, *, revision: str | None = None) -> Generator[Version, None, None]:
    """The versions of a record, newest first, each read when it is asked for; close it, as it holds the index open.

    Raises:
        NotFound: there is no such category or revision.
    """
    view = ctx.view()
    with Index(view) as index:
        upto = None if revision is None else _position(ctx, index, revision)
        view.dataset(None if revision is None else ctx.store.resolve(revision)).fan_out(category)
        found = index.record(category, name, upto)
        for row in found:
            if row.change_ids:
                yield from reversed(_merged(view, row))
            else:
                yield _administrative(view, index, row)


def _position(ctx: Context, index: Index, revision: str) -> int:
    commit = ctx.store.resolve(revision)
    position = index.position(commit)
    if position is None:
        raise NotFound(
            f"{revision!r} is {commit}, which was never on main",
            hint="the history of a record is that of main: name one of its commits",
        )
    return position


def _row(version: Version) -> dict[str, Any]:
    diffs = field_diffs(version.old, version.new)
    return {
        "commit": version.commit,
        "change_id": version.change_id,
        "batch_id": version.batch_id,
        "operation": version.operation,
        "author": version.author,
        "approver": version.approver,
        "applied_by": version.applied_by,
        "time": version.time,
        "fields": [{"path": diff.pointer, "old": diff.old, "new": diff.new} for diff in diffs],
    }


def _administrative(view: View, index: Index, row: RecordChange) -> Version:
    """What was done without a proposal: whoever did it asked, approved and applied in one."""
    event = read_event(view, index.event_commit(row.event) or "")
    actor = str(event.actor)
    author = actor
    if event.action == ADOPT:
        by = view.objects.read_commit(row.commit).author
        author = f"{by.name} <{by.email}>"
    return Version(row.commit, event.time, _read(view, row.before), _read(view, row.after), author, actor, actor)


def _merged(view: View, row: RecordChange) -> list[Version]:
    """What each change of a merge made of the record, in the order in which they were merged."""
    changes = [(number, view.queue.change(number) or view.queue.purged(number)) for number in row.change_ids]
    states = _states(view, row, [change for _, change in changes])
    merged_at = view.objects.read_commit(row.commit).committer.time
    return [
        Version(row.commit, merged_at, old, new, None, None, None, number)
        if change is None
        else Version(
            commit=row.commit,
            time=change.applied_at or merged_at,
            old=old,
            new=new,
            author=change.requested_username,
            approver=change.approved_username,
            applied_by=change.applied_username,
            change_id=number,
            batch_id=change.batch_id,
        )
        for (number, change), old, new in zip(changes, states, states[1:], strict=False)
    ]


def _states(view: View, row: RecordChange, changes: list[Change | None]) -> list[_Record]:
    """The record before the merge, and after each of its changes; the last is what stands on ``main``."""
    blobs = [row.before]
    if len(changes) > 1:
        # Imported here: hardly ever are there several changes of one record in one merge.
        from modelref_git.operations.merging import merged_blob

        ours = view.dataset(view.objects.read_commit(row.commit).parents[0])
        for change in changes[:-1]:
            blobs.append(blobs[-1])
            if change is not None:
                # A merge that somebody forged may be none; `verify` says so, and here what can be told is told.
                with contextlib.suppress(ModelrefError):
                    blobs[-1], _ = merged_blob(view.objects, ours, change, blobs[-1])
    return [_read(view, blob) for blob in [*blobs, row.after]]


def _read(view: View, blob: str | None) -> _Record:
    return None if blob is None else codec.without_remainder(codec.decode(view.objects.read_blob(blob)))
