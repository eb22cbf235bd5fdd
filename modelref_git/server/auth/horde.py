"""Logins by the keys of AI-Horde, which is asked whose they are."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from modelref_git.errors import UsageFault
from modelref_git.fetch.client import Client
from modelref_git.fetch.faults import FetchFault, shown
from modelref_git.fetch.find_user import Silence, address, find_user, is_sendable
from modelref_git.server.auth.interface import AuthTimeout, AuthUnavailable, Login
from modelref_git.store.keyring import key_id_of

TIMEOUT: Final = 10.0
"""Seconds that AI-Horde has for an answer. Source: the wire contract, "Authentication"."""
GOOD_FOR: Final = 60.0
"""Seconds for which reads believe what was answered about a key."""
REFUSED_FOR: Final = 10.0
"""Seconds for which reads believe that a key is nobody's."""
STALE_FOR: Final = 600.0
"""Seconds for which reads believe an answer while there is no newer one to be had."""

_KEPT_AT_MOST: Final = 4_096
_ABOUT_THE_KEY: Final = frozenset({200, 401, 403, 404})
"""Statuses that say something about the key; all others say something about the host."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What one question came to: a login, or none, or why there is no answer."""

    login: Login | None = None
    is_about_key: bool = False
    failure: type[AuthTimeout] | type[AuthUnavailable] | None = None


class HordeProvider:
    """The keys of AI-Horde. An id there is the id of a member here.

    Reads believe an answer for a minute. A write never believes what was remembered: AI-Horde is asked, or was being
    asked about this very key when the write came; of many requests with one key, one asks and all wait for it.

    Args:
        url: the address of the API, with a slash at its end or without.
        tell: told when AI-Horde begins not to answer.
        timeout: seconds that it has.
        clock: a clock that never goes back, in seconds.

    Raises:
        UsageFault: *url* is no address.
    """

    name: Final = "horde"
    is_local: Final = False

    def __init__(
        self,
        url: str,
        tell: Callable[[str], None],
        *,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            self._url = address(url)
        except FetchFault as fault:
            raise UsageFault(f"the address of AI-Horde: {fault.message}") from fault
        self._client = Client(timeout)
        self._tell = tell
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._asking: dict[bytes, Future[_Told]] = {}
        self._known: OrderedDict[bytes, tuple[float, Login]] = OrderedDict()
        self._refused: OrderedDict[bytes, float] = OrderedDict()  # apart, so that guesses push nobody out
        self._trouble: str | None = None

    def identify(self, token: str, *, for_write: bool) -> Login | None:
        """Whose key *token* is.

        Raises:
            AuthTimeout: AI-Horde did not answer in time, and what is remembered may not be used.
            AuthUnavailable: it cannot be reached, and what is remembered may not be used.
        """
        if not is_sendable(token) or key_id_of(token) is not None:
            return None  # a key of our own that is good no more is no affair of another host's
        mark = hashlib.blake2b(token.encode(), key=self._secret, digest_size=16).digest()
        if not for_write:
            known = self._remembered(mark, GOOD_FOR)
            if known is not None or self._is_refused(mark):
                return known
        told = self._asked(mark, token)
        if told.is_about_key:
            return told.login
        known = None if for_write else self._remembered(mark, STALE_FOR)
        if known is None and told.failure is not None:
            raise told.failure
        return known

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
            self._refused.clear()

    def _asked(self, mark: bytes, token: str) -> _Told:
        """What AI-Horde answers to whoever asks first; the others with this key wait for that."""
        with self._lock:
            under_way = self._asking.get(mark)
            mine: Future[_Told] = Future()
            if under_way is None:
                self._asking[mark] = mine
        if under_way is not None:
            return under_way.result()
        try:
            told = self._ask(token)
            self._remember(mark, told)
            mine.set_result(told)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._asking[mark]
        return told

    def _ask(self, token: str) -> _Told:
        try:
            found = find_user(self._client, self._url, token)
        except FetchFault as fault:
            self._note(fault.message)
            return _Told(failure=AuthTimeout if isinstance(fault, Silence) else AuthUnavailable)
        about_key = found.status in _ABOUT_THE_KEY
        self._note(None if about_key else f"{shown(self._url)} answers {found.status}")
        user = found.user
        login = None if user is None else Login(user.id, user.username, user.flags, self.name)
        return _Told(login, about_key)

    def _note(self, trouble: str | None) -> None:
        """Tell a trouble once, not at every request; what is told holds nothing of the key."""
        if trouble is not None and trouble != self._trouble:
            self._tell(f"AI-Horde cannot say whose keys are: {trouble}")
        self._trouble = trouble

    def _remembered(self, mark: bytes, seconds: float) -> Login | None:
        with self._lock:
            when, login = self._known.get(mark, (0.0, None))
        return login if login is not None and self._clock() - when < seconds else None

    def _is_refused(self, mark: bytes) -> bool:
        with self._lock:
            when = self._refused.get(mark)
        return when is not None and self._clock() - when < REFUSED_FOR

    def _remember(self, mark: bytes, told: _Told) -> None:
        if not told.is_about_key:
            return
        with self._lock:
            self._known.pop(mark, None)
            self._refused.pop(mark, None)
            if told.login is not None:
                self._known[mark] = (self._clock(), told.login)
            else:
                self._refused[mark] = self._clock()
            for kept in (self._known, self._refused):
                if len(kept) > _KEPT_AT_MOST:
                    kept.popitem(last=False)
