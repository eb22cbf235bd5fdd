from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.errors import IntegrityFailure
from modelref_git.store import layout, log, unlogged
from modelref_git.store.git import GitStore
from modelref_git.store.unlogged import Unfetched
from tests.store.builders import bare, git
from tests.support.world import World

EVERYTHING = "'+refs/heads/*:refs/remotes/origin/*'"


def clone(world: World, path: Path, *options: str) -> GitStore:
    git(path.parent, "clone", "-q", *options, f"file://{world.path}", str(path))
    return GitStore.open(path)


@pytest.fixture
def plain(world: World, tmp_path: Path) -> GitStore:
    return clone(world, tmp_path / "plain")


def test_main_is_the_clone_s_own_branch_else_the_remote_s(world: World, plain: GitStore) -> None:
    main = world.store.refs.read(layout.MAIN)
    found = unlogged.live_dataset(plain)
    assert found is not None
    assert found.commit == main
    before = git(plain.git_dir, "rev-parse", f"{main}^").strip()
    git(plain.git_dir, "update-ref", layout.MAIN, before)
    found = unlogged.live_dataset(plain)
    assert found is not None
    assert found.commit == before
    git(plain.git_dir, "update-ref", "-d", layout.MAIN)
    found = unlogged.live_dataset(plain)
    assert found is not None
    assert found.commit == main


def test_where_a_remote_counts_its_main_does(world: World, plain: GitStore) -> None:
    main = world.store.refs.read(layout.MAIN)
    git(plain.git_dir, "update-ref", layout.MAIN, f"{main}^")
    git(plain.git_dir, "config", "modelref.remote", "origin")
    found = unlogged.live_dataset(plain)
    assert found is not None
    assert found.commit == main


def test_a_branch_main_of_something_else_is_no_dataset(tmp_path: Path) -> None:
    store = bare(tmp_path / "r.git")
    assert unlogged.live_dataset(store) is None
    tree = git(store.git_dir, "mktree").strip()
    who = ("-c", "user.name=A", "-c", "user.email=a@people.example")
    commit = git(store.git_dir, *who, "commit-tree", "-m", "x", tree).strip()
    git(store.git_dir, "update-ref", layout.MAIN, commit)
    assert unlogged.live_dataset(store) is None
    refusal = unlogged.without_log(store)
    assert "no dataset repository" in refusal.message
    assert refusal.hint == "make one with `modelref-git init DIR`"


def test_a_clone_is_told_the_command_that_fetches_what_it_lacks(world: World, tmp_path: Path) -> None:
    for options, wanted in {
        (): "git config modelref.remote origin && modelref-git pull",
        ("--single-branch",): "git config modelref.remote origin && modelref-git pull",
        ("--depth=1",): f"git config modelref.remote origin && git fetch --unshallow origin {EVERYTHING}",
        ("--origin=up",): "git config modelref.remote up && modelref-git pull",
        ("--config=modelref.remote=origin", "--single-branch"): "modelref-git pull",
        ("--config=modelref.remote=origin", "--depth=1"): f"git fetch --unshallow origin {EVERYTHING}",
    }.items():
        store = clone(world, tmp_path / f"c{len(list(tmp_path.iterdir()))}", *options)
        assert unlogged.how_to_fetch(store) == wanted, options
        if "--config=modelref.remote=origin" not in options or "--single-branch" in options:
            assert f"`{wanted}`" in (unlogged.without_log(store).hint or "")
    assert unlogged.how_to_fetch(world.store) is None


def test_a_clone_of_a_branch_other_than_main_is_no_stranger(world: World, tmp_path: Path) -> None:
    store = clone(world, tmp_path / "queue", "--single-branch", "--branch=queue")
    assert unlogged.live_dataset(store) is None
    assert "pull" in (unlogged.without_log(store).hint or "")


def test_a_commit_behind_the_cut_of_a_shallow_clone_is_not_fetched_and_all_else_is_missing(
    world: World, tmp_path: Path
) -> None:
    main = world.git("rev-parse", "main").strip()
    store = clone(world, tmp_path / "shallow", "--depth=1")
    for parent in store.read_commit(main).parents:
        with pytest.raises(Unfetched, match=f"shallow and lacks the history from {parent} back") as caught:
            store.read_commit(parent)
        assert caught.value.code == "not_found"
        assert caught.value.hint == f"`git fetch --unshallow origin {EVERYTHING}` fetches it"
    for missing in ("12" * 20, world.git("rev-parse", "queue^").strip()):
        with pytest.raises(IntegrityFailure, match=missing):
            store.read(missing)


def test_what_a_whole_clone_lacks_is_a_fault(plain: GitStore) -> None:
    with pytest.raises(IntegrityFailure):
        plain.read("12" * 20)


def test_what_the_hint_says_makes_a_shallow_clone_whole(world: World, tmp_path: Path) -> None:
    import subprocess

    store = clone(world, tmp_path / "shallow", "--depth=1")
    command = unlogged.how_to_fetch(store)
    assert command is not None
    subprocess.run(["bash", "-c", command], cwd=tmp_path / "shallow", check=True, capture_output=True)
    found = log.read(GitStore.open(tmp_path / "shallow"))
    assert found.head == world.store.refs.read(layout.QUEUE)
    assert len(list(log.history(found.store, found.head))) == world.context().view().queue.header.last_event_id


def test_a_partial_clone_is_told_how_to_get_all(world: World, tmp_path: Path) -> None:
    import subprocess

    world.git("config", "uploadpack.allowFilter", "true")
    store = clone(world, tmp_path / "partial", "--filter=blob:none", "--no-checkout")
    blob = world.files()["dataset/clip/ViT-L%2F14.json"]
    with pytest.raises(Unfetched, match=f"partial and lacks the object {blob}") as caught:
        store.read(blob)
    command = (caught.value.hint or "").split("`")[1]
    subprocess.run(["bash", "-c", command], cwd=tmp_path / "partial", check=True, capture_output=True)
    assert GitStore.open(tmp_path / "partial").read(blob) == world.store.read(blob)
