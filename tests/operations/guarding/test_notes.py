"""What a server takes of the branch ``notes``: acts of whoever pushes them, one behind the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelref_git.errors import Forbidden
from modelref_git.operations.clone import clone
from modelref_git.operations.guarding.judgement import judge_push
from modelref_git.operations.guarding.push import Moved, Push, Pusher
from modelref_git.operations.members import add_member
from modelref_git.operations.notes import note_add, note_list, note_set
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.notes import Act
from modelref_git.store.layout import NOTES
from modelref_git.store.notes import Board, read
from modelref_git.store.objects import Commit, Signature
from tests.cli.test_signed import keys, signs_with, strict
from tests.support.server import Server, offered
from tests.support.world import ARTHUR, CAROL, World

__all__ = ["keys"]

NAME = "ViT-L/14"


def add(world: World, actor: str = CAROL, text: str = "x", **more: bool) -> None:
    note_add(world.context(actor), "clip", NAME, text, **more)


def rules(world: World, *moves: Moved, login: str | None = "2", trusts: bool = False) -> list[str]:
    push = Push(world.store, moves, Pusher(login, trusts), world.clock.now)
    return [item.finding.rule for item in judge_push(push)]


@pytest.fixture
def noted(yard: World) -> World:
    """A yard with a note of Carol's and one of the team's that Arthur wrote."""
    add(yard)
    add(yard, ARTHUR, "ours", team=True)
    return yard


def forged(
    world: World, become: Callable[[Act], Act], how: Callable[[Commit], Commit] = lambda commit: commit
) -> Moved:
    """The move to an act of Carol's on top of the notes, changed by hand as *become* and *how* say."""
    store, head = world.store, world.refs()[NOTES]
    objects = store.buffer()
    before = read(store).history("clip", NAME)
    genesis = next(before)[1].genesis
    act = become(Act("add", "clip", NAME, 3, Actor.parse(CAROL), world.clock.now, "y", genesis=genesis))
    tree, _ = Board(store, head, objects).after(replace(act, category="clip", note_id=min(act.note_id, 3)))
    who = Signature("x", "x@people.example", act.time)
    made = objects.add_commit(how(Commit(tree, (head,), who, who, act.message())))
    store.write(objects)
    return Moved(NOTES, head, made)


def test_whoever_pushes_brings_acts_of_their_own(yard: World) -> None:
    for _ in range(2):  # the branch is made, and goes on
        moves = offered(yard.path, lambda: add(yard))
        assert [move.ref for move in moves] == [NOTES]
        for login in ("2", "carol@people.example"):
            assert rules(yard, *moves, login=login) == []
        assert rules(yard, *moves, login="9") == ["notes.writer"]
        assert rules(yard, *moves, login=None) == ["notes.writer"]
        assert rules(yard, *moves, login=None, trusts=True) == []
        # Who brings the first notes answers for them, as for the log.
        assert rules(yard, *moves, login="3") == ([] if moves[0].old is None else ["notes.writer"])
        yard.git("update-ref", NOTES, moves[0].new or "")


def test_the_notes_only_grow(noted: World) -> None:
    head = noted.refs()[NOTES]
    back = noted.git("rev-parse", "notes~1").strip()
    assert rules(noted, Moved(NOTES, head, None)) == ["notes.grown"]
    assert rules(noted, Moved(NOTES, head, back)) == ["notes.grown"]
    assert rules(noted, Moved(NOTES, head, noted.refs()["refs/heads/main"])) == ["notes.grown"]
    assert rules(noted, Moved("refs/heads/notes/x", None, head)) == ["hook.ref"]


def test_notes_without_a_log_are_nobodys(noted: World, tmp_path: Path) -> None:
    head = noted.refs()[NOTES]
    noted.git("init", "-q", "--bare", str(tmp_path / "empty.git"))
    noted.git("push", "-q", str(tmp_path / "empty.git"), f"{head}:refs/heads/elsewhere")
    empty = World(tmp_path / "empty.git", noted.clock)
    assert rules(empty, Moved(NOTES, None, head), trusts=True, login=None) == ["notes.act", "notes.writer"]
    assert rules(noted, Moved(NOTES, head, "ab" * 20))[0] == "hook.commit"


def test_what_is_well_formed_is_taken(noted: World) -> None:
    assert rules(noted, forged(noted, lambda act: act)) == []


