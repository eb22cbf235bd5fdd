"""The queue log: one commit an event on the branch ``queue``, each with the queue's state as its tree.

A thing has happened when its event commit is on ``queue``, and not before. :func:`write` is the one way to make it
happen: read, decide, write the objects, move ``queue`` from what was read, bring the other branches along.
"""

from __future__ import annotations

import time as clock_module
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pygit2

from modelref_git.errors import Conflict, Forbidden, IntegrityFailure, ModelrefError, NotFound, UsageFault
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.header import POLICY
from modelref_git.store import layout, trees
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.lock import writer_lock
from modelref_git.store.objects import EMPTY_TREE, Commit, ObjectBuffer, Signature
from modelref_git.store.refs import LostRace
from modelref_git.store.state import StoredQueue

if TYPE_CHECKING:
    from modelref_git.proposals.events import Event, Proposal
    from modelref_git.store.signatures import Signer

# What only writers and readers of the log need is imported where they need it: most commands only read ``main``.

KEEP_AT_MOST: Final = 100
"""So many commits hang on one keep commit, besides the keep commit before it."""

_TRIES: Final = 50

_T = TypeVar("_T")

Clock = Callable[[], int]
"""Gives Unix seconds."""


def wall_clock() -> int:
    """The host's clock, Unix seconds."""
    return int(clock_module.time())


@dataclass(frozen=True, slots=True)
class View:
    """The repository as the log has it at one event: what every reader answers from."""

    store: GitStore
    head: str
    queue: StoredQueue
    objects: ObjectBuffer

    @property
    def main(self) -> str:
        """The log's ``main``."""
        return _main(self.queue)

    def dataset(self, commit: str | None = None) -> DatasetTree:
        """The dataset at *commit*; at the log's ``main`` unless given."""
        return DatasetTree.at(self.objects, commit or self.main)


def _main(queue: StoredQueue) -> str:
    main = queue.header.main
    if main is None:
        raise NotFound("the queue log names no main")
    return main


def read(store: GitStore) -> View:
    """The repository at the newest event.

    Raises:
        NotFound: it has no queue log, so it is no dataset repository.
    """
    head = store.refs.read(layout.QUEUE)
    if head is None:
        raise NotFound(
            f"{store.git_dir} is a Git repository but no dataset repository: it has no branch `queue`",
            hint=_hint_for_clones(store) or "make one with `modelref-git init DIR`",
        )
    objects = store.buffer()
    return View(store, head, StoredQueue(objects, store.read_commit(head).tree), objects)


def _hint_for_clones(store: GitStore) -> str | None:
    """How to go on in a plain clone, which has the log as a remote's branch only."""
    for ref in store.refs.under("refs/remotes/"):
        if ref.endswith("/queue"):
            return f"this is a clone: `git branch queue {ref.removeprefix('refs/remotes/')}` makes it readable"
    return None


