"""What every operation is given: the repository, who asks, the clock, and whether it is a dry run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from modelref_git.errors import Forbidden
from modelref_git.proposals.actors import Actor, Member
from modelref_git.proposals.config import DatasetConfig, person
from modelref_git.store import log, writing
from modelref_git.store.git import GitStore
from modelref_git.store.log import View
from modelref_git.store.step import Clock, Step

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: an actor, and the member that it is, if it is one."""

    actor: Actor
    email: str = ""
    member: Member | None = None

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


def find_person(store: GitStore, config: DatasetConfig, claim: str | None) -> Person:
    """Who asks: *claim* (an id, or ``name#id``), else the member with git's ``user.email``, else that person."""
    if claim:
        ident = claim.rpartition("#")[2].strip()
        member = config.member(ident)
        if member is not None:
            return Person(member.actor, member.emails[0] if member.emails else "", member)
        name = claim.rpartition("#")[0].strip() or ident
        return Person(Actor(ident, name))
    email = store.config("user.email") or ""
    member = config.member_by_email(email) if email else None
    if member is not None:
        return Person(member.actor, email, member)
    return Person(Actor(email, store.config("user.name") or email or "unknown"), email)


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

    def person(self, config: DatasetConfig) -> Person:
        """Who asks, by the members that *config* lists."""
        return find_person(self.store, config, self.claim)

    def write(self, decide: Callable[[Step], _T], *, new: bool = False) -> _T:
        """Run one step on the repository; see :func:`modelref_git.store.writing.write`."""

        def attested(step: Step) -> _T:
            if self.service is not None:
                step.attested_by = find_person(self.store, step.dataset().config, self.service).actor
            return decide(step)

        return writing.write(self.store, attested, clock=self.clock, dry_run=self.dry_run, new=new, warn=self.warn)
