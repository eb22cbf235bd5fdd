"""What a provider of logins promises: whose a key is. What that person may do is the dataset's affair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from modelref_git.errors import RemoteFailure


@dataclass(frozen=True, slots=True)
class Login:
    """Whose key it is. It holds nothing of the key, so it may be shown and logged."""

    user_id: str
    username: str
    """``name#id``, the id being `user_id`."""
    flags: tuple[str, ...] = ()
    """What the provider says of the person, such as ``moderator``; the dataset's policy says what that counts for."""
    provider: str = ""
    """The name of the provider that knows the key."""


class AuthTimeout(RemoteFailure):
    """Who a key belongs to could not be told: the service that knows did not answer in time."""

    def __init__(self) -> None:
        super().__init__("Auth service timed out")


class AuthUnavailable(RemoteFailure):
    """Who a key belongs to could not be told: what knows cannot be reached, or cannot be read."""

    def __init__(self) -> None:
        super().__init__("Auth service unavailable")


class Provider(Protocol):
    """Knows the keys of some people. Its methods may be called from several threads at once."""

    @property
    def name(self) -> str:
        """As ``--auth`` names it."""

    @property
    def is_local(self) -> bool:
        """Whether it answers at once, so that it may be asked without a thread."""

    def identify(self, token: str, *, for_write: bool) -> Login | None:
        """Whose key *token* is; ``None`` for one that it does not know. Any text is a token.

        Args:
            token: what the caller sent.
            for_write: whether something will be changed in that person's name: then nothing remembered counts.

        Raises:
            AuthTimeout: who would know did not answer in time.
            AuthUnavailable: who would know could not be asked.
        """

    def close(self) -> None:
        """The service ends: write down what is only known in memory so far."""
