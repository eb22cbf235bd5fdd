"""What every operation is given: the repository, who asks, the clock, and whether it is a dry run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from modelref_git.errors import Forbidden, NotFound, RemoteFailure
from modelref_git.proposals.actors import Actor, Member
from modelref_git.proposals.config import DatasetConfig, person
from modelref_git.proposals.request_key import RequestKey
from modelref_git.store import log, writing
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.lock import writer_lock
from modelref_git.store.log import View
from modelref_git.store.step import Clock, Step

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: an actor, and the member that it is, if it is one."""

    actor: Actor
    email: str = ""
    member: Member | None = None
    """With the roles that :attr:`flags` bring."""
    flags: tuple[str, ...] = ()
    """What the login service says of the person, as far as the policy asks for it."""
    attested_by: Actor | None = None
    """The service that acts in the person's name."""

    @property
    def username(self) -> str:
        """``name#id`` of a member, ``name <e-mail>`` of anybody else known by git's configuration alone."""
        listed = self.member is not None or "@" not in self.actor.id
        return str(self.actor) if listed else person(self.actor)

    @property
    def is_requestor(self) -> bool:
        """Whether the person may propose."""
        return self.member is not None and self.member.is_requestor

    @property
    def is_approver(self) -> bool:
        """Whether the person may approve, reject, apply and administer."""
        return self.member is not None and self.member.is_approver

    def require_requestor(self, what: str) -> None:
        """Refuse unless the person may propose.

        Raises:
            Forbidden: the person is no requestor.
        """
        if not self.is_requestor:
            self._refuse(what, "requestor")

    def require_administrator(self, what: str) -> None:
        """Refuse unless the person is an approver of the whole dataset.

        Raises:
            Forbidden: the person is none.
        """
        if self.member is None or not self.member.approves(None):
            self._refuse(what, "approver")

    def require_some_approver(self, what: str) -> None:
        """Refuse unless the person is an approver, if only of one category.

        Raises:
            Forbidden: the person is none.
        """
        if not self.is_approver:
            self._refuse(what, "approver")

    def _refuse(self, what: str, role: str) -> None:
        who = self.username if self.actor.id else "nobody (no --actor, and git has no user.email)"
        raise Forbidden(
            f"{who} may not {what}: that takes the role {role}",
            hint=f"an approver grants it with `modelref-git member add NAME#ID --email E --role {role}`; "
            "`modelref-git whoami` tells as whom you act",
        )


def find_person(store: GitStore, config: DatasetConfig, claim: str | None, flags: Iterable[str] = ()) -> Person:
    """Who asks: *claim* (an id, or ``name#id``), else the member with git's ``user.email``, else that person.

    *flags* are what a login service says of them; the policy maps them to roles, with which they count as a member.
    """
    if claim:
        ident = claim.rpartition("#")[2].strip()
        member = config.member(ident)
        email = member.emails[0] if member is not None and member.emails else ""
        name = claim.rpartition("#")[0].strip() or ident
    else:
        email = store.config("user.email") or ""
        member = config.member_by_email(email) if email else None
        ident, name = email, store.config("user.name") or email or "unknown"
    actor = member.actor if member is not None else Actor(ident, name)
    known = config.known_flags(flags)
    return Person(actor, email, config.acting(actor, known), known)


