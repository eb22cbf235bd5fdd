"""Unsent: the proposals that wait in the outbox of a clone, listed, shown and taken back by their provisional ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modelref_git.errors import Forbidden
from modelref_git.operations.answers import PROVISIONAL, pending_record
from modelref_git.operations.context import Context
from modelref_git.proposals.folds.asked import queued
from modelref_git.proposals.header import REJECTED
from modelref_git.proposals.queue import Change
from modelref_git.store import log, outbox
from modelref_git.store.lock import writer_lock
from modelref_git.store.outbox import Unsent


def list_unsent(ctx: Context, *, offset: int = 0, limit: int | None = 50) -> dict[str, Any]:
    """What waits to be sent, as a PendingQueuePage; each change says that its id is provisional.

    Raises:
        IntegrityFailure: something in the outbox is no proposal.
    """
    waiting = outbox.waiting(ctx.store)
    page = waiting[offset : None if limit is None else offset + limit]
    items = [_record(ctx, _change(one)) for one in page]
    return {"items": items, "total": len(waiting), "offset": offset, "limit": limit}


def count_unsent(ctx: Context) -> int:
    """How many proposals wait to be sent."""
    return outbox.count(ctx.store)


def show_unsent(ctx: Context, number: int) -> dict[str, Any]:
    """One proposal that waits to be sent, as a PendingChangeRecord.

    Raises:
        NotFound: nothing waits under that provisional id.
    """
    return _record(ctx, _change(outbox.find(ctx.store, number)))


def withdraw_unsent(ctx: Context, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Take back what waits to be sent; answers the records. All of it, or nothing.

    Raises:
        NotFound: nothing waits under one of the provisional ids.
        Forbidden: one is somebody else's.
    """
    with writer_lock(ctx.store.lock_path):
        found = [outbox.find(ctx.store, number) for number in sorted(set(numbers))]
        person = ctx.person(log.read(ctx.store).dataset().config)
        for one in found:
            if one.proposal.requestor.id != person.actor.id:
                raise Forbidden(
                    f"unsent {one.number} is {one.proposal.requestor}'s, and you act as {person.username}",
                    hint=f"`--actor {one.proposal.requestor.id}` acts as them",
                )
        answer = []
        for one in found:
            change = replace(_change(one), status=REJECTED, reject_reason="withdrawn before it was sent")
            answer.append(_record(ctx, change))
            if not ctx.dry_run:
                outbox.remove(ctx.store, one)
    return answer


def _change(one: Unsent) -> Change:
    return queued(one.proposal, one.number, one.event.time)


def _record(ctx: Context, change: Change) -> dict[str, Any]:
    return {**pending_record(ctx.store.buffer(), change, nulls=True), PROVISIONAL: True}
