"""What a replica believes: what continues what it believed before, and, with ``full``, keeps every promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from modelref_git.operations.replicas.sources import Arrived
from modelref_git.operations.replicas.state import State
from modelref_git.operations.replicas.trouble import (
    CORRUPT,
    DRIFT,
    FORK,
    FROZEN,
    ROLLBACK,
    UNVERIFIED,
    Trouble,
    distrust,
)
from modelref_git.operations.verify import Report, judge_events
from modelref_git.operations.verifying.case import MainHistory
from modelref_git.operations.verifying.main_branch import out_of_form
from modelref_git.operations.verifying.rules import UNREADABLE, Finding, told
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.projections import main_of
from modelref_git.store.state import StoredQueue

SHOWN_AT_MOST: Final = 20
"""So many findings of a verification are told with the error."""


def believed(
    store: GitStore, state: State, arrived: Arrived, now: int, *, progress: Callable[[], None] = lambda: None
) -> State:
    """The state with what has arrived believed at the time *now*. The work grows with what is new only.

    Raises:
        IntegrityFailure: it is not believed: a rollback, a fork, a history that breaks its promises, or one of a format
            that this version does not read.
    """
    if arrived.queue == state.queue:
        return replace(state, bundle=arrived.bundle)
    new = [] if state.verify == "off" else _grown(store, state.queue, arrived.queue)
    if state.verify == "full":
        _verify(store, state.queue, new, progress)
    after = _read(store, replace(state, bundle=arrived.bundle), arrived.queue, now)
    if state.verify == "fast-forward" and state.main is not None and after.main is not None:
        _check_main(store, state.main, after.main)
    return after


def _named_main(store: GitStore, queue: str) -> str | None:
    """The ``main`` that the log at *queue* names, as far as it can be read."""
    try:
        return main_of(store, queue)
    except UNREADABLE:
        return None


def is_strange(store: GitStore, arrived: Arrived) -> bool:
    """Whether the source's ``main`` is neither where its log says nor was there before."""
    main = _named_main(store, arrived.queue)
    return main is not None and store.has(main) and not store.is_ancestor(arrived.main, main)


def alarm(state: State, now: int) -> Trouble | None:
    """What there is to worry about though nothing failed: a source that stands still, or whose ``main`` went astray."""
    if is_stale(state, now):
        age = now - (state.event_time or 0)
        message = (
            f"the newest event is {age} seconds old, and replica_max_age is {state.max_age}: nothing happens in the "
            "dataset any more, or the source keeps back what does"
        )
        return Trouble(FROZEN, "integrity", message, now)
    if state.stranger is not None:
        message = (
            f"the source's main is at {state.stranger}, which no event names; the log says {state.main}, "
            "and that is what is served"
        )
        return Trouble(DRIFT, "integrity", message, now)
    return None


def is_stale(state: State, now: int) -> bool:
    """Whether what is believed is older than the policy of the dataset allows."""
    return state.event_time is not None and now - state.event_time > state.max_age


def _grown(store: GitStore, seen: str | None, head: str) -> list[str]:
    """The events behind *seen* up to *head*, oldest first: *head* continues *seen* along first parents.

    Raises:
        IntegrityFailure: it does not.
    """
    found: list[str] = []
    for commit in store.first_parents(head):
        if commit.id == seen:
            return found[::-1]
        found.append(commit.id)
    if seen is None:
        return found[::-1]
    if store.has(seen) and any(commit.id == head for commit in store.first_parents(seen)):
        raise distrust(
            ROLLBACK,
            f"the source has gone back: its newest event is {head}, and this replica has seen {seen} after that",
            hint="nothing was changed; ask whoever keeps the source whether it was restored from an old copy",
        )
    raise distrust(
        FORK,
        f"the source has another history: {seen}, the newest event that this replica has seen, is not behind {head}",
        hint="nothing was changed; if the source was rewritten on purpose, make the replica anew",
    )


def _verify(store: GitStore, seen: str | None, new: list[str], progress: Callable[[], None]) -> None:
    """Check every promise of the events *new*.

    Raises:
        IntegrityFailure: one is broken.
    """
    report = Report()
    mains = MainHistory(store, main_of(store, seen) if seen is not None else None)
    judge_events(store, new, seen, mains, report, progress=progress)
    head = store.read_commit(new[-1])
    try:
        report.findings += [Finding("main.form", fault.message, head.id) for fault in out_of_form(store.buffer(), head)]
    except UNREADABLE as error:
        report.findings.append(Finding("queue.state", told(error), head.id))
    if report.findings:
        first, count = report.findings[0], len(report.findings)
        more = f" (and {count - 1} more)" if count > 1 else ""
        raise distrust(
            UNVERIFIED,
            f"the source fails verification: {first.message} [{first.rule}]{more}",
            hint="nothing was changed; `modelref-git verify` in a clone of the source says all",
            rows=[finding.as_json() for finding in report.findings[:SHOWN_AT_MOST]],
        )


def _read(store: GitStore, state: State, head: str, now: int) -> State:
    """*state* with what the event *head* says.

    Raises:
        IntegrityFailure: it cannot be read, or names a ``main`` that is not there.
    """
    objects = store.buffer()
    with _readable(head):
        commit = store.read_commit(head)
        header = StoredQueue(objects, commit.tree).header
    if header.main is None:
        raise distrust(UNVERIFIED, f"the event {head} names no main")
    if not store.has(header.main):
        raise distrust(CORRUPT, f"the log names {header.main} as its main, and the source does not have that commit")
    with _readable(head):
        policy = DatasetTree.at(objects, header.main).config.policy
    return replace(
        state,
        queue=head,
        event_id=header.last_event_id,
        event_time=min(commit.committer.time, now),  # a date far ahead would hide for ever that nothing comes any more
        main=header.main,
        max_age=policy.replica_max_age,
    )


@contextmanager
def _readable(head: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        text = f"what the newest event {head} says cannot be read: {told(error)}"
        raise distrust(UNVERIFIED, text, hint=getattr(error, "hint", None)) from error


def _check_main(store: GitStore, before: str, after: str) -> None:
    if not store.has(before) or not store.is_ancestor(before, after):
        raise distrust(FORK, f"the log's main went from {before} to {after}, which is no fast-forward")
