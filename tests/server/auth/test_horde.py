from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelref_git.errors import UsageFault
from modelref_git.server.auth import horde as module
from modelref_git.server.auth.horde import GOOD_FOR, REFUSED_FOR, STALE_FOR, HordeProvider
from modelref_git.server.auth.interface import AuthTimeout, AuthUnavailable, Login
from tests.support.horde import ANN, BOB, SECRETS, Horde, horde

__all__ = ["horde"]

LOGIN = Login("12", "ann#12", ("moderator", "trusted"), "horde")


class Asking:
    """The provider over the host, with a clock that stands still."""

    def __init__(self, horde: Horde, timeout: float = 5) -> None:
        self.horde = horde
        self.now = 1000.0
        self.told: list[str] = []
        self.provider = HordeProvider(horde.url(), self.told.append, timeout=timeout, clock=lambda: self.now)

    def read(self, key: str = ANN) -> Login | None:
        return self.provider.identify(key, for_write=False)

    def write(self, key: str = ANN) -> Login | None:
        return self.provider.identify(key, for_write=True)

    @property
    def asked(self) -> int:
        return len(self.horde.asked)


@pytest.fixture
def asking(horde: Horde) -> Iterator[Asking]:
    found = Asking(horde)
    yield found
    assert not any(key in text for text in found.told for key in (ANN, BOB)), "no key is ever told"


def test_a_key_is_whose_aihorde_says(asking: Asking) -> None:
    assert asking.read() == LOGIN
    assert asking.write(BOB) == Login("7", "bob#the#builder#7", (), "horde")
    assert not asking.provider.is_local
    assert asking.read("unknown") is None


@pytest.mark.parametrize("url", ["", "aihorde.net/api", "file:///etc/passwd"])
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(UsageFault, match="address of AI-Horde"):
        HordeProvider(url, lambda _: None)


def test_reads_believe_an_answer_for_a_minute(asking: Asking) -> None:
    assert [asking.read() for _ in range(5)] == [LOGIN] * 5
    assert asking.asked == 1
    asking.now += GOOD_FOR - 1
    asking.read()
    assert asking.asked == 1
    asking.now += 1
    asking.read()
    assert asking.asked == 2


def test_reads_believe_a_refusal_for_a_moment(asking: Asking) -> None:
    assert [asking.read("new") for _ in range(5)] == [None] * 5
    assert asking.asked == 1
    asking.horde.users["new"] = {"username": "new#9"}
    asking.now += REFUSED_FOR
    assert asking.read("new") == Login("9", "new#9", (), "horde")


def test_a_write_always_asks(asking: Asking) -> None:
    asking.read()
    assert [asking.write() for _ in range(3)] == [LOGIN] * 3
    assert asking.asked == 4
    del asking.horde.users[ANN]
    assert asking.write() is None
    assert asking.read() is None, "what a write was told, reads know too"
    assert asking.asked == 5


def test_a_write_takes_no_remembered_refusal(asking: Asking) -> None:
    assert asking.read("new") is None
    asking.horde.users["new"] = {"username": "new#9"}
    assert asking.write("new") == Login("9", "new#9", (), "horde")
    assert asking.read("new") == Login("9", "new#9", (), "horde")


def test_while_it_is_away_reads_believe_an_older_answer_and_writes_none(asking: Asking) -> None:
    asking.read()
    asking.horde.close()
    asking.now += STALE_FOR - 1
    assert asking.read() == LOGIN
    with pytest.raises(AuthUnavailable):
        asking.write()
    with pytest.raises(AuthUnavailable):
        asking.read(BOB)
    asking.now += 1
    with pytest.raises(AuthUnavailable) as caught:
        asking.read()
    assert ANN not in "".join(traceback.format_exception(caught.value))
    assert len(asking.told) == 1, "a trouble is told once"


def test_a_host_that_is_silent_is_told_as_such(horde: Horde) -> None:
    asking = Asking(horde, timeout=0.1)
    asking.read()
    horde.gate.clear()
    asking.now += GOOD_FOR
    assert asking.read() == LOGIN
    with pytest.raises(AuthTimeout):
        asking.write()
    with pytest.raises(AuthTimeout):
        asking.read(BOB)


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500, 503])
def test_any_other_status_lets_nobody_in(asking: Asking, status: int) -> None:
    asking.horde.status = status
    assert (asking.read(), asking.write()) == (None, None)


