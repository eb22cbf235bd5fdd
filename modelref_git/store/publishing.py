"""Where the events of a step come to count: in this repository, or at the remote that a clone follows.

Here, that is one move of ``queue``. At a remote it is a push, whose answer can be lost: then ``queue`` is read back,
and the step has happened if the log holds the event of any of its attempts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import pygit2

from modelref_git.errors import ModelrefError, RemoteFailure
from modelref_git.store import layout, projections, remote, transport
from modelref_git.store.git import GitStore
from modelref_git.store.refs import LostRace
from modelref_git.store.remote import AT_ONCE, Remote
from modelref_git.store.transport import Move, NotAtomic, Outcome, Progress, Unreachable

Warn = Callable[[str], None]

TOGETHER: Final = 20
"""So many branches of a step ride with its log in one push; more of them follow in pushes of their own."""

ATTEMPTS: Final = "refs/modelref/attempts/"
"""The events of steps of which this clone does not know whether the remote took them."""

_BROKEN_TRIES: Final = 3


class Place(Protocol):
    """Where a step's events come to count."""

    arrived: list[str]
    """Steps of before, whose answer was lost and which had happened: the heads that they came to."""

    def head(self) -> str | None:
        """The newest event, as far as it is known without asking twice."""

    def prepare(self, head: str) -> None:
        """Bring along, before a step, what is behind the log."""

    def refresh(self) -> bool:
        """Look for what is newer than what the step started from; gives whether there is anything."""

    def publish(self, start: str | None, head: str) -> str:
        """Make the events from *start* to *head* count; gives the head of the attempt that does.

        Raises:
            LostRace: another writer was first.
            RemoteFailure: the remote refused, or what it did is not known.
        """

    def follow(self, head: str) -> None:
        """Bring along, after the step has happened, what follows the log. A failure here is no refusal."""


class Here:
    """This repository: its own ``queue`` counts."""

    def __init__(self, store: GitStore, warn: Warn) -> None:
        self._store = store
        self._warn = warn
        self.arrived: list[str] = []

    def head(self) -> str | None:
        """The newest event."""
        return self._store.refs.read(layout.QUEUE)

    def prepare(self, head: str) -> None:
        """Roll the branches forward."""
        projections.roll_forward(self._store, head, self._warn)

    def refresh(self) -> bool:
        """Nothing can be newer than what was read here; the move of ``queue`` tells."""
        return False

    def publish(self, start: str | None, head: str) -> str:
        """Move ``queue``, which is the step's one deciding write."""
        self._store.refs.move(layout.QUEUE, start, head)
        return head

    def follow(self, head: str) -> None:
        """Roll the branches forward, and keep packs few."""
        with _no_refusal(self._warn):
            projections.roll_forward(self._store, head, self._warn)
            self._store.join_packs()


class DryRun(Here):
    """What a step would start from; nothing is ever moved."""

    def __init__(self, store: GitStore, there: Remote | None, warn: Warn) -> None:
        super().__init__(store, warn)
        self._there = there

    def head(self) -> str | None:
        """The newest event: of a clone the remote's, which is asked without noting what it says."""
        return super().head() if self._there is None else self._there.ask()

    def prepare(self, head: str) -> None:
        """Nothing is brought along."""


