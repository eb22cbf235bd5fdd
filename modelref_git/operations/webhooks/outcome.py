"""What becomes of a receiver after a delivery: told, tried again later, or paused. Values in, values out."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Final

from modelref_git.operations.webhooks.registry import Cursor, Failure, Webhook

SHORTEST: Final = 1.0
LONGEST: Final = 3600.0
"""Seconds between two attempts: they double from the one to the other, give or take a quarter."""
LONGEST_ASKED: Final = 86_400.0
"""Seconds for which a receiver can ask to be left alone."""
PATIENCE: Final = 5 * 86_400
"""Seconds after which a receiver that only fails is paused."""
ENOUGH_ATTEMPTS: Final = 24
"""How often it must have been tried besides: nobody may have delivered for days."""

_GONE: Final = 410
_DOUBLINGS: Final = 20


def told(webhook: Webhook, cursor: Cursor, now: int) -> Webhook:
    """The receiver that was told everything up to *cursor*."""
    return replace(_unharmed(webhook), cursor=cursor, last_success=now)


def resumed(webhook: Webhook, cursor: Cursor | None = None) -> Webhook:
    """The receiver, to be tried again at once; behind *cursor* if there is one."""
    return replace(_unharmed(webhook), cursor=cursor or webhook.cursor, paused=None)


def _unharmed(webhook: Webhook) -> Webhook:
    return replace(webhook, last_error=None, failures=0, failing_since=None, next_try=None)


def failed(webhook: Webhook, failure: Failure, asked: float | None = None) -> Webhook:
    """The receiver that did not take what it was sent.

    Args:
        webhook: as it was.
        failure: why.
        asked: seconds for which it asks to be left alone.
    """
    failures = webhook.failures + 1
    since = failure.time if webhook.failing_since is None else webhook.failing_since
    wait = max(_wait_after(failures), min(asked or 0.0, LONGEST_ASKED))
    return replace(
        webhook,
        last_error=failure,
        failures=failures,
        failing_since=since,
        next_try=failure.time + math.ceil(wait),
        paused=_why_paused(failure, failures, since),
    )


def paused(webhook: Webhook, failure: Failure) -> Webhook:
    """The receiver, told nothing more until somebody resumes it."""
    return replace(webhook, last_error=failure, paused=failure.message, next_try=None)


def _why_paused(failure: Failure, failures: int, since: int) -> str | None:
    if failure.status == _GONE:
        return "it answers 410: it wants no more"
    if failures >= ENOUGH_ATTEMPTS and failure.time - since >= PATIENCE:
        return f"it has failed for {(failure.time - since) // 86_400} days"
    return None


def _wait_after(failures: int) -> float:
    wait = min(SHORTEST * 2.0 ** min(failures - 1, _DOUBLINGS), LONGEST)
    return min(wait * random.uniform(0.75, 1.25), LONGEST)  # noqa: S311 - jitter