@pytest.mark.parametrize("status", [302, 429, 500, 503])
def test_a_status_that_says_nothing_about_the_key_is_not_remembered(asking: Asking, status: int) -> None:
    asking.read()
    asking.horde.status = status
    asking.now += GOOD_FOR
    assert asking.read() == LOGIN, "the older answer is better than none"
    assert asking.write() is None
    assert asking.read(BOB) is None
    assert [str(status) in text for text in asking.told] == [True]
    asking.horde.status = None
    assert asking.read(BOB) is not None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"username": "ann"}', b'{"username": 12}'])
def test_an_answer_without_a_user_lets_nobody_in(asking: Asking, body: bytes) -> None:
    asking.horde.body = body
    assert (asking.read(), asking.write()) == (None, None)


def test_a_redirect_to_another_host_does_not_get_the_key(asking: Asking) -> None:
    other = Horde()
    try:
        asking.horde.location = other.url("localhost") + "v2/find_user"
        assert (asking.read(), asking.write()) == (None, None)
        assert other.asked == []
    finally:
        other.close()


def test_a_key_of_our_own_is_not_shown_to_another_host(asking: Asking) -> None:
    assert asking.write("mrk_0123456789ab_" + "x" * 43) is None
    assert asking.read("mrk_0123456789ab_") is None
    assert asking.asked == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(token=st.text() | st.characters(categories=["Cs"]) | st.sampled_from(["a\r\nhost: x", "a\nb", "\x00"]))
def test_no_text_lets_anybody_in_or_breaks_anything(asking: Asking, token: str) -> None:
    assert asking.read(token) is None
    assert asking.write(token) is None


class Waited(Future[Any]):
    """Tells how many wait for it."""

    waiting: ClassVar[list[int]] = []

    def result(self, timeout: float | None = None) -> Any:
        self.waiting.append(1)
        return super().result(timeout)


@pytest.mark.parametrize("for_write", [True, False])
def test_many_requests_with_one_key_are_one_question(
    asking: Asking, for_write: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Future", Waited)
    Waited.waiting.clear()
    asking.horde.gate.clear()
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(asking.provider.identify(ANN, for_write=for_write)))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 20
    while asking.asked + len(Waited.waiting) < 12 and time.monotonic() < until:
        time.sleep(0.005)
    asking.horde.gate.set()
    for thread in threads:
        thread.join()
    assert found == [LOGIN] * 12
    assert asking.asked == 1


def test_a_failure_is_told_to_all_who_waited_and_the_next_one_asks_again(horde: Horde) -> None:
    asking = Asking(horde, timeout=0.2)
    horde.gate.clear()
    failures: list[type[BaseException]] = []

    def ask() -> None:
        try:
            asking.write()
        except AuthTimeout as error:
            failures.append(type(error))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [AuthTimeout] * 5
    horde.gate.set()
    assert asking.write() == LOGIN


def test_a_defect_leaves_nobody_waiting(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    Waited.waiting.clear()
    ends: list[type[BaseException] | None] = []

    def broken(*_: Any) -> None:
        until = time.monotonic() + 20
        while not Waited.waiting and time.monotonic() < until:
            time.sleep(0.005)
        raise ZeroDivisionError

    def ask() -> None:
        try:
            asking.read()
            ends.append(None)
        except ZeroDivisionError as error:
            ends.append(type(error))

    with monkeypatch.context() as patch:
        patch.setattr(module, "Future", Waited)
        patch.setattr(module, "find_user", broken)
        threads = [threading.Thread(target=ask, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert ends == [ZeroDivisionError] * 2
    assert asking.read() == LOGIN


def test_what_is_remembered_is_bounded_and_guesses_push_nobody_out(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEPT_AT_MOST", 3)
    asking.read()
    for number in range(10):
        asking.read(f"guess{number}")
    assert asking.read() == LOGIN
    assert asking.asked == 11
    for number in range(3):
        asking.horde.users[f"key{number}"] = {"username": f"user#{number}"}
        asking.read(f"key{number}")
    asking.read()
    assert asking.asked == 15, "the oldest is forgotten first"


def test_nothing_private_and_no_key_stays_in_memory(asking: Asking) -> None:
    asking.read()
    asking.read(BOB)
    kept = repr(vars(asking.provider))
    for secret in (ANN, BOB, *map(str, SECRETS.values()), "ann@private.example", "watch her"):
        assert secret not in kept
    asking.provider.close()
    asking.read()
    assert asking.asked == 3