class There:
    """The remote of a clone: what counts is what it took."""

    def __init__(self, store: GitStore, there: Remote, warn: Warn) -> None:
        self._store = store
        self._there = there
        self._warn = warn
        self._asked = False
        self._tried: list[str] = []
        """The heads that were pushed."""
        self.arrived: list[str] = []
        self._broken = 0

    def head(self) -> str | None:
        """The newest event: asked for, unless the remote was heard just now, which a lease checks."""
        there = self._there
        if not self._asked and (there.queue is None or not there.heard_lately() or self._open_attempts()):
            self._ask()
        there.check_seen()
        return there.queue

    def prepare(self, head: str) -> None:
        """Bring the local branches along; the remote's are brought by the step's own push."""
        self._there.follow(head, self._warn)

    def refresh(self) -> bool:
        """Ask the remote, once, before a step that started from what was there is refused or found to do nothing."""
        return not self._asked and self._ask()

    def _ask(self) -> bool:
        self._asked = True
        moved = self._there.fetch()
        head = self._there.queue
        main = projections.main_behind(self._store, head) if head is not None else None
        if main is not None and main.foreign:  # servers move refs one by one: main may be seen ahead of the log
            moved = self._there.fetch() or moved
        self._settle()
        return moved

    def publish(self, start: str | None, head: str) -> str:
        """Push ``queue``, with ``main`` and the branches of the step where the remote takes them as one."""
        happened = self._happened()
        if happened is not None:
            return happened
        self._begin(head)
        try:
            outcome = self._push(start, head)
        except Unreachable as fault:
            return self._after_silence(fault)
        except RemoteFailure:
            self._forget(head)
            raise
        if outcome.done:
            self._forget(head)
            return head
        self._asked = True
        moved = self._there.fetch()
        happened = self._happened()  # over a connection that broke, git may have sent the push twice
        if happened is not None:
            return happened
        if moved or outcome.lost:
            self._settle()
            raise LostRace(layout.QUEUE)
        self._forget(head)
        raise RemoteFailure(
            f"the remote {self._there.name} refused the change: {outcome.reason}; nothing was changed",
            hint="whoever may not push `queue` proposes with --intake; docs/hosts.md says what a host has to allow",
        )

    def _push(self, start: str | None, head: str) -> Outcome:
        """Push the log; gives what became of ``queue``."""
        there = self._there
        log_moves, others = self._moves(start, head)
        if others and len(others) <= TOGETHER and there.atomic:
            with contextlib.suppress(NotAtomic):
                done = there.push([*log_moves, *others], atomic=True)
                if done[layout.QUEUE].done or done[layout.QUEUE].lost:
                    return done[layout.QUEUE]
                # A branch of no account, such as one whose name a stranger holds, must not stop what counts.
        if there.atomic:
            try:
                return there.push(log_moves, atomic=True)[layout.QUEUE]
            except NotAtomic:
                there.atomic = False
        return there.push(log_moves[:1], atomic=False)[layout.QUEUE]  # `main` follows once the log is accepted

    def _moves(self, start: str | None, head: str) -> tuple[list[Move], list[Move]]:
        """The moves of ``queue`` and ``main``, and those of the branches that follow."""
        log_moves, others = [Move(layout.QUEUE, start, head)], []
        for item in projections.newly_behind(self._store, head):
            if item.ref == layout.MAIN and not item.foreign:
                log_moves.append(Move(item.ref, item.found, item.wanted))
            elif item.ref != layout.MAIN and not item.foreign:
                others.append(Move(item.ref, item.found or None, item.wanted))
        return log_moves, others

    def _after_silence(self, fault: Unreachable) -> str:
        """The connection broke: read the truth back."""
        self._broken += 1
        try:
            self._there.fetch()
        except RemoteFailure as silence:
            raise RemoteFailure(
                f"{fault.message}; and it does not tell whether it took the change: {silence.message}",
                hint="nothing is lost: `modelref-git pull` tells whether it happened, once the remote answers again",
            ) from silence
        self._asked = True
        happened = self._happened()
        if happened is not None:
            return happened
        if self._broken >= _BROKEN_TRIES:
            self._settle()
            raise RemoteFailure(f"{fault.message}; its log says that nothing was changed", hint=fault.hint) from fault
        raise LostRace(layout.QUEUE) from fault

    def _begin(self, head: str) -> None:
        """Note that *head* is about to be pushed, so that whoever comes after a kill or a silence can find out.

        Synced, as all refs of a clone: git fetches nothing where a power cut has left a ref empty.
        """
        self._tried.append(head)
        with contextlib.suppress(LostRace):  # the same step, tried again within a second, is the same commit
            self._store.refs.move(f"{ATTEMPTS}{head}", None, head)

    def _forget(self, head: str) -> None:
        """The remote has said that it did not take *head*."""
        with contextlib.suppress(LostRace):
            self._store.refs.remove(f"{ATTEMPTS}{head}", head)

    def _happened(self) -> str | None:
        """The head of an attempt of this step that the log holds."""
        newest = self._there.queue
        for head in self._tried:
            if newest is not None and projections.is_before(self._store, head, newest):
                self._settle()
                self.arrived = []
                return head
        return None

    def _open_attempts(self) -> dict[str, str]:
        return self._store.refs.under(ATTEMPTS)

    def _settle(self) -> None:
        """Find out about the steps whose answers were lost, now that the log was read again."""
        self.arrived += settle(self._store, self._there.queue)

    def follow(self, head: str) -> None:
        """Push the branches that did not ride with the log, and bring the local ones along."""
        with _no_refusal(self._warn):
            if push_branches(self._store, self._there, head, self._warn):
                projections.note_projected(self._store, head)
            settle(self._store, head)
            self._there.follow(head, self._warn)
            self._store.join_packs()


