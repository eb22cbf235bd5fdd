"""The branch ``notes``: one commit an act, each with all notes of that moment as its tree.

It is beside the log and no part of it: no event names it, nothing follows from it, and what is handed out to replicas
lacks it. It only ever grows, by compare and swap, and in a clone by a push that holds a lease.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

from modelref_git.errors import Busy, RemoteFailure, WrongState
from modelref_git.proposals.notes import ADD, Act, Page
from modelref_git.store import layout, log, publishing, remote, transport, trees
from modelref_git.store.git import GitStore
from modelref_git.store.lock import writer_lock
from modelref_git.store.objects import Commit, ObjectBuffer
from modelref_git.store.projections import is_before
from modelref_git.store.refs import LostRace
from modelref_git.store.remote import Remote, Rewritten
from modelref_git.store.step import Clock, Step
from modelref_git.store.transport import Move, Progress, Unreachable
from modelref_git.store.writing import once, pause, wall_clock

ATTEMPTS: Final = "refs/modelref/note-attempts/"
"""The acts of which this clone does not know whether the remote took them."""

_TRIES: Final = 50
_BROKEN_TRIES: Final = 3

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Board:
    """All notes as they are after one act; ``head`` is ``None`` where there never was one."""

    store: GitStore
    head: str | None
    objects: ObjectBuffer

    @property
    def tree(self) -> str | None:
        """The tree of all notes."""
        return None if self.head is None else self.objects.read_commit(self.head).tree

    def page(self, category: str, name: str) -> Page | None:
        """The notes on a record; ``None`` where there never was one.

        Raises:
            IntegrityFailure: they are not readable.
            Invalid: no record can have the name.
        """
        entry = trees.find(self.objects, self.tree, layout.notes_path(category, name))
        return None if entry is None else Page.decode(self.objects.read_blob(entry.oid))

    def history(self, category: str, name: str) -> Iterator[tuple[Commit, Act]]:
        """The acts on the notes of a record, newest first.

        Raises:
            IntegrityFailure: one of them is not readable.
        """
        if self.page(category, name) is None:
            return
        for commit in self.store.first_parents(self.head):
            act = Act.decode(commit.id, commit.message, commit.committer.time)
            if (act.category, act.name) == (category, name):
                yield commit, act
                if act.action == ADD and act.note_id == 1:
                    return

    def after(self, act: Act) -> tuple[str, Page]:
        """The tree of all notes after *act*, and the notes on its record. What is new is held.

        Raises:
            ModelrefError: as :meth:`.Act.on`.
        """
        path = layout.notes_path(act.category, act.name)
        page = act.on(self.page(act.category, act.name) or Page())
        editor = trees.TreeEditor(self.objects, self.tree)
        editor.put(path, self.objects.add("blob", page.encode()))
        return editor.write(), page


Decide = Callable[[Step, Board], tuple[Act, str]]
"""Reads the dataset and the notes, and gives the act and its actor's e-mail, which is for display; or it refuses."""


def read(store: GitStore) -> Board:
    """The notes as they are; in a clone, as they were last seen.

    Raises:
        Rewritten: the branch of the remote is not a continuation of what this clone has seen.
    """
    if store.remote is not None:
        _check_seen(store)
    return Board(store, store.refs.read(store.counted(layout.NOTES)), store.buffer())


