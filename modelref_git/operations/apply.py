"""Apply: an approved batch becomes ``main``, by a fast-forward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from modelref_git.errors import IntegrityFailure, UsageFault, WrongState
from modelref_git.operations.answers import Held, find_batch, find_change, pending_records
from modelref_git.operations.context import Context, Person
from modelref_git.operations.judging import require
from modelref_git.operations.layout import append_layout_if_needed
from modelref_git.operations.merging import check_main_not_drifted, check_precondition, merge, merged_tree
from modelref_git.operations.policy_checks import check_policy_change
from modelref_git.operations.rebuilding import anew
from modelref_git.operations.wording import listing
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import APPLY, BATCH_SPLIT, Event
from modelref_git.proposals.header import APPLIED, APPROVED, PENDING, POLICY, REJECTED
from modelref_git.proposals.queue import BATCH_APPLIED, BATCH_OPEN, Batch, Change
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step

JOB_ID_AT_MOST: Final = 120


class NotApproved(WrongState):
    """A change that is to be applied is not approved."""

    def __init__(self, change: Change) -> None:
        number = change.change_id
        hint = _HINTS.get(change.status, "").format(number) or None
        super().__init__(f"change {number} is {change.status}, not approved", hint=hint)
        self.change = change


class SeveralBatches(WrongState):
    """The changes that are to be applied together are of several batches."""

    def __init__(self, batch_ids: Iterable[int]) -> None:
        self.batch_ids = sorted(batch_ids)
        super().__init__(
            f"the changes are of the batches {', '.join(map(str, self.batch_ids))}, not of the same batch",
            hint="apply one batch at a time, or all of them with --allow-mixed-batch",
        )


class NothingToApply(WrongState):
    """A batch has no approved change left, and was not applied either."""


def apply_changes(
    ctx: Context,
    change_ids: Sequence[int],
    *,
    batch_id: int | None = None,
    allow_mixed: bool = False,
    job_id: str | None = None,
) -> dict[str, Any]:
    """Apply approved changes, or a whole batch; answers an ApplyPendingChangesResponse.

    All or nothing. Where a part of a batch is named, the rest becomes a batch of its own, once for the request. The
    same *job_id* again gives the same records.

    Raises:
        UsageFault: neither or both are named.
        NotFound: no such change or batch.
        WrongState: a change is not approved, or is held; several batches are named without *allow_mixed*; or *job_id*
            applied other changes.
        Conflict: a record has changed on ``main`` since.
        IntegrityFailure: ``main`` is not where the log says.
        Forbidden: the policy does not let the caller apply, or approvals are missing by now.
    """
    return ctx.write(applying(ctx, change_ids, batch_id=batch_id, allow_mixed=allow_mixed, job_id=job_id))


def applying(
    ctx: Context,
    change_ids: Sequence[int],
    *,
    batch_id: int | None = None,
    allow_mixed: bool = False,
    job_id: str | None = None,
) -> Callable[[Step], dict[str, Any]]:
    """What `apply_changes` does in its step, for those who do more in the same one.

    Args, answer and errors are those of `apply_changes`.
    """
    wanted = list(dict.fromkeys(change_ids))
    if bool(wanted) == (batch_id is not None):
        raise UsageFault("name the changes to apply, or a batch with --batch")
    job = (job_id or "").strip() or None
    if job is not None and len(job) > JOB_ID_AT_MOST:
        raise UsageFault(f"a job id has at most {JOB_ID_AT_MOST} characters")

    def decide(step: Step) -> dict[str, Any]:
        person = ctx.person(step.dataset().config)
        batch = find_batch(step.queue, batch_id) if batch_id is not None else None
        done = _done_before(step, wanted, batch, job)
        if done is not None:
            return _answer(step, done, None)
        if batch is not None and batch.status == BATCH_APPLIED:
            return _answer(step, [], None)
        if batch is not None and batch.status != BATCH_OPEN:
            raise NothingToApply(f"batch {batch.batch_id} is {batch.status}: nothing in it is left to apply")
        parts = [(batch, batch.changes)] if batch is not None else _parts(step, wanted, allow_mixed=allow_mixed)
        split = None
        for each, members in parts:
            append_apply(step, person, each, members, job)
            split = _split(step, person, each, members) or split
        return _answer(step, wanted or parts[0][1], split)

    return decide


def append_apply(step: Step, person: Person, batch: Batch, members: Sequence[int], job_id: str | None = None) -> str:
    """Apply *members* of *batch*: check every precondition against the log's ``main``, and append the event.

    Gives the new ``main``.

    Raises:
        Conflict: a record is not what its change was made against, and does not merge.
        Forbidden: the policy on ``main`` does not let it happen.
        WrongState: a member is held.
        IntegrityFailure: ``main`` is not where the log says.
    """
    whole = tuple(members) == batch.changes
    check_main_not_drifted(step, allowed=batch.head if whole else None)
    changes = [find_change(step.queue, number) for number in sorted(members)]
    main = step.dataset()
    for change in changes:
        if change.is_held:
            raise Held(
                change,
                hint=f"apply the others by their ids, or let it go with `modelref-git unhold {change.change_id}`",
            )
    require(step, main, person, APPLY, changes)
    for change in changes:
        check_precondition(main, change, step)
    merges: list[str] = []
    head = batch.head
    if whole and _base_of(step, batch) == step.main:
        _check_tree(step, batch, changes)
    else:
        # A part alone, or something else went into main since: an import, or a change of the policy.
        approver = Actor.parse(batch.approved_username) if batch.approved_username else None
        merges = merge(step, step.main, changes, batch.batch_id, batch.title, person, approver)
        head = merges[-1]
    if any(change.category == POLICY for change in changes):
        check_policy_change(main, step.dataset(head))
    event = Event(
        APPLY,
        person.actor,
        0,
        0,
        change_ids=tuple(change.change_id for change in changes),
        batch_id=batch.batch_id,
        title=batch.title,
        job_id=job_id,
        merges=tuple(merges),
        main=head,
    )
    step.append(event, keeps=[head], email=person.email, body=listing(changes))
    append_layout_if_needed(step, person, main)
    return step.main


def _check_tree(step: Step, batch: Batch, changes: Sequence[Change]) -> None:
    """The batch's tree must be what its members give; they were merged in the order in which they joined."""
    tree = step.objects.read_commit(_base_of(step, batch)).tree
    members = {change.commit: change for change in changes}
    for merge_commit in batch.merges:
        parts = [members[parent] for parent in step.objects.read_commit(merge_commit).parents[1:]]
        tree = merged_tree(step, DatasetTree(step.objects, tree), parts)
    if tree != step.objects.read_commit(batch.head).tree:
        raise IntegrityFailure(f"the merge {batch.head} of batch {batch.batch_id} is not what its changes give")


