"""The one way to make an event happen: read, decide, write the objects, make the events count, bring the rest along."""

from __future__ import annotations

import time as clock_module
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from modelref_git.errors import Busy, ModelrefError, WrongState
from modelref_git.store import log
from modelref_git.store.git import GitStore
from modelref_git.store.lock import writer_lock
from modelref_git.store.log import read_proposal
from modelref_git.store.refs import LostRace
from modelref_git.store.step import Clock, Step

if TYPE_CHECKING:
    from modelref_git.proposals.events import Proposal

_TRIES: Final = 50

_T = TypeVar("_T")


def wall_clock() -> int:
    """The host's clock, Unix seconds."""
    return int(clock_module.time())


def write(
    store: GitStore,
    decide: Callable[[Step], _T],
    *,
    clock: Clock = wall_clock,
    dry_run: bool = False,
    new: bool = False,
    warn: Callable[[str], None] = lambda _: None,
    progress: Callable[[str], None] | None = None,
    wait: float | None = None,
) -> _T:
    """Run one step: *decide* reads and appends events, or refuses by raising; then everything is written.

    *decide* is called again when another writer was first. With *dry_run* nothing is written, no ref moves, and the
    answer is the same.

    Args:
        store: the repository.
        decide: the step; all its checks come before its return.
        clock: Unix seconds.
        dry_run: decide only.
        new: the repository has no queue log yet.
        warn: told what could not be brought along after the step had happened.
        progress: told how far a transfer is, in a clone.
        wait: seconds to wait for other writers of this machine at most; for as long as it takes unless given.

    Raises:
        NotFound: it is no dataset repository.
        Busy: other writers were first too often, or for too long.
        RemoteFailure: the remote of a clone did not answer, or refused.
        ModelrefError: whatever *decide* refuses with.
    """
    from modelref_git.store import publishing

    warn = once(warn)
    tried: dict[str, tuple[_T, list[str]]] = {}
    with nullcontext() if dry_run else writer_lock(store.lock_path, wait=wait):
        place = publishing.place_of(store, warn, dry_run=dry_run, progress=progress)
        for number in range(_TRIES):
            pause(number, at_most=0.2 if store.remote is None else 2.0)
            head = place.head()
            if head is None and not new:
                log.read(store)
            if head is not None:
                place.prepare(head)
            step = Step(store, head, clock, dry_run=dry_run)
            try:
                answer = decide(step)
            except ModelrefError:
                if place.refresh():
                    continue  # what was refused was decided from an older state
                raise
            writes = not dry_run and step.head is not None and step.head != step.start
            if not writes and place.refresh():
                continue
            if writes and step.head is not None:
                _check_not_asked_twice(store, step, place.arrived)
                store.write(step.objects)
                tried[step.head] = (answer, step.warnings)
                try:
                    happened = place.publish(step.start, step.head)
                except LostRace:
                    continue
                answer, step.warnings = tried[happened]
                place.follow(place.head() or happened)
            # Only now: what was warned of in an attempt that lost the race may not be so any more.
            for warning in step.warnings:
                warn(warning)
            return answer
    raise Busy(
        f"other writers were first {_TRIES} times in a row; nothing was changed",
        hint="run the command again",
    )


def pause(number: int, *, at_most: float) -> None:
    """Wait before the attempt *number*, longer each time up to *at_most* seconds: writers must not stay in step."""
    if number:
        import random

        clock_module.sleep(min(at_most, 0.002 * 2**number) * (0.5 + random.random()))  # noqa: S311 - jitter


def _check_not_asked_twice(store: GitStore, step: Step, arrived: Sequence[str]) -> None:
    """Refuse a proposal that repeats one whose answer was lost, and which had arrived.

    Raises:
        WrongState: it asks for the same; nothing was added.
    """
    from modelref_git.proposals import events

    before: dict[tuple[str, ...], int] = {}
    for head in arrived:
        for commit in islice(store.first_parents(head), 2):  # a proposal that takes another's place is two events
            event = events.decode(commit.id, commit.message, commit.committer.time)
            if event.action == events.ENQUEUE:
                asked = (read_proposal(store, proposal.commit, blobs=False) for proposal in event.proposals)
                before |= {_wish(proposal): number for number, proposal in zip(event.change_ids, asked, strict=True)}
    wishes = [
        _wish(proposal) for event in step.events if event.action == events.ENQUEUE for proposal in event.proposals
    ]
    number = next((before[wish] for wish in wishes if wish in before), None)
    if number is not None:
        raise WrongState(
            f"change {number} asks for this already: it had arrived when its answer was lost; nothing was added",
            hint=f"`modelref-git show {number}` shows it; run the command again to ask once more",
        )


def _wish(proposal: Proposal) -> tuple[str, ...]:
    return (proposal.operation, proposal.category, proposal.name, str(proposal.requestor))


def once(warn: Callable[[str], None]) -> Callable[[str], None]:
    """*warn*, which is told the same thing once: branches are brought along before and after a step."""
    told: set[str] = set()

    def tell(text: str) -> None:
        if text not in told:
            told.add(text)
            warn(text)

    return tell
