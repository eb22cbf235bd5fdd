"""What comes in from elsewhere: records, by a commit of their own; or a whole queue, into an empty one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

from modelref_git.errors import IntegrityFailure, WrongState
from modelref_git.proposals import events
from modelref_git.proposals.brought import Brought, PastEvent
from modelref_git.proposals.events import Approval, Event, Proposal
from modelref_git.proposals.folds.applied import administrative
from modelref_git.proposals.folds.common import put
from modelref_git.proposals.header import APPLIED, APPROVED, OPEN, PENDING, REJECTED
from modelref_git.proposals.queue import BATCH_APPLIED, BATCH_CLOSED, BATCH_OPEN, Batch, Change, Queue
from modelref_git.proposals.spans import Span


def next_event_id(last: int, event: Event) -> int:
    """The first id of *event*, which comes after event *last*.

    Ids have no gaps, but for those that the service which kept the queue before an import has given out.
    """
    passed = event.brought.last_event_id if event.brought is not None else 0
    return max(last, passed) + 1


def number_faults(last: int, event: Event) -> Iterator[str]:
    """What is wrong with the numbers that the import of a queue, after event *last*, says it skips."""
    if event.brought is None:
        return
    brought = event.brought
    rows = (
        ("event", event.skipped_events, brought.skipped_events(last)),
        ("change", event.skipped_changes, brought.skipped_changes),
        ("batch", event.skipped_batches, brought.skipped_batches),
    )
    for what, listed, skipped in rows:
        if listed != skipped:
            yield f"it does not list exactly the {what} ids that it skips: {_shown(skipped)}"


def _shown(spans: Iterable[Span]) -> str:
    return ", ".join(f"{first}-{last}" for first, last in spans) or "none"


def import_anything(queue: Queue, event: Event) -> None:
    """Records come to ``main``; or the state of a queue comes into this one, which must be empty."""
    if event.imported is None:
        administrative(queue, event)
        return
    brought = event.brought
    if brought is None or event.main is not None:
        raise IntegrityFailure(f"the import event {event.first_id} brings no queue")
    header = queue.header
    if header.last_change_id or header.last_batch_id:
        raise WrongState("a queue is imported into one that no change was ever in")
    _check_counters(event, brought)
    proposals = _proposals(event)
    for row in brought.changes:
        put(queue, _entering(row, proposals.pop(row.change_id, None), event), None)
    if proposals:
        raise IntegrityFailure(f"the import event {event.first_id} proposes what it does not bring")
    queue.header = replace(
        queue.header,
        last_change_id=brought.last_change_id,
        last_batch_id=brought.last_batch_id,
        open_batch=event.batch_id,
    )
    for batch in batches_of(brought, event):
        queue.put_batch(batch)
    for (job_id, batch_id), members in _jobs(brought).items():
        queue.put_job(job_id, batch_id, members)


def _check_counters(event: Event, brought: Brought) -> None:
    """Refuse numbers that stand twice, or go beyond the last one that was given out."""
    numbers = [change.change_id for change in brought.changes]
    ascending = all(first < second for first, second in pairwise(numbers))
    if not ascending or numbers[-1:] > [brought.last_change_id]:
        raise IntegrityFailure(f"the changes of the import event {event.first_id} are not numbered up to its last")
    if max(brought.batch_ids, default=0) > brought.last_batch_id:
        raise IntegrityFailure(f"the batches of the import event {event.first_id} go beyond its last")
    if max((past.event_id for past in brought.events), default=0) > brought.last_event_id:
        raise IntegrityFailure(f"the events of the import event {event.first_id} go beyond its last")


def _proposals(event: Event) -> dict[int, Proposal]:
    if len(event.change_ids) != len(event.proposals):
        raise IntegrityFailure(f"the import event {event.first_id} has not one proposal for each open change")
    return dict(zip(event.change_ids, event.proposals, strict=True))


def _entering(row: Change, proposal: Proposal | None, event: Event) -> Change:
    """A change as it comes into the queue: an open one with its proposal, a closed one without any."""
    what = f"change {row.change_id} of the import event {event.first_id}"
    if row.commit or row.base or row.status not in (PENDING, APPROVED, APPLIED, REJECTED):
        raise IntegrityFailure(f"{what} is not as an import brings it")
    if (row.status in OPEN) != (proposal is not None):
        raise IntegrityFailure(f"{what} is {row.status}, {'without' if proposal is None else 'with'} a proposal")
    if proposal is None:
        return row
    asked = (proposal.operation, proposal.category, proposal.name, proposal.requestor)
    if asked != (row.operation, row.category, row.model_name, row.requestor):
        raise IntegrityFailure(f"{what} proposes something else than was asked for")
    if row.status == PENDING and (row.approvals or row.batch_id is not None):
        raise IntegrityFailure(f"{what} is pending, and approved")
    bound = Approval(row.change_id, proposal.base_blob, proposal.blob)
    if row.status == APPROVED and (row.batch_id != event.batch_id or not row.approvals):
        raise IntegrityFailure(f"{what} is approved, and not in the open batch")
    if (row.status == APPROVED) != (bound in event.approvals):
        raise IntegrityFailure(f"the approval of {what} is of other content")
    return replace(
        row,
        commit=proposal.commit,
        base=proposal.base,
        base_blob=proposal.base_blob,
        blob=proposal.blob,
        waived=tuple(rule for change_id, rule in event.waived if change_id == row.change_id),
        enqueued_by=event.actor.id if event.actor.id != proposal.requestor.id else None,
    )


# --- what the changes and events say of batches and jobs --------------------------------------------------------------


_Gone = dict[int, tuple[str, int | None]]


def gone(brought: Brought) -> _Gone:
    """The changes that events alone tell of, purged or lost: the status and the batch that each had at the end."""
    there = {change.change_id for change in brought.changes}
    found: _Gone = {}
    for past in brought.events:
        for number, batch_id in past.about():
            if number is None or number in there:
                continue
            status, batch = found.get(number, (PENDING, None))
            found[number] = _BECOMES.get(past.action, status), batch_id or batch
    return found


_BECOMES: Final = {events.APPROVE: APPROVED, events.REJECT: REJECTED, events.APPLY: APPLIED}


def batches_of(brought: Brought, event: Event) -> Iterator[Batch]:
    """Every batch that is named, as its changes and events tell it; *event* says which is open, and its merges."""
    members: dict[int, list[Change]] = {number: [] for number in sorted(brought.batch_ids)}
    told: dict[int, list[PastEvent]] = {number: [] for number in members}
    left: dict[int, _Gone] = {number: {} for number in members}
    for change in brought.changes:
        if change.batch_id is not None:
            members[change.batch_id].append(change)
    for past in brought.events:
        for number in past.batch_ids:
            told[number].append(past)
    for number, (status, batch_id) in gone(brought).items():
        if batch_id is not None:
            left[batch_id][number] = status, batch_id
    for number, changes in members.items():
        yield _batch(number, changes, left[number], told[number], event)


def _batch(number: int, changes: list[Change], left: _Gone, told: list[PastEvent], event: Event) -> Batch:
    """One batch. Like one of this log, it keeps the numbers of what was purged after it was applied or rejected."""
    is_open = number == event.batch_id
    approved = sorted((c for c in changes if c.status in (APPROVED, APPLIED)), key=lambda c: c.approved_at or 0)
    applied = max((c for c in changes if c.status == APPLIED), key=lambda c: c.applied_at or 0, default=None)
    applies = [past for past in told if past.action == events.APPLY]
    by, username, at = _first_approver(approved, told)
    ids = {status: {n for n, (was, _) in left.items() if was == status} for status in (APPLIED, REJECTED)}
    return Batch(
        batch_id=number,
        title=(event.title if is_open else None) or _title(changes, told),
        status=BATCH_OPEN if is_open else BATCH_APPLIED if applied is not None or applies else BATCH_CLOSED,
        changes=tuple(sorted({change.change_id for change in approved} | (set() if is_open else ids[APPLIED]))),
        rejected=tuple(sorted({c.change_id for c in changes if c.status == REJECTED} | ids[REJECTED])),
        merges=event.merges if is_open else (),
        approved_by=by,
        approved_username=username,
        approved_at=at,
        applied_at=applied.applied_at if applied is not None else max((past.time for past in applies), default=None),
        applied_by=applied.applied_by if applied is not None else applies[-1].actor if applies else None,
        last_event_id=event.last_id if is_open else max((past.event_id for past in told), default=0),
    )


def _first_approver(approved: list[Change], told: list[PastEvent]) -> tuple[str | None, str | None, int | None]:
    """Who approved first into a batch, by its events, or where they are silent by its members."""
    first = next((past for past in told if past.action == events.APPROVE and past.actor), None)
    if first is None:
        change = next((change for change in approved if change.approved_by is not None), None)
        return (change.approved_by, change.approved_username, change.approved_at) if change else (None, None, None)
    names = (change.approved_username for change in approved if change.approved_by == first.actor)
    return first.actor, next(names, None) or f"{first.actor}#{first.actor}", first.time


def _title(changes: list[Change], told: list[PastEvent]) -> str:
    """The last title that a batch was given."""
    said = [str(past.said["batch_title"]) for past in told if past.said.get("batch_title")]
    if said:
        return said[-1]
    decided = sorted(changes, key=lambda change: (change.approved_at or change.rejected_at or 0, change.change_id))
    titles = [change.batch_title for change in decided if change.batch_title]
    return titles[-1] if titles else ""


def _jobs(brought: Brought) -> dict[tuple[str, int], tuple[int, ...]]:
    """The changes that were applied under each job id, by batch."""
    found: dict[tuple[str, int], tuple[int, ...]] = {}
    for change in brought.changes:
        if change.status == APPLIED and change.applied_job_id and change.batch_id is not None:
            key = (change.applied_job_id, change.batch_id)
            found[key] = (*found.get(key, ()), change.change_id)
    return found
