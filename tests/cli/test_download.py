from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.calls import CHECKOUT, Answer
from tests.support.files_server import FilesServer, Mood, digest
from tests.support.world import World, clip

DATA = b"weights " * 5000


def put(world: World, *downloads: dict[str, Any]) -> None:
    record = clip("model", config={"download": list(downloads)})
    world.apply(world.approve(world.create("clip", "model", record, allow=("*",))))


def run(world: World, to: Path, *words: str) -> Answer:
    return world.run("download", "clip", "model", "--to", str(to), "--retries", "0", "--timeout", "5", *words)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if not path.is_dir())


def test_the_answer_tells_each_file(world: World, host: FilesServer, tmp_path: Path) -> None:
    put(world, host.entry("a.pt", DATA))
    answer = run(world, tmp_path / "to").ok().json
    assert list(answer) == ["category", "model_name", "to", "files"]
    (row,) = answer["files"]
    assert list(row) == ["file_name", "path", "file_url", "size_bytes", "sha256sum", "status", "verified"]
    assert (row["status"], row["verified"], row["sha256sum"]) == ("fetched", True, digest(DATA))
    assert Path(row["path"]).read_bytes() == DATA


def test_people_read_lines_and_may_ask_for_silence(world: World, host: FilesServer, tmp_path: Path) -> None:
    put(world, host.entry("a.pt", DATA))
    loud = world.say("download", "clip", "model", "--to", str(tmp_path / "a")).ok()
    assert loud.out.decode() == "a.pt\t40000\tfetched\tyes\n"
    assert loud.err.decode() == "fetched a.pt (40000 bytes)\n"
    quiet = world.say("-q", "download", "clip", "model", "--to", str(tmp_path / "b")).ok()
    assert quiet.err == b""


def test_a_dry_run_says_so_and_fetches_nothing(world: World, host: FilesServer, tmp_path: Path) -> None:
    put(world, host.entry("a.pt", DATA))
    answer = run(world, tmp_path / "to", "--dry-run").ok().json
    assert answer["dry_run"] is True
    said = world.say("download", "clip", "model", "--to", str(tmp_path / "to"), "--dry-run").ok()
    assert said.err.decode() == "dry run: nothing was changed\n"
    assert not host.asked
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("edit", "how", "code", "word"),
    [
        ({"file_name": "../x"}, {}, 5, "invalid"),
        ({"file_url": ""}, {}, 5, "invalid"),
        ({}, {"moods": [Mood(status=503)]}, 8, "remote"),
        ({}, {"moods": [Mood(status=404)]}, 8, "remote"),
        ({}, {"content_type": "text/html"}, 8, "remote"),
        ({"sha256sum": "ab" * 32}, {}, 9, "integrity"),
    ],
)
def test_every_failure_has_its_code_and_an_empty_stdout(
    world: World, host: FilesServer, tmp_path: Path, edit: dict[str, str], how: dict[str, Any], code: int, word: str
) -> None:
    put(world, {**host.entry("a.pt", DATA, **how), **edit})
    answer = run(world, tmp_path / "to")
    assert (answer.code, answer.out, answer.error["code"]) == (code, b"", word)
    assert answer.error["details"][0]["path"].startswith("/config/download/0")


def test_people_are_told_every_failure(world: World, host: FilesServer, tmp_path: Path) -> None:
    rows = [host.entry(f"{name}.pt", DATA, moods=[Mood(status=404)]) for name in ("a", "b")]
    put(world, *rows)
    said = world.say("download", "clip", "model", "--to", str(tmp_path / "to"))
    assert said.code == 8
    assert all(f"/{name}.pt answers 404" in said.err.decode() for name in ("a", "b"))


