"""Clones that plain git made: without the log, or without old history. They can read, and say how to get the rest."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.calls import Answer, call
from tests.support.world import World, clip

KINDS = {
    "plain": (),
    "one branch": ("--single-branch",),
    "shallow": ("--depth=1",),
    "shallow, all branches": ("--depth=1", "--no-single-branch", "--config=modelref.remote=origin"),
}
READING = (
    ("categories",),
    ("ls", "clip"),
    ("get", "clip", "ViT-L/14"),
    ("get", "clip", "ViT-L/14", "--at", "HEAD"),
    ("search", "clip", "--name-contains", "vit", "--limit", "2"),
    ("check",),
    ("check", "HEAD"),
    ("diff-revs", "HEAD", "HEAD"),
    ("whoami",),
    ("member", "list"),
)
OF_THE_LOG = (
    ("log", "clip", "ViT-L/14"),
    ("blame", "clip", "ViT-L/14"),
    ("feed",),
    ("audit", "batches"),
    ("audit", "events"),
    ("audit", "replay"),
    ("verify",),
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A dataset with records that came one after the other, in an order that is not that of their names."""
    world = World.make(tmp_path_factory.mktemp("plain") / "source")
    for name in ("zz", "mm", "aa"):
        world.apply(world.approve(world.create("clip", name, clip(name))))
    return world


def clone(source: World, path: Path, *options: str) -> Path:
    subprocess.run(["git", "clone", "-q", *options, f"file://{source.path}", str(path)], check=True)
    return path


def ask(path: Path, *words: str) -> Answer:
    return call("-C", str(path), "--json", "--actor", "2", *words)


@pytest.mark.parametrize("options", KINDS.values(), ids=list(KINDS))
def test_what_needs_main_alone_is_answered_as_in_the_dataset_itself(
    source: World, tmp_path: Path, options: tuple[str, ...]
) -> None:
    path = clone(source, tmp_path / "clone", *options)
    for words in READING:
        answer = ask(path, *words)
        wanted = ask(source.path, *words)
        assert (answer.code, answer.json) == (wanted.code, wanted.json), words
        assert answer.err == b"" or words[0] == "search", words


@pytest.mark.parametrize("options", KINDS.values(), ids=list(KINDS))
def test_what_needs_the_log_is_refused_with_the_command_that_fetches_it(
    source: World, tmp_path: Path, options: tuple[str, ...]
) -> None:
    path = clone(source, tmp_path / "clone", *options)
    shallow = "--depth=1" in options
    wanted = "git fetch --unshallow origin" if shallow else "git config modelref.remote origin && modelref-git pull"
    for words in OF_THE_LOG:
        answer = ask(path, *words)
        assert (answer.code, answer.out) == (3, b""), words
        assert wanted in answer.err.decode(), words


def test_in_a_clone_that_is_on_another_branch_the_remote_s_main_is_read(source: World, tmp_path: Path) -> None:
    path = clone(source, tmp_path / "clone", "--branch=queue")
    assert ask(path, "ls", "clip").ok().json == ask(source.path, "ls", "clip").ok().json


def test_one_s_own_main_is_read_before_the_remote_s(source: World, tmp_path: Path) -> None:
    path = clone(source, tmp_path / "clone")
    subprocess.run(["git", "-C", str(path), "reset", "-q", "--hard", "HEAD^"], check=True)
    assert "aa" not in ask(path, "ls", "clip").ok().json
    assert "aa" in ask(path, "ls", "clip", "--at", "origin/main").ok().json


def test_without_the_log_records_still_have_their_order(source: World, tmp_path: Path) -> None:
    path = clone(source, tmp_path / "clone", "--single-branch")
    names = list(ask(path, "get", "clip").ok().json)
    assert names == list(ask(source.path, "get", "clip").ok().json)
    assert names[-3:] == ["zz", "mm", "aa"]


@pytest.mark.parametrize("depth", [1, 2])
def test_where_history_is_cut_off_records_follow_by_name_and_a_warning_says_so(
    source: World, tmp_path: Path, depth: int
) -> None:
    path = clone(source, tmp_path / "clone", f"--depth={depth}")
    answer = ask(path, "get", "clip").ok()
    assert list(answer.json) == sorted(answer.json)
    assert answer.json == ask(source.path, "get", "clip").ok().json
    assert b"warning: records are in the order of their names" in answer.err
    assert b"git fetch --unshallow origin" in answer.err
    answer = ask(path, "export", str(tmp_path / "out")).ok()
    assert answer.err.count(b"\n") == 1, "it is said once, not for each category"
    assert list(json.loads((tmp_path / "out/clip.json").read_bytes())) == ask(path, "ls", "clip").ok().json


def test_a_revision_behind_the_cut_is_refused_with_the_way_to_get_it(source: World, tmp_path: Path) -> None:
    path = clone(source, tmp_path / "clone", "--depth=1")
    answer = ask(path, "get", "clip", "--at", "HEAD~1")
    assert answer.code == 3
    assert "git fetch --unshallow" in answer.err.decode()


def test_a_repository_that_is_no_dataset_is_none_with_a_remote_either(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "r")], check=True)
    subprocess.run(["git", "-C", str(tmp_path / "r"), "remote", "add", "origin", str(tmp_path)], check=True)
    for words in READING[:3]:
        answer = ask(tmp_path / "r", *words)
        assert answer.code == 3
        assert "no dataset repository" in answer.error["message"]


def test_a_format_that_this_version_does_not_read_stops_a_plain_clone_too(tmp_path: Path) -> None:
    world = World.make(tmp_path / "world")
    world.rewrite_config(b"format = 1", b"format = 99")
    path = clone(world, tmp_path / "clone")
    for words in (("ls", "clip"), ("get", "clip", "ViT-L/14", "--at", "HEAD~1")):
        assert ask(path, *words).code == 9
