"""Several providers as one, asked in the order that ``--auth`` gives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from modelref_git.server.auth.interface import AuthTimeout, AuthUnavailable, Login, Provider


class Chain:
    """Providers in an order: the first that knows a key says whose it is.

    Args:
        providers: at least one.
    """

    name: Final = "chain"

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = tuple(providers)
        self._first = tuple(takewhile(lambda provider: provider.is_local, self._providers))

    @property
    def is_local(self) -> bool:
        """Whether every one of them answers at once."""
        return len(self._first) == len(self._providers)

    def identify(self, token: str, *, for_write: bool) -> Login | None:
        """Whose key *token* is.

        Raises:
            AuthTimeout, AuthUnavailable: one of them could not tell, and no other knows the key.
        """
        return _first(self._providers, token, for_write=for_write)

    def at_once(self, token: str, *, for_write: bool) -> Login | None:
        """As :meth:`identify`, but asks only the first ones that need no thread; ``None`` if they do not know.

        So whoever has a key of ours does not wait behind those whose keys take a question to another host.
        """
        try:
            return _first(self._first, token, for_write=for_write)
        except (AuthTimeout, AuthUnavailable):
            if self.is_local:
                raise
            return None

    def close(self) -> None:
        """The service ends."""
        for provider in self._providers:
            provider.close()


def _first(providers: Sequence[Provider], token: str, *, for_write: bool) -> Login | None:
    failure: AuthTimeout | AuthUnavailable | None = None
    for provider in providers:
        try:
            login = provider.identify(token, for_write=for_write)
        except (AuthTimeout, AuthUnavailable) as error:
            failure = failure or error
            continue
        if login is not None:
            return login
    if failure is not None:
        raise failure
    return None
