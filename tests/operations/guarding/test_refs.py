from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelref_git.operations.guarding.judgement import judge_push
from modelref_git.operations.guarding.push import Moved, Push, Pusher
from tests.attacks.forging import Forger
from tests.support.server import BATCH, JOINS, WAITS, offered
from tests.support.world import ARTHUR, World, clip

QUEUE, MAIN = "refs/heads/queue", "refs/heads/main"


def rules(world: World, *moves: Moved, login: str | None = "3", trusts: bool = False) -> list[str]:
    """The rules that a push of *moves* breaks."""
    push = Push(world.store, moves, Pusher(login, trusts), world.clock.now)
    return [item.finding.rule for item in judge_push(push)]


def at(world: World, revision: str) -> str:
    return world.git("rev-parse", revision).strip()


def only(moves: tuple[Moved, ...], *refs: str) -> tuple[Moved, ...]:
    """The moves of *refs* alone."""
    found = tuple(move for move in moves if move.ref in refs)
    assert len(found) == len(refs)
    return found


def applied(world: World) -> tuple[Moved, ...]:
    """What the apply of the open batch moves: the log, main, and the branches that are gone then."""
    moves = offered(world.path, lambda: world.apply(BATCH))
    assert [move.ref for move in moves] == ["refs/heads/batches/3", MAIN, "refs/heads/proposals/4", QUEUE]
    return moves


def test_all_that_a_step_moves_may_come_in_one_push_or_after_the_log(yard: World) -> None:
    moves = applied(yard)
    assert rules(yard, *moves) == []
    assert rules(yard, *only(moves, QUEUE)) == []
    assert rules(yard, *only(moves, QUEUE, MAIN)) == []
    yard.git("update-ref", QUEUE, moves[-1].new or "")
    assert rules(yard, *moves[:-1]) == []
    for move in moves[:-1]:
        assert rules(yard, move) == []


def test_what_comes_before_the_log_is_refused(yard: World) -> None:
    moves = applied(yard)
    assert rules(yard, *only(moves, MAIN)) == ["main.stranger"]
    assert rules(yard, *only(moves, "refs/heads/proposals/4")) == ["branch.moved"]
    assert rules(yard, *only(moves, "refs/heads/batches/3")) == ["branch.moved"]


def test_main_goes_nowhere_but_where_the_log_says(yard: World) -> None:
    main = at(yard, "main")
    forger = Forger(yard.path)
    stranger = forger.commit("main^{tree}", [main], "by hand\n")
    assert rules(yard, Moved(MAIN, main, stranger)) == ["main.stranger"]
    assert rules(yard, Moved(MAIN, main, at(yard, "main~1"))) == ["hook.main"]
    assert rules(yard, Moved(MAIN, main, None)) == ["hook.main"]
    assert rules(yard, Moved(MAIN, None, main)) == []
    assert rules(yard, Moved(MAIN, at(yard, "main~1"), main)) == []
    assert rules(yard, Moved(MAIN, stranger, main)) == ["hook.main"]


def test_main_without_any_log_is_refused(yard: World) -> None:
    main = at(yard, "main")
    yard.git("update-ref", "-d", QUEUE)
    assert rules(yard, Moved(MAIN, None, main)) == ["hook.main"]


def test_the_log_is_not_rewritten_and_not_removed(yard: World) -> None:
    head = at(yard, "queue")
    forger = Forger(yard.path)
    aside = forger.event("hold", ARTHUR, change_ids=(WAITS,), reason="R", push=False)
    beside = forger.commit(aside, [at(yard, "queue~1"), head], "merge\n")
    for new in (None, at(yard, "queue~1"), at(yard, "main"), beside):
        assert rules(yard, Moved(QUEUE, head, new)) == ["queue.rewritten"], new
    assert rules(yard, Moved(QUEUE, head, aside)) == []


def test_a_ref_is_moved_once(yard: World) -> None:
    moves = applied(yard)
    (log,) = only(moves, QUEUE)
    further = Moved(QUEUE, log.new, at(yard, "main"))
    assert "hook.once" in rules(yard, log, further)
    assert "hook.once" in rules(yard, further, log)
    assert rules(yard, log, replace(log)) == ["hook.once"]


def test_a_push_that_lost_the_race_is_told_just_that(yard: World) -> None:
    forger = Forger(yard.path)
    before = at(yard, "queue")
    other = forger.event("hold", ARTHUR, change_ids=(WAITS,), reason="R", push=False)
    forger.event("hold", ARTHUR, change_ids=(JOINS,), reason="R")
    assert rules(yard, Moved(QUEUE, before, other)) == ["hook.raced"]


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/foo",
        "refs/heads/Main",
        "refs/heads/MAIN",
        "refs/heads/main/x",
        "refs/heads/queue2",
        "refs/heads/intake",
        "refs/heads/proposals",
        "refs/modelref/outbox/1",
        "refs/remotes/origin/main",
        "refs/notes/commits",
        "refs/pull/1/head",
        "HEAD",
    ],
)
def test_a_ref_that_no_dataset_has_is_neither_made_nor_moved_nor_removed(ref: str, yard: World) -> None:
    main = at(yard, "main")
    for old, new in ((None, main), (at(yard, "main~1"), main), (main, None)):
        assert rules(yard, Moved(ref, old, new), login="1") == ["hook.ref"]


@pytest.mark.parametrize(
    "name", ["proposals/x", "proposals/1/2", "proposals/01", "proposals/١", "batches/latest", "batches/", "proposals/9"]
)
def test_a_branch_that_the_log_never_names_is_refused(name: str, yard: World) -> None:
    assert rules(yard, Moved(f"refs/heads/{name}", None, at(yard, "main"))) == ["branch.moved"]
    assert rules(yard, Moved(f"refs/heads/{name}", at(yard, "main"), None)) == []  # good riddance


