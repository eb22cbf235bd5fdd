from __future__ import annotations

from dataclasses import replace

import pytest

from modelref_git.operations.webhooks import outcome
from modelref_git.operations.webhooks.registry import Cursor, Failure, Webhook

NOW = 1_750_000_000
HOOK = Webhook("a", "https://receiver.example/", "whsec_AAAA", (), False, NOW, "olivia#1", Cursor(3, "ab"))


def fail(webhook: Webhook, now: int, status: int = 500, asked: float | None = None) -> Webhook:
    return outcome.failed(webhook, Failure(now, f"it answers {status}", status), asked)


def test_attempts_come_less_and_less_often_but_never_less_than_once_an_hour() -> None:
    hook, now, waits = HOOK, NOW, []
    for _ in range(20):
        hook = fail(hook, now)
        assert hook.next_try is not None
        waits.append(hook.next_try - now)
        now = hook.next_try
    assert waits[0] in (1, 2)
    assert all(1 <= wait <= 3600 for wait in waits)
    assert all(0.75 * 2**at <= wait <= 1.25 * 2**at + 1 for at, wait in enumerate(waits[:11]))
    assert all(wait >= 2700 for wait in waits[12:])
    assert (hook.status, hook.failures, hook.failing_since) == ("failing", 20, NOW)


def test_the_time_that_a_receiver_asks_for_is_given_up_to_a_day() -> None:
    assert fail(HOOK, NOW, asked=600).next_try == NOW + 600
    assert fail(HOOK, NOW, asked=1e12).next_try == NOW + 86_400
    assert (fail(HOOK, NOW, asked=0.0).next_try or 0) > NOW


def test_a_success_forgets_the_failures_and_moves_the_cursor() -> None:
    hook = outcome.told(fail(fail(HOOK, NOW), NOW + 2), Cursor(5, "cd"), NOW + 9)
    assert hook == replace(HOOK, cursor=Cursor(5, "cd"), last_success=NOW + 9)
    assert hook.status == "active"


def test_who_is_gone_is_paused_at_once() -> None:
    hook = fail(HOOK, NOW, 410)
    assert (hook.status, hook.is_due(NOW + 10**9)) == ("paused", False)
    assert "410" in (hook.paused or "")


@pytest.mark.parametrize(
    ("failures", "days", "paused"), [(23, 5, True), (22, 5, False), (40, 4.9, False), (200, 6, True)]
)
def test_who_fails_for_five_days_and_often_is_paused(failures: int, days: float, paused: bool) -> None:
    hook = fail(replace(HOOK, failures=failures, failing_since=NOW), NOW + int(days * 86_400))
    assert (hook.paused is not None) is paused
    assert hook.cursor == HOOK.cursor, "nothing is lost"


def test_a_resumed_webhook_is_tried_at_once_where_it_stopped_or_elsewhere() -> None:
    stopped = fail(HOOK, NOW, 410)
    assert outcome.resumed(stopped) == HOOK
    assert outcome.resumed(stopped, Cursor(1, "x")) == replace(HOOK, cursor=Cursor(1, "x"))
    assert outcome.resumed(stopped).is_due(NOW)


def test_a_webhook_is_due_when_its_time_has_come() -> None:
    hook = replace(HOOK, next_try=NOW + 5, failures=1)
    assert [hook.is_due(NOW + seconds) for seconds in (4, 5, 6)] == [False, True, True]
