"""Review: approve changes as one titled batch, reject others, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelref_git.errors import Conflict, UsageFault, WrongState
from modelref_git.operations.answers import Held, find_change, pending_records
from modelref_git.operations.checking.approval import check_merged
from modelref_git.operations.context import Context, Person
from modelref_git.operations.judging import approval_of, facts_finder, refuse, require, sole_approvals
from modelref_git.operations.merging import check_precondition, merge
from modelref_git.operations.policy_checks import check_policy_change
from modelref_git.operations.rebuilding import open_batch, without
from modelref_git.operations.wording import check_reason, check_title, listing
from modelref_git.proposals import policy
from modelref_git.proposals.events import APPROVE, REJECT, Approval, Event
from modelref_git.proposals.header import APPROVED, OPEN, PENDING, POLICY
from modelref_git.proposals.queue import Change, GivenApproval
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.step import Step


class Decided(WrongState):
    """A change that is to be decided on does not wait for that any more, or not for the caller."""

    def __init__(self, change: Change, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.change = change


@dataclass(frozen=True, slots=True)
class Pick:
    """A change to approve; with ``blob`` only if it still proposes that content."""

    change_id: int
    blob: str | None = None


def review_changes(
    ctx: Context,
    approve: Sequence[Pick],
    reject: Sequence[int],
    *,
    title: str | None,
    reason: str | None = None,
    reasons: Mapping[int, str] | None = None,
    acknowledged: bool = False,
) -> dict[str, Any]:
    """Approve and reject changes in one step; answers a PendingBatchResult.

    In a clone, what is approved is what the clone had when this began: whoever looked at it there saw that.

    A change that needs more approvals than it has with this one stays pending, without a batch. *acknowledged* says
    that the caller looked at critical fields a second time. *reasons* are those of single rejections, by change id;
    *reason* is that of all others.

    Raises:
        UsageFault: no change is named, one is to be approved and rejected, or title or reason are missing.
        NotFound: a change is not there.
        WrongState: one is not in a state to be decided.
        Conflict: the approved ones do not merge, or one proposes other content than its pick says.
        Forbidden: the policy does not let the caller decide on one of them.
    """
    read = seen_here(ctx, approve)
    return ctx.write(
        reviewing(
            ctx, approve, reject, title=title, reason=reason, reasons=reasons, acknowledged=acknowledged, read=read
        )
    )


def seen_here(ctx: Context, picks: Sequence[Pick]) -> dict[int, tuple[str | None, str | None]]:
    """The content of each picked change as a clone has it before it asks its remote; elsewhere nothing."""
    if ctx.store.remote is None:
        return {}
    queue = ctx.view().queue
    found = ((pick.change_id, queue.change(pick.change_id)) for pick in picks)
    return {number: (change.base_blob, change.blob) for number, change in found if change is not None}


def reviewing(
    ctx: Context,
    approve: Sequence[Pick],
    reject: Sequence[int],
    *,
    title: str | None,
    reason: str | None = None,
    reasons: Mapping[int, str] | None = None,
    acknowledged: bool = False,
    read: dict[int, tuple[str | None, str | None]] | None = None,
) -> Callable[[Step], dict[str, Any]]:
    """What `review_changes` does in its step, for those who do more in the same one.

    Args, answer and errors are those of `review_changes`. *read* keeps, by change, the content that was first read,
    where a step that is decided again asks anew.
    """
    picks = sorted(set(approve), key=lambda pick: pick.change_id)
    wanted = sorted({pick.change_id for pick in picks})
    refused = sorted(set(reject))
    _check_disjoint(wanted, refused)
    wanted_title = check_title(title) if picks or title is not None else None
    why = {number: check_reason((reasons or {}).get(number, reason)) for number in refused}
    known = {} if read is None else read

    def decide(step: Step) -> dict[str, Any]:
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        approving = _as_read(step, picks, known)
        rejecting = [_rejectable(step, number) for number in refused]
        require(step, dataset, person, APPROVE, approving)
        require(step, dataset, person, REJECT, rejecting)
        _check_alone(approving)
        review = _Review(step, person, dataset, acknowledged)
        return {
            "batch_id": review.append(approving, rejecting, why, wanted_title),
            "batch_title": wanted_title,
            "approved": pending_records(step.objects, step.queue, wanted, nulls=True),
            "rejected": pending_records(step.objects, step.queue, refused, nulls=True),
        }

    return decide


def _check_disjoint(wanted: Sequence[int], refused: Sequence[int]) -> None:
    if not wanted and not refused:
        raise UsageFault("name at least one change")
    both = sorted(set(wanted) & set(refused))
    if both:
        raise UsageFault(f"change {both[0]} is to be approved and rejected at once")


def _as_read(step: Step, picks: Sequence[Pick], read: dict[int, tuple[str | None, str | None]]) -> list[Change]:
    """The picked changes, ascending, each with the content that it had when it was first *read*.

    What is approved is what was there when this began, though another writer came in between.
    """
    # A change that is named twice is one, and every content that was named for it must be its own.
    found = {pick.change_id: _picked(step, pick) for pick in picks}
    for change in found.values():
        content = (change.base_blob, change.blob)
        if read.setdefault(change.change_id, content) != content:
            raise _other_content(change, "a moment ago")
    return list(found.values())


class _Review:
    """One approver's approvals in one step: which of them complete what a change needs."""

    def __init__(self, step: Step, person: Person, dataset: DatasetTree, acknowledged: bool) -> None:
        self._step = step
        self._person = person
        self._config = dataset.config
        self._facts_of = facts_finder(step.objects, dataset)
        self._acknowledged = acknowledged

    def append(
        self, approving: Sequence[Change], rejecting: Sequence[Change], why: Mapping[int, str], title: str | None
    ) -> int | None:
        """Append the events of all decisions; gives the number of the batch, if a change became part of one."""
        complete, incomplete = self._sorted_out(approving)
        batch_id = None
        if complete and any(change.status == APPROVED for change in rejecting):
            # Two steps in one: the batch is rebuilt without them before others join it.
            _append_rejects(self._step, self._person, rejecting, why, title, None)
            rejecting = []
        if incomplete:
            self._append_incomplete(incomplete)
        if complete:
            acknowledged = self._acknowledged
            batch_id = append_approve(self._step, self._person, complete, title or "", acknowledged=acknowledged)
        if rejecting:
            _append_rejects(self._step, self._person, rejecting, why, title, batch_id)
        return batch_id

    def _sorted_out(self, changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
        """The changes that have all approvals with this one, and the others.

        Raises:
            WrongState: one has all approvals without this one, or has this very one.
            Forbidden: a change would be complete but for a second look at its critical fields.
        """
        complete: list[Change] = []
        incomplete: list[Change] = []
        # With "second" no flag helps: the approval is kept, and the next approver's completes it.
        needs_flag = self._config.policy.ack_critical is True and not self._acknowledged
        for change in changes:
            self._check_wanted(change)
            lacking = policy.missing(self._config, change, self._facts_of, self._with_mine(change))
            if needs_flag and lacking and all(item.rule == policy.CRITICAL for item in lacking):
                refuse(self._config, APPROVE, lacking)
            done = not lacking and change.status == PENDING
            (complete if done else incomplete).append(change)
        return complete, incomplete

    def _append_incomplete(self, changes: Sequence[Change]) -> None:
        """Append the event of approvals that complete nothing, or that an approved change takes besides."""
        event = Event(
            APPROVE,
            self._person.actor,
            0,
            0,
            change_ids=tuple(change.change_id for change in changes),
            approvals=_bound(changes),
            acknowledged=self._acknowledged,
            sole=sole_approvals(self._config, self._person, changes, self._facts_of),
        )
        self._step.append(event, email=self._person.email, body=listing(changes))

    def _with_mine(self, change: Change) -> tuple[GivenApproval, ...]:
        given = self._given(change)
        acknowledged = self._acknowledged or (given is not None and given.acknowledged)
        mine = approval_of(self._person, self._step.time, acknowledged=acknowledged)
        return (*_of_others(change, mine.by), mine)

    def _check_wanted(self, change: Change) -> None:
        given = self._given(change)
        if given is None and change.status == PENDING:
            return
        is_enough = not policy.missing(self._config, change, self._facts_of)
        # A policy that asks for less by now can leave a pending change with all it needs: whoever approves it, again
        # or not, brings it into the batch.
        waits = change.status != PENDING or not is_enough
        if given is not None and (given.acknowledged or not self._acknowledged) and waits:
            raise Decided(
                change,
                f"change {change.change_id} has your approval already",
                hint=f"`modelref-git status {change.change_id}` says what it waits for",
            )
        if change.status == APPROVED and is_enough:
            raise _decided(change, "only a pending one can be approved")

    def _given(self, change: Change) -> GivenApproval | None:
        return next((item for item in change.approvals if item.by == self._person.actor.id), None)


def _of_others(change: Change, ident: str) -> tuple[GivenApproval, ...]:
    return tuple(item for item in change.approvals if item.by != ident)


def _bound(changes: Sequence[Change]) -> tuple[Approval, ...]:
    return tuple(Approval(change.change_id, change.base_blob, change.blob) for change in changes)


def _check_alone(changes: Sequence[Change]) -> None:
    policies = [change.change_id for change in changes if change.category == POLICY]
    if policies and len(changes) > 1:
        raise WrongState(
            f"change {policies[0]} is one of the policy, and is a batch of its own",
            hint=f"approve it alone with `modelref-git approve {policies[0]} --title T`",
        )


def append_approve(
    step: Step, person: Person, changes: Sequence[Change], title: str, *, acknowledged: bool = False
) -> int:
    """Merge *changes*, ascending, into the open batch or a new one, and append the event; gives the batch's number.

    Raises:
        Conflict: they do not merge.
        Invalid: a merged record does not satisfy its schema or a rule of good data, or a change of the policy makes no
            sense.
    """
    dataset = step.dataset()
    is_policy = any(change.category == POLICY for change in changes)
    header = step.queue.header
    joined = None if is_policy else open_batch(step)
    batch_id = joined.batch_id if joined is not None else header.last_batch_id + 1
    onto = joined.head if joined is not None else step.main
    known = step.dataset(onto).config.categories
    for change in changes:
        check_precondition(dataset, change, step)
        if joined is not None and change.category not in known:
            raise WrongState(
                f"the open batch {joined.batch_id} is older than the category {change.category} of change "
                f"{change.change_id}, which cannot join it",
                hint=f"apply that one first with `modelref-git apply --batch {joined.batch_id}`",
            )
    merges = merge(step, onto, changes, batch_id, title, person)
    if is_policy:
        check_policy_change(dataset, step.dataset(merges[-1]))
    else:
        check_merged(step, dataset, step.dataset(merges[-1]), changes)
    event = Event(
        APPROVE,
        person.actor,
        0,
        0,
        change_ids=tuple(change.change_id for change in changes),
        approvals=_bound(changes),
        acknowledged=acknowledged,
        sole=sole_approvals(dataset.config, person, changes, facts_finder(step.objects, dataset)),
        batch_id=batch_id,
        title=title,
        merges=tuple(merges),
    )
    step.append(event, keeps=merges[-1:], email=person.email, body=listing(changes))
    return batch_id


def _append_rejects(
    step: Step,
    person: Person,
    changes: Sequence[Change],
    why: Mapping[int, str],
    title: str | None,
    batch_id: int | None,
) -> None:
    """Append the rejection of *changes*, one event for each reason."""
    for reason in dict.fromkeys(why[change.change_id] for change in changes):
        part = [change for change in changes if why[change.change_id] == reason]
        _append_reject(step, person, part, reason, title, batch_id)


def _append_reject(
    step: Step, person: Person, changes: Sequence[Change], reason: str, title: str | None, batch_id: int | None
) -> None:
    rebuilt = without(step, person, {change.change_id for change in changes})
    event = Event(
        REJECT,
        person.actor,
        0,
        0,
        change_ids=tuple(change.change_id for change in changes),
        returned=rebuilt.returned,
        batch_id=batch_id,
        title=title,
        reason=reason,
        merges=rebuilt.merges,
    )
    step.append(event, keeps=rebuilt.merges[-1:], email=person.email, body=listing(changes))


def _picked(step: Step, pick: Pick) -> Change:
    change = find_change(step.queue, pick.change_id)
    if change.status not in OPEN:
        raise _decided(change, "only a pending one can be approved")
    if change.is_held:
        raise Held(change, hint=f"an approver lets it go with `modelref-git unhold {change.change_id}`")
    if pick.blob is not None and pick.blob != (change.blob or change.base_blob):
        raise _other_content(change, f"{pick.blob} now")
    return change


def _rejectable(step: Step, change_id: int) -> Change:
    change = find_change(step.queue, change_id)
    if change.status not in OPEN:
        raise _decided(change, "only an open one can be rejected")
    return change


def _other_content(change: Change, known: str) -> Conflict:
    return Conflict(
        f"change {change.change_id} proposes other content than {known}",
        hint=f"read it again with `modelref-git diff {change.change_id}`",
    )


def _decided(change: Change, only: str) -> Decided:
    number = change.change_id
    return Decided(
        change,
        f"change {number} is {change.status}, {only}",
        hint=f"`modelref-git show {number}` tells its story",
    )