def test_a_proposals_branch_is_where_the_log_says(yard: World) -> None:
    first, second = (f"refs/heads/proposals/{number}" for number in (WAITS, JOINS))
    mine, other = at(yard, first), at(yard, second)
    assert rules(yard, Moved(first, None, mine)) == []
    assert rules(yard, Moved(first, mine, other)) == ["branch.moved"]
    assert rules(yard, Moved(first, mine, None)) == ["branch.moved"]
    assert rules(yard, Moved("refs/heads/batches/3", None, mine)) == ["branch.moved"]


def test_a_branch_is_at_a_commit(yard: World) -> None:
    tree, missing = at(yard, "main^{tree}"), "ab" * 20
    assert rules(yard, Moved("refs/heads/intake/x", None, tree)) == ["hook.commit"]
    assert rules(yard, Moved("refs/heads/intake/x", at(yard, "main"), tree)) == ["hook.commit"]
    assert rules(yard, Moved("refs/heads/intake/x", None, missing)) == ["hook.commit"]
    assert set(rules(yard, Moved(QUEUE, at(yard, "queue"), missing))) == {
        "queue.event",
        "hook.commit",
        "queue.rewritten",
    }


def test_an_intake_branch_is_anybodys_to_make_and_continue(yard: World) -> None:
    older, newer = at(yard, "main~1"), at(yard, "main")
    for login in ("2", "9", None):
        assert rules(yard, Moved("refs/heads/intake/x", None, older), login=login) == []
        assert rules(yard, Moved("refs/heads/intake/x", older, newer), login=login) == []


@pytest.mark.parametrize("back", [True, False])
@pytest.mark.parametrize(
    ("login", "trusts", "may"),
    [
        ("2", False, True),
        ("carol@people.example", False, True),
        ("3", False, True),
        ("9", True, False),
        ("olga@people.example", False, False),
        (None, False, False),
        (None, True, True),
    ],
)
def test_an_intake_branch_is_rewritten_by_its_author_or_a_reviewer(
    login: str | None, trusts: bool, may: bool, back: bool, yard: World
) -> None:
    forger = Forger(yard.path)
    mine = forger.commit("main^{tree}", [at(yard, "main")], "please take it\n", author="c <CAROL@people.example>")
    move = Moved("refs/heads/intake/carol/x", mine, at(yard, "main") if back else None)
    assert rules(yard, move, login=login, trusts=trusts) == ([] if may else ["hook.intake"])


def test_an_author_without_an_e_mail_is_nobody(yard: World) -> None:
    mine = Forger(yard.path).commit("main^{tree}", [at(yard, "main")], "x\n", author="carol <>")
    for login in (None, "", "2"):
        assert rules(yard, Moved("refs/heads/intake/x", mine, None), login=login) == ["hook.intake"]


def test_a_tag_is_made_by_a_reviewer_and_stays(yard: World) -> None:
    main = at(yard, "main")
    assert rules(yard, Moved("refs/tags/v1", None, main)) == []
    assert rules(yard, Moved("refs/tags/v1", None, main), login="2") == ["hook.tag"]
    assert rules(yard, Moved("refs/tags/v1", None, main), login=None) == ["hook.tag"]
    assert rules(yard, Moved("refs/tags/v1", at(yard, "main~1"), main)) == ["hook.tag"]
    assert rules(yard, Moved("refs/tags/v1", main, None), login="1") == ["hook.tag"]


_OIDS = st.one_of(
    st.none(), st.sampled_from(["ab" * 20, "queue", "main", "main~1", "main^{tree}", "main:modelref.toml"])
)
_REFS = st.one_of(
    st.sampled_from(
        [QUEUE, MAIN, "refs/heads/proposals/3", "refs/heads/batches/3", "refs/heads/intake/x", "refs/tags/x"]
    ),
    st.text(min_size=1),
)


@functools.cache
def named(path: Path) -> dict[str, str]:
    """Objects of every kind by their names."""
    world = World(path)
    return {name: at(world, name) for name in ("queue", "main", "main~1", "main^{tree}", "main:modelref.toml")}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(_REFS, _OIDS, _OIDS), max_size=3), login=st.one_of(st.none(), st.text()))
def test_nothing_that_is_pushed_is_more_than_refused(
    rows: list[tuple[str, str | None, str | None]], login: str | None, yard: World
) -> None:
    names = named(yard.path)
    moves = [Moved(ref, *(oid and names.get(oid, oid) for oid in oids)) for ref, *oids in rows]
    before = yard.store.refs.under("refs/")
    for item in judge_push(Push(yard.store, tuple(moves), Pusher(login), 0)):
        assert item.ref is not None or item.finding.rule.startswith(("queue.", "hook."))
        assert str(item)
        assert item.as_json()["rule"] == item.finding.rule
    assert yard.store.refs.under("refs/") == before


def test_a_refusal_names_the_rule_the_thing_the_promise_and_the_next_step(yard: World) -> None:
    main = at(yard, "main")
    (refusal,) = judge_push(Push(yard.store, (Moved(MAIN, main, None),), Pusher("3"), 0))
    assert str(refusal).startswith("hook.main: refs/heads/main: it would be gone (The branch main is ")
    assert refusal.as_json() == {
        "rule": "hook.main",
        "commit": None,
        "event_id": None,
        "message": "it would be gone",
        "text": refusal.text,
        "next": refusal.next,
        "ref": MAIN,
    }


def test_a_new_record_that_is_pushed_for_intake_is_not_judged_here(yard: World) -> None:
    made = Forger(yard.path).proposal("create", "clip", "x", clip("x"))
    assert rules(yard, Moved("refs/heads/intake/x", None, made), login=None) == []
