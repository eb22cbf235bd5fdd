from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.calls import CHECKOUT
from tests.support.world import World, clip


def fed(world: World, *words: str) -> list[dict[str, Any]]:
    rows = world.run("feed", *words).ok().lines
    fields = ["commit", "event_id", "category", "model_name", "operation", "record"]
    assert all(list(row) == fields for row in rows)
    return rows


def short(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["operation"], row["model_name"]) for row in rows]


def rebuilt(rows: list[dict[str, Any]], copy: dict[tuple[str, str], Any]) -> dict[tuple[str, str], Any]:
    """What a consumer makes of its copy."""
    for row in rows:
        if row["record"] is None:
            del copy[row["category"], row["model_name"]]
        else:
            copy[row["category"], row["model_name"]] = row["record"]
    return copy


def live(world: World) -> dict[tuple[str, str], Any]:
    names = [row["category"] for row in world.run("categories").ok().json]
    return {(name, key): row for name in names for key, row in world.run("get", name).ok().json.items()}


def test_a_consumer_that_starts_from_nothing_and_goes_on_has_the_dataset(world: World) -> None:
    rows = fed(world)
    copy = rebuilt(rows, {})
    assert copy == live(world)
    assert not any("_legacy" in row["record"] for row in rows)
    last = rows[-1]["event_id"]
    world.apply(
        world.approve(
            world.create("clip", "z", clip("z")),
            world.update("clip", "ViT-L/14", {"/description": "x"}),
            world.delete("gfpgan", "GFPGAN"),
        )
    )
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    rows = fed(world, "--since", str(last))
    assert short(rows) == [("create", "z"), ("update", "ViT-L/14"), ("delete", "GFPGAN"), ("create", "a")]
    assert rebuilt(rows, copy) == live(world)
    assert [row["record"] is None for row in rows] == [False, False, True, False]
    applies = world.events("--action", "apply")
    assert [row["event_id"] for row in rows] == [applies[-2]["event_id"]] * 3 + [applies[-1]["event_id"]]
    assert rows[-1]["commit"] == world.git("rev-parse", "main").strip()


def test_since_takes_an_event_a_commit_of_main_and_one_of_queue(world: World) -> None:
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    first = world.events()[-1]["event_id"]
    world.apply(world.approve(world.create("clip", "b", clip("b"))))
    world.create("clip", "c", clip("c"))
    assert short(fed(world, "--since", str(first))) == [("create", "b")]
    assert short(fed(world, "--since", str(first - 1))) == [("create", "a"), ("create", "b")]
    assert short(fed(world, "--since", "main~1")) == [("create", "b")]
    assert fed(world, "--since", "main") == fed(world, "--since", "queue") == []
    assert short(fed(world, "--since", "queue~2")) == [("create", "b")], "queue~1 is the apply"
    assert fed(world, "--since", "queue~1") == []
    assert fed(world, "--since", "0") == fed(world)
    oid = world.git("rev-parse", "main~1").strip()
    assert short(fed(world, "--since", oid[:12])) == [("create", "b")]


def test_all_parts_of_an_apply_are_one_point(world: World) -> None:
    world.apply(world.approve(world.create("clip", "a", clip("a")), world.create("clip", "b", clip("b"))))
    ids = [row["event_id"] for row in world.events("--batch", "3", "--action", "apply")]
    assert [fed(world, "--since", str(number)) for number in ids] == [[], []]
    assert len(fed(world, "--since", str(ids[0] - 1))) == 2


def test_a_point_that_is_unknown_or_of_no_history_is_refused(world: World) -> None:
    for word in ("nowhere", "99999999", "f" * 40):
        assert world.run("feed", "--since", word).code == 3
    change = world.create("clip", "a", clip("a"))
    assert world.run("feed", "--since", f"proposals/{change}").code == 9
    tree = world.git("rev-parse", "main^{tree}").strip()
    who = ("-c", "user.name=x", "-c", "user.email=x@people.example")
    stranger = world.git(*who, "commit-tree", tree, stdin=b"stranger\n").strip()
    answer = world.run("feed", "--since", stranger)
    assert (answer.code, answer.out) == (9, b"")


def test_the_feed_is_the_same_without_the_index(world: World) -> None:
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    rows = fed(world)
    (world.store.local_dir / "cache" / "index.sqlite").unlink()
    assert fed(world) == rows


def test_people_read_one_line_a_record(world: World) -> None:
    world.apply(world.approve(world.create("clip", "a\x1b", clip("a\x1b"))))
    (line,) = world.say("feed", "--since", "main~1").ok().out.decode().splitlines()
    assert line.split("\t")[2:] == ["create", "clip", json.dumps("a\x1b")]


Follower = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def follow(world: World) -> Iterator[Follower]:
    """Starts ``feed --follow`` in a process of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "modelref_git", "-C", str(world.path), "--json", "feed", "--follow", *words]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_follow_tells_what_is_new_and_ends_quietly_when_interrupted(world: World, follow: Follower) -> None:
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    process = follow("--since", "main~1")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["model_name"] == "a"
    world.apply(world.approve(world.create("clip", "b", clip("b"))))
    world.apply(world.approve(world.delete("clip", "a")))
    assert json.loads(process.stdout.readline())["model_name"] == "b"
    row = json.loads(process.stdout.readline())
    assert (row["model_name"], row["record"]) == ("a", None)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, b"", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is seen there by the next write only")
def test_follow_ends_quietly_when_its_reader_has_left(world: World, follow: Follower) -> None:
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    process = follow("--since", "main~1")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=10) == 0
    assert process.stderr.read() == b""