def settle(store: GitStore, newest: str | None, attempts: str = ATTEMPTS) -> list[str]:
    """The *attempts* that the log at *newest* holds. Those, and those that can never arrive any more, are forgotten.

    A push that is still under way somewhere holds a lease on the log as it was, so it fails once the log went on.
    It is the same with any other branch that only grows.
    """
    arrived = []
    for ref, head in store.refs.under(attempts).items():
        if newest is None or not head:
            continue
        if projections.is_before(store, head, newest):
            arrived.append(head)
        elif newest in (commit.id for commit in store.first_parents(head)):
            continue  # it may still be on its way
        with contextlib.suppress(LostRace):
            store.refs.remove(ref, head)
    return arrived


def push_branches(store: GitStore, there: Remote, head: str, warn: Warn) -> list[str] | None:
    """Bring the remote's branches to what the log at *head* says; gives those moved, ``None`` if some could not be.

    They may fail without harm: what counts is in the log.

    Raises:
        RemoteFailure: the remote did not answer.
    """
    found_behind = projections.newly_behind(store, head)
    held = [_held(item.ref, item.found) for item in found_behind if item.foreign and item.ref != layout.MAIN]
    behind = [item for item in found_behind if not item.foreign]
    if not behind:
        _tell_skipped(held, warn)
        return []
    # What is there may not be what was seen last; git refuses a whole push over one branch that is gone already.
    patterns = [item.ref for item in behind] if len(behind) <= AT_ONCE else []
    found = transport.list_refs(there.name, patterns, git_dir=store.git_dir)
    moves, skipped = [], held[:]
    for item in behind:
        now = found.get(item.ref)
        if now == item.wanted:
            there.note(Move(item.ref, now, item.wanted))
        elif now is None or now == item.found or projections.was_given(store, head, item.ref, now):
            moves.append(Move(item.ref, now, item.wanted))
        else:
            skipped.append(_held(item.ref, now))
    moved = []
    for begin in range(0, len(moves), AT_ONCE):
        for ref, outcome in there.push(moves[begin : begin + AT_ONCE], atomic=False).items():
            if outcome.done:
                moved.append(ref)
            else:
                skipped.append(f"{ref.removeprefix('refs/heads/')} could not be moved: {outcome.reason}")
    _tell_skipped(skipped, warn)
    # What a stranger holds was skipped for good; what could not be moved is tried again with the next step.
    return None if len(skipped) > len(held) else moved


def _held(ref: str, found: str | None) -> str:
    return f"{ref.removeprefix('refs/heads/')} is at {found}, which the log never gave it: it was left"


def _tell_skipped(skipped: list[str], warn: Warn) -> None:
    for text in skipped[:3]:
        warn(f"the remote's branch {text}; the log counts, so nothing is lost")
    if len(skipped) > 3:
        warn(f"and {len(skipped) - 3} more branches of the remote like these")


@contextlib.contextmanager
def _no_refusal(warn: Warn) -> Iterator[None]:
    """The step has happened: what fails now is told, and the next step does it."""
    try:
        yield
    except (ModelrefError, OSError, pygit2.GitError) as fault:
        warn(f"this has happened, but not everything could follow: {fault}; `modelref-git doctor` says what")


def place_of(store: GitStore, warn: Warn, *, dry_run: bool = False, progress: Progress | None = None) -> Place:
    """Where the events of a step on *store* come to count.

    Raises:
        RemoteFailure: git's configuration names a remote that is none.
    """
    there = remote.of(store, progress)
    if dry_run:
        return DryRun(store, there, warn)
    return Here(store, warn) if there is None else There(store, there, warn)
