from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure
from modelref_git.operations.context import Context
from modelref_git.operations.guarding.push import Moved, Push, Pusher, read_moves
from tests.support.server import JOINS, offered
from tests.support.world import ARTHUR, CAROL, World

ONE, TWO, NONE = "1" * 40, "2" * 40, "0" * 40


def test_a_line_is_a_move_and_zeros_stand_for_absent() -> None:
    lines = [f"{ONE} {TWO} refs/heads/main\n", f"{NONE} {ONE} refs/heads/a b\n", f"{ONE} {NONE} refs/tags/x\n"]
    assert read_moves(lines) == (
        Moved("refs/heads/main", ONE, TWO),
        Moved("refs/heads/a b", None, ONE),
        Moved("refs/tags/x", ONE, None),
    )


def test_a_ref_may_have_letters_that_end_a_line_elsewhere() -> None:
    ref = "refs/heads/intake/a\u2028b\x85c"
    assert read_moves([f"{NONE} {ONE} {ref}"]) == (Moved(ref, None, ONE),)


@given(st.lists(st.text()))
def test_any_other_text_is_refused_in_words(lines: list[str]) -> None:
    with contextlib.suppress(IntegrityFailure):
        assert len(read_moves(lines)) == len(lines)


@pytest.mark.parametrize(
    ("login", "ident"),
    [
        ("3", "3"),
        ("arthur#3", "3"),
        ("ARTHUR@people.example", "3"),
        ("anything#3", None),
        (" 3", None),
        ("#3", None),
        ("arthur", None),
        ("9", None),
    ],
)
def test_a_pusher_is_known_by_id_or_e_mail(login: str, ident: str | None, empty_world: World) -> None:
    config = Context(empty_world.store).view().dataset().config
    member = Pusher(login).member(config)
    assert (member.id if member is not None else None) == ident
    assert Pusher(login).name(config) == (ARTHUR if ident else f"{login}, no member,")
    assert Pusher(login).name(None) == f"{login}, no member,"


def test_of_a_pusher_without_a_login_nothing_is_known(empty_world: World) -> None:
    config = Context(empty_world.store).view().dataset().config
    assert Pusher().member(config) is None
    assert "knows nothing" in Pusher().name(config)


def test_a_push_adds_the_commits_of_its_events_oldest_first(yard: World) -> None:
    def steps() -> None:
        yard.create("clip", "a", {"name": "a"})
        yard.delete("clip", "ViT-L/14")

    moves = offered(yard.path, steps)
    push = Push(yard.store, moves, Pusher(CAROL), yard.clock.now)
    assert push.brought is not None
    told = [push.store.read_commit(oid).subject for oid in push.brought]
    assert [text.split(" ")[:2] for text in told] == [["enqueue:", "create"], ["enqueue:", "delete"]]
    assert push.head == push.brought[-1] != push.present
    assert push.state is not None
    assert push.state.change(JOINS + 2) is not None


def test_a_push_that_breaks_the_log_leaves_it_as_it_is(yard: World) -> None:
    present = yard.refs()["refs/heads/queue"]
    older = yard.git("rev-parse", "queue~2").strip()
    for new in (older, None):
        push = Push(yard.store, (Moved("refs/heads/queue", present, new),), Pusher(), 0)
        assert push.brought is None
        assert push.head == present


def test_a_push_without_the_log_is_judged_by_the_one_that_is_there(yard: World) -> None:
    push = Push(yard.store, (), Pusher(), 0)
    assert push.brought == ()
    assert push.main == yard.refs()["refs/heads/main"]
    assert not push.raced


def test_a_repository_without_a_log_has_no_policy(yard: World) -> None:
    yard.git("update-ref", "-d", "refs/heads/queue")
    push = Push(yard.store, (), Pusher("3"), 0)
    assert (push.head, push.state, push.main, push.config, push.is_by_reviewer) == (None, None, None, None, False)


@pytest.mark.parametrize(("login", "may"), [("3", True), ("1", True), ("2", False), ("9", False)])
def test_a_reviewer_is_an_approver_or_a_service(login: str, may: bool, yard: World) -> None:
    assert Push(yard.store, (), Pusher(login), 0).is_by_reviewer is may


@pytest.mark.parametrize("trusts", [True, False])
def test_of_whom_nothing_is_known_is_a_reviewer_where_claims_are_believed(trusts: bool, yard: World) -> None:
    assert Push(yard.store, (), Pusher(None, trusts), 0).is_by_reviewer is trusts
    assert not Push(yard.store, (), Pusher("9", trusts), 0).is_by_reviewer
