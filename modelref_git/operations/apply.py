"""Apply: an approved batch becomes ``main``, by a fast-forward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from modelref_git.errors import Conflict, IntegrityFailure, NotFound, UsageFault, WrongState
from modelref_git.operations.answers import find_change, pending_records
from modelref_git.operations.context import Context, Person
from modelref_git.operations.merging import check_main_not_drifted, merge, merged_tree
from modelref_git.operations.review import listing
from modelref_git.proposals.events import APPLY, CREATE, Event
from modelref_git.proposals.header import APPLIED, APPROVED, PENDING, POLICY, REJECTED
from modelref_git.proposals.lifecycle import BATCH_APPLIED, BATCH_OPEN, Batch, Change
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.log import Step

JOB_ID_AT_MOST: Final = 120


def apply_changes(
    ctx: Context, change_ids: Sequence[int], *, batch_id: int | None = None, job_id: str | None = None
) -> dict[str, Any]:
    """Apply a batch, named by its number or by all its changes; answers an ApplyPendingChangesResponse.

    All or nothing. The same *job_id* again gives the same records.

    Raises:
        UsageFault: neither or both are named.
        NotFound: no such change or batch.
        WrongState: a change is not approved, only a part of a batch is named, or *job_id* applied other changes.
        Conflict: a record has changed on ``main`` since.
        IntegrityFailure: ``main`` is not where the log says.
        Forbidden: the caller is no approver.
    """
    wanted = list(dict.fromkeys(change_ids))
    if bool(wanted) == (batch_id is not None):
        raise UsageFault("name the changes to apply, or a batch with --batch")
    job = (job_id or "").strip() or None
    if job is not None and len(job) > JOB_ID_AT_MOST:
        raise UsageFault(f"a job id has at most {JOB_ID_AT_MOST} characters")

    def decide(step: Step) -> dict[str, Any]:
        person = ctx.person(step.dataset().config)
        person.require_approver("apply a batch")
        batch = _find_batch(step, batch_id) if batch_id is not None else None
        done = _done_before(step, wanted, batch, job)
        if done is not None:
            return _answer(step, done)
        if batch is None:
            batch = _batch_of(step, wanted)
        elif batch.status == BATCH_APPLIED:
            return _answer(step, [])
        if batch.status != BATCH_OPEN:
            raise WrongState(f"batch {batch.batch_id} is {batch.status}: nothing in it is left to apply")
        append_apply(step, person, batch, job)
        return _answer(step, wanted or batch.changes)

    return ctx.write(decide)


def append_apply(step: Step, person: Person, batch: Batch, job_id: str | None = None) -> str:
    """Check every precondition of *batch* against the log's ``main``, and append the event; gives the new ``main``.

    Raises:
        Conflict: a record is not what its change was made against.
        IntegrityFailure: ``main`` is not where the log says.
    """
    check_main_not_drifted(step, allowed=batch.head)
    members = [find_change(step.queue, number) for number in batch.changes]
    main = step.dataset()
    for change in members:
        check_precondition(main, change)
    merges: list[str] = []
    head = batch.head
    if _base_of(step, batch) == step.main:
        tree = merged_tree(step, main, members)
        if tree != step.objects.read_commit(head).tree:
            raise IntegrityFailure(f"the merge {head} of batch {batch.batch_id} is not what its changes give")
    else:
        # Something else went into main since: an import, or a change of policy.
        merges = merge(step, step.main, members, batch.batch_id, batch.title, person)
        head = merges[-1]
    event = Event(
        APPLY,
        person.actor,
        0,
        0,
        change_ids=batch.changes,
        batch_id=batch.batch_id,
        title=batch.title,
        job_id=job_id,
        merges=tuple(merges),
        main=head,
    )
    step.append(event, keeps=[head], email=person.email, body=listing(members))
    return head


def check_precondition(main: DatasetTree, change: Change) -> None:
    """A create finds no record, an update or delete finds the one that it was made against.

    Raises:
        Conflict: it does not.
    """
    if change.category == POLICY:
        return
    found = main.blob(change.category, change.model_name)
    if found == change.base_blob:
        return
    what = f"change {change.change_id} ({change.operation} {change.category} {change.model_name!r})"
    now = "is there already" if change.operation == CREATE else "has changed on main since it was approved"
    raise Conflict(
        f"{what} cannot be applied: the record {now if found is not None else 'is gone'}",
        hint=f"reject change {change.change_id} and propose it anew",
    )


def _base_of(step: Step, batch: Batch) -> str:
    """The commit of ``main`` that the batch was merged onto."""
    return step.objects.read_commit(batch.merges[0]).parents[0]


def _find_batch(step: Step, batch_id: int) -> Batch:
    batch = step.queue.batch(batch_id)
    if batch is None:
        last = step.queue.header.last_batch_id
        raise NotFound(f"there is no batch {batch_id}", hint=f"the newest batch is {last}" if last else None)
    return batch


def _done_before(step: Step, wanted: Sequence[int], batch: Batch | None, job_id: str | None) -> Sequence[int] | None:
    """The changes to answer with when *job_id* has applied them before.

    Raises:
        WrongState: it has applied others.
    """
    if job_id is None:
        return None
    for number, applied in step.queue.job(job_id):
        if batch is not None and number == batch.batch_id:
            return applied
        if batch is None and set(wanted) == set(applied):
            return wanted
    if step.queue.job(job_id):
        raise WrongState(
            f"the job id {job_id!r} has applied other changes before", hint="use a new job id for another apply"
        )
    return None


_HINTS: Final = {
    PENDING: "approve it with `modelref-git approve {} --title T`",
    APPLIED: "it is applied already",
    REJECTED: "propose it anew if it is wanted after all",
}


def _batch_of(step: Step, wanted: Sequence[int]) -> Batch:
    """The batch whose approved changes are exactly *wanted*."""
    changes = [find_change(step.queue, number) for number in wanted]
    for change in changes:
        if change.status != APPROVED:
            raise WrongState(
                f"change {change.change_id} is {change.status}, not approved",
                hint=_HINTS.get(change.status, "").format(change.change_id) or None,
            )
    numbers = sorted({change.batch_id for change in changes if change.batch_id is not None})
    if len(numbers) > 1:
        raise WrongState(f"the changes are of the batches {', '.join(map(str, numbers))}; apply one batch at a time")
    batch = _find_batch(step, numbers[0])
    missing = sorted(set(batch.changes) - set(wanted))
    if missing:
        raise WrongState(
            f"batch {batch.batch_id} also holds {', '.join(map(str, missing[:20]))}: a part of a batch is not applied",
            hint=f"apply the whole of it with `modelref-git apply --batch {batch.batch_id}`, "
            "or take changes out of it with `modelref-git reject ID --reason R`",
        )
    return batch


def _answer(step: Step, change_ids: Sequence[int]) -> dict[str, Any]:
    return {
        "applied": pending_records(step.objects, step.queue, change_ids, nulls=False),
        "batch_split_occurred": False,
    }
