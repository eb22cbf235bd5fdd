"""Push and pull: what a clone and its remote have of each other, sent and fetched by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from modelref_git.errors import IntegrityFailure, ModelrefError, RemoteFailure
from modelref_git.operations.answers import PROVISIONAL
from modelref_git.operations.context import Context, Person
from modelref_git.operations.drafts import drafting
from modelref_git.operations.propose import enqueue
from modelref_git.store import layout, log, notes, outbox, projections, publishing, remote
from modelref_git.store.lock import writer_lock
from modelref_git.store.outbox import Unsent
from modelref_git.store.remote import LOG, Remote
from modelref_git.store.step import Step
from modelref_git.store.transport import Move, NotAtomic


def pull(ctx: Context) -> dict[str, Any]:
    """Fetch every branch of the remote, and bring the local ``queue`` and ``main`` along.

    Answers ``{"main", "queue", "sent": []}``. Steps of before whose answers were lost are found out about.

    Raises:
        RemoteFailure: there is no remote, or it did not answer.
        NotFound: the remote holds no dataset.
        IntegrityFailure: its log was rewritten.
    """
    there = _remote(ctx)
    if ctx.dry_run:
        return _ask(ctx, there)
    with writer_lock(ctx.store.lock_path):
        _fetch(ctx, there)
        there.check_seen()
        there.follow(log.read(ctx.store).head, ctx.warn)
        notes.follow(ctx.store, ctx.warn)
        ctx.store.join_packs()
    return _answer(ctx, [])


def push(ctx: Context) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Send what is only here: unsent proposals, and whatever of the log's branches the remote lacks.

    A remote that is still empty is given this repository's log and dataset. Answers
    ``({"main", "queue", "sent": refs}, faults)``; where proposals waited, the first has ``changes`` besides, with the
    ``provisional`` id and the ``change_id`` of each, and *faults* those that today's dataset refuses, which stay.

    Raises:
        RemoteFailure: there is no remote, it did not answer, or it refused.
        IntegrityFailure: its log was rewritten, or goes on from another one than this repository's.
    """
    there = _remote(ctx)
    if ctx.dry_run:
        local = ctx.store.refs.read(layout.QUEUE)
        if local is not None and there.queue is None and there.ask() is None:
            return {"main": projections.main_of(ctx.store, local), "queue": local, "sent": list(LOG)}, []
        sending = _send(ctx) if outbox.waiting(ctx.store) else _Sending()
        return _with_changes(_ask(ctx, there), sending), sending.faults
    with writer_lock(ctx.store.lock_path):
        _fetch(ctx, there)
        sent = _push_log(ctx, there)
        there.check_seen()
    sending = _Sending()
    if outbox.waiting(ctx.store):
        before = there.queue
        sending = _send(ctx)
        if there.queue != before:
            sent += [layout.QUEUE, *(layout.proposal_ref(number) for _, number in sending.numbers if number)]
    with writer_lock(ctx.store.lock_path):
        head = log.read(ctx.store).head
        moved = publishing.push_branches(ctx.store, there, head, ctx.warn)
        if moved is not None:
            projections.note_projected(ctx.store, head)
            sent += [ref for ref in moved if ref not in sent]
        there.follow(head, ctx.warn)
        notes.follow(ctx.store, ctx.warn)
    return _with_changes(_answer(ctx, sent), sending), sending.faults


@dataclass(slots=True)
class _Sending:
    """What became of the outbox."""

    numbers: list[tuple[int, int | None]] = field(default_factory=list)
    """Of each proposal that is in the queue now, its provisional id and its number."""
    faults: list[dict[str, Any]] = field(default_factory=list)


def _send(ctx: Context) -> _Sending:
    """Enqueue what waits in the outbox, each commit as it is; what is refused stays there."""

    def decide(step: Step) -> tuple[_Sending, list[Unsent]]:
        sending, done, fresh = _Sending(), [], []
        dataset = step.dataset()
        person = ctx.person(dataset.config)
        with drafting(step, dataset, person) as drafts:
            for one in outbox.waiting(step.store):
                if outbox.arrived(step.store, one, step.start or ""):
                    sending.numbers.append((one.number, _number_of(step, one)))
                    done.append(one)
                    continue
                try:
                    _check_asker(person, one)
                    drafts.admit(one.proposal, one.waived)
                except ModelrefError as fault:
                    sending.faults.append(_fault(one, fault))
                else:
                    fresh.append(one)
        change_ids = enqueue(step, person, drafts.made)
        sending.numbers += [(one.number, number) for one, number in zip(fresh, change_ids, strict=True)]
        sending.numbers.sort()
        return sending, done + fresh

    sending, done = ctx.write(decide)
    if not ctx.dry_run:
        for one in done:
            outbox.remove(ctx.store, one)
    return sending


