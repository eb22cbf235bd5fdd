"""Logins by the keys that ``modelref-git key create`` makes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from modelref_git.errors import ModelrefError
from modelref_git.server.auth.interface import AuthUnavailable, Login
from modelref_git.store.keyring import Keyring


class KeysProvider:
    """Our own keys. One that is made or revoked counts so from the next request on.

    Args:
        ring: the keys.
        member_name: the name of the member with an id, ``None`` where there is no such member (any more). A key
            outlives the membership, but not the roles: they are looked up in the dataset.
        tell: told what is wrong with the file.
        clock: the time, Unix seconds.

    Raises:
        ModelrefError: the file of the keys cannot be read.
    """

    name: Final = "keys"
    is_local: Final = True

    def __init__(
        self,
        ring: Keyring,
        member_name: Callable[[str], str | None],
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ring = ring
        self._member_name = member_name
        self._tell = tell
        self._clock = clock
        self._told: str | None = None
        ring.entries()
        if ring.open_mode is not None:
            tell(f"{ring.path} is open to others than its owner (mode {ring.open_mode})")

    def identify(self, token: str, *, for_write: bool) -> Login | None:  # noqa: ARG002 - nothing is remembered here
        """Whose key *token* is.

        Raises:
            AuthUnavailable: the file of the keys cannot be read; nobody is let in by what it said before.
        """
        try:
            entry = self._ring.verify(token, int(self._clock()))
        except ModelrefError as fault:
            if fault.message != self._told:
                self._told = fault.message
                self._tell(f"nobody can log in with a key of this service: {fault.message}")
            raise AuthUnavailable from fault
        self._told = None
        if entry is None:
            return None
        name = self._member_name(entry.user_id) or entry.user_id
        return Login(entry.user_id, f"{name}#{entry.user_id}", provider=self.name)

    def close(self) -> None:
        """Write down when keys were used."""
        self._ring.note_uses()
