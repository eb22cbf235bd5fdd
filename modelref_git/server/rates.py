"""How often a caller may ask."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_CALLERS_AT_MOST: Final = 20_000


class RateLimit:
    """So many requests a minute of each caller, who may have saved up those of one minute.

    It is kept by each worker for itself, and forgets callers who stay away.
    """

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second = a_minute / 60
        self._at_most = float(a_minute)
        self._clock = clock
        self._left: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def wait(self, caller: bytes) -> float:
        """Seconds until *caller* may ask; 0 for at once, and then it counts as asked."""
        now = self._clock()
        left, since = self._left.pop(caller, (self._at_most, now))
        left = min(self._at_most, left + (now - since) * self._a_second)
        allowed = left >= 1
        self._left[caller] = (left - 1 if allowed else left, now)
        if len(self._left) > _CALLERS_AT_MOST:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._a_second

    def give_back(self, caller: bytes) -> None:
        """Count the last request of *caller* as not asked."""
        left, since = self._left.get(caller, (self._at_most, self._clock()))
        self._left[caller] = (min(self._at_most, left + 1), since)