class Step:
    """One step under way: what it read, and the objects and events that it would write."""

    def __init__(self, store: GitStore, head: str | None, clock: Clock, *, dry_run: bool = False) -> None:
        self.store = store
        self._dry_run = dry_run
        self._signers: dict[bool, Signer | None] = {}
        self._required: dict[str, bool] = {}
        self.attested_by: Actor | None = None
        """The service that acts in its actors' names."""
        self.objects = store.buffer()
        self.start = head
        self.head = head
        commit = store.read_commit(head) if head is not None else None
        self.queue = StoredQueue(self.objects, commit.tree if commit is not None else None)
        self.time = max(clock(), commit.committer.time if commit is not None else 0)
        self.warnings: list[str] = []

    @property
    def main(self) -> str:
        """The log's ``main``, from which every decision starts."""
        return _main(self.queue)

    def dataset(self, commit: str | None = None) -> DatasetTree:
        """The dataset at *commit*; at the log's ``main`` unless given."""
        return DatasetTree.at(self.objects, commit or self.main)

    def commit(self, tree: str, parents: Sequence[str], author: Signature, message: str) -> str:
        """Hold a commit of this step; its committer is this program. It is signed where signing is set up.

        Raises:
            Forbidden: the policy requires signatures, and there is no key to make one with.
            UsageFault: the key does not sign.
        """
        return self._hold(tree, parents, author, message, self._signer)

    def _hold(self, tree: str, parents: Sequence[str], author: Signature, message: str, signer: Signer | None) -> str:
        commit = Commit(tree, tuple(parents), author, host(self.time), message)
        if signer is not None:
            commit = replace(commit, signature=signer.sign(commit.encode()))
        return self.objects.add_commit(commit)

    @property
    def _signer(self) -> Signer | None:
        """Who signs by the policy on the log's ``main`` of this moment, which the step itself can change.

        Nobody in a dry run: a person would be asked for a passphrase for nothing.
        """
        if self._dry_run:
            return None
        required = self._requires_signatures
        if required not in self._signers:
            from modelref_git.store.signatures import signer_of

            self._signers[required] = signer_of(self.store, required=required)
        return self._signers[required]

    @property
    def _requires_signatures(self) -> bool:
        main = self.queue.header.main
        if main is None:
            return False
        if main not in self._required:
            self._required[main] = self.dataset().config.policy.require_signed
        return self._required[main]

    def _check_key(self, actor: Actor) -> None:
        """Refuse to sign with a key that is not the actor's, or the service's that acts in their name."""
        if self.queue.header.main is None or self._signer is None:
            return
        from modelref_git.proposals.ssh_keys import key_blob

        who = self.attested_by or actor
        config = self.dataset().config
        mine = key_blob(self._signer.key)
        owner = next((m for m in config.members if any(key_blob(line) == mine for line in m.ssh_keys)), None)
        if owner is not None and owner.id == who.id:
            return
        if self._requires_signatures:
            raise Forbidden(
                f"the key that git signs with is none of {who}'s, and this dataset takes signed commits only",
                hint="an approver adds it to your ssh_keys with `modelref-git policy edit`; "
                "git's `user.signingkey` says which key signs",
            )
        if owner is not None:  # nobody would believe what one member signed in the name of another
            raise Forbidden(
                f"the key that git signs with is {owner.actor}'s, and you act as {who}",
                hint=f"act as {owner.actor}, sign with a key of {who}, or do not sign: `git -c commit.gpgsign=false`",
            )

    def author(self, actor: Actor, email: str = "") -> Signature:
        """The author's line for *actor*, for display."""
        return Signature(actor.name or actor.id, email, self.time)

    def append(self, event: Event, *, keeps: Sequence[str] = (), email: str = "", body: Sequence[str] = ()) -> Event:
        """Append *event* to the log: its number, time and genesis are filled in, and the state follows.

        Args:
            event: what happened.
            keeps: the commits that it speaks of and that must stay reachable.
            email: the actor's, for display.
            body: lines for people.
        """
        from modelref_git.proposals import lifecycle
        from modelref_git.proposals.folds import imported

        self._check_key(event.actor)
        signer = self._signer  # by the policy before the event
        header = self.queue.header
        event = replace(
            event,
            first_id=imported.next_event_id(header.last_event_id, event),
            time=self.time,
            genesis=header.genesis or self.start,
            attested_by=self.attested_by,
        )
        lifecycle.apply_event(self.queue, event)
        # The first event has no parent: a walk along first parents must end with it.
        # Two requests can come to one commit: the same change, asked for twice by one person in one second.
        keeps = list(dict.fromkeys(keeps))
        parents = [self.head, *self._keep(keeps, event)] if self.head is not None else []
        author = self.author(event.actor, email)
        self.head = self._hold(self.queue.write(), parents, author, event.message(body), signer)
        return event

    def _keep(self, commits: Sequence[str], event: Event) -> list[str]:
        """The second parent of an event: the one commit it speaks of, or the last of a chain of keep commits."""
        if len(commits) <= 1:
            return list(commits)
        last: list[str] = []
        author = host(self.time)
        for start in range(0, len(commits), KEEP_AT_MOST):
            parents = [*last, *commits[start : start + KEEP_AT_MOST]]
            message = f"keep: what the {event.action} event {event.first_id} speaks of\n"
            self.objects.add("tree", b"")
            last = [self._hold(EMPTY_TREE, parents, author, message, None)]
        return last


def host(time: int) -> Signature:
    """This program on this host, as the committer of what it writes."""
    import socket

    return Signature("modelref-git", f"modelref-git@{socket.gethostname()}", time)


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
                read(store)
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


def history(store: GitStore, head: str) -> Iterator[tuple[Commit, Event]]:
    """``(commit, event)`` of the log from *head* back, with what each event speaks of read from its commits.

    Raises:
        IntegrityFailure: a commit of the log is no event.
    """
    from modelref_git.proposals import events

    for commit in store.first_parents(head):
        event = events.decode(commit.id, commit.message, commit.committer.time)
        proposals = tuple(read_proposal(store, proposal.commit) for proposal in event.proposals)
        yield commit, with_brought(store, replace(event, proposals=proposals))


def with_brought(store: GitStore, event: Event) -> Event:
    """*event*, with what it brings if it is the import of a queue.

    Raises:
        IntegrityFailure: what it keeps is not readable.
    """
    if event.imported is None:
        return event
    from modelref_git.store.kept_queue import read_brought

    return replace(event, brought=read_brought(store, event.imported))


def read_proposal(store: GitStore, oid: str, *, blobs: bool = True) -> Proposal:
    """The proposal that a commit makes: its words from the trailers, its blobs from the trees.

    Without *blobs*, which are most of the work, it has none.

    Raises:
        IntegrityFailure: the commit is no proposal.
    """
    from modelref_git.proposals import trailers
    from modelref_git.proposals.events import Proposal

    commit = store.read_commit(oid)
    rows: dict[str, Any] = dict(trailers.read(commit.message))
    if len(commit.parents) != 1 or not {"Operation", "Category", "Name", "Requestor"} <= rows.keys():
        raise IntegrityFailure(f"the commit {oid} is no proposal")
    try:
        requestor = Actor.parse(rows["Requestor"])
    except UsageFault as error:
        raise IntegrityFailure(f"the commit {oid} names no requestor: {error.message}") from error
    base = commit.parents[0]
    category, name = rows["Category"], rows["Name"]
    found: list[str | None] = [None, None]
    if blobs:
        objects = store.buffer()
        found = [_blob(DatasetTree.at(objects, side), category, name) for side in (base, oid)]
    return Proposal(
        operation=rows["Operation"],
        category=category,
        name=name,
        requestor=requestor,
        note=rows.get("Note"),
        commit=oid,
        base=base,
        base_blob=found[0],
        blob=found[1],
        origin=rows.get("Origin"),
    )


def _blob(dataset: DatasetTree, category: str, name: str) -> str | None:
    path = name if category == POLICY else dataset.path(category, name)
    entry = trees.find(dataset.objects, dataset.tree, path)
    return None if entry is None else entry.oid
