"""The one way to make an event happen: read, decide, write the objects, make the events count, bring the rest along."""

from __future__ import annotations

import time as clock_module
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final, TypeVar

import pygit2

from modelref_git.errors import Conflict, ModelrefError
from modelref_git.store import layout, log
from modelref_git.store.git import GitStore
from modelref_git.store.lock import writer_lock
from modelref_git.store.refs import LostRace
from modelref_git.store.step import Clock, Step

if TYPE_CHECKING:
    pass

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

    Raises:
        NotFound: it is no dataset repository.
        Conflict: other writers were first too often.
        ModelrefError: whatever *decide* refuses with.
    """
    import random

    from modelref_git.store import projections

    warn = _once(warn)
    with nullcontext() if dry_run else writer_lock(store.lock_path):
        for number in range(_TRIES):
            if number:
                clock_module.sleep(min(0.2, 0.002 * 2**number) * (0.5 + random.random()))  # noqa: S311 - jitter
            head = store.refs.read(layout.QUEUE)
            if head is None and not new:
                log.read(store)
            if head is not None and not dry_run:
                projections.roll_forward(store, head, warn)
            step = Step(store, head, clock, dry_run=dry_run)
            answer = decide(step)
            if not dry_run and step.head is not None and step.head != step.start:
                store.write(step.objects)
                try:
                    store.refs.move(layout.QUEUE, head, step.head)
                except LostRace:
                    continue
                _follow(store, step.head, warn)
            # Only now: what was warned of in an attempt that lost the race may not be so any more.
            for warning in step.warnings:
                warn(warning)
            return answer
    raise Conflict(
        f"other writers were first {_TRIES} times in a row; nothing was changed",
        hint="run the command again",
    )


def _once(warn: Callable[[str], None]) -> Callable[[str], None]:
    """*warn*, which is told the same thing once: branches are brought along before and after a step."""
    told: set[str] = set()

    def tell(text: str) -> None:
        if text not in told:
            told.add(text)
            warn(text)

    return tell


def _follow(store: GitStore, head: str, warn: Callable[[str], None]) -> None:
    """Bring the branches along. The step has happened: a failure here is no refusal, and the next step does it."""
    from modelref_git.store import projections

    try:
        projections.roll_forward(store, head, warn)
        store.join_packs()
    except (ModelrefError, OSError, pygit2.GitError) as fault:
        warn(f"this has happened, but not everything could follow: {fault}; `modelref-git doctor` says what")