def test_what_is_not_there_answers_3_and_wrong_words_2(world: World, tmp_path: Path) -> None:
    to = ("--to", str(tmp_path / "to"))
    assert world.run("download", "clip", "nothing", *to).code == 3
    assert world.run("download", "nothing", "model", *to).code == 3
    assert world.run("download", "clip", "ViT-L/14").code == 2
    assert world.run("download", "clip", "ViT-L/14", "--to", "").code == 2
    assert world.run("download", "clip", "ViT-L/14", *to, "--parallel", "0").code == 2
    assert world.run("download", "clip", "ViT-L/14", *to, "--timeout", "0").code == 2
    assert not (tmp_path / "to").exists()


def test_overwrite_replaces_what_is_wrong(world: World, host: FilesServer, tmp_path: Path) -> None:
    put(world, host.entry("a.pt", DATA))
    (tmp_path / "a.pt").write_bytes(b"mine")
    refused = run(world, tmp_path)
    assert refused.code == 9
    assert "--overwrite" in refused.error["message"]
    assert (tmp_path / "a.pt").read_bytes() == b"mine"
    assert run(world, tmp_path, "--overwrite").ok().json["files"][0]["status"] == "fetched"


# --- a process of its own --------------------------------------------------------------------------------------------


@contextmanager
def started(world: World, to: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = ["-C", str(world.path), "download", "clip", "model", "--to", str(to)]
    process = subprocess.Popen(
        [sys.executable, "-m", "modelref_git", *words],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until_it_has(path: Path, size: int) -> None:
    ends = time.monotonic() + 20
    while not path.exists() or path.stat().st_size < size:
        assert time.monotonic() < ends, f"{path.name} never came so far"
        time.sleep(0.01)


def test_a_run_that_was_killed_is_gone_on_from(world: World, host: FilesServer, tmp_path: Path) -> None:
    put(world, host.entry("a.pt", DATA, moods=[Mood(stall_after=20_000)]))
    to = tmp_path / "to"
    with started(world, to) as process:
        until_it_has(to / "a.pt.part", 20_000)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert names(to) == ["a.pt.part", "a.pt.part.json"]
    assert run(world, to).ok().json["files"][0]["status"] == "resumed"
    assert host.asked[-1].headers["Range"] == "bytes=20000-"
    assert (to / "a.pt").read_bytes() == DATA


@pytest.mark.long
def test_however_often_it_is_killed_the_file_comes_in_the_end(world: World, host: FilesServer, tmp_path: Path) -> None:
    data = random.Random(4).randbytes(8_000_000)
    put(world, host.entry("a.pt", data))
    to = tmp_path / "to"
    for seconds in (0.05, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8):
        with started(world, to) as process:
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
        assert not (to / "a.pt").exists() or (to / "a.pt").read_bytes() == data
    run(world, to).ok()
    assert names(to) == ["a.pt"]
    assert (to / "a.pt").read_bytes() == data


def test_an_interrupt_ends_at_once_and_leaves_what_came(world: World, host: FilesServer, tmp_path: Path) -> None:
    put(world, host.entry("a.pt", DATA, moods=[Mood(stall_after=20_000)]))
    with started(world, tmp_path / "to") as process:
        until_it_has(tmp_path / "to" / "a.pt.part", 20_000)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert time.monotonic() - began < 8
    assert process.returncode == 130
    assert out == b""
    assert b"Traceback" not in err
    assert names(tmp_path / "to") == ["a.pt.part", "a.pt.part.json"]
    assert run(world, tmp_path / "to").ok().json["files"][0]["status"] == "resumed"


def test_two_processes_at_one_file_bring_it_once(world: World, host: FilesServer, tmp_path: Path) -> None:
    put(world, host.entry("a.pt", DATA * 50))
    with started(world, tmp_path / "to") as one, started(world, tmp_path / "to") as two:
        assert [process.wait(30) for process in (one, two)] == [0, 0]
    assert names(tmp_path / "to") == ["a.pt"]
    assert (tmp_path / "to" / "a.pt").read_bytes() == DATA * 50
