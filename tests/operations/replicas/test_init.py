"""A new replica: whole, or nothing of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import Conflict, Invalid, ModelrefError, NotFound, RemoteFailure, UsageFault
from modelref_git.operations.replicas.folder import Folder
from modelref_git.operations.replicas.init import init_replica
from modelref_git.operations.replicas.sync import sync_replica
from tests.support.replicas import Followed, FullDisk, copied, read_clip
from tests.support.world import World


def test_it_answers_what_it_serves_and_the_files_of_its_manifest(followed: Followed, tmp_path: Path) -> None:
    answer = init_replica(str(followed.world.path), Folder(tmp_path / "other"))
    assert list(answer) == ["at", "files"]
    assert answer["at"] == followed.world.refs()["refs/heads/main"]
    row = next(row for row in answer["files"] if row["path"] == "clip.json")
    assert list(row) == ["path", "sha256", "size", "category", "records"]
    assert answer["files"] == json.loads((tmp_path / "other" / "current" / "manifest.json").read_bytes())["files"]
    assert read_clip(tmp_path / "other") == {"A"}


def test_a_source_named_by_a_path_is_found_from_everywhere(
    followed: Followed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(followed.world.path.parent)
    init_replica("source.git", Folder(Path("other")))
    monkeypatch.chdir(tmp_path)
    folder = Folder(followed.world.path.parent / "other")
    assert folder.state().source == str(followed.world.path)
    assert sync_replica(folder)["stale"] is True


def test_a_replica_moves_with_its_folder(followed: Followed, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    followed.folder.path.rename(moved)
    followed.folder = Folder(moved)
    followed.add("B")
    followed.sync()
    assert followed.names() == {"A", "B"}


@pytest.mark.parametrize(
    ("source", "kind"),
    [("", UsageFault), ("--upload-pack=x", UsageFault), ("nowhere", NotFound), ("ssh://127.0.0.1:1/x", RemoteFailure)],
)
@pytest.mark.parametrize("there", [False, True])
def test_a_failed_init_leaves_nothing_behind(
    source: str, kind: type[ModelrefError], there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    folder = Folder(tmp_path / "replica")
    if there:
        folder.path.mkdir()
    with pytest.raises(kind):
        init_replica(source, folder)
    assert [path.name for path in tmp_path.rglob("*")] == (["replica"] if there else [])


def test_a_repository_that_is_no_dataset_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    World(tmp_path / "plain").git("init", "-q", "--bare", "--initial-branch=main")
    with pytest.raises(NotFound, match="no branch queue"):
        init_replica(str(tmp_path / "plain"), Folder(tmp_path / "replica"))
    assert not (tmp_path / "replica").exists()


def test_a_history_that_breaks_a_promise_makes_no_replica(followed: Followed, tmp_path: Path) -> None:
    followed.world.git("update-ref", "refs/heads/queue", "main")
    with pytest.raises(ModelrefError) as caught:
        init_replica(str(followed.world.path), Folder(tmp_path / "replica"))
    assert caught.value.code == "integrity"
    assert not (tmp_path / "replica").exists()


def test_a_full_disk_makes_no_replica(followed: Followed, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        init_replica(str(followed.world.path), Folder(tmp_path / "replica", FullDisk(20)))
    assert not (tmp_path / "replica").exists()


def test_a_replica_or_anything_else_is_not_built_over(followed: Followed, tmp_path: Path) -> None:
    before = followed.folder.state()
    with pytest.raises(Conflict, match="is a replica already"):
        followed.init(str(followed.world.path))
    assert followed.folder.state() == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_bytes(b"x")
    (tmp_path / "file").write_bytes(b"x")
    for name in ("full", "file"):
        with pytest.raises(Conflict, match="something else"):
            init_replica(str(followed.world.path), Folder(tmp_path / name))
    assert (tmp_path / "full" / "mine").read_bytes() == b"x"
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


def test_an_init_that_was_killed_is_gone_on_with_by_a_sync(followed: Followed) -> None:
    for name in ("current", "exports", "repo.git"):
        path = followed.folder.path / name
        path.unlink() if path.is_symlink() else followed.folder.disk.remove_folder(path)
    state: dict[str, Any] = json.loads((followed.folder.path / "replica.json").read_bytes())
    fresh = {key: state[key] for key in ("format", "source", "layout", "verify")}
    (followed.folder.path / "replica.json").write_text(json.dumps(fresh))
    assert followed.status() == {
        "at": None,
        "age_seconds": None,
        "last_success": None,
        "last_error": None,
        "verified": False,
    }
    assert followed.sync()["from"] is None
    assert followed.names() == {"A"}


def test_a_dry_run_answers_the_same_and_leaves_nothing(followed: Followed, tmp_path: Path) -> None:
    answer = init_replica(str(followed.world.path), Folder(tmp_path / "other"), dry_run=True)
    assert not (tmp_path / "other").exists()
    assert answer == init_replica(str(followed.world.path), Folder(tmp_path / "other"))


def test_two_replicas_of_one_source_serve_the_same_bytes(followed: Followed, tmp_path: Path) -> None:
    other = copied(followed, tmp_path / "second")
    followed.add("B")
    followed.sync()
    second = Folder(tmp_path / "third")
    init_replica(str(followed.world.path), second)
    files = [path.relative_to(second.current) for path in second.current.rglob("*") if path.is_file()]
    assert other.names() == {"A"}
    assert [(second.current / f).read_bytes() for f in files] == [
        (followed.folder.current / f).read_bytes() for f in files
    ]
