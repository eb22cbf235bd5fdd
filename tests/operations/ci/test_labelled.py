"""The changes of a pull request that was given a label: bound to the commit of that moment."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from modelref_git.errors import Conflict, Forbidden, Invalid, WrongState
from modelref_git.operations.ci.labelled import labelled_changes
from modelref_git.operations.ci.merge import merge_changes
from modelref_git.operations.context import Context
from tests.attacks.forging import Forger
from tests.support.branches import branch, canonical
from tests.support.world import ARTHUR, CAROL, World, clip

NEW = "dataset/clip/ViT-X%2F16.json"


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = World.make(tmp_path_factory.mktemp("labelled") / "dataset", bare=True)
    world.run_policy("member", "add", "ci#ci", "--email", "ci@people.example", "--role", "service")
    return world.path


@pytest.fixture
def world(_made: Path, tmp_path: Path) -> World:
    shutil.copytree(_made, tmp_path / "dataset")
    return World(tmp_path / "dataset")


def in_ci(world: World, actor: str = ARTHUR, *, dry_run: bool = False) -> Context:
    ctx = world.context(actor, dry_run=dry_run)
    ctx.service = "ci"
    return ctx


def by_carol(world: World) -> str:
    forger = Forger(world.path)
    parent = world.git("rev-parse", "main").strip()
    tree = forger.tree("main^{tree}", {NEW: canonical("clip", clip())})
    line = "Carol <carol@people.example> 1750000000 +0000"
    raw = f"tree {tree}\nparent {parent}\nauthor {line}\ncommitter {line}\n\nby hand\n"
    return world.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode()).strip()


def test_what_was_not_in_the_queue_is_admitted_and_picked(world: World) -> None:
    made = by_carol(world)
    found = labelled_changes(in_ci(world), made)
    answer = merge_changes(in_ci(world), found, title="T")
    (row,) = answer["applied"]["applied"]
    assert (row["model_name"], row["requested_username"]) == ("ViT-X/16", CAROL)
    assert found[0].blob is not None


def test_what_was_admitted_before_is_picked_with_its_content(world: World) -> None:
    made = by_carol(world)
    first = labelled_changes(in_ci(world), made)
    assert labelled_changes(in_ci(world), made) == first


def test_what_was_edited_since_is_not_what_was_labelled(world: World) -> None:
    made = by_carol(world)
    (found,) = labelled_changes(in_ci(world), made)
    world.run("propose", "rebase", str(found.change_id), "--set-string", "/description=worse", actor=CAROL).ok()
    with pytest.raises(Conflict, match="rebased"):
        labelled_changes(in_ci(world), made)


def test_a_commit_that_is_refused_is_not_merged_in_part(world: World) -> None:
    made = branch(world, {NEW: canonical("clip", clip()), "README.md": b"hello\n"})
    with pytest.raises(Invalid):
        labelled_changes(in_ci(world), made)


def test_a_commit_that_changes_nothing_is_nothing_to_merge(world: World) -> None:
    with pytest.raises(Invalid, match="asks for nothing"):
        labelled_changes(in_ci(world), world.git("rev-parse", "main").strip())


def test_whoever_is_no_approver_labels_in_vain(world: World) -> None:
    before = world.run("changes").ok().json["total"]
    with pytest.raises(Forbidden):
        labelled_changes(in_ci(world, CAROL), by_carol(world))
    assert world.run("changes").ok().json["total"] == before


def test_who_puts_it_into_the_queue_alone_may_not_approve_it(world: World) -> None:
    found = labelled_changes(world.context(ARTHUR), by_carol(world))
    with pytest.raises(Forbidden, match="asked for"):
        merge_changes(world.context(ARTHUR), found, title="T")


def test_a_dry_run_admits_nothing_and_says_so(world: World) -> None:
    made, refs = by_carol(world), world.refs()
    with pytest.raises(WrongState, match="dry run"):
        labelled_changes(in_ci(world, dry_run=True), made)
    assert world.refs() == refs
    first = labelled_changes(in_ci(world), made)
    assert labelled_changes(in_ci(world, dry_run=True), made) == first
