from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.operations.maintain import examine
from modelref_git.store import worktree
from tests.support.world import World

THING = "thing"
ONE = f"dataset/{THING}/one.json"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A repository with a work tree, in which batch 5 waits to be applied: it changes one, adds two, deletes three."""
    made = World.make(tmp_path / "r", empty=True)
    made.add_category(THING)
    first = [made.create(THING, name, {"v": 1}) for name in ("one", "three")]
    made.apply(made.approve(*first))
    made.approve(made.update(THING, "one", {"/v": 2}), made.create(THING, "two", {}), made.delete(THING, "three"))
    assert (made.path / ONE).read_text() == '{\n  "v": 1\n}\n'
    return made


def is_brought_along(world: World) -> bool:
    clean = world.git("status", "--porcelain", "--untracked-files=no") == ""
    return clean and not worktree.is_behind(world.store) and (world.path / ONE).read_text() == '{\n  "v": 2\n}\n'


def left_alone(world: World) -> None:
    assert len(world.warnings) == 1
    assert "git reset --keep main" in world.warnings[0]
    assert [item.code for item in examine(world.context()).findings] == ["work_tree"]
    assert world.refs()["refs/heads/main"] == world.context().view().main


def test_a_clean_work_tree_is_brought_along(world: World) -> None:
    world.apply(5)
    assert is_brought_along(world)
    assert sorted(path.name for path in (world.path / "dataset" / THING).iterdir()) == ["one.json", "two.json"]
    assert world.warnings == []
    assert world.git("diff", "HEAD") == ""


def test_files_that_nobody_tracks_are_no_hindrance(world: World) -> None:
    (world.path / "notes.txt").write_text("mine")
    (world.path / "dataset" / THING / "mine.txt").write_text("mine")
    world.apply(5)
    assert is_brought_along(world)
    assert (world.path / "notes.txt").read_text() == "mine"


def test_a_changed_file_is_left_as_it_is_with_a_warning_that_says_what_to_do(world: World) -> None:
    (world.path / "modelref.toml").write_text("mine")
    world.apply(5)
    left_alone(world)
    assert (world.path / "modelref.toml").read_text() == "mine"
    assert (world.path / ONE).read_text() == '{\n  "v": 1\n}\n'


def test_the_advice_in_the_warning_works_once_the_change_is_put_aside(world: World) -> None:
    (world.path / "modelref.toml").write_text("mine")
    world.apply(5)
    world.git("checkout", "--", "modelref.toml")
    world.git("reset", "--keep", "main")
    world.git("reset", "--hard")
    assert is_brought_along(world)


@pytest.mark.parametrize("staged", [True, False])
def test_a_deleted_file_counts_as_a_change(world: World, staged: bool) -> None:
    world.git("rm", "-q", "modelref.toml") if staged else (world.path / "modelref.toml").unlink()
    world.apply(5)
    left_alone(world)
    assert not (world.path / "modelref.toml").exists()


@pytest.mark.parametrize("name", ["two.json", "two.json/inside"])
def test_a_file_in_the_way_that_nobody_tracks_is_not_overwritten(world: World, name: str) -> None:
    path = world.path / "dataset" / THING / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    world.apply(5)
    left_alone(world)
    assert path.read_text() == "mine"
    assert (world.path / ONE).read_text() == '{\n  "v": 1\n}\n'


def test_what_already_is_as_it_will_be_is_taken_for_the_work_of_a_crash(world: World) -> None:
    (world.path / ONE).write_text('{\n  "v": 2\n}\n')
    (world.path / "dataset" / THING / "two.json").write_text("{}\n")
    (world.path / "dataset" / THING / "three.json").unlink()
    world.apply(5)
    assert is_brought_along(world)
    assert world.warnings == []


def test_a_staged_change_that_is_as_it_will_be_is_so_too(world: World) -> None:
    (world.path / ONE).write_text('{\n  "v": 2\n}\n')
    world.git("add", ONE)
    world.git("rm", "-q", f"dataset/{THING}/three.json")
    world.apply(5)
    assert is_brought_along(world)
    assert world.warnings == []


def test_another_branch_that_is_checked_out_is_none_of_our_business(world: World) -> None:
    world.git("checkout", "-q", "-b", "other")
    world.apply(5)
    assert world.warnings == []
    assert (world.path / ONE).read_text() == '{\n  "v": 1\n}\n'
    assert world.git("status", "--porcelain") == ""
    assert not worktree.is_behind(world.store)


def test_a_bare_repository_has_nothing_to_bring_along(tmp_path: Path) -> None:
    world = World.make(tmp_path / "r.git", bare=True, empty=True)
    assert worktree.bring_along(world.store, world.refs()["refs/heads/main"]) is None
    assert not worktree.is_behind(world.store)


def test_a_locked_index_leaves_the_work_tree_and_not_main(world: World) -> None:
    lock = world.path / ".git" / "index.lock"
    lock.touch()
    world.apply(5)
    lock.unlink()
    left_alone(world)
    world.git("reset", "-q", "--hard")
    assert is_brought_along(world)


def test_a_fresh_repository_has_its_files_checked_out(tmp_path: Path) -> None:
    world = World.make(tmp_path / "r")
    assert world.git("status", "--porcelain") == ""
    assert (world.path / "modelref.toml").is_file()
    assert world.git("ls-files").splitlines() == sorted(world.files())
