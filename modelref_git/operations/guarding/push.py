"""One push under judgement: the refs that it moves, who pushes, and the log as it will be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from modelref_git.errors import IntegrityFailure
from modelref_git.proposals.actors import Member
from modelref_git.proposals.config import DatasetConfig
from modelref_git.store import layout
from modelref_git.store.dataset import DatasetTree
from modelref_git.store.git import GitStore
from modelref_git.store.state import StoredQueue

CLAIMS: Final = "modelref.trustClaims"
"""git's setting on the server: whether a pusher of whom nothing is known is believed to be whom they name."""

_LINE: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (\S.*)")


@dataclass(frozen=True, slots=True)
class Moved:
    """One ref that a push moves: from ``old`` to ``new``, commits or ``None`` for absent."""

    ref: str
    old: str | None
    new: str | None


def read_moves(lines: Iterable[str]) -> tuple[Moved, ...]:
    """The moves as git tells them to its hooks: ``old new ref``, one a line.

    Raises:
        IntegrityFailure: a line is no such thing.
    """
    found = []
    for line in lines:
        parts = _LINE.fullmatch(line.rstrip("\n"))
        if parts is None:
            raise IntegrityFailure(f"git told its hook something else than `old new ref`: {line.strip()[:200]!r}")
        old, new = (oid if oid.strip("0") else None for oid in parts.groups()[:2])
        found.append(Moved(parts[3], old, new))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Pusher:
    """Who pushes, as far as the server knows."""

    login: str | None = None
    """An id, ``name#id`` or e-mail that the server's login proved; ``None`` where it proved nothing."""
    trusts_claims: bool = False
    """Whether the server believes a pusher of whom nothing is proven."""

    def member(self, config: DatasetConfig) -> Member | None:
        """The member that it is by *config*: by all of the login, since people may choose a part of it themselves."""
        login = self.login
        if login is None:
            return None
        named = next((member for member in config.members if login in (member.id, str(member.actor))), None)
        return named or (config.member_by_email(login) if "@" in login else None)

    def name(self, config: DatasetConfig | None) -> str:
        """What messages call them."""
        member = self.member(config) if config is not None else None
        if member is not None:
            return str(member.actor)
        return "somebody of whom the server knows nothing" if self.login is None else f"{self.login}, no member,"


@dataclass
class Push:
    """A push and the repository that it wants to change, opened so that what came with it can be read."""

    store: GitStore
    moves: tuple[Moved, ...]
    pusher: Pusher
    now: int
    """The server's clock, Unix seconds."""

    @cached_property
    def present(self) -> str | None:
        """The newest event that the server has."""
        return self.store.refs.read(layout.QUEUE)

    @cached_property
    def log_move(self) -> Moved | None:
        """The move of ``queue``, if it is moved."""
        return next((move for move in self.moves if move.ref == layout.QUEUE), None)

    @cached_property
    def raced(self) -> bool:
        """Whether ``queue`` went on since the pusher read it."""
        return self.log_move is not None and self.log_move.old != self.present

    @cached_property
    def brought(self) -> tuple[str, ...] | None:
        """The commits that the push adds to the log, oldest first; ``None`` if it does not continue the present one.

        Raises:
            IntegrityFailure: one of them is missing, or no commit.
        """
        move = self.log_move
        if move is None:
            return ()
        if move.new is None:
            return None
        found: list[str] = []
        for commit in self.store.first_parents(move.new):
            if commit.id == self.present:
                return tuple(found[::-1])
            found.append(commit.id)
        return tuple(found[::-1]) if self.present is None else None

    @cached_property
    def head(self) -> str | None:
        """The newest event after the push; before it, where the push breaks the log."""
        return self.log_move.new if self.log_move is not None and self.brought is not None else self.present

    @cached_property
    def state(self) -> StoredQueue | None:
        """The queue's state at :attr:`head`; ``None`` where there is no log."""
        return None if self.head is None else StoredQueue(self.store.buffer(), self.store.read_commit(self.head).tree)

    @property
    def main(self) -> str | None:
        """Where the log says that ``main`` is."""
        return self.state.header.main if self.state is not None else None

    @cached_property
    def config(self) -> DatasetConfig | None:
        """The policy by which refs are judged; ``None`` where there is no log."""
        return None if self.main is None else DatasetTree.at(self.store.buffer(), self.main).config

    @property
    def is_by_reviewer(self) -> bool:
        """Whether an approver or a service pushes, or somebody who is believed to be one."""
        if self.pusher.login is None:
            return self.pusher.trusts_claims
        member = self.pusher.member(self.config) if self.config is not None else None
        return member is not None and (member.is_approver or member.is_service)