@pytest.mark.parametrize(
    "become",
    [
        lambda act: replace(act, note_id=4),
        lambda act: replace(act, genesis=None),
        lambda act: replace(act, genesis="0" * 40),
        lambda act: replace(act, time=act.time + 601),
        lambda act: replace(act, time=act.time - 1),
        lambda act: replace(act, category="../clip"),
    ],
)
def test_an_act_that_is_none_is_refused(become: Callable[[Act], Act], noted: World) -> None:
    assert rules(noted, forged(noted, become))[:1] == ["notes.act"]


@pytest.mark.parametrize(
    "how",
    [
        lambda commit: replace(commit, tree="4b825dc642cb6eb9a060e54bf8d69288fbee4904"),
        lambda commit: replace(commit, message="fixed a typo\n"),
        lambda commit: replace(commit, message=commit.message.replace("Text: y", "Text: z")),
        lambda commit: replace(commit, parents=(*commit.parents, *commit.parents)),
    ],
)
def test_a_commit_that_is_not_its_act_is_refused(how: Callable[[Commit], Commit], noted: World) -> None:
    assert rules(noted, forged(noted, lambda act: act, how)) == ["notes.act"]


@pytest.mark.parametrize(
    ("become", "taken"),
    [
        (lambda act: replace(act, action="set", note_id=1), True),
        (lambda act: replace(act, action="set", note_id=2), False),
        (lambda act: replace(act, action="remove", note_id=2, text=None), False),
        (lambda act: replace(act, actor=Actor("3", "arthur")), False),
        (lambda act: replace(act, actor=Actor("9", "nina")), False),
        (lambda act: replace(act, attested_by=Actor("3", "arthur")), False),
        (lambda act: replace(act, attested_by=Actor("2", "carol")), False),
    ],
)
def test_an_act_is_one_that_its_actor_may_do(become: Callable[[Act], Act], taken: bool, noted: World) -> None:
    assert rules(noted, forged(noted, become)) == ([] if taken else ["notes.writer"])


def test_a_service_brings_the_acts_of_others(noted: World) -> None:
    noted.pass_policy(add_member(noted.context(), "robot#9", emails=("r@people.example",), roles=("service",)))
    attested = forged(noted, lambda act: replace(act, attested_by=Actor("9", "robot")))
    assert rules(noted, attested, login="9") == []
    assert rules(noted, attested, login="2") == ["notes.writer"]
    of_guest = forged(noted, lambda act: replace(act, actor=Actor("77", "gwen"), attested_by=Actor("9", "robot")))
    assert rules(noted, of_guest, login="9") == []
    assert rules(noted, of_guest, login="77") == ["notes.writer"]


def test_where_signatures_count_an_unsigned_act_is_nobodys(noted: World) -> None:
    noted.rewrite_config(b"require_signed = false", b"require_signed = true")
    assert rules(noted, forged(noted, lambda act: act)) == ["notes.writer"]
    with pytest.raises(Forbidden):
        add(noted)


@pytest.mark.long
def test_a_signed_act_is_its_signers_whoever_pushes_it(noted: World, keys: dict[str, Path]) -> None:
    strict(noted, keys)
    signs_with(noted, keys[CAROL])
    moves = offered(noted.path, lambda: add(noted))
    assert (rules(noted, *moves), rules(noted, *moves, login="1")) == ([], [])
    with pytest.raises(Forbidden, match="is none of arthur#3's"):
        add(noted, ARTHUR)


@pytest.mark.long
def test_a_real_server_takes_notes_of_their_authors_and_no_others(yard: World, tmp_path: Path) -> None:
    server = Server.of(yard.path)
    clone(str(yard.path), tmp_path / "clone")
    mine = World(tmp_path / "clone", yard.clock)
    with pytest.MonkeyPatch.context() as patch:
        for key, value in {"PYTHONPATH": str(Path(__file__).parents[3]), "MODELREF_ACTOR": "2"}.items():
            patch.setenv(key, value)
        add(mine)
        note_set(mine.context(CAROL), "clip", NAME, 1, "y")
        answer = mine.run("note", "add", "clip", NAME, "as another", actor=ARTHUR)
        assert (answer.code, answer.error["code"]) == (8, "remote")
        assert "notes.writer" in answer.error["message"]
    assert [row["text"] for row in note_list(yard.context(), "clip", NAME)] == ["y"]
    assert not [ref for ref in mine.refs() if ref.startswith("refs/modelref/")]
    server.push(mine.path, "+notes~1:notes", actor="1").refused("notes.grown")
    server.push(mine.path, ":notes", actor="1").refused("notes.grown")
