"""A checked-out main follows an apply when it is clean, and is left alone with a warning when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.world import World, clip


@pytest.fixture
def ready(world: World) -> World:
    """Batch 3 adds ``a``, deletes ``ViT-L/14`` and edits ``GFPGAN``."""
    world.approve(
        world.create("clip", "a", clip("a")),
        world.delete("clip", "ViT-L/14"),
        world.update("gfpgan", "GFPGAN", {"/description": "Mends faces."}),
    )
    return world


def test_a_clean_work_tree_follows(ready: World) -> None:
    ready.apply(3)
    assert ready.warnings == []
    assert ready.git("status", "--porcelain") == ""
    assert (ready.path / "dataset" / "clip" / "a.json").is_file()
    assert not (ready.path / "dataset" / "clip" / "ViT-L%2F14.json").exists()
    assert "Mends faces." in (ready.path / "dataset" / "gfpgan" / "GFPGAN.json").read_text(encoding="utf-8")


def test_files_that_nobody_tracks_are_no_dirt(ready: World) -> None:
    (ready.path / "notes.txt").write_text("mine")
    ready.apply(3)
    assert ready.warnings == []
    assert ready.git("status", "--porcelain").split() == ["??", "notes.txt"]
    assert (ready.path / "notes.txt").read_text() == "mine"


def edited(world: World) -> Path:
    path = world.path / "dataset" / "clip" / "coca_ViT-L-14.json"
    path.write_text("mine", encoding="utf-8")
    return path


def staged(world: World) -> Path:
    path = edited(world)
    world.git("add", str(path))
    return path


def in_the_way(world: World) -> Path:
    path = world.path / "dataset" / "clip" / "a.json"
    path.write_text("mine", encoding="utf-8")
    return path


@pytest.mark.parametrize("spoil", [edited, staged, in_the_way])
def test_a_work_tree_that_is_not_clean_is_left_alone_with_a_warning(ready: World, spoil: object) -> None:
    assert callable(spoil)
    path = spoil(ready)
    ready.apply(3)
    assert len(ready.warnings) == 1
    assert "work tree" in ready.warnings[0]
    assert path.read_text(encoding="utf-8") == "mine"
    assert not (ready.path / "dataset" / "gfpgan" / "GFPGAN.json").read_text(encoding="utf-8").count("Mends faces.")
    assert ready.git("rev-parse", "main") == ready.git("rev-parse", "HEAD"), "main has moved all the same"
    assert "a" in ready.run("ls", "clip").ok().json, "what counts is what the log says"
    assert [row["code"] for row in ready.run("doctor").ok().json["findings"]] == ["work_tree"]


def test_a_deleted_file_is_dirt(ready: World) -> None:
    (ready.path / "dataset" / "clip" / "coca_ViT-L-14.json").unlink()
    ready.apply(3)
    assert len(ready.warnings) == 1
    assert not (ready.path / "dataset" / "clip" / "coca_ViT-L-14.json").exists()


def test_the_command_tells_the_warning_on_stderr_and_succeeds(ready: World) -> None:
    edited(ready)
    answer = ready.run("apply", "--batch", "3").ok()
    assert len(answer.json["applied"]) == 3
    assert b"work tree" in answer.err


def test_another_branch_that_is_checked_out_is_none_of_our_business(ready: World) -> None:
    ready.git("checkout", "-q", "-b", "mine")
    edited(ready)
    ready.apply(3)
    assert ready.warnings == []
    assert not (ready.path / "dataset" / "clip" / "a.json").exists()


def test_a_bare_repository_has_nothing_to_bring_along(tmp_path: Path) -> None:
    world = World.make(tmp_path / "bare.git", bare=True)
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    assert world.warnings == []
    assert not (world.path / "dataset").exists()


def test_a_work_tree_made_clean_again_can_be_brought_along_and_follows_from_then_on(ready: World) -> None:
    edited(ready)
    ready.apply(3)
    ready.git("reset", "-q", "--hard", "main")
    ready.warnings.clear()
    ready.apply(ready.approve(ready.create("clip", "b", clip("b"))))
    assert ready.warnings == []
    assert ready.git("status", "--porcelain") == ""


def test_an_import_is_followed_too(tmp_path: Path) -> None:
    world = World.make(tmp_path / "world", empty=True)
    (tmp_path / "clip.json").write_text('{"a": {"name": "a"}}')
    world.run("import", str(tmp_path / "clip.json")).ok()
    assert (world.path / "dataset" / "clip" / "a.json").is_file()
    assert world.git("status", "--porcelain") == ""
