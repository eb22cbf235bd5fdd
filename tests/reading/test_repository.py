"""A repository is read at one revision, whatever happens to it meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from modelref_git.errors import IntegrityFailure, NotFound
from modelref_git.reading.repository import Repository, open_dataset
from tests.support.exports import TOYS
from tests.support.world import World, clip


@pytest.fixture
def world(filled: World, tmp_path: Path) -> World:
    shutil.copytree(filled.path, tmp_path / "world", symlinks=True)
    return World(tmp_path / "world")


def test_it_stays_at_its_revision(world: World) -> None:
    opened = open_dataset(world.path)
    world.apply(world.approve(world.update("toys", "Robot", {"/size": 3}), world.delete("toys", "bear")))
    assert opened.get("toys", "Robot")["size"] == 2
    assert dict(opened.records("toys")) == TOYS
    assert opened.search("toys").total == len(TOYS)
    assert "bear" in opened.names("toys")
    assert open_dataset(world.path).get("toys", "Robot")["size"] == 3


def test_an_older_revision_is_read_and_knows_the_event_that_made_it(world: World) -> None:
    first = open_dataset(world.path)
    world.apply(world.approve(world.update("toys", "Robot", {"/size": 3})))
    event = world.events()[-1]["event_id"]
    world.create("clip", "z", clip("z"))
    newest, older = open_dataset(world.path, "main"), open_dataset(str(world.path), first.commit)
    assert (newest.event_id, open_dataset(world.path).event_id) == (event, event + 1)
    assert older.commit == first.commit
    assert older.event_id is not None
    assert older.event_id <= (first.event_id or 0)
    assert older.get("toys", "Robot")["size"] == 2
    assert older.commit in repr(older)


def operations(opened: Repository, mark: int | str) -> list[tuple[str, str]]:
    return [(change.operation, change.name) for change in opened.changes_since(mark)]


def test_every_change_behind_a_mark_is_told_up_to_its_revision(world: World) -> None:
    first = open_dataset(world.path)
    world.apply(world.approve(world.update("toys", "Robot", {"/size": 3})))
    second = open_dataset(world.path)
    world.apply(world.approve(world.update("toys", "Robot", {"/size": 4}), world.delete("toys", "bear")))
    third = open_dataset(world.path)
    for mark in (first.commit, first.event_id, str(first.event_id)):
        assert mark is not None
        assert operations(third, mark) == [("update", "Robot"), ("update", "Robot"), ("delete", "bear")]
        assert operations(second, mark) == [("update", "Robot")]
        assert operations(first, mark) == []
    changes = list(second.changes_since(first.commit))
    assert [(change.commit, change.record) for change in changes] == [(second.commit, {**TOYS["Robot"], "size": 3})]
    assert operations(first, third.commit) == []
    older = open_dataset(world.path, second.commit)
    assert older.event_id is not None
    assert operations(third, older.event_id) == [("update", "Robot"), ("delete", "bear")]


def test_a_commit_that_is_none_of_main_is_no_mark(world: World) -> None:
    opened = open_dataset(world.path)
    stranger = world.git("commit-tree", "main^{tree}", "-m", "x").strip() if _identify(world) else ""
    with pytest.raises(IntegrityFailure, match="no commit of main or queue"):
        opened.changes_since(stranger)


def _identify(world: World) -> bool:
    world.git("config", "user.name", "n")
    world.git("config", "user.email", "n@people.example")
    return True


def test_what_history_does_not_keep_is_told(world: World) -> None:
    _identify(world)
    world.git("commit", "-q", "--allow-empty", "-m", "by hand")
    problems = open_dataset(world.path).verify()
    assert problems
    assert all(problem.rule and problem.message for problem in problems)


def test_a_clone_without_the_log_is_read_and_knows_no_event(world: World, tmp_path: Path) -> None:
    world.git("clone", "-q", "--single-branch", "--branch", "main", str(world.path), str(tmp_path / "plain"))
    opened = open_dataset(tmp_path / "plain")
    assert opened.event_id is None
    assert opened.get("toys", "Robot") == TOYS["Robot"]
    assert open_dataset(tmp_path / "plain", "main").event_id is None
    with pytest.raises(NotFound):
        opened.changes_since(1)


def test_what_is_no_repository_or_revision_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound):
        open_dataset(tmp_path / "empty")
    with pytest.raises(NotFound, match="'nowhere'"):
        open_dataset(world.path, "nowhere")
    with pytest.raises(NotFound, match="no revision of a dataset"):
        open_dataset(world.path, "queue")
