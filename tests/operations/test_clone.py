from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from modelref_git.errors import Conflict, IntegrityFailure, NotFound, RemoteFailure
from modelref_git.operations.clone import clone
from tests.support.clones import server_and_clones
from tests.support.world import World, clip


@pytest.fixture
def server(tmp_path: Path) -> World:
    return World.make(tmp_path / "server.git", bare=True)


def test_a_clone_has_everything_that_a_contributor_or_approver_needs(server: World, tmp_path: Path) -> None:
    server.create("clip", "a", clip("a"))
    batch = server.approve(3)
    server.create("clip", "b", clip("b"))
    answer = clone(f"file://{server.path}", tmp_path / "clone")
    made = World(tmp_path / "clone")
    refs = made.refs()
    there = server.refs()
    assert answer == {
        "path": str(made.path),
        "remote": "origin",
        "main": there["refs/heads/main"],
        "queue": there["refs/heads/queue"],
    }
    assert {ref.replace("refs/remotes/origin/", "refs/heads/") for ref in refs if "/origin/" in ref} == {
        *there,
        "refs/heads/HEAD",
    }
    assert {ref for ref in refs if ref.startswith("refs/heads/")} == {"refs/heads/main", "refs/heads/queue"}
    assert made.git("config", "modelref.remote") == "origin\n"
    assert "merge-driver" in made.git("config", "merge.modelref.driver")
    assert made.git("status", "--porcelain", "--branch").splitlines() == ["## main...origin/main"]
    assert made.run("show", "4").ok().json["model_name"] == "b"
    assert made.run("show", "3").ok().json["batch_id"] == batch


def test_a_clone_of_what_holds_no_dataset_leaves_nothing_behind(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "other.git")], check=True)
    with pytest.raises(NotFound, match="no dataset repository"):
        clone(str(tmp_path / "other.git"), tmp_path / "clone")
    with pytest.raises(NotFound, match="no repository at"):
        clone(str(tmp_path / "nowhere.git"), tmp_path / "clone")
    with pytest.raises(RemoteFailure, match="did not answer"):
        clone("http://127.0.0.1:1/x.git", tmp_path / "clone")
    assert not (tmp_path / "clone").exists()


def test_an_empty_folder_that_was_there_stays_there(tmp_path: Path) -> None:
    (tmp_path / "clone").mkdir()
    with pytest.raises(NotFound):
        clone(str(tmp_path / "nowhere.git"), tmp_path / "clone")
    assert list((tmp_path / "clone").iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(server: World, tmp_path: Path) -> None:
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone" / "mine").touch()
    with pytest.raises(Conflict, match="not empty"):
        clone(str(server.path), tmp_path / "clone")
    assert [path.name for path in (tmp_path / "clone").iterdir()] == ["mine"]


@pytest.mark.parametrize(("url", "folder"), [("server.git", "server"), ("./server.git/", "server")])
def test_the_folder_is_named_after_the_address(
    server: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert clone(url)["path"] == str(server.path.parent / folder)


def test_a_clone_starts_from_the_logs_main_where_the_branch_is_elsewhere(server: World, tmp_path: Path) -> None:
    main = server.refs()["refs/heads/main"]
    words = ("-c", "user.name=x", "-c", "user.email=x@x.example", "commit-tree", "main^{tree}", "-p", "main", "-m", "x")
    server.git("update-ref", "refs/heads/main", server.git(*words).strip())
    assert clone(str(server.path), tmp_path / "clone")["main"] == main
    assert World(tmp_path / "clone").refs()["refs/heads/main"] == main


def test_a_log_of_a_newer_format_is_named(server: World, tmp_path: Path) -> None:
    server.rewrite_config(b"format = 1", b"format = 99")
    with pytest.raises(IntegrityFailure, match="99"):
        clone(str(server.path), tmp_path / "clone")
    assert not (tmp_path / "clone").exists()


def test_a_remote_that_the_settings_name_and_that_is_none_is_told(tmp_path: Path) -> None:
    _, (one,) = server_and_clones(tmp_path, "one")
    one.git("remote", "rename", "origin", "upstream")
    one.git("config", "modelref.remote", "gone")
    with pytest.raises(RemoteFailure, match=r"modelref\.remote = gone"):
        one.create("clip", "a", clip("a"))
