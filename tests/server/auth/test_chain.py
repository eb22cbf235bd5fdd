from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from modelref_git.server.auth.chain import Chain
from modelref_git.server.auth.interface import AuthTimeout, AuthUnavailable, Login


@dataclass
class Some:
    """A provider that knows one key, or fails."""

    name: str
    key: str = ""
    is_local: bool = True
    failure: Callable[[], Exception] | None = None
    asked: list[bool] = field(default_factory=list)
    closed: bool = False

    def identify(self, token: str, *, for_write: bool) -> Login | None:
        self.asked.append(for_write)
        if self.failure is not None:
            raise self.failure()
        return Login("1", "x#1", (), self.name) if token == self.key else None

    def close(self) -> None:
        self.closed = True


def test_the_first_that_knows_the_key_says_whose_it_is() -> None:
    first, second, third = Some("a", "x"), Some("b", "y"), Some("c", "y")
    chain = Chain([first, second, third])
    assert chain.identify("y", for_write=True) == Login("1", "x#1", (), "b")
    assert (first.asked, second.asked, third.asked) == ([True], [True], [])
    assert chain.identify("z", for_write=False) is None
    assert third.asked == [False]


@pytest.mark.parametrize("failure", [AuthTimeout, AuthUnavailable])
def test_a_failure_stands_if_no_other_knows_the_key(failure: type[AuthTimeout]) -> None:
    chain = Chain([Some("a", failure=failure), Some("b", "y"), Some("c", failure=AuthUnavailable)])
    assert chain.identify("y", for_write=True) == Login("1", "x#1", (), "b")
    with pytest.raises(failure):
        chain.identify("z", for_write=True)


def test_only_the_first_ones_that_answer_at_once_are_asked_at_once() -> None:
    first, far, last = Some("a", "x"), Some("b", "y", is_local=False), Some("c", "z")
    chain = Chain([first, far, last])
    assert not chain.is_local
    assert chain.at_once("x", for_write=True) == Login("1", "x#1", (), "a")
    assert chain.at_once("z", for_write=True) is None, "the far one may know it otherwise, and comes first"
    assert (far.asked, last.asked) == ([], [])
    first.failure = AuthUnavailable
    assert chain.at_once("y", for_write=True) is None
    assert chain.identify("y", for_write=True) == Login("1", "x#1", (), "b")


def test_where_all_answer_at_once_so_does_the_chain() -> None:
    chain = Chain([Some("a", failure=AuthUnavailable), Some("b", "y")])
    assert chain.is_local
    assert chain.at_once("y", for_write=False) == Login("1", "x#1", (), "b")
    with pytest.raises(AuthUnavailable):
        chain.at_once("z", for_write=False)


def test_all_are_closed() -> None:
    some = [Some("a"), Some("b")]
    Chain(some).close()
    assert [one.closed for one in some] == [True, True]
