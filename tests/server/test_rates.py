from __future__ import annotations

import pytest

from modelref_git.server.rates import RateLimit


def test_a_caller_may_ask_so_often_a_minute_and_others_are_not_counted_with_them() -> None:
    now = 0.0
    rate = RateLimit(60, lambda: now)
    assert [rate.wait(b"one") for _ in range(60)] == [0.0] * 60
    assert rate.wait(b"one") == pytest.approx(1.0)
    assert rate.wait(b"two") == 0.0
    now = 0.5
    assert rate.wait(b"one") == pytest.approx(0.5)
    now = 1.0
    assert rate.wait(b"one") == 0.0
    assert rate.wait(b"one") > 0
