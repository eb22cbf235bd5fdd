"""Sources that lie: each is named, nothing of it is served, and honest ones are followed again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import IntegrityFailure
from modelref_git.operations.replicas import sources
from modelref_git.operations.replicas import sync as syncing
from modelref_git.operations.replicas.sources import Arrived
from modelref_git.operations.replicas.trust import alarm, believed
from modelref_git.store.git import GitStore
from tests.support.replicas import Followed, rewind
from tests.support.world import World


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "_MOMENT", 0.0)


def refused(followed: Followed, rule: str) -> IntegrityFailure:
    """A sync that must fail with *rule*, and change nothing for readers."""
    before = (followed.at(), followed.names(), followed.folder.state())
    with pytest.raises(IntegrityFailure) as caught:
        followed.sync()
    assert caught.value.details[0]["rule"] == rule
    assert followed.wrong() == rule
    assert followed.status()["last_error"]["message"] == caught.value.message
    after = (followed.at(), followed.names(), followed.folder.state().failed(before[2].last_error))  # type: ignore[arg-type]
    assert after == before
    return caught.value


def made_commit(world: World, *words: str, stdin: bytes = b"") -> str:
    """A commit by nobody that the dataset knows."""
    return world.git("-c", "user.name=x", "-c", "user.email=x@x.example", "commit-tree", *words, stdin=stdin).strip()


def rolled_back(followed: Followed) -> None:
    main, queue = (followed.world.refs()[f"refs/heads/{name}"] for name in ("main", "queue"))
    followed.add("B")
    followed.sync()
    rewind(followed.world, main=main, queue=queue)


def test_a_rollback_is_named_and_what_was_seen_last_is_served(followed: Followed) -> None:
    rolled_back(followed)
    refused(followed, "replica.rollback")
    assert followed.names() == {"A", "B"}


def test_a_source_that_was_rolled_back_and_went_on_is_a_fork(followed: Followed) -> None:
    rolled_back(followed)
    followed.add("C")
    refused(followed, "replica.fork")
    assert followed.names() == {"A", "B"}


def test_a_source_that_comes_back_to_what_was_seen_is_followed_again(followed: Followed) -> None:
    rolled_back(followed)
    with pytest.raises(IntegrityFailure):
        followed.sync()
    own = followed.folder.path / "repo.git"
    followed.world.git("fetch", "-q", str(own), "+main:main", "+queue:queue")
    main = followed.add("C")
    assert followed.sync()["to"] == main
    assert followed.wrong() is None


def test_another_dataset_at_the_address_is_a_fork(followed: Followed, tmp_path: Path) -> None:
    other = World.make(tmp_path / "other.git", bare=True, empty=True)
    other.clock.tick(1)
    other.let_anybody_review()
    followed.world.git("fetch", "-q", str(other.path), "+main:main", "+queue:queue")
    refused(followed, "replica.fork")


def test_a_history_that_only_merges_what_was_seen_is_a_fork(followed: Followed) -> None:
    """It contains what was seen, but not along the first parents that make the log."""
    world = followed.world
    seen = world.refs()["refs/heads/queue"]
    first = world.git("rev-list", "--first-parent", "--reverse", "queue").split()[0]
    made = made_commit(world, f"{seen}^{{tree}}", "-p", first, "-p", seen, "-m", "approve: all")
    rewind(world, queue=made)
    refused(followed, "replica.fork")


def test_a_fork_is_known_for_one_though_the_repository_was_lost(followed: Followed) -> None:
    rolled_back(followed)
    followed.add("C")
    followed.folder.disk.remove_folder(followed.folder.path / "repo.git")
    refused(followed, "replica.fork")


def forged(followed: Followed) -> str:
    """An event in the name of an approver, with a state of its own making."""
    world = followed.world
    message = world.git("log", "-1", "--format=%B", "queue").replace("Event-Id: ", "Event-Id: 9")
    made = made_commit(world, "queue^{tree}", "-p", "queue", stdin=message.encode())
    rewind(world, queue=made)
    return made


def test_a_history_that_breaks_a_promise_is_not_served(followed: Followed) -> None:
    forged(followed)
    fault = refused(followed, "replica.unverified")
    assert len(fault.details) > 1
    assert all({"rule", "message"} <= row.keys() for row in fault.details)


def test_without_full_verification_a_history_is_followed_that_only_grows(tmp_path: Path) -> None:
    followed = Followed.make(tmp_path, verify="fast-forward")
    made = forged(followed)
    followed.sync()
    assert followed.folder.state().queue == made
    assert followed.status()["verified"] is False
    rewind(followed.world, queue=f"{made}^")
    refused(followed, "replica.rollback")


def test_a_fast_forward_replica_refuses_a_log_whose_main_goes_back(tmp_path: Path) -> None:
    followed = Followed.make(tmp_path, verify="fast-forward")
    world = followed.world
    old = world.git("rev-parse", "queue^{tree}").strip()
    followed.add("A")
    followed.sync()
    made = made_commit(world, old, "-p", "queue", "-m", "apply: backwards")
    rewind(world, queue=made)
    refused(followed, "replica.fork")
    assert followed.names() == {"A"}


def test_with_verification_off_even_a_rewritten_source_is_followed(tmp_path: Path) -> None:
    followed = Followed.make(tmp_path, verify="off")
    rolled_back(followed)
    assert followed.names() == {"B"}
    followed.sync()
    assert followed.names() == set()
    assert followed.status()["verified"] is False


def test_an_event_that_is_none_is_no_defect_of_the_program(followed: Followed) -> None:
    world = followed.world
    blob = world.git("hash-object", "-w", "--stdin", stdin=b"[]").strip()
    tree = world.git("mktree", stdin=f"100644 blob {blob}\tstate.json\n".encode()).strip()
    made = made_commit(world, tree, "-p", "queue", "-m", "nothing")
    rewind(world, queue=made)
    refused(followed, "replica.unverified")


def test_strangers_on_main_are_named_and_the_logs_main_is_served(followed: Followed) -> None:
    world = followed.world
    wanted = followed.add("B")
    made = made_commit(world, "main^{tree}", "-p", "main", "-m", "by hand")
    rewind(world, main=made)
    assert followed.sync()["to"] == wanted
    assert followed.names() == {"A", "B"}
    assert followed.wrong() == "replica.drift"
    assert made in followed.status()["last_error"]["message"]
    assert any("replica.drift" in text for text in followed.warnings)
    world.run("disown", made, "--reason", "nobody asked").ok()
    followed.sync()
    assert followed.wrong() is None


def test_a_source_whose_strangers_are_known_is_asked_once(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_commit(followed.world, "main^{tree}", "-p", "main", "-m", "by hand")
    rewind(followed.world, main=made)
    asked: list[None] = []
    real = sources.fetch

    def fetch(*words: Any, **how: Any) -> Arrived:
        asked.append(None)
        return real(*words, **how)

    monkeypatch.setattr(sources, "fetch", fetch)
    followed.sync()
    assert len(asked) == 3
    followed.sync()
    assert len(asked) == 4


def test_a_main_that_was_rewritten_alone_changes_nothing(followed: Followed) -> None:
    world = followed.world
    made = made_commit(world, "main^{tree}", "-m", "a new beginning")
    rewind(world, main=made)
    followed.sync()
    assert (followed.names(), followed.wrong()) == ({"A"}, "replica.drift")


def test_a_main_that_is_behind_the_log_is_nothing_to_worry_about(followed: Followed) -> None:
    before = followed.world.refs()["refs/heads/main"]
    main = followed.add("B")
    rewind(followed.world, main=before)
    assert followed.sync()["to"] == main
    assert followed.wrong() is None


def test_a_source_that_stands_still_for_too_long_is_named_and_served(followed: Followed) -> None:
    age = followed.folder.state().max_age
    followed.world.clock.tick(age)
    assert followed.sync()["stale"] is False
    assert followed.wrong() is None
    followed.world.clock.tick(1)
    assert followed.wrong() == "replica.frozen"  # also where nothing syncs any more
    assert followed.sync()["stale"] is True
    assert followed.names() == {"A"}
    status = followed.status()
    assert (status["age_seconds"], status["verified"]) == (age + 1, True)
    assert any("replica.frozen" in text for text in followed.warnings)
    followed.add("B")
    assert followed.sync()["stale"] is False
    assert followed.wrong() is None


def test_a_source_cannot_hide_behind_a_date_that_is_still_to_come(followed: Followed) -> None:
    now = followed.world.clock.now
    followed.world.clock.tick(10**8)
    followed.add("B")
    followed.world.clock.now = now
    followed.sync()
    followed.world.clock.tick(followed.folder.state().max_age + 1)
    assert followed.wrong() == "replica.frozen"


def test_how_old_a_replica_may_be_is_what_the_policy_says(followed: Followed) -> None:
    followed.world.run_policy("policy", "set", "replica_max_age=5")
    followed.world.clock.now = followed.folder.state().event_time or 0
    followed.sync()
    assert followed.folder.state().max_age == 5


def test_why_a_sync_failed_says_more_than_that_time_goes_by(followed: Followed) -> None:
    rolled_back(followed)
    with pytest.raises(IntegrityFailure):
        followed.sync()
    followed.world.clock.tick(10_000_000)
    assert followed.wrong() == "replica.rollback"


def broken(followed: Followed, change: Callable[[Path], Any]) -> None:
    """Apply a record, and have something done to the one new blob of ``dataset/``."""
    world = followed.world
    known = world.objects()
    followed.add("B")
    blob = next(oid for path, oid in world.files("main").items() if path.startswith("dataset/") and oid not in known)
    packs = list((world.path / "objects" / "pack").glob("pack-*"))
    moved = [path.rename(world.path / path.name) for path in packs]
    for path in moved:
        if path.suffix == ".pack":
            world.git("unpack-objects", "-q", stdin=path.read_bytes())
    change(world.path / "objects" / blob[:2] / blob[2:])


def garbled(path: Path) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("change", [garbled, Path.unlink], ids=["garbled", "missing"])
def test_a_broken_object_of_the_source_is_named_and_changes_nothing(
    followed: Followed, change: Callable[[Path], Any]
) -> None:
    broken(followed, change)
    refused(followed, "replica.corrupt")


def test_an_object_that_git_would_refuse_is_refused_on_the_way_in(followed: Followed) -> None:
    world = followed.world
    tree = world.git("rev-parse", "queue^{tree}").strip()
    head = world.refs()["refs/heads/queue"]
    text = f"tree {tree}\nparent {head}\nauthor nobody 1 +0000\ncommitter nobody 1 +0000\n\nnothing\n"
    made = world.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=text.encode()).strip()
    rewind(world, queue=made)
    refused(followed, "replica.corrupt")


def test_a_log_whose_main_is_not_there_is_not_believed(tmp_path: Path) -> None:
    followed = Followed.make(tmp_path, verify="fast-forward")
    world = followed.world
    name = "state.json"
    text = world.git("show", f"queue:{name}").replace(world.refs()["refs/heads/main"], "1" * 40)
    blob = world.git("hash-object", "-w", "--stdin", stdin=text.encode()).strip()
    rows = [row for row in world.git("ls-tree", "queue").splitlines() if not row.endswith(f"\t{name}")]
    tree = world.git("mktree", stdin="\n".join([*rows, f"100644 blob {blob}\t{name}"]).encode() + b"\n").strip()
    rewind(world, queue=made_commit(world, tree, "-p", "queue", "-m", "nothing"))
    refused(followed, "replica.corrupt")


def test_what_is_believed_already_costs_no_look_at_the_history(followed: Followed, tmp_path: Path) -> None:
    state = followed.folder.state()
    empty = GitStore.create(tmp_path / "empty.git", bare=True)
    assert believed(empty, state, Arrived(state.queue or "", state.main or ""), 0) == state
    assert alarm(state, state.event_time or 0) is None
