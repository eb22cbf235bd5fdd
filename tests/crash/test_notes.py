"""Notes under bad luck: the power goes at any write, the wire breaks, others write at the same time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from modelref_git.errors import ModelrefError, RemoteFailure, WrongState
from modelref_git.operations.maintain import examine
from modelref_git.operations.notes import note_add, note_list, note_own, note_remove
from modelref_git.store import transport
from modelref_git.store.layout import NOTES
from modelref_git.store.notes import ATTEMPTS
from tests.crash.checks import age, check_fsck, copied
from tests.crash.faults import Fuse, cut, fused
from tests.crash.quick import no_patience, no_syncing
from tests.support.clones import server_and_clones
from tests.support.world import ARTHUR, CAROL, World

pytestmark = pytest.mark.usefixtures("no_patience", "no_syncing")
__all__ = ["no_patience", "no_syncing"]

NAME = "ViT-L/14"


def add(world: World, text: str = "x", actor: str = CAROL) -> int:
    return int(note_add(world.context(actor), "clip", NAME, text)["id"])


def texts(world: World) -> list[str]:
    return [row["text"] for row in note_list(world.context(), "clip", NAME)]


def after_one(world: World) -> None:
    add(world, "before")


ACTS: dict[str, tuple[Callable[[World], object], Callable[[World], object], list[str], list[str]]] = {
    "the first add": (lambda _: None, add, [], ["x"]),
    "an add": (after_one, add, ["before"], ["before", "x"]),
    "a set": (after_one, lambda world: note_own(world.context(CAROL), "clip", NAME, "y"), ["before"], ["y"]),
    "a removal": (after_one, lambda world: note_remove(world.context(CAROL), "clip", NAME, 1), ["before"], []),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long) for name in ACTS])
def test_a_power_cut_at_any_write_leaves_before_or_after(name: str, tmp_path: Path) -> None:
    prepare, act, before, after = ACTS[name]
    start = World.make(tmp_path / "start")
    prepare(start)
    fuse = Fuse()
    with fused(fuse):
        act(World(copied(start.path, tmp_path / "counted"), start.clock))
    assert len(fuse.points) > 5
    seen = set()
    for at, label in enumerate(fuse.points):
        world = World(copied(start.path, tmp_path / "cut"), start.clock)
        assert cut(partial(act, world), at) is not None
        age(world.path)
        examine(world.context(), repair=True)
        assert texts(world) in (before, after), label
        seen.add(tuple(texts(world)))
        add(world, "goes on", ARTHUR)
        assert texts(world)[-1] == "goes on"
        check_fsck(world.path)
        assert world.run("verify").ok().json["findings"] == []
        shutil.rmtree(world.path)
    assert seen == {tuple(before), tuple(after)}


@pytest.mark.long
def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    code = (
        "import sys; from pathlib import Path\n"
        "from modelref_git.operations.context import Context\n"
        "from modelref_git.operations.notes import note_add\n"
        "ctx = Context.open(Path(sys.argv[1]), claim=sys.argv[2])\n"
        "[note_add(ctx, 'clip', 'ViT-L/14', f'{sys.argv[2]} {n}') for n in range(25)]\n"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    people = (CAROL, ARTHUR, "olivia#1")
    running = [subprocess.Popen([sys.executable, "-c", code, str(world.path), who], env=env) for who in people]
    try:
        assert [process.wait(120) for process in running] == [0, 0, 0]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert sorted(texts(world)) == sorted(f"{who} {n}" for who in people for n in range(25))
    rows = note_list(world.context(), "clip", NAME)
    assert [row["id"] for row in rows] == list(range(1, 76))
    assert len(world.git("rev-list", "--first-parent", "notes").split()) == 75


@pytest.mark.long
def test_clones_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    server, clones = server_and_clones(tmp_path, "one", "two")
    faults: list[ModelrefError] = []

    def write(world: World, actor: str) -> None:
        try:
            for number in range(6):
                add(world, f"{actor} {number}", actor)
        except ModelrefError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=write, args=pair) for pair in zip(clones, (CAROL, ARTHUR), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert faults == []
    assert sorted(texts(server)) == sorted(f"{who} {n}" for who in (CAROL, ARTHUR) for n in range(6))
    for clone in clones:
        assert not [ref for ref in clone.refs() if ref.startswith(ATTEMPTS)]


def another_first(server: World) -> Callable[..., object]:
    """A push in front of which somebody else writes to *server*, once."""
    push, left = transport.push, [1]

    def pushed(*words: object, **more: object) -> object:
        if left:
            left.pop()
            add(server, "first", ARTHUR)
        return push(*words, **more)  # type: ignore[arg-type]

    return pushed


def test_a_lost_race_is_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, (one,) = server_and_clones(tmp_path, "one")
    monkeypatch.setattr(transport, "push", another_first(server))
    assert add(one, "second") == 2
    assert texts(server) == texts(one) == ["first", "second"]


@pytest.mark.parametrize("arrives", [True, False])
def test_an_answer_that_is_lost_is_read_back(arrives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, (one,) = server_and_clones(tmp_path, "one")
    push, left = transport.push, [1]

    def broken(*words: object, **more: object) -> object:
        if not left:
            return push(*words, **more)  # type: ignore[arg-type]
        left.pop()
        if arrives:
            push(*words, **more)  # type: ignore[arg-type]
        raise transport.Unreachable("the wire broke")

    monkeypatch.setattr(transport, "push", broken)
    assert add(one) == 1
    assert texts(server) == texts(one) == ["x"]
    assert not [ref for ref in one.refs() if ref.startswith(ATTEMPTS)]


@pytest.mark.long
@pytest.mark.parametrize("arrives", [True, False])
def test_what_nobody_knew_is_found_out_by_the_next_command(
    arrives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, (one,) = server_and_clones(tmp_path, "one")
    push = transport.push

    def gone(*_words: object, **_more: object) -> object:
        raise transport.Unreachable("nobody there")

    def broken(*words: object, **more: object) -> object:
        if arrives:
            push(*words, **more)  # type: ignore[arg-type]
        monkeypatch.setattr(transport, "fetch", gone)
        raise transport.Unreachable("the wire broke")

    with monkeypatch.context() as patch:
        patch.setattr(transport, "push", broken)
        fetch = transport.fetch
        with pytest.raises(RemoteFailure, match="does not tell whether it took the note"):
            add(one)
    monkeypatch.setattr(transport, "fetch", fetch)
    assert [ref for ref in one.refs() if ref.startswith(ATTEMPTS)]
    if arrives:
        pulled = World(copied(one.path, tmp_path / "pulled"), one.clock)
        assert "had happened: note: add to clip" in pulled.say("pull").ok().err.decode()
        assert texts(pulled) == ["x"]
        with pytest.raises(WrongState, match="had arrived when its answer was lost"):
            add(one)
    assert add(one) == (2 if arrives else 1)
    assert texts(server) == ["x"] * (2 if arrives else 1)
    assert not [ref for ref in one.refs() if ref.startswith(ATTEMPTS)]


@pytest.mark.long
def test_a_remote_that_takes_no_notes_is_told_as_such(tmp_path: Path) -> None:
    server, (one,) = server_and_clones(tmp_path, "one")
    hook = server.path / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\n[ "$1" != {NOTES} ]\n')
    hook.chmod(0o755)
    with pytest.raises(RemoteFailure, match="refused the note"):
        add(one)
    assert not [ref for ref in one.refs() if ref.startswith(ATTEMPTS)]
    assert texts(one) == []