@dataclass(slots=True)
class Context:
    """One caller's way into one dataset repository."""

    store: GitStore
    claim: str | None = None
    service: str | None = None
    """The id of the service that acts in the caller's name; its events say so."""
    dry_run: bool = False
    clock: Clock = writing.wall_clock
    warn: Callable[[str], None] = lambda _: None
    offline: bool = False
    """Whether the remote of a clone may not be asked."""
    progress: Callable[[str], None] | None = None
    """Told how far a transfer is."""
    wait: float | None = None
    """Seconds to wait for other writers at most; for as long as it takes unless given."""
    flags: tuple[str, ...] = ()
    """What the login service says of the caller, such as ``moderator``; believed of a :attr:`service` alone."""
    route: str | None = None
    """The operation id of the HTTP route by which the caller came; changes keep it."""
    request: RequestKey | None = None
    """What the client calls this request; see :func:`modelref_git.operations.repeats.once_only`."""
    before: Callable[[Step], None] | None = None
    """Asked at the beginning of each attempt at a step; what it raises ends the step."""

    @classmethod
    def open(cls, path: Path, *, claim: str | None = None, warn: Callable[[str], None] = lambda _: None) -> Context:
        """Open the repository at *path*, or the one it lies in.

        Raises:
            NotFound: there is no Git repository.
        """
        return cls(GitStore.open(path), claim=claim, warn=warn)

    def view(self) -> View:
        """The repository as the log has it now.

        Raises:
            NotFound: it is no dataset repository.
            IntegrityFailure: it is of a format that this version does not read.
        """
        view = log.read(self.store)
        _ = view.dataset().config  # an unknown format stops every command, also those that need no configuration
        return view

    def dataset(self) -> DatasetTree:
        """The dataset at the log's ``main``; in a clone without the log, or with a part of it, at the branch.

        Raises:
            NotFound: there is neither.
            IntegrityFailure: it is of a format that this version does not read.
        """
        try:
            return self.view().dataset()
        except NotFound:
            from modelref_git.store import unlogged

            dataset = unlogged.live_dataset(self.store)
            if dataset is None:
                raise
            return dataset

    def person(self, config: DatasetConfig) -> Person:
        """Who asks, by the members that *config* lists, and by the caller's flags if a service vouches for them."""
        if self.service is None:
            return find_person(self.store, config, self.claim)
        service = find_person(self.store, config, self.service).actor
        flags = self.flags if config.is_service(service) else ()
        return replace(find_person(self.store, config, self.claim, flags), attested_by=service)

    def refresh(self, within: float | None = None) -> None:
        """Bring what the remote of a clone has, before a person decides by what they are shown.

        Nothing is asked of a remote that was heard in the last *within* seconds, or only just.

        Raises:
            RemoteFailure: it did not answer.
            IntegrityFailure: its log was rewritten.
        """
        from modelref_git.store import remote

        there = remote.of(self.store, self.progress)
        if there is None or self.offline or self.dry_run:
            return
        if there.heard_lately() if within is None else there.heard_lately(within):
            return
        with writer_lock(self.store.lock_path, wait=self.wait):
            there.fetch()
            there.check_seen()
            if there.queue is not None:
                there.follow(there.queue, self.warn)

    @property
    def keeps_unsent(self) -> bool:
        """Whether what is proposed waits in the outbox of this clone."""
        return self.offline and self.store.remote is not None

    def write(self, decide: Callable[[Step], _T], *, new: bool = False) -> _T:
        """Run one step on the repository; see :func:`modelref_git.store.writing.write`.

        Raises:
            RemoteFailure: it takes the remote, which may not be asked.
        """
        if self.keeps_unsent:
            raise RemoteFailure(
                "this takes the remote, which --offline leaves alone; nothing was changed",
                hint="offline, one can propose, and withdraw what is still unsent; leave out --offline for the rest",
            )
        return writing.write(
            self.store,
            self._attested(decide),
            clock=self.clock,
            dry_run=self.dry_run,
            new=new,
            warn=self.warn,
            progress=self.progress,
            wait=self.wait,
        )

    def propose(self, decide: Callable[[Step], _T]) -> _T:
        """Run a step that proposes: offline, in a clone, what it asks for waits in the outbox.

        Raises:
            ModelrefError: as :meth:`write`.
        """
        if not self.keeps_unsent:
            return self.write(decide)
        from modelref_git.store import outbox

        decide = self._attested(decide)
        return outbox.keep(self.store, decide, clock=self.clock, dry_run=self.dry_run, warn=self.warn)

    def _attested(self, decide: Callable[[Step], _T]) -> Callable[[Step], _T]:
        def attested(step: Step) -> _T:
            if self.service is not None:
                person = self.person(step.dataset().config)
                step.attested_by, step.flags = person.attested_by, person.flags
            step.route, step.request = self.route, self.request
            if self.before is not None:
                self.before(step)
            return decide(step)

        return attested
