"""What a sync brings, what it leaves alone, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelref_git.errors import IntegrityFailure, NotFound
from modelref_git.operations.replicas import sync as syncing
from modelref_git.operations.replicas.folder import Folder
from modelref_git.operations.replicas.sync import sync_replica
from modelref_git.store.git import GitStore
from modelref_git.store.transport import fetch
from tests.support.replicas import Followed
from tests.support.world import World, clip


def exports(followed: Followed) -> set[str]:
    return {path.name for path in followed.folder.exports.iterdir()}


def test_a_sync_brings_what_was_applied_and_tells_how_many_records_changed(followed: Followed) -> None:
    before = followed.at()
    world = followed.world
    numbers = [world.create("clip", "B", clip("B")), world.update("clip", "A", {"/description": "Another one."})]
    numbers.append(world.create("esrgan", "E", {"name": "E"}))
    world.apply(world.approve(*numbers))
    world.apply(world.approve(world.delete("clip", "A")))
    main = followed.add("C")
    assert followed.sync() == {
        "from": before,
        "to": main,
        "changed": [
            {"category": "clip", "added": 2, "modified": 0, "deleted": 1},
            {"category": "esrgan", "added": 1, "modified": 0, "deleted": 0},
        ],
        "stale": False,
    }
    assert (followed.names(), followed.at()) == ({"B", "C"}, main)


def test_an_edited_record_counts_as_modified(followed: Followed) -> None:
    world = followed.world
    world.apply(world.approve(world.update("clip", "A", {"/description": "Another one."})))
    assert followed.sync()["changed"] == [{"category": "clip", "added": 0, "modified": 1, "deleted": 0}]


def test_a_sync_without_news_leaves_the_files_alone(followed: Followed) -> None:
    target, seen = str(followed.folder.current.readlink()), followed.folder.current.stat()
    followed.world.clock.tick(50)
    answer = followed.sync()
    assert (answer["from"], answer["changed"]) == (answer["to"], [])
    assert (str(followed.folder.current.readlink()), followed.folder.current.stat()) == (target, seen)
    assert followed.status()["last_success"] == followed.world.clock.now


def test_events_that_leave_main_alone_are_believed_and_make_no_new_export(followed: Followed) -> None:
    target = str(followed.folder.current.readlink())
    followed.world.create("clip", "B", clip("B"))
    followed.world.clock.tick(10)
    answer = followed.sync()
    assert answer["from"] == answer["to"]
    assert str(followed.folder.current.readlink()) == target
    assert followed.folder.state().queue == followed.world.refs()["refs/heads/queue"]


def test_main_and_queue_alone_are_fetched(followed: Followed) -> None:
    number = followed.world.create("clip", "B", clip("B"))
    followed.sync()
    held = GitStore.open(followed.folder.path / "repo.git").refs.under("refs/")
    assert set(held) == {
        "refs/heads/main",
        "refs/heads/queue",
        "refs/modelref/arrived/main",
        "refs/modelref/arrived/queue",
    }
    assert f"refs/heads/proposals/{number}" in followed.world.refs()


def test_what_a_replica_believes_can_be_asked_with_other_commands(followed: Followed) -> None:
    followed.add("B")
    followed.sync()
    repository = World(followed.folder.path / "repo.git")
    assert set(repository.run("ls", "clip").ok().json) == {"A", "B"}
    assert repository.run("verify").ok().json["findings"] == []


def test_the_export_before_stays_until_there_is_another_one_and_older_ones_go(followed: Followed) -> None:
    before, first = exports(followed), str(followed.folder.current.readlink())
    followed.add("B")
    followed.sync()
    second = str(followed.folder.current.readlink())
    assert {f"exports/{name}" for name in exports(followed)} == {first, second}
    followed.sync()
    assert {f"exports/{name}" for name in exports(followed)} == {first, second}
    followed.add("C")
    followed.sync()
    third = str(followed.folder.current.readlink())
    assert {f"exports/{name}" for name in exports(followed)} == {second, third}
    assert before != exports(followed)


def test_what_did_not_change_is_shared_with_the_export_before(followed: Followed) -> None:
    before = {name: (followed.folder.current / name).stat().st_ino for name in ("clip.json", "esrgan.json")}
    followed.add("B")
    followed.sync()
    after = {name: (followed.folder.current / name).stat().st_ino for name in before}
    assert after["esrgan.json"] == before["esrgan.json"]
    assert after["clip.json"] != before["clip.json"]


@pytest.mark.parametrize(
    ("layout", "path"), [("legacy", "clip.json"), ("all", "legacy/clip.json"), ("all", "v2/clip.json")]
)
def test_a_replica_exports_in_the_layout_that_it_was_made_with(layout: str, path: str, tmp_path: Path) -> None:
    followed = Followed.make(tmp_path, layout=layout)  # type: ignore[arg-type]
    followed.add("B")
    followed.sync()
    assert b'"B"' in (followed.folder.current / path).read_bytes()


def test_a_dry_run_tells_what_would_change_and_changes_nothing(followed: Followed) -> None:
    before = {name: (followed.folder.path / name).read_bytes() for name in ("replica.json", "current/manifest.json")}
    main = followed.add("B")
    answer = followed.sync(dry_run=True)
    assert (answer["to"], answer["changed"][0]["added"]) == (main, 1)
    assert {name: (followed.folder.path / name).read_bytes() for name in before} == before
    assert followed.names() == {"A"}
    assert followed.sync()["from"] != main


def test_another_version_of_the_program_exports_anew(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    first = str(followed.folder.current.readlink())
    monkeypatch.setattr(syncing, "__version__", "99")
    answer = followed.sync()
    assert (answer["from"], answer["changed"]) == (answer["to"], [])
    assert str(followed.folder.current.readlink()) not in (first, "")
    assert followed.names() == {"A"}


def test_a_lost_repository_is_fetched_anew_and_what_was_seen_is_still_known(followed: Followed) -> None:
    followed.folder.disk.remove_folder(followed.folder.path / "repo.git")
    main = followed.add("B")
    assert followed.sync()["to"] == main
    assert followed.names() == {"A", "B"}


@pytest.mark.parametrize("lost", ["current", "exports", "current/manifest.json"])
def test_a_lost_export_is_made_anew(followed: Followed, lost: str) -> None:
    path = followed.folder.path / lost
    if path.is_dir() and not path.is_symlink():
        followed.folder.disk.remove_folder(path)
    else:
        path.unlink()
    assert followed.status()["at"] is None
    assert followed.status()["verified"] is False
    assert followed.sync()["from"] is None
    assert followed.names() == {"A"}


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"{}")], ids=["removed", "cut"])
def test_a_file_that_somebody_spoiled_is_made_anew(followed: Followed, spoil: Callable[[Path], object]) -> None:
    spoil(followed.folder.current / "clip.json")
    answer = followed.sync()
    assert answer["from"] == answer["to"]
    assert followed.names() == {"A"}


def test_what_a_killed_sync_left_behind_is_removed(followed: Followed) -> None:
    repository = followed.folder.path / "repo.git"
    left = [
        followed.folder.exports / "tmp_modelref_9-abc" / "clip.json",
        followed.folder.path / "tmp_modelref_current",
        repository / "refs" / "heads" / "queue.lock",
        repository / "refs" / "modelref" / "arrived" / "main.lock",
        repository / "packed-refs.lock",
        repository / "objects" / "pack" / "tmp_pack_x",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    main = followed.add("B")
    assert followed.sync()["to"] == main
    assert [path for path in left if path.exists()] == []


def test_an_export_that_was_never_swapped_in_is_in_nobodys_way(followed: Followed) -> None:
    main = followed.add("B")
    event = followed.world.events()[-1]["event_id"]
    stray = followed.folder.exports / f"{event}-{main[:12]}"
    stray.mkdir()
    (stray / "clip.json").write_bytes(b"half")
    followed.sync()
    assert followed.names() == {"A", "B"}
    assert not stray.exists()


def test_packs_stay_few_whatever_many_syncs_bring(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "_PACKS", 4)
    counts = []
    for number in range(6):
        followed.add(f"B{number}")
        followed.sync()
        counts.append(len(list((followed.folder.path / "repo.git" / "objects" / "pack").glob("*.pack"))))
    assert max(counts) <= 4
    assert len(followed.names()) == 7


def test_only_new_events_are_verified(followed: Followed) -> None:
    seen: list[None] = []
    followed.add("B")
    told = syncing.Told(clock=followed.world.clock, verified=lambda: seen.append(None))
    sync_replica(followed.folder, told=told)
    assert len(seen) == 3
    sync_replica(followed.folder, told=told)
    assert len(seen) == 3


def test_the_source_is_asked_again_while_its_main_is_ahead_of_its_log(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = followed.world
    old = world.refs()["refs/heads/queue"]
    main = followed.add("B")
    new = world.refs()["refs/heads/queue"]
    world.git("update-ref", "refs/heads/queue", old)  # the server has moved main, and queue not yet
    asked: list[None] = []

    def fetching(*words: object, **how: object) -> None:
        asked.append(None)
        fetch(*words, **how)  # type: ignore[arg-type]
        world.git("update-ref", "refs/heads/queue", new)

    monkeypatch.setattr(syncing, "_MOMENT", 0.0)
    monkeypatch.setattr("modelref_git.operations.replicas.sources.transport.fetch", fetching)
    assert followed.sync()["to"] == main
    assert len(asked) == 2
    assert followed.wrong() is None


def test_a_folder_that_is_no_replica_is_not_found_and_left_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is no replica"):
        sync_replica(Folder(tmp_path))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NotFound):
        sync_replica(Folder(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_a_dataset_of_a_later_format_stops_the_replica_which_serves_on(followed: Followed) -> None:
    followed.world.rewrite_config(b"format = 1", b"format = 2")
    with pytest.raises(IntegrityFailure):
        followed.sync()
    assert followed.names() == {"A"}
    assert followed.wrong() == "replica.unverified"