def write(
    store: GitStore,
    decide: Decide,
    *,
    clock: Clock = wall_clock,
    dry_run: bool = False,
    warn: Warn = lambda _: None,
    progress: Progress | None = None,
    wait: float | None = None,
) -> tuple[Act, Page]:
    """Do one act; gives it, and the notes on its record afterwards. Arguments are those of :func:`.writing.write`.

    *decide* is called again when another writer was first.

    Raises:
        NotFound: it is no dataset repository.
        Busy: other writers were first too often, or for too long.
        RemoteFailure: the remote of a clone did not answer, or refused.
        Rewritten: its branch is not a continuation of what this clone has seen.
        ModelrefError: whatever *decide* refuses with.
    """
    tried: dict[str, tuple[Act, Page]] = {}
    with nullcontext() if dry_run else writer_lock(store.lock_path, wait=wait):
        there = remote.of(store, progress)
        place = _Here(store) if there is None else _There(store, there, once(warn))
        for number in range(_TRIES):
            pause(number, at_most=0.2 if there is None else 2.0)
            head = place.seen() if dry_run else place.head()
            step = Step(store, log.read(store).head, clock, dry_run=dry_run)
            board = Board(store, head, step.objects)
            if head is not None:
                step.time = max(step.time, step.objects.read_commit(head).committer.time)
            act, email = decide(step, board)
            tree, page = board.after(act)
            if dry_run:
                return act, page
            _check_not_asked_twice(store, act, place.arrived)
            step.check_key(act.actor)
            parents = [] if head is None else [head]
            made = step.commit(tree, parents, step.author(act.actor, email), act.message())
            store.write(step.objects)
            tried[made] = act, page
            with contextlib.suppress(LostRace):
                happened = place.publish(head, made)
                store.join_packs()
                return tried[happened]
    raise Busy(
        f"other writers were first {_TRIES} times in a row; nothing was changed",
        hint="run the command again",
    )


def _check_not_asked_twice(store: GitStore, act: Act, arrived: list[str]) -> None:
    """Refuse an act that repeats one whose answer was lost, and which had arrived.

    Raises:
        WrongState: it asks for the same; nothing was changed.
    """
    for head in arrived:
        commit = store.read_commit(head)
        before = Act.decode(commit.id, commit.message, commit.committer.time)
        if _wish(before) == _wish(act):
            raise WrongState(
                f"this had arrived when its answer was lost, as note {before.note_id}; nothing was changed",
                hint="run the command again to do it once more",
            )


def _wish(act: Act) -> tuple[object, ...]:
    return (act.action, act.category, act.name, act.actor.id, act.text, act.team)


class _Here:
    """This repository: its own branch counts."""

    def __init__(self, store: GitStore) -> None:
        self._store = store
        self.arrived: list[str] = []

    def seen(self) -> str | None:
        """The newest act, as far as it is known."""
        return self._store.refs.read(layout.NOTES)

    head = seen

    def publish(self, start: str | None, made: str) -> str:
        """Make the act *made* count; gives the commit of the attempt that does.

        Raises:
            LostRace: another writer was first.
        """
        self._store.refs.move(layout.NOTES, start, made)
        return made


class _There:
    """The remote of a clone: what counts is what it took."""

    def __init__(self, store: GitStore, there: Remote, warn: Warn) -> None:
        self._store = store
        self._there = there
        self._warn = warn
        self._tried: list[str] = []
        self._broken = 0
        self.arrived: list[str] = []
        """Acts of before, whose answer was lost and which had happened."""

    def seen(self) -> str | None:
        """The newest act, as far as it is known."""
        return self._store.refs.read(self._store.counted(layout.NOTES))

    def head(self) -> str | None:
        """The newest act: asked for."""
        fetch(self._store, self._there)
        self.arrived += publishing.settle(self._store, self.seen(), ATTEMPTS)
        return self.seen()

    def publish(self, start: str | None, made: str) -> str:
        """Push the act *made*; gives the commit of the attempt that counts.

        Raises:
            LostRace: another writer was first.
            RemoteFailure: the remote refused, or what it did is not known.
        """
        self._tried.append(made)
        with contextlib.suppress(LostRace):  # the same act, tried again within a second, is the same commit
            self._store.refs.move(f"{ATTEMPTS}{made}", None, made)
        try:
            outcome = self._there.push([Move(layout.NOTES, start, made)], atomic=False)[layout.NOTES]
        except Unreachable as fault:
            return self._after_silence(fault)
        except RemoteFailure:
            self._forget(made)
            raise
        if not outcome.done:
            fetch(self._store, self._there)
            happened = self._happened()  # over a connection that broke, git may have sent the push twice
            if happened is None:
                self._forget(made)
                if outcome.lost or self.seen() != start:
                    raise LostRace(layout.NOTES)
                raise RemoteFailure(
                    f"the remote {self._there.name} refused the note: {outcome.reason}; nothing was changed",
                    hint="members need the right to push the branch `notes`; docs/notes.md says more",
                )
            made = happened
        self._forget(made)
        follow(self._store, self._warn)
        return made

    def _after_silence(self, fault: Unreachable) -> str:
        """The connection broke: read the truth back."""
        self._broken += 1
        try:
            fetch(self._store, self._there)
        except RemoteFailure as silence:
            raise RemoteFailure(
                f"{fault.message}; and it does not tell whether it took the note: {silence.message}",
                hint="nothing is lost: `modelref-git pull` and `modelref-git note list CATEGORY NAME` tell whether it "
                "happened, once the remote answers again",
            ) from silence
        happened = self._happened()
        if happened is not None:
            self._forget(happened)
            follow(self._store, self._warn)
            return happened
        if self._broken >= _BROKEN_TRIES:
            raise RemoteFailure(f"{fault.message}; nothing was changed there", hint=fault.hint) from fault
        raise LostRace(layout.NOTES) from fault

    def _happened(self) -> str | None:
        """The commit of an attempt of this act that the branch holds."""
        newest = self.seen()
        return next((made for made in self._tried if newest and is_before(self._store, made, newest)), None)

    def _forget(self, made: str) -> None:
        """What became of *made* is known."""
        with contextlib.suppress(LostRace):
            self._store.refs.remove(f"{ATTEMPTS}{made}", made)


