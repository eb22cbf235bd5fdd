"""Notes on records: whose they are, what they outlive, and where they never go."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelref_git.errors import Forbidden, NotFound, RemoteFailure, UsageFault
from modelref_git.operations.layout import set_fan_out
from modelref_git.operations.maintain import collect_garbage, examine
from modelref_git.operations.members import add_member, remove_member
from modelref_git.operations.notes import (
    note_add,
    note_history,
    note_list,
    note_own,
    note_remove,
    note_set,
    shown_note,
)
from modelref_git.store import layout
from tests.support.clones import server_and_clones
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

NAME = "ViT-L/14"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "w")


def add(world: World, text: str = "x", actor: str = CAROL, *, name: str = NAME, team: bool = False) -> int:
    return int(note_add(world.context(actor), "clip", name, text, team=team)["id"])


def texts(world: World, name: str = NAME) -> list[str]:
    return [row["text"] for row in note_list(world.context(None), "clip", name)]


def test_each_act_is_one_small_commit_of_its_author(world: World) -> None:
    before = world.objects()
    assert add(world, "one") == 1
    assert len(world.objects() - before) == 5  # commit, three trees, a file
    world.clock.tick(60)
    note_set(world.context(CAROL), "clip", NAME, 1, "two")
    note_remove(world.context(CAROL), "clip", NAME, 1)
    assert world.git("log", "--format=%an %ct %s", "notes").splitlines() == [
        f'carol {world.clock.now} note: remove 1 from clip "{NAME}"',
        f'carol {world.clock.now} note: set 1 of clip "{NAME}"',
        f'carol {world.clock.now - 60} note: add to clip "{NAME}"',
    ]
    rows = note_history(world.context(), "clip", NAME)
    assert [(row["action"], row["text"]) for row in rows] == [("remove", None), ("set", "two"), ("add", "one")]
    assert world.files("notes").keys() == {"notes/clip/ViT-L%2F14.json"}


def test_whose_note_it_is_decides_who_changes_it(world: World) -> None:
    mine, ours = add(world), add(world, team=True)
    note_set(world.context(CAROL), "clip", NAME, mine, "by me")
    note_set(world.context(ARTHUR), "clip", NAME, ours, "by us")
    with pytest.raises(Forbidden, match="carol#2's"):
        note_set(world.context(ARTHUR), "clip", NAME, mine, "z")
    with pytest.raises(Forbidden, match="carol#2's"):
        note_remove(world.context(ARTHUR), "clip", NAME, mine)
    of_arthur = add(world, actor=ARTHUR, team=True)
    with pytest.raises(Forbidden, match="the team's"):
        note_remove(world.context(CAROL), "clip", NAME, of_arthur)
    with pytest.raises(Forbidden, match="role requestor"):
        add(world, actor="nina#9")
    world.pass_policy(remove_member(world.context(), "2"))
    with pytest.raises(Forbidden, match="role requestor"):
        note_set(world.context(CAROL), "clip", NAME, mine, "still me")
    assert texts(world) == ["by me", "by us", "x"]


def test_notes_outlive_the_record_and_its_place(world: World) -> None:
    name = "made"
    world.apply(world.approve(world.create("clip", name, clip(name))))
    add(world, "first", name=name)
    world.apply(world.approve(world.update("clip", name, {"/description": "Other words."})))
    set_fan_out(world.context(), "clip", 1)
    world.apply(world.approve(world.delete("clip", name)))
    assert add(world, "why it went", name=name) == 2
    world.apply(world.approve(world.create("clip", name, clip(name))))
    assert texts(world, name) == ["first", "why it went"]


@pytest.mark.long
def test_look_alikes_have_notes_of_their_own(world: World) -> None:
    world.apply(world.approve(world.create("clip", "Twin", clip("Twin"))))
    add(world, "of the first", name="Twin")
    world.apply(world.approve(world.delete("clip", "Twin"), world.create("clip", "twin", clip("twin"))))
    add(world, "of the second", name="twin")
    assert (texts(world, "Twin"), texts(world, "twin")) == (["of the first"], ["of the second"])


def test_what_is_not_there_has_no_notes(world: World) -> None:
    for category, name in (("clip", "no such"), ("clip", "a\\b"), ("clip", " "), ("nothing", NAME)):
        for read in (note_list, note_history):
            with pytest.raises(NotFound):
                read(world.context(), category, name)
        with pytest.raises(NotFound):
            note_add(world.context(), category, name, "x")
    with pytest.raises(NotFound) as fault:
        note_list(world.context(), "clip", "vit-l/14")
    assert fault.value.hint == "there is 'ViT-L/14'"
    with pytest.raises(NotFound):
        note_set(world.context(), "clip", NAME, 1, "x")
    with pytest.raises(UsageFault):
        add(world, " ")
    assert layout.NOTES not in world.refs()


def test_a_dry_run_says_the_same_and_writes_nothing(world: World) -> None:
    add(world)
    before = (world.refs(), world.objects())
    answers = [note_add(world.context(CAROL, dry_run=dry), "clip", NAME, "y") for dry in (True, True)]
    note_remove(world.context(CAROL, dry_run=True), "clip", NAME, 1)
    assert (world.refs(), world.objects()) == before
    assert answers == [note_add(world.context(CAROL), "clip", NAME, "y")] * 2


def test_the_note_that_is_shown_first_is_ones_own(world: World) -> None:
    def shown(actor: str) -> str | None:
        return shown_note(world.context(actor), "clip", NAME)

    note_own(world.context(CAROL), "clip", NAME, None)
    assert layout.NOTES not in world.refs()
    add(world, "ours", ARTHUR, team=True)
    note_own(world.context(CAROL), "clip", NAME, "mine")
    note_own(world.context(CAROL), "clip", NAME, "mine")
    assert len(world.git("rev-list", "notes").split()) == 2, "the same text again is no act"
    assert [shown(who) for who in (CAROL, ARTHUR, OWNER, "nina#9")] == ["mine", "ours", "ours", None]
    note_own(world.context(CAROL), "clip", NAME, None)
    assert shown(CAROL) == "ours"


def test_a_service_writes_down_what_members_do_and_says_so(world: World) -> None:
    world.pass_policy(add_member(world.context(), "robot#9", emails=("r@people.example",), roles=("service",)))
    note_add(replace(world.context(CAROL), service="9"), "clip", NAME, "x")
    assert note_history(world.context(), "clip", NAME)[0]["attested_by"] == "robot#9"


@pytest.mark.long
def test_nothing_else_takes_notice_of_the_branch(world: World, tmp_path: Path) -> None:
    def exported(folder: str) -> dict[str, bytes]:
        world.run("export", str(tmp_path / folder), "--format", "all").ok()
        return {path.name: path.read_bytes() for path in (tmp_path / folder).rglob("*") if path.is_file()}

    before = exported("before")
    add(world, "a remark", team=True)
    assert world.run("verify").ok().json["findings"] == []
    assert examine(world.context()).findings == []
    after = exported("after")
    assert before.keys() == after.keys()
    assert not any(b"a remark" in data or b"notes" in data for data in after.values())
    collect_garbage(world.context())
    assert texts(world) == ["a remark"]
    assert world.git("fsck", "--strict", "--no-dangling") == ""


def test_a_clone_brings_sends_and_follows_notes(tmp_path: Path) -> None:
    server, (one, two) = server_and_clones(tmp_path, "one", "two")
    assert add(one, "from one") == 1
    assert add(two, "from two", ARTHUR) == 2
    assert texts(one) == ["from one"]
    one.run("pull").ok()
    assert texts(one) == texts(two) == texts(server) == ["from one", "from two"]
    assert {world.refs()[layout.NOTES] for world in (server, one, two)} == {server.refs()[layout.NOTES]}
    assert not [ref for ref in one.refs() if ref.startswith("refs/modelref/")]
    third = World(tmp_path / "three", server.clock)
    one.run("clone", str(server.path), str(third.path)).ok()
    assert texts(third) == ["from one", "from two"]
    assert third.refs()[layout.NOTES] == server.refs()[layout.NOTES]
    note_remove(server.context(ARTHUR), "clip", NAME, 2)
    two.context().refresh(within=0)
    assert texts(two) == ["from one"], "a service on a clone follows notes as it follows the log"
    with pytest.raises(RemoteFailure, match="--offline"):
        note_add(replace(one.context(CAROL), offline=True), "clip", NAME, "x")
    before = (one.refs(), server.refs())
    assert note_add(one.context(CAROL, dry_run=True), "clip", NAME, "x")["id"] == 3
    assert (one.refs(), server.refs()) == before


@pytest.mark.long
def test_a_branch_that_was_rewritten_is_told_and_nothing_is_built_upon_it(tmp_path: Path) -> None:
    server, (one,) = server_and_clones(tmp_path, "one")
    add(one)
    orphan = server.git("-c", "user.name=x", "-c", "user.email=x@x.org", "commit-tree", "notes^{tree}", "-m", "x")
    server.git("update-ref", layout.NOTES, orphan.strip())
    before = server.refs()
    for act in (lambda: add(one), lambda: texts(one)):
        assert "it was rewritten" in refused(act)
    server.git("update-ref", "-d", layout.NOTES)
    assert "is gone" in refused(lambda: add(one))
    one.run("pull").ok()
    assert server.refs() == {ref: oid for ref, oid in before.items() if ref != layout.NOTES}


def refused(act: Callable[[], object]) -> str:
    """What an act is refused with because the branch was rewritten."""
    from modelref_git.store.remote import Rewritten

    with pytest.raises(Rewritten) as fault:
        act()
    return fault.value.message


@pytest.mark.long
def test_an_empty_remote_is_given_the_notes_too(world: World, tmp_path: Path) -> None:
    add(world, "brought along")
    world.git("init", "-q", "--bare", str(tmp_path / "empty.git"))
    world.git("remote", "add", "origin", str(tmp_path / "empty.git"))
    world.git("config", "modelref.remote", "origin")
    assert layout.NOTES in world.run("push").ok().json["sent"]
    assert texts(World(tmp_path / "empty.git")) == texts(world) == ["brought along"]


@pytest.mark.long
def test_a_damaged_file_of_notes_is_a_finding_and_no_crash(world: World) -> None:
    add(world)
    blob = world.git("hash-object", "-w", "--stdin", stdin=b"[1]").strip()
    for folder, mode, kind in (
        ("ViT-L%2F14.json", "100644", "blob"),
        ("clip", "040000", "tree"),
        ("notes", "040000", "tree"),
    ):
        blob = world.git("mktree", stdin=f"{mode} {kind} {blob}\t{folder}\n".encode()).strip()
    made = world.git("-c", "user.name=x", "-c", "user.email=x@x.org", "commit-tree", blob, "-p", "notes", "-m", "x")
    world.git("update-ref", layout.NOTES, made.strip())
    for words in (("list", "clip", NAME), ("add", "clip", NAME, "x"), ("list", "clip", NAME, "--history")):
        answer = world.run("note", *words)
        assert (answer.code, json.loads(answer.err)["error"]["code"]) == (9, "integrity")
    assert shown_note(world.context(), "clip", NAME) is None