def _check_asker(person: Person, one: Unsent) -> None:
    """Refuse to send in one's own name what somebody else asked for."""
    if one.proposal.requestor.id != person.actor.id:
        raise RemoteFailure(
            f"{one.proposal.requestor} asked for it, and you act as {person.username}",
            hint=f"`modelref-git --actor {one.proposal.requestor.id} push` sends it",
        )


def _number_of(step: Step, one: Unsent) -> int | None:
    """The number of a proposal that had arrived already, while it is open."""
    for number in step.queue.open_changes(one.proposal.category, one.proposal.name):
        change = step.queue.change(number)
        if change is not None and change.commit == one.proposal.commit:
            return number
    return None


def _fault(one: Unsent, fault: ModelrefError) -> dict[str, Any]:
    proposal = one.proposal
    return {
        PROVISIONAL: one.number,
        "category": proposal.category,
        "model_name": proposal.name,
        "code": fault.code,
        "message": fault.message,
        "details": fault.details,
    }


def _push_log(ctx: Context, there: Remote) -> list[str]:
    """Give the remote the log of this repository, where that goes on from its own or it has none."""
    refs = ctx.store.refs
    local, theirs = refs.read(layout.QUEUE), there.queue
    if local is None or local == theirs:
        return []
    if theirs is not None and not projections.is_before(ctx.store, theirs, local):
        if projections.is_before(ctx.store, local, theirs):
            return []
        raise IntegrityFailure(
            f"the log here and that of {there.name} went different ways",
            hint=f"`git log --oneline queue...{there.name}/queue` shows both; what counts is the remote's: "
            f"`git branch -f queue {there.name}/queue` takes it",
        )
    moves = [Move(layout.QUEUE, theirs, local)]
    main = projections.main_of(ctx.store, local)
    if main is not None and there.main != main:
        moves.append(Move(layout.MAIN, there.main, main))
    try:
        outcomes = there.push(moves, atomic=True)
    except NotAtomic:
        outcomes = {move.ref: there.push([move], atomic=False)[move.ref] for move in moves}
    refused = next((outcome for outcome in outcomes.values() if not outcome.done), None)
    if refused is not None:
        raise RemoteFailure(f"the remote {there.name} refused {refused.ref}: {refused.reason}")
    sent = [move.ref for move in moves]
    if theirs is None and notes.send(ctx.store, there):
        sent.append(layout.NOTES)
    return sent


def _remote(ctx: Context) -> Remote:
    """The remote of this clone.

    Raises:
        RemoteFailure: there is none, or it may not be asked.
    """
    there = remote.of(ctx.store, ctx.progress)
    if there is None:
        raise RemoteFailure(
            "no remote counts for this repository",
            hint="`git remote add origin URL`, then `git config modelref.remote origin`; "
            "or begin with `modelref-git clone URL`",
        )
    if ctx.offline:
        raise RemoteFailure("this takes the remote, which --offline leaves alone", hint="leave out --offline")
    return there


def _fetch(ctx: Context, there: Remote) -> None:
    """Fetch every branch, and tell of the steps of before whose answers were lost."""
    store = ctx.store
    there.fetch(everything=True)
    lost = len(store.refs.under(publishing.ATTEMPTS))
    arrived = publishing.settle(store, there.queue)
    for head in arrived:
        ctx.warn(f"what you did when the answer was lost had happened: {store.read_commit(head).subject}")
    if lost > len(arrived) and not store.refs.under(publishing.ATTEMPTS):
        ctx.warn("what you did when the answer was lost has not happened: run that command again")


def _with_changes(answer: dict[str, Any], sending: _Sending) -> dict[str, Any]:
    """*answer*, with the numbers of what waited, if anything did."""
    if sending.numbers or sending.faults:
        answer["changes"] = [{PROVISIONAL: old, "change_id": new} for old, new in sending.numbers]
    return answer


def _ask(ctx: Context, there: Remote) -> dict[str, Any]:
    """Where the remote is; no ref is written."""
    seen, head = there.queue, there.ask()
    if head is None or (seen is not None and not projections.is_before(ctx.store, seen, head)):
        there.check_seen()
        raise remote.rewritten(there.name, seen or "no commit", head)
    return {"main": projections.main_of(ctx.store, head), "queue": head, "sent": []}


def _answer(ctx: Context, sent: list[str]) -> dict[str, Any]:
    view = log.read(ctx.store)
    return {"main": view.main, "queue": view.head, "sent": sent}
