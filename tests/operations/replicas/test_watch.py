"""A replica that watches: again and again, and somebody is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import ModelrefError, NotFound
from modelref_git.operations.replicas import watch as watching
from modelref_git.operations.replicas.watch import sync_and_announce, wait_after, watch_replica
from tests.support.replicas import Followed, rewind


class Ended(BaseException):
    """Whoever watches has seen enough."""


def told_to(path: Path) -> str:
    """A command that writes down what it is told."""
    return f'echo "$MODELREF_FROM $MODELREF_TO $MODELREF_DIR" >> "{path}"'


def announce(followed: Followed, command: str) -> dict[str, Any]:
    return sync_and_announce(followed.folder, on_change=command, told=followed.told)


def test_a_command_is_told_of_what_changed_and_of_nothing_else(followed: Followed, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    made, before = followed.folder.state().announced, followed.at()
    announce(followed, told_to(heard))
    first = followed.add("B")
    announce(followed, told_to(heard))
    announce(followed, told_to(heard))
    followed.add("C")
    sync_and_announce(followed.folder, told=followed.told)
    second = followed.add("D")
    announce(followed, told_to(heard))
    folder = followed.folder.path
    moves = [(made, before), (before, first), (first, second)]
    assert heard.read_text().splitlines() == [f"{old} {new} {folder}" for old, new in moves]


def test_nobody_is_told_of_the_first_export(tmp_path: Path) -> None:
    followed = Followed.make(tmp_path)
    announce(followed, told_to(tmp_path / "heard"))
    assert not (tmp_path / "heard").exists()


def test_a_command_that_fails_is_a_warning_and_is_run_again(followed: Followed, tmp_path: Path) -> None:
    main = followed.add("B")
    assert announce(followed, "exit 3")["to"] == main
    assert any("code 3" in text for text in followed.warnings)
    assert (followed.names(), followed.wrong()) == ({"A", "B"}, None)
    announce(followed, told_to(tmp_path / "heard"))
    assert main in (tmp_path / "heard").read_text()


def test_a_command_that_was_missed_runs_after_the_next_sync(
    followed: Followed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = followed.add("B")

    def die(*_: object, **__: object) -> None:
        raise Ended

    with monkeypatch.context() as patch:
        patch.setattr(watching.subprocess, "run", die)
        with pytest.raises(Ended):
            announce(followed, told_to(tmp_path / "heard"))
    assert announce(followed, told_to(tmp_path / "heard"))["changed"] == []
    assert main in (tmp_path / "heard").read_text()


def test_a_command_may_ask_the_replica(followed: Followed, tmp_path: Path) -> None:
    followed.add("B")
    announce(followed, f'cp "$MODELREF_DIR/current/clip.json" "{tmp_path}/seen"')
    assert (tmp_path / "seen").read_bytes() == (followed.folder.current / "clip.json").read_bytes()


def test_a_dry_run_tells_nobody(followed: Followed, tmp_path: Path) -> None:
    followed.add("B")
    sync_and_announce(followed.folder, on_change=told_to(tmp_path / "heard"), told=followed.told, dry_run=True)
    assert not (tmp_path / "heard").exists()


def test_watching_goes_on_after_failures_and_what_changed_comes(followed: Followed) -> None:
    world = followed.world
    answers: list[dict[str, Any]] = []
    faults: list[ModelrefError] = []
    old = {name: world.refs()[f"refs/heads/{name}"] for name in ("main", "queue")}
    new: dict[str, str] = {}

    def pause(_seconds: float) -> None:
        step = len(answers) + len(faults)
        if step == 1:
            followed.add("B")
            new.update({name: world.refs()[f"refs/heads/{name}"] for name in old})
        elif step == 2:
            rewind(world, **old)
        elif step == 4:
            rewind(world, **new)
            followed.add("C")
        elif step == 5:
            raise Ended

    with pytest.raises(Ended):
        watch_replica(followed.folder, 1, answers.append, faults.append, told=followed.told, pause=pause)
    assert [len(answer["changed"]) for answer in answers] == [0, 1, 1]
    assert [fault.code for fault in faults] == ["integrity", "integrity"]
    assert followed.names() == {"A", "B", "C"}


def test_the_time_between_attempts_grows_while_they_fail_and_has_a_bound(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching.random, "uniform", lambda _low, _high: 1.0)
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            away.rename(followed.world.path)
        if len(waits) == 4:
            raise Ended

    away = followed.world.path.with_name("away.git")
    followed.world.path.rename(away)
    with pytest.raises(Ended):
        watch_replica(followed.folder, 10, lambda _: None, lambda _: None, told=followed.told, pause=pause)
    assert waits == [20, 40, 80, 10]
    assert [wait_after(failures, 10) for failures in (0, 1, 6, 7, 10**6)] == [10, 20, 640, 900, 900]
    assert wait_after(50, 5000) == 5000


def test_replicas_that_began_together_do_not_stay_in_step(followed: Followed) -> None:
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            raise Ended

    with pytest.raises(Ended):
        watch_replica(followed.folder, 10, lambda _: None, lambda _: None, told=followed.told, pause=pause)
    assert len(set(waits)) == 4
    assert all(9 <= wait <= 11 for wait in waits)


def test_what_is_no_replica_is_not_watched(tmp_path: Path) -> None:
    from modelref_git.operations.replicas.folder import Folder

    with pytest.raises(NotFound):
        watch_replica(Folder(tmp_path), 1, lambda _: None, lambda _: None)
    assert os.listdir(tmp_path) == []  # noqa: PTH208
