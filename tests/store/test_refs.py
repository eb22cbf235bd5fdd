from __future__ import annotations

import time
from pathlib import Path

import pygit2
import pytest

from modelref_git.errors import WrongState
from modelref_git.store import refs as refs_module
from modelref_git.store.git import GitStore
from modelref_git.store.refs import LostRace
from tests.store.builders import bare, commit, fsck, git

MAIN = "refs/heads/main"


@pytest.fixture
def store(tmp_path: Path) -> GitStore:
    return bare(tmp_path / "r.git")


@pytest.fixture
def commits(store: GitStore) -> list[str]:
    """Four commits in a line."""
    made: list[str] = []
    for number in range(4):
        made.append(commit(store, {"n": b"%d" % number}, *made[-1:]))
    return made


def is_sound(store: GitStore, head: str) -> None:
    """Stock ``git`` has nothing to say; it would of a HEAD without a commit."""
    store.refs.move(MAIN, None, head)
    fsck(store.git_dir)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds a ref in these tests holds it for ever."""
    monkeypatch.setattr(refs_module, "_LOCK_TRIES", 3)


@pytest.mark.parametrize("sync", [True, False])
def test_a_move_goes_from_what_was_read_to_what_was_written(store: GitStore, commits: list[str], sync: bool) -> None:
    store.refs.move(MAIN, None, commits[0], sync=sync)
    store.refs.move(MAIN, commits[0], commits[1], sync=sync)
    assert store.refs.read(MAIN) == commits[1]
    assert git(store.git_dir, "rev-parse", "main").strip() == commits[1]
    assert GitStore(store.git_dir).refs.read(MAIN) == commits[1]


@pytest.mark.parametrize("sync", [True, False])
def test_a_move_from_another_value_is_a_lost_race_and_moves_nothing(
    store: GitStore, commits: list[str], sync: bool
) -> None:
    with pytest.raises(LostRace):
        store.refs.move(MAIN, commits[0], commits[1], sync=sync)
    assert store.refs.read(MAIN) is None
    store.refs.move(MAIN, None, commits[1], sync=sync)
    for expected in (None, commits[0], commits[2]):
        with pytest.raises(LostRace):
            store.refs.move(MAIN, expected, commits[3], sync=sync)
    assert store.refs.read(MAIN) == commits[1]


def test_of_two_handles_that_read_the_same_value_only_the_first_moves(store: GitStore, commits: list[str]) -> None:
    other = GitStore(store.git_dir)
    store.refs.move(MAIN, None, commits[0])
    assert other.refs.read(MAIN) == commits[0]
    store.refs.move(MAIN, commits[0], commits[1])
    with pytest.raises(LostRace):
        other.refs.move(MAIN, commits[0], commits[2])
    other.refs.move(MAIN, commits[1], commits[3])
    assert store.refs.read(MAIN) == commits[3]


@pytest.mark.parametrize("packed", [False, True])
def test_a_ref_moves_and_goes_the_same_when_it_is_packed(store: GitStore, commits: list[str], packed: bool) -> None:
    for number in range(3):
        store.refs.move(f"refs/heads/proposals/{number}", None, commits[number], sync=False)
    if packed:
        git(store.git_dir, "pack-refs", "--all")
    store.refs.move("refs/heads/proposals/0", commits[0], commits[3])
    with pytest.raises(LostRace):
        store.refs.remove("refs/heads/proposals/1", commits[0])
    store.refs.remove("refs/heads/proposals/1", commits[1])
    with pytest.raises(LostRace):
        store.refs.remove("refs/heads/proposals/1", commits[1])
    assert store.refs.under("refs/heads/proposals/") == {
        "refs/heads/proposals/0": commits[3],
        "refs/heads/proposals/2": commits[2],
    }
    is_sound(store, commits[0])


@pytest.mark.parametrize("count", [3, 40])
@pytest.mark.parametrize("git_is_there", [True, False])
def test_removing_many_passes_over_those_that_moved_meanwhile(
    store: GitStore, commits: list[str], count: int, git_is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not git_is_there:
        monkeypatch.setenv("PATH", str(store.git_dir))
    names = [f"refs/heads/proposals/{number}" for number in range(count)]
    for name in names:
        store.refs.move(name, None, commits[0], sync=False)
    store.refs.move(names[1], commits[0], commits[1])
    store.refs.remove(names[2], commits[0])
    store.refs.remove_many((name, commits[0]) for name in names)
    assert store.refs.under("refs/heads/proposals/") == {names[1]: commits[1]}


def test_removing_many_that_nobody_moved_takes_one_run_of_git(store: GitStore, commits: list[str]) -> None:
    names = [f"refs/heads/proposals/{number}" for number in range(40)]
    for name in names:
        store.refs.move(name, None, commits[0], sync=False)
    git(store.git_dir, "pack-refs", "--all")
    store.refs.remove_many((name, commits[0]) for name in names)
    assert store.refs.under("refs/heads/proposals/") == {}
    is_sound(store, commits[0])


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("expected", [None, 0])
def test_a_lock_file_that_stays_is_named_and_leads_to_doctor(
    store: GitStore, commits: list[str], expected: int | None
) -> None:
    start = None if expected is None else commits[expected]
    if start is not None:
        store.refs.move(MAIN, None, start)
    lock = store.git_dir / f"{MAIN}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    with pytest.raises(WrongState, match=r"refs/heads/main .*lock") as caught:
        store.refs.move(MAIN, start, commits[1])
    assert "modelref-git doctor" in (caught.value.hint or "")
    assert store.refs.read(MAIN) == start
    lock.unlink()
    store.refs.move(MAIN, start, commits[1])


def test_a_lock_that_is_held_for_a_moment_is_waited_for(
    store: GitStore, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = store.git_dir / f"{MAIN}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 5:
            lock.unlink()

    monkeypatch.setattr(time, "sleep", sleep)
    store.refs.move(MAIN, None, commits[0])
    assert (len(waits), store.refs.read(MAIN)) == (5, commits[0])
    assert max(waits) < 0.1


def test_whoever_holds_the_lock_and_moves_the_ref_wins_the_race(
    store: GitStore, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = GitStore(store.git_dir)
    store.refs.move(MAIN, None, commits[0])
    lock = store.git_dir / f"{MAIN}.lock"
    lock.touch()

    def sleep(_seconds: float) -> None:
        lock.unlink()
        other.refs.move(MAIN, commits[0], commits[2])

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(LostRace):
        store.refs.move(MAIN, commits[0], commits[1])
    assert store.refs.read(MAIN) == commits[2]


@pytest.mark.usefixtures("impatient")
def test_removing_many_goes_on_past_one_that_is_held_and_then_says_so(store: GitStore, commits: list[str]) -> None:
    names = [f"refs/heads/proposals/{number}" for number in range(5)]
    for name in names:
        store.refs.move(name, None, commits[0], sync=False)
    (store.git_dir / f"{names[1]}.lock").touch()
    with pytest.raises(WrongState, match=names[1]):
        store.refs.remove_many((name, commits[0]) for name in names)
    assert store.refs.under("refs/heads/proposals/") == {names[1]: commits[0]}


@pytest.mark.usefixtures("impatient")
def test_removing_many_gives_up_when_nothing_can_be_removed(
    store: GitStore, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"refs/heads/proposals/{number}" for number in range(40)]
    for name in names:
        store.refs.move(name, None, commits[0], sync=False)
    git(store.git_dir, "pack-refs", "--all")
    (store.git_dir / "packed-refs.lock").touch()
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with pytest.raises(WrongState):
        store.refs.remove_many((name, commits[0]) for name in names)
    assert len(waits) <= 9


@pytest.mark.parametrize("torn", [b"", b"\n", b"\0" * 41])
def test_a_loose_ref_that_a_power_cut_left_empty_is_healed(store: GitStore, commits: list[str], torn: bytes) -> None:
    name = "refs/heads/proposals/1"
    store.refs.move(name, None, commits[0], sync=False)
    (store.git_dir / name).write_bytes(torn)
    assert store.refs.read(name) is None
    assert store.refs.under("refs/heads/proposals/") == {name: ""}
    store.refs.move(name, None, commits[1], sync=False)
    assert store.refs.read(name) == commits[1]
    (store.git_dir / name).write_bytes(torn)
    store.refs.remove(name, "")
    assert store.refs.under("refs/heads/proposals/") == {}
    is_sound(store, commits[0])


def test_a_good_ref_is_never_taken_for_a_broken_one(store: GitStore, commits: list[str]) -> None:
    store.refs.move(MAIN, None, commits[0])
    with pytest.raises(LostRace):
        store.refs.remove(MAIN, "")
    with pytest.raises(LostRace):
        store.refs.move(MAIN, None, commits[1])
    assert store.refs.read(MAIN) == commits[0]


@pytest.mark.parametrize("stranger", ["refs/heads/proposals", "refs/heads/proposals/7/old"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_branch_in_the_place_of_another_is_told_at_once(
    store: GitStore, commits: list[str], stranger: str, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    store.refs.move(stranger, None, commits[0])
    if packed:
        git(store.git_dir, "pack-refs", "--all")
    with pytest.raises(WrongState, match="refs/heads/proposals/7"):
        store.refs.move("refs/heads/proposals/7", None, commits[1])
    assert waits == []


def test_an_empty_folder_in_the_place_of_a_branch_is_no_hindrance(store: GitStore, commits: list[str]) -> None:
    (store.git_dir / "refs/heads/proposals/7/old").mkdir(parents=True)
    store.refs.move("refs/heads/proposals/7", None, commits[1])
    assert store.refs.read("refs/heads/proposals/7") == commits[1]


def test_a_move_to_an_object_that_is_not_there_is_refused(
    store: GitStore, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refs_module, "_LOCK_TRIES", 2)
    with pytest.raises(WrongState):
        store.refs.move(MAIN, None, "0" * 39 + "1")
    store.refs.move(MAIN, None, commits[0])
    with pytest.raises(WrongState):
        store.refs.move(MAIN, commits[0], "0" * 39 + "1")
    assert store.refs.read(MAIN) == commits[0]


def test_reading_what_is_no_ref_gives_nothing(store: GitStore) -> None:
    assert store.refs.read("refs/heads/absent") is None
    assert store.refs.read("no ref..name") is None
    (store.git_dir / "HEAD").write_text("ref: refs/heads/nowhere\n")
    assert store.refs.read("HEAD") is None


def test_moves_of_the_log_are_synced_and_those_of_projections_are_not(store: GitStore, commits: list[str]) -> None:
    handle = store.refs.repository
    assert store.refs._quick() is not handle
    assert store.refs._quick() is store.refs._quick()
    # Whoever opens a repository next, opens it with syncing on.
    store.refs.move("refs/heads/proposals/1", None, commits[0], sync=False)
    assert pygit2.Repository(str(store.git_dir)).references["refs/heads/proposals/1"].target == pygit2.Oid(
        hex=commits[0]
    )
