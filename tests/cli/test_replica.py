"""``replica``: the commands, their answers, their exit codes, and a process that watches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.calls import CHECKOUT, Answer, call
from tests.support.replicas import MEMBERS, Followed, followed, read_clip, rewind, template

__all__ = ["followed", "template"]


def run(followed: Followed, *words: str) -> Answer:
    return call("--json", "replica", *words, str(followed.folder.path))


def test_init_sync_and_status_answer_what_they_promise(followed: Followed, tmp_path: Path) -> None:
    source, place = str(followed.world.path), str(tmp_path / "other")
    made = call("--json", "replica", "init", source, place).ok().json
    assert list(made) == ["at", "files"]
    assert list(made["files"][0]) == ["path", "sha256", "size", "category", "records"]
    main = followed.add("B")
    answer = call("--json", "replica", "sync", place).ok()
    assert answer.json == {
        "from": made["at"],
        "to": main,
        "changed": [{"category": "clip", "added": 1, "modified": 0, "deleted": 0}],
        "stale": True,  # the clock of this world stands still long ago
    }
    assert b"replica.frozen" in answer.err
    status = call("--json", "replica", "status", place).ok().json
    assert list(status) == MEMBERS
    assert (status["at"], status["verified"], status["last_error"]["rule"]) == (main, True, "replica.frozen")
    assert list(status["last_error"]) == ["rule", "code", "message", "time"]


def test_the_folder_is_the_current_one_unless_named(followed: Followed) -> None:
    followed.add("B")
    assert call("--json", "replica", "sync", cwd=followed.folder.path).ok().json["changed"]
    assert call("--json", "replica", "status", cwd=followed.folder.path).ok().json["at"] == followed.at()


def test_people_are_told_the_same(followed: Followed, tmp_path: Path) -> None:
    followed.add("B")
    place = str(followed.folder.path)
    text = call("replica", "sync", place).ok()
    assert text.out.decode().split("\t")[1:] == ["clip +1 ~0 -0", "stale\n"]
    assert b"warning: the newest event is" in text.err
    status = call("replica", "status", place).ok().out.decode()
    assert [line.split("\t")[0] for line in status.splitlines()] == MEMBERS
    assert "replica.frozen: " in status
    made = call("replica", "init", str(followed.world.path), str(tmp_path / "other")).ok()
    assert made.out.decode().strip() == followed.at()


def test_exit_codes_say_whose_fault_it_is(followed: Followed, tmp_path: Path) -> None:
    source, place = str(followed.world.path), str(followed.folder.path)
    assert call("replica", "init", source, place).code == 4
    assert call("replica", "init", "nowhere", str(tmp_path / "new")).code == 3
    assert call("replica", "init", "", str(tmp_path / "new")).code == 2
    assert call("replica", "init", source, str(tmp_path / "new"), "--verify", "some").code == 2
    assert call("replica", "sync", str(tmp_path)).code == 3
    assert call("replica", "status", str(tmp_path / "new")).code == 3
    assert call("replica", "sync", place, "--watch", "1", "--dry-run").code == 2
    assert call("replica", "sync", place, "--watch", "0").code == 2
    assert call("--offline", "replica", "sync", place).code == 8
    assert call("replica", "init", "x" * 5000, str(tmp_path / "new")).code == 3
    assert call("replica", "init", source, str(tmp_path / ("x" * 5000))).code == 5
    assert call("replica", "status", "x" * 5000).code == 3
    away = followed.world.path.with_name("away.git")
    followed.world.path.rename(away)
    gone = run(followed, "sync")
    assert (gone.code, gone.out, gone.error["code"]) == (8, b"", "remote")
    away.rename(followed.world.path)
    rewind(followed.world, queue="queue~1")
    back = run(followed, "sync")
    assert (back.code, back.out, back.error["code"]) == (9, b"", "integrity")
    assert back.error["details"][0]["rule"] == "replica.rollback"
    assert run(followed, "status").ok().json["last_error"]["rule"] == "replica.rollback"


@pytest.mark.parametrize(("layout", "path"), [("legacy", "clip.json"), ("all", "legacy/clip.json")])
def test_the_format_is_chosen_once(layout: str, path: str, followed: Followed, tmp_path: Path) -> None:
    place = tmp_path / "other"
    call("replica", "init", str(followed.world.path), str(place), "--format", layout).ok()
    assert (place / "current" / path).is_file()


def test_a_dry_run_says_so_and_changes_nothing(followed: Followed, tmp_path: Path) -> None:
    place = tmp_path / "other"
    made = call("--json", "replica", "init", str(followed.world.path), str(place), "--dry-run").ok().json
    assert (made["dry_run"], place.exists()) == (True, False)
    followed.add("B")
    assert run(followed, "sync", "--dry-run").ok().json["dry_run"] is True
    assert followed.names() == {"A"}


@contextmanager
def watching(followed: Followed, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    place = str(followed.folder.path)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))}
    command = [sys.executable, "-m", "modelref_git", "--json", "replica", "sync", place, "--watch", "0.1", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_watching_answers_a_line_each_sync_and_ends_cleanly(
    number: signal.Signals, followed: Followed, tmp_path: Path
) -> None:
    command = f'echo said; echo "$MODELREF_TO" > "{tmp_path}/heard"'
    with watching(followed, "--on-change", command) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        main = followed.add("B")
        while (answer := json.loads(process.stdout.readline()))["to"] != main:
            assert answer["changed"] == []
        process.send_signal(number)
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert list(first) == list(answer) == ["from", "to", "changed", "stale"]
    assert answer["changed"] == [{"category": "clip", "added": 1, "modified": 0, "deleted": 0}]
    assert all(list(json.loads(line)) == list(answer) for line in out.splitlines())
    assert (tmp_path / "heard").read_text().strip() == main
    assert b"said" in err  # what the command prints is no answer
    assert read_clip(followed.folder.path) == {"A", "B"}


def test_watching_tells_failures_and_ends_cleanly_in_the_middle_of_them(followed: Followed) -> None:
    followed.world.path.rename(followed.world.path.with_name("away.git"))
    with watching(followed) as process:
        assert process.stderr is not None
        while b'"code": "remote"' not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
    assert (process.returncode, out) == (0, b"")
