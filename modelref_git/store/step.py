"""One step under way: what it read, and the objects and events that it would write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelref_git.errors import Forbidden
from modelref_git.proposals.actors import Actor
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.log import main_of_queue
from modelref_git.store.objects import EMPTY_TREE, Commit, Signature
from modelref_git.store.state import StoredQueue

if TYPE_CHECKING:
    from modelref_git.proposals.events import Event
    from modelref_git.proposals.request_key import RequestKey
    from modelref_git.store.signatures import Signer

# What only writers need is imported where they need it: most commands only read.

Clock = Callable[[], int]
"""Gives Unix seconds."""

KEEP_AT_MOST: Final = 100
"""So many commits hang on one keep commit, besides the keep commit before it."""


class Step:
    """One step under way: what it read, and the objects and events that it would write."""

    def __init__(self, store: GitStore, head: str | None, clock: Clock, *, dry_run: bool = False) -> None:
        self.store = store
        self._dry_run = dry_run
        self._signers: dict[bool, Signer | None] = {}
        self._required: dict[str, bool] = {}
        self.attested_by: Actor | None = None
        """The service that acts in its actors' names."""
        self.flags: tuple[str, ...] = ()
        """What the login service says of who acts, as far as the policy asks for it."""
        self.route: str | None = None
        """The operation id of the HTTP route by which what is proposed came."""
        self.request: RequestKey | None = None
        """What the client calls the request that the step answers."""
        self.objects = store.buffer()
        self.start = head
        self.head = head
        commit = store.read_commit(head) if head is not None else None
        self.queue = StoredQueue(self.objects, commit.tree if commit is not None else None)
        self.time = max(clock(), commit.committer.time if commit is not None else 0)
        self.warnings: list[str] = []
        self.events: list[Event] = []

    @property
    def main(self) -> str:
        """The log's ``main``, from which every decision starts."""
        return main_of_queue(self.queue)

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

    def check_key(self, actor: Actor) -> None:
        """Refuse to sign with a key that is not the actor's, or the service's that acts in their name.

        Raises:
            Forbidden: nobody would believe it.
        """
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
        from modelref_git.proposals.events import ENQUEUE
        from modelref_git.proposals.folds import imported

        self.check_key(event.actor)
        signer = self._signer  # by the policy before the event
        header = self.queue.header
        event = replace(
            event,
            first_id=imported.next_event_id(header.last_event_id, event),
            time=self.time,
            genesis=header.genesis or self.start,
            attested_by=self.attested_by,
            flags=self.flags,
            route=self.route if event.action == ENQUEUE else None,
            request=self.request,
        )
        lifecycle.apply_event(self.queue, event)
        # The first event has no parent: a walk along first parents must end with it.
        # Two requests can come to one commit: the same change, asked for twice by one person in one second.
        keeps = list(dict.fromkeys(keeps))
        parents = [self.head, *self._keep(keeps, event)] if self.head is not None else []
        author = self.author(event.actor, email)
        self.head = self._hold(self.queue.write(), parents, author, event.message(body), signer)
        self.events.append(event)
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
