"""The outbox of a clone: proposals made offline, which wait for ``push`` under numbers of their own.

Each waits under ``refs/modelref/outbox/<provisional id>``, at the event that would enqueue it here and now: that commit
names the proposal, keeps it from being collected, and says which rules were waived. The event itself never counts; its
proposal's commit is what goes into the queue, with the signature that it has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from modelref_git.errors import IntegrityFailure, NotFound, RemoteFailure
from modelref_git.proposals import events
from modelref_git.proposals.events import Event, Proposal
from modelref_git.store import log
from modelref_git.store.git import GitStore
from modelref_git.store.lock import writer_lock
from modelref_git.store.refs import LostRace
from modelref_git.store.step import Clock, Step

OUTBOX: Final = "refs/modelref/outbox/"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Unsent:
    """One proposal that waits, with its provisional id."""

    number: int
    event: Event
    proposal: Proposal
    waived: tuple[str, ...]
    ref: str
    head: str
    """The event that it waits at."""


def keep(
    store: GitStore,
    decide: Callable[[Step], _T],
    *,
    clock: Clock,
    dry_run: bool = False,
    warn: Callable[[str], None] = lambda _: None,
) -> _T:
    """Run a step that only proposes, from what the clone has, and keep what it asks for in the outbox.

    Raises:
        NotFound: the clone has no log to number from.
        RemoteFailure: the step does more than propose.
        ModelrefError: whatever *decide* refuses with.
    """
    with nullcontext() if dry_run else writer_lock(store.lock_path):
        view = log.read(store)
        step = Step(store, view.head, clock, dry_run=dry_run)
        last = max([step.queue.header.last_change_id, *_numbers(store)])
        step.queue.header = replace(step.queue.header, last_change_id=last)
        answer = decide(step)
        if any(event.action != events.ENQUEUE for event in step.events):
            raise RemoteFailure(
                "this changes what is in the queue already, which takes the remote",
                hint="leave out --offline, or --supersedes",
            )
        if not dry_run and step.events and step.head is not None:
            store.write(step.objects)
            for number in step.events[0].change_ids:
                store.refs.move(f"{OUTBOX}{number}", None, step.head)
        for warning in step.warnings:
            warn(warning)
    return answer


def _numbers(store: GitStore) -> list[int]:
    found = (ref.removeprefix(OUTBOX) for ref in store.refs.under(OUTBOX))
    return [int(number) for number in found if number.isdigit()]


def count(store: GitStore) -> int:
    """How many proposals wait."""
    return len(_numbers(store))


def waiting(store: GitStore) -> list[Unsent]:
    """What waits in the outbox, in the order of its provisional ids.

    Raises:
        IntegrityFailure: something there is no proposal.
    """
    found = []
    for number in sorted(_numbers(store)):
        ref = f"{OUTBOX}{number}"
        head = store.refs.read(ref)
        if head is None:
            continue
        commit = store.read_commit(head)
        event = events.decode(head, commit.message, commit.committer.time)
        if number not in event.change_ids:
            raise IntegrityFailure(f"{ref} holds no change {number}", hint=f"`git update-ref -d {ref}` removes it")
        commit_id = event.proposals[event.change_ids.index(number)].commit
        waived = tuple(rule for change_id, rule in event.waived if change_id == number)
        found.append(Unsent(number, event, log.read_proposal(store, commit_id), waived, ref, head))
    return found


def find(store: GitStore, number: int) -> Unsent:
    """What waits under the provisional id *number*.

    Raises:
        NotFound: nothing does.
    """
    found = next((one for one in waiting(store) if one.number == number), None)
    if found is None:
        raise NotFound(
            f"no unsent proposal has the provisional id {number}",
            hint="`modelref-git --offline changes` lists what waits; without --offline, numbers are those of the queue",
        )
    return found


def remove(store: GitStore, one: Unsent) -> None:
    """Take *one* out of the outbox."""
    with contextlib.suppress(LostRace):
        store.refs.remove(one.ref, one.head)


def arrived(store: GitStore, one: Unsent, queue_head: str) -> bool:
    """Whether the log at *queue_head* holds the very proposal: an earlier push brought it, and was cut short."""
    return store.is_ancestor(one.proposal.commit, queue_head)