def fetch(store: GitStore, there: Remote) -> None:
    """Bring the notes of the remote.

    Raises:
        RemoteFailure: it did not answer.
        Rewritten: its branch is not a continuation of what this clone has seen.
    """
    # With a star, since git makes an error of a single branch that is missing.
    refspec = f"+{layout.NOTES}*:{store.counted(layout.NOTES)}*"
    transport.fetch(store.git_dir, there.name, [refspec], prune=True, options=["--refmap="])
    _check_seen(store)


def follow(store: GitStore, warn: Warn = lambda _: None) -> None:
    """Bring a clone's own branch along to the remote's, by fast-forward only: it is what this clone has seen."""
    local, theirs = (store.refs.read(ref) for ref in (layout.NOTES, store.counted(layout.NOTES)))
    for arrived in publishing.settle(store, theirs, ATTEMPTS):
        warn(f"what you did when the answer was lost had happened: {store.read_commit(arrived).subject}")
    try:
        _check_seen(store)
    except Rewritten as fault:
        warn(f"{fault.message}; {fault.hint}")
        return
    if theirs is not None and theirs != local:
        with contextlib.suppress(LostRace):
            store.refs.move(layout.NOTES, local, theirs)


def send(store: GitStore, there: Remote) -> bool:
    """Give a remote that was given the log just now the notes of this repository; gives whether there are any.

    Raises:
        RemoteFailure: it did not answer, or refused.
    """
    local = store.refs.read(layout.NOTES)
    if local is None:
        return False
    outcome = there.push([Move(layout.NOTES, None, local)], atomic=False)[layout.NOTES]
    if not outcome.done:
        raise RemoteFailure(
            f"the remote {there.name} refused {layout.NOTES}: {outcome.reason}",
            hint=f"all else is there; `git push {there.name} notes` tries it once more",
        )
    return True


def _check_seen(store: GitStore) -> None:
    """Refuse to go on from notes that are not a continuation of what this clone has seen.

    Raises:
        Rewritten: they are not.
    """
    name = store.remote
    local, theirs = (store.refs.read(ref) for ref in (layout.NOTES, store.counted(layout.NOTES)))
    if local is None or local == theirs or (theirs is not None and is_before(store, local, theirs)):
        return
    what, take = "is gone", "`git branch -D notes` forgets"
    if theirs is not None:
        what = f"is at {theirs}, which does not go on from there"
        take = f"`git branch -f notes {name}/notes` takes the new one, and forgets"
    raise Rewritten(
        f"the branch notes of the remote {name} was seen at {local} and {what}: it was rewritten",
        hint=f"ask an approver what happened; if it is right so, {take} the one that was seen",
    )
