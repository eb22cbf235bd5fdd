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


def test_what_is_given_back_was_not_asked_and_nothing_is_saved_up_by_that() -> None:
    rate = RateLimit(2, lambda: 0.0)
    rate.give_back(b"one")
    assert [rate.wait(b"one"), rate.wait(b"one")] == [0.0, 0.0]
    rate.give_back(b"one")
    assert rate.wait(b"one") == 0.0
    assert rate.wait(b"one") > 0