def _split(step: Step, person: Person, batch: Batch, applied: Sequence[int]) -> dict[str, int] | None:
    """Make the rest of *batch*, of which *applied* was applied, a batch of its own."""
    rest = [find_change(step.queue, number) for number in batch.changes if number not in applied]
    if not rest:
        return None
    new_id = step.queue.header.last_batch_id + 1
    rebuilt = anew(step, person, batch, rest, new_id)
    event = Event(
        BATCH_SPLIT,
        person.actor,
        0,
        0,
        batch_id=batch.batch_id,
        new_batch_id=new_id if rebuilt.members else None,
        reassigned=rebuilt.members,
        returned=rebuilt.returned,
        title=batch.title,
        reason="partial_apply",
        merges=rebuilt.merges,
    )
    step.append(event, keeps=rebuilt.merges[-1:], email=person.email, body=listing(rest))
    for number in rebuilt.returned:
        step.warnings.append(
            f"change {number} does not merge any more and is pending again: `modelref-git status {number}`"
        )
    if not rebuilt.members:
        return None
    return {
        "batch_split_original_batch_id": batch.batch_id,
        "batch_split_new_batch_id": new_id,
        "batch_split_reassigned_count": len(rebuilt.members),
    }


def _base_of(step: Step, batch: Batch) -> str:
    """The commit of ``main`` that the batch was merged onto."""
    return step.objects.read_commit(batch.merges[0]).parents[0]


def _done_before(step: Step, wanted: Sequence[int], batch: Batch | None, job_id: str | None) -> Sequence[int] | None:
    """The changes to answer with when *job_id* has applied them before.

    Raises:
        WrongState: it has applied others.
    """
    done = step.queue.job(job_id) if job_id is not None else []
    if not done:
        return None
    everything = {number for _, applied in done for number in applied}
    for number, applied in done:
        if batch is not None and number == batch.batch_id:
            return applied
        if batch is None and set(wanted) in (set(applied), everything):
            return wanted
    raise WrongState(
        f"the job id {job_id!r} has applied other changes before", hint="use a new job id for another apply"
    )


_HINTS: Final = {
    PENDING: "approve it with `modelref-git approve {} --title T`",
    APPLIED: "it is applied already",
    REJECTED: "propose it anew if it is wanted after all",
}


def _parts(step: Step, wanted: Sequence[int], *, allow_mixed: bool) -> list[tuple[Batch, tuple[int, ...]]]:
    """The batches of *wanted*, in the order in which they are first named, each with its wanted members ascending."""
    if not allow_mixed:
        # What makes no sense together is said before what is wrong with one of them.
        _check_of_one_batch([find_change(step.queue, number) for number in wanted])
    parts: dict[int, list[int]] = {}
    for number in wanted:
        change = find_change(step.queue, number)
        if change.status != APPROVED or change.batch_id is None:
            raise NotApproved(change)
        parts.setdefault(change.batch_id, []).append(change.change_id)
    return [(find_batch(step.queue, number), tuple(sorted(members))) for number, members in parts.items()]


def _check_of_one_batch(changes: Iterable[Change]) -> None:
    batches: set[int] = set()
    for change in changes:
        if change.batch_id is None:
            raise NotApproved(change)
        batches.add(change.batch_id)
    if len(batches) > 1:
        raise SeveralBatches(batches)


def _answer(step: Step, change_ids: Sequence[int], split: dict[str, int] | None) -> dict[str, Any]:
    there = [number for number in change_ids if step.queue.change(number) is not None]  # a purge may have come since
    return {
        "applied": pending_records(step.objects, step.queue, there, nulls=False),
        "batch_split_occurred": split is not None,
        **(split or {}),
    }
