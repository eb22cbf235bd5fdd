"""Who acts: people as ``name#id``, and the roles that members have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelref_git.errors import UsageFault

REQUESTOR: Final = "requestor"
APPROVER: Final = "approver"
SERVICE: Final = "service"
ROLES: Final = (REQUESTOR, APPROVER, SERVICE)
"""What a member may be. Without any of them a member only reads. ``approver:CATEGORY`` is an approver of that alone."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or service that acts, as written into events: an id and a name to show."""

    id: str
    name: str

    def __str__(self) -> str:
        return f"{self.name}#{self.id}"

    @classmethod
    def parse(cls, text: str) -> Actor:
        """Read ``name#id``; the id is what follows the last ``#``.

        Raises:
            UsageFault: there is no ``#``, or nothing on one side of it.
        """
        name, mark, ident = text.strip().rpartition("#")
        if not mark or not name.strip() or not ident.strip():
            raise UsageFault(f"{text!r} is not of the form NAME#ID", hint="for example: alice#1")
        return cls(ident.strip(), name.strip())


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of the allowlist in ``modelref.toml``."""

    id: str
    name: str
    emails: tuple[str, ...] = ()
    ssh_keys: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    @property
    def actor(self) -> Actor:
        """The member as an actor."""
        return Actor(self.id, self.name)

    @property
    def is_approver(self) -> bool:
        """Whether the member may approve, reject and apply, in every category or in some."""
        return any(role.partition(":")[0] == APPROVER for role in self.roles)

    @property
    def is_service(self) -> bool:
        """Whether the member may write events in the name of others."""
        return SERVICE in self.roles

    def approves(self, category: str | None) -> bool:
        """Whether the member is an approver of *category*; of everything, with ``None``."""
        return APPROVER in self.roles or (category is not None and f"{APPROVER}:{category}" in self.roles)

    @property
    def is_requestor(self) -> bool:
        """Whether the member may propose; an approver may too."""
        return REQUESTOR in self.roles or self.is_approver

    def as_json(self) -> dict[str, object]:
        """The member as ``member list`` answers it."""
        return {
            "user_id": self.id,
            "username": str(self.actor),
            "emails": list(self.emails),
            "roles": sorted(self.roles),
            "ssh_keys": list(self.ssh_keys),
        }
