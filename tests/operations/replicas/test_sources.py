"""Where a history may come from: bundles, here or on a web server, clones that lack a part, and lines that break."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from modelref_git.errors import ModelrefError, NotFound, RemoteFailure
from modelref_git.operations.replicas.folder import Folder
from modelref_git.operations.replicas.init import init_replica
from modelref_git.operations.replicas.sync import sync_replica
from tests.support.files_server import FilesServer, Mood, host
from tests.support.replicas import Followed, cut_off, fake_ssh, read_clip, rewind
from tests.support.world import World

__all__ = ["host"]


def bundle(world: World, path: Path, *revisions: str) -> Path:
    """A bundle of *revisions*; of everything unless given."""
    world.git("bundle", "create", "-q", str(path), *(revisions or ("main", "queue")))
    return path


def test_a_bundle_is_followed_as_it_is_replaced(followed: Followed, tmp_path: Path) -> None:
    path = bundle(followed.world, tmp_path / "b")
    folder = Folder(tmp_path / "replica")
    init_replica(str(path), folder)
    assert read_clip(folder.path) == {"A"}
    followed.add("B")
    bundle(followed.world, path)
    assert sync_replica(folder)["changed"] == [{"category": "clip", "added": 1, "modified": 0, "deleted": 0}]
    assert read_clip(folder.path) == {"A", "B"}


def test_a_bundle_of_what_is_new_alone_is_enough(followed: Followed, tmp_path: Path) -> None:
    path = bundle(followed.world, tmp_path / "b")
    folder = Folder(tmp_path / "replica")
    init_replica(path.as_uri(), folder)
    old = followed.world.refs()["refs/heads/queue"]
    followed.add("B")
    bundle(followed.world, path, "main", "queue", f"^{old}")
    sync_replica(folder)
    assert read_clip(folder.path) == {"A", "B"}


def test_a_bundle_that_begins_behind_what_is_there_is_named(followed: Followed, tmp_path: Path) -> None:
    path = bundle(followed.world, tmp_path / "b")
    init_replica(str(path), Folder(tmp_path / "replica"))
    followed.add("B")
    old = followed.world.refs()["refs/heads/queue"]
    followed.add("C")
    bundle(followed.world, path, "main", "queue", f"^{old}")
    with pytest.raises(NotFound, match="begins behind"):
        sync_replica(Folder(tmp_path / "replica"))
    assert read_clip(tmp_path / "replica") == {"A"}


def test_an_older_bundle_is_a_rollback(followed: Followed, tmp_path: Path) -> None:
    old = bundle(followed.world, tmp_path / "old")
    data = old.read_bytes()
    followed.add("B")
    path = bundle(followed.world, tmp_path / "b")
    init_replica(str(path), Folder(tmp_path / "replica"))
    path.write_bytes(data)
    with pytest.raises(ModelrefError) as caught:
        sync_replica(Folder(tmp_path / "replica"))
    assert caught.value.details[0]["rule"] == "replica.rollback"


@pytest.mark.parametrize("keep", [0.9])
def test_half_a_bundle_changes_nothing(keep: float, followed: Followed, tmp_path: Path) -> None:
    path = bundle(followed.world, tmp_path / "b")
    folder = Folder(tmp_path / "replica")
    init_replica(str(path), folder)
    followed.add("B")
    data = bundle(followed.world, path).read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ModelrefError) as caught:
        sync_replica(folder)
    assert caught.value.code in ("remote", "integrity")
    assert read_clip(folder.path) == {"A"}
    path.write_bytes(data)
    sync_replica(folder)
    assert read_clip(folder.path) == {"A", "B"}


def test_a_bundle_on_a_web_server_is_fetched_when_it_has_changed(
    followed: Followed, tmp_path: Path, host: FilesServer
) -> None:
    host.put("/data.bundle", bundle(followed.world, tmp_path / "b").read_bytes())
    folder = Folder(tmp_path / "replica")
    init_replica(host.url("/data.bundle"), folder)
    sync_replica(folder)
    assert host.methods("/data.bundle").count("GET") == 1
    followed.add("B")
    host.put("/data.bundle", bundle(followed.world, tmp_path / "b").read_bytes())
    sync_replica(folder)
    assert host.methods("/data.bundle").count("GET") == 2
    assert read_clip(folder.path) == {"A", "B"}
    folder.disk.remove_folder(folder.path / "repo.git")
    sync_replica(folder)
    assert host.methods("/data.bundle").count("GET") == 3


def test_a_web_server_that_has_no_bundle_or_breaks_off_changes_nothing(
    followed: Followed, tmp_path: Path, host: FilesServer
) -> None:
    data = bundle(followed.world, tmp_path / "b").read_bytes()
    host.put("/data.bundle", data)
    folder = Folder(tmp_path / "replica")
    init_replica(host.url("/data.bundle"), folder)
    followed.add("B")
    new = bundle(followed.world, tmp_path / "b").read_bytes()
    host.put("/data.bundle", new, moods=[Mood(status=404), Mood(status=404)])
    with pytest.raises(RemoteFailure, match="404"):
        sync_replica(folder)
    host.put("/data.bundle", new, moods=[Mood(cut_after=1000)])  # the rest is asked for
    sync_replica(folder)
    assert read_clip(folder.path) == {"A", "B"}


def test_a_source_that_was_rejected_in_a_bundle_is_not_taken_for_fetched(
    followed: Followed, tmp_path: Path, host: FilesServer
) -> None:
    host.put("/data.bundle", bundle(followed.world, tmp_path / "b").read_bytes())
    folder = Folder(tmp_path / "replica")
    old = {name: followed.world.refs()[f"refs/heads/{name}"] for name in ("main", "queue")}
    followed.add("B")
    new = {name: followed.world.refs()[f"refs/heads/{name}"] for name in ("main", "queue")}
    host.put("/data.bundle", bundle(followed.world, tmp_path / "b").read_bytes())
    init_replica(host.url("/data.bundle"), folder)
    rewind(followed.world, **old)
    host.put("/data.bundle", bundle(followed.world, tmp_path / "b").read_bytes())
    for _ in range(2):
        with pytest.raises(ModelrefError) as caught:
            sync_replica(folder)
        assert caught.value.details[0]["rule"] == "replica.rollback"
    rewind(followed.world, **new)
    host.put("/data.bundle", bundle(followed.world, tmp_path / "b").read_bytes())
    sync_replica(folder)
    assert read_clip(folder.path) == {"A", "B"}


def test_a_partial_clone_serves_as_a_source_or_says_why_not(followed: Followed, tmp_path: Path) -> None:
    world = followed.world
    world.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial.git"
    world.git("clone", "-q", "--bare", "--no-local", "--filter=blob:none", world.path.as_uri(), str(partial))
    folder = Folder(tmp_path / "replica")
    with contextlib.suppress(NotFound):  # git of 2.45 and later fetches nothing on behalf of others
        init_replica(str(partial), folder)
    assert not folder.path.exists() or read_clip(folder.path) == {"A"}


def test_a_partial_clone_whose_origin_is_gone_is_named(followed: Followed, tmp_path: Path) -> None:
    world = followed.world
    world.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial.git"
    world.git("clone", "-q", "--bare", "--no-local", "--filter=blob:none", world.path.as_uri(), str(partial))
    World(partial).git("remote", "set-url", "origin", str(tmp_path / "gone"))
    with pytest.raises(ModelrefError) as caught:
        init_replica(str(partial), Folder(tmp_path / "replica"))
    assert "partial clone" in caught.value.message
    assert not (tmp_path / "replica").exists()


def test_a_shallow_clone_is_named(followed: Followed, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow.git"
    uri = followed.world.path.as_uri()
    followed.world.git("clone", "-q", "--bare", "--depth=1", "--no-single-branch", uri, str(shallow))
    with pytest.raises(NotFound, match="shallow clone"):
        init_replica(str(shallow), Folder(tmp_path / "replica"))
    assert not (tmp_path / "replica").exists()


def test_a_source_that_vanished_is_named_and_followed_again_when_it_is_back(followed: Followed) -> None:
    away = followed.world.path.with_name("away.git")
    followed.world.path.rename(away)
    with pytest.raises(RemoteFailure):
        followed.sync()
    assert followed.wrong() == "replica.source"
    assert followed.status()["last_error"]["code"] == "remote"
    assert (followed.names(), followed.status()["verified"]) == ({"A"}, True)
    away.rename(followed.world.path)
    followed.sync()
    assert followed.wrong() is None


def over_ssh(followed: Followed) -> None:
    path = followed.folder.path / "replica.json"
    path.write_text(path.read_text().replace(str(followed.world.path), f"ssh://somewhere{followed.world.path}"))


@pytest.mark.parametrize("count", [0, 400, 3000])
def test_a_line_that_is_cut_off_changes_nothing_and_the_next_sync_goes_on(
    count: int, followed: Followed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over_ssh(followed)
    main = followed.add("B")
    cut_off(tmp_path, monkeypatch, count)
    with pytest.raises(RemoteFailure):
        followed.sync()
    assert followed.wrong() == "replica.source"
    assert followed.names() == {"A"}
    fake_ssh(tmp_path, monkeypatch, ['eval "$command"'])
    assert followed.sync()["to"] == main
    assert followed.wrong() is None


def test_a_source_that_falls_silent_is_given_up(
    followed: Followed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over_ssh(followed)
    followed.patience = 0.5
    fake_ssh(tmp_path, monkeypatch, ["exec sleep 100"])
    with pytest.raises(RemoteFailure, match="silent"):
        followed.sync()
    assert followed.wrong() == "replica.source"


@pytest.mark.long
def test_a_source_that_is_slow_but_speaks_is_waited_for(
    followed: Followed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over_ssh(followed)
    followed.patience = 5.0
    main = followed.add("B")
    words = "for word in 1 2 3 4 5 6 7; do echo still here >&2; sleep 1; done"
    fake_ssh(tmp_path, monkeypatch, [words, 'eval "$command"'])
    assert followed.sync()["to"] == main
