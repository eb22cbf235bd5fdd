from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import UsageFault
from modelref_git.proposals.actors import Actor, Member


@pytest.mark.parametrize(
    ("text", "name", "ident"),
    [
        ("alice#1", "alice", "1"),
        (" alice # 1 ", "alice", "1"),
        ("a#b#c", "a#b", "c"),
        ("Döra D.#x@y.example", "Döra D.", "x@y.example"),
    ],
)
def test_the_id_is_what_follows_the_last_mark(text: str, name: str, ident: str) -> None:
    assert Actor.parse(text) == Actor(ident, name)


@pytest.mark.parametrize("text", ["", "alice", "#1", "alice#", " # ", "alice# "])
def test_what_is_no_person_is_refused(text: str) -> None:
    with pytest.raises(UsageFault):
        Actor.parse(text)


@given(st.text(min_size=1), st.text(min_size=1))
def test_an_actor_is_read_as_it_was_written(name: str, ident: str) -> None:
    try:
        actor = Actor.parse(f"{name}#{ident}")
    except UsageFault:
        return
    assert Actor.parse(str(actor)) == actor


def test_an_approver_may_propose_and_a_member_without_a_role_may_nothing() -> None:
    assert Member("1", "a", roles=("approver",)).is_requestor
    assert not Member("1", "a", roles=("requestor",)).is_approver
    nobody = Member("1", "a")
    assert not nobody.is_requestor
    assert not nobody.is_approver
    assert nobody.as_json() == {"user_id": "1", "username": "a#1", "emails": [], "roles": [], "ssh_keys": []}
