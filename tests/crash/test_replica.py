"""A replica under fire: whatever happens to it and its source, a reader sees whole exports, and never goes back."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import ModelrefError
from modelref_git.formats import manifest
from modelref_git.operations.replicas.folder import Folder
from modelref_git.store.git import GitStore
from tests.crash.checks import check_fsck
from tests.crash.processes import CHECKOUT
from tests.support.replicas import Followed, FullDisk, cut_off, fake_ssh, rewind

READER = """
import json, os, sys
from modelref_git.formats import manifest
from pathlib import Path
place, stop = Path(sys.argv[1]), Path(sys.argv[2])
seen, count = [], 0
while True:
    last = stop.exists()
    here = place / os.readlink(place / "current")
    problems = manifest.check(here)
    found = manifest.read(here)
    names = sorted(json.loads((here / "clip.json").read_bytes()))
    at = [found.commit, found.event_id, names]
    if problems:
        print(json.dumps({"fault": [p.as_json() for p in problems], "at": at}))
        sys.exit(1)
    count += 1
    if not seen or seen[-1] != at:
        seen.append(at)
    if last:
        break
print(json.dumps({"seen": seen, "count": count}))
"""
"""Resolves ``current`` once, reads everything from there, checks every sum, and does so again until told to stop."""


def environment() -> dict[str, str]:
    paths = filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}


@contextmanager
def reader(followed: Followed, place: Path) -> Iterator[Callable[[], dict[str, Any]]]:
    """A process that reads all the while; the value ends it and gives what it saw."""
    stop = place / "stop"
    command = [sys.executable, "-c", READER, str(followed.folder.path), str(stop)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:

        def end() -> dict[str, Any]:
            stop.touch()
            out, err = process.communicate()
            assert process.returncode == 0, (out, err)
            answer: dict[str, Any] = json.loads(out)
            return answer

        try:
            yield end
        finally:
            process.kill()


def check_seen(answer: dict[str, Any], followed: Followed) -> None:
    """A reader went from one believed state to a later one, never back, and ended at the last."""
    world = followed.world
    mains = world.git("rev-list", "--first-parent", "--reverse", "main").split()
    places = [mains.index(commit) for commit, _, _ in answer["seen"]]
    assert places == sorted(places)
    assert answer["seen"][-1][0] == followed.at()
    for commit, _, names in answer["seen"]:
        files = [path for path in world.files(commit) if path.startswith("dataset/clip/")]
        assert len(names) == len(files)
    assert answer["count"] >= 1


def sync_process(followed: Followed) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "modelref_git", "--json", "replica", "sync", str(followed.folder.path)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), start_new_session=True
    )


def kill_rounds(followed: Followed, place: Path, rounds: int, chance: random.Random) -> None:
    """Syncs killed at random moments, with the programs that they run or without, while somebody reads."""
    with reader(followed, place) as end:
        killed = 0
        longest = 1.0
        for number in range(rounds):
            main = followed.add(f"k{number}")
            began = time.monotonic()
            with sync_process(followed) as process:
                try:
                    process.communicate(timeout=chance.uniform(0.15, 1.0) * longest)
                except subprocess.TimeoutExpired:
                    killed += 1
                    if chance.random() < 0.5:
                        os.killpg(process.pid, signal.SIGKILL)
                    else:
                        process.kill()
                else:
                    longest = time.monotonic() - began
            if number % 3 == 2:
                followed.sync()
                assert followed.at() == main
        followed.sync()
        answer = end()
    assert killed
    check_seen(answer, followed)
    assert followed.wrong() is None
    assert list(followed.folder.path.rglob("tmp_modelref_*")) == []
    check_fsck(followed.folder.path / "repo.git")
    assert len(list(followed.folder.exports.iterdir())) <= 2


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    made = Followed.make(tmp_path)
    made.add("A")
    made.sync()
    return made


def test_a_reader_sees_whole_exports_while_syncs_are_killed(followed: Followed, tmp_path: Path) -> None:
    kill_rounds(followed, tmp_path, 6, random.Random(5))


@pytest.mark.long
def test_a_reader_sees_whole_exports_while_many_syncs_are_killed(followed: Followed, tmp_path: Path) -> None:
    kill_rounds(followed, tmp_path, 120, random.Random())


def test_an_init_that_is_killed_is_not_there_or_gone_on_with(followed: Followed, tmp_path: Path) -> None:
    chance = random.Random(3)
    words = [sys.executable, "-m", "modelref_git", "replica", "init", str(followed.world.path)]
    for number in range(3):
        place = tmp_path / f"new{number}"
        command = [*words, str(place)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
            try:
                process.communicate(timeout=chance.uniform(0.1, 1.0))
            except subprocess.TimeoutExpired:
                process.kill()
        if (place / "replica.json").exists():
            new = Followed(followed.world, Folder(place))
            new.sync()
        else:
            shutil.rmtree(place, ignore_errors=True)
            new = Followed(followed.world, Folder(place))
            new.init(str(followed.world.path))
        assert new.names() == {"A"}


def attempt(followed: Followed) -> str | None:
    """One sync; gives what the status says is wrong after it."""
    try:
        followed.sync()
    except ModelrefError:
        assert followed.wrong() is not None
    return followed.wrong()


def test_a_reader_sees_whole_exports_through_every_trouble(
    followed: Followed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rolled back, forked, drifting, frozen, broken, cut off, silent, full: each is named, and then it goes on."""
    world, good = followed.world, followed.folder
    state = good.path / "replica.json"
    state.write_text(state.read_text().replace(str(world.path), f"ssh://somewhere{world.path}"))
    fake_ssh(tmp_path, monkeypatch, ['eval "$command"'])

    def refs() -> dict[str, str]:
        return {name: world.refs()[f"refs/heads/{name}"] for name in ("main", "queue")}

    with reader(followed, tmp_path) as end:
        old = refs()
        followed.add("B")
        assert attempt(followed) is None
        new = refs()
        rewind(world, **old)
        assert attempt(followed) == "replica.rollback"
        followed.add("C")
        assert attempt(followed) == "replica.fork"
        rewind(world, **new)
        made = world.git(
            "-c", "user.name=x", "-c", "user.email=x", "commit-tree", "main^{tree}", "-p", "main", "-m", "x"
        )
        rewind(world, main=made.strip())
        assert attempt(followed) == "replica.drift"
        rewind(world, **new)
        assert attempt(followed) is None
        world.clock.tick(10**7)
        assert attempt(followed) == "replica.frozen"
        followed.add("D")
        for count in (0, 100, 1000, 2000):
            cut_off(tmp_path, monkeypatch, count)
            assert attempt(followed) == "replica.source"
        followed.patience = 0.3
        fake_ssh(tmp_path, monkeypatch, ["exec sleep 100"])
        assert attempt(followed) == "replica.source"
        followed.patience = 60.0
        fake_ssh(tmp_path, monkeypatch, ['eval "$command"'])
        for left in (6, 12, 18):
            followed.folder = Folder(good.path, FullDisk(left))
            with pytest.raises(ModelrefError):
                followed.sync()
        followed.folder = good
        spoil(followed)
        assert attempt(followed) == "replica.corrupt"
        heal(followed)
        assert attempt(followed) is None
        answer = end()
    check_seen(answer, followed)
    assert followed.names() == {"A", "B", "D", "E"}
    check_fsck(good.path / "repo.git")


def spoil(followed: Followed) -> None:
    """Apply a record, and keep aside the pack that it came in, one object of it broken in the pack that stays."""
    store = GitStore.open(followed.world.path)
    before = set(store.pack_folder.glob("*.pack"))
    followed.add("E")
    pack = next(iter(set(store.pack_folder.glob("*.pack")) - before))
    shutil.copy(pack, followed.world.path / "kept")
    pack.chmod(0o644)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 0xFF
    pack.write_bytes(data)
    (followed.world.path / "where").write_text(str(pack))


def heal(followed: Followed) -> None:
    """Put back what was broken."""
    pack = Path((followed.world.path / "where").read_text())
    pack.write_bytes((followed.world.path / "kept").read_bytes())


def test_two_syncs_at_once_do_not_hurt_each_other(followed: Followed) -> None:
    main = followed.add("B")
    running = [sync_process(followed) for _ in range(3)]
    answers = []
    for process in running:
        with process:
            out, err = process.communicate()
            assert process.returncode == 0, err
            answers.append(json.loads(out))
    assert {answer["to"] for answer in answers} == {main}
    assert sum(1 for answer in answers if answer["changed"]) == 1
    assert followed.names() == {"A", "B"}
    assert manifest.check(followed.folder.current) == []
