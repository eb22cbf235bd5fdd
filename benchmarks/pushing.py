"""What it takes to bring one proposal to a remote, against the ``git`` program that pushes one commit, in the same run.

``python benchmarks/pushing.py [--sizes 1000,10000] [--rounds 24]``
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, and its tests' servers

import by_git
from measure import Figures, Way, aim, interleave, settled
from run import Run
from worlds import ACTOR, CATEGORY, Scratch, World, build, find_tool, open_context

from modelref_git.operations.clone import clone
from modelref_git.operations.drafting import Request
from modelref_git.operations.propose import editing, propose_update
from modelref_git.store import transport
from tests.support.transports.fixtures import Files, Transport
from tests.support.transports.smart_http import HttpServer, NoBackend

PLAIN = "git push of one commit"
TWO = "git push --atomic of two branches at that commit"
OUR_PUSH = "ours: the push alone"
OURS = "ours: propose, in process, the remote heard just now"
OURS_LATER = "ours: propose, in process, the remote not heard lately"
BY_HAND = "git checkout -b, add, commit, push, as commands"
COMMAND = "ours: propose, as a command"


@dataclass
class Watch:
    """Seconds of each run of git that talks to a remote, by its command."""

    seen: list[tuple[str, float]] = field(default_factory=list)

    def pushes(self) -> float:
        """Seconds of the pushes since it was asked last."""
        found = sum(seconds for word, seconds in self.seen if word == "push")
        self.seen.clear()
        return found


@contextmanager
def watched() -> Iterator[Watch]:
    """Time every run of git by the transport, which goes through one function."""
    watch, call = Watch(), transport.call

    def timed(words: Sequence[str], **more: Any) -> tuple[int, str, str]:
        start = time.perf_counter()
        try:
            return call(words, **more)
        finally:
            watch.seen.append((words[0], time.perf_counter() - start))

    transport.call = timed
    try:
        yield watch
    finally:
        transport.call = call


def measure(run: Run, world: World, way_in: Transport, watch: Watch, rounds: int) -> None:
    """All ways for one world over one transport."""
    what = f"one proposal to a remote over {way_in.name} | {world.label}"
    pushed: list[float] = []

    def the_push(_number: int) -> float:
        return pushed[-1]

    interleave(
        run.figures,
        what,
        {
            PLAIN: _plain(run, world, way_in, PLAIN),
            TWO: _plain(run, world, way_in, TWO),
            OURS: _ours(run, world, way_in, watch, pushed, heard=True),
            OUR_PUSH: the_push,
            OURS_LATER: _ours(run, world, way_in, watch, [], heard=False),
            BY_HAND: _plain(run, world, way_in, BY_HAND),
            COMMAND: _command(run, world, way_in),
        },
        rounds,
    )


def _cloned(run: Run, world: World, way_in: Transport) -> Path:
    target = run.scratch.new("clone")
    clone(way_in.url(run.scratch.copy(world.path, "remote.git")), target)
    return target


def _ours(run: Run, world: World, way_in: Transport, watch: Watch, pushed: list[float], *, heard: bool) -> Way:
    path = _cloned(run, world, way_in)

    def way(number: int) -> float:
        context = open_context(path)
        if not heard:
            (context.store.local_dir / "cache" / "heard").unlink(missing_ok=True)
        request = Request("update", CATEGORY, world.names[number % len(world.names)], note="benchmark")
        edit = editing([("/description", f"light and texture, round {number}")], ())
        watch.pushes()
        seconds = settled(lambda: propose_update(context, request, edit=edit))
        pushed.append(watch.pushes())
        return seconds

    return way


def _plain(run: Run, world: World, way_in: Transport, how: str) -> Way:
    """A branch with one commit by the git program, in a clone of a remote of its own."""
    remote = run.scratch.copy(world.path, "remote.git")
    work = by_git.clone(remote, run.scratch.new("work"))
    by_git.git(work, "remote", "set-url", "origin", way_in.url(remote))
    context = open_context(world.path)

    def way(number: int) -> float:
        name = world.names[number % len(world.names)]
        path = by_git.record_path(context, name)
        record = json.loads((work / path).read_bytes())
        record["description"] = f"light and texture, by hand {number}"
        data = json.dumps(record, ensure_ascii=False, indent=2).encode() + b"\n"
        branch = f"by-hand/{number}"

        def commit() -> None:
            by_git.propose(work, branch, path, data, fsync=by_git.SYNCED)

        def push() -> None:
            more = ["--atomic", "origin", f"{branch}:also/{branch}"] if how == TWO else ["origin"]
            by_git.git(work, "push", "-q", *more, branch)

        if how == BY_HAND:
            return settled(lambda: (commit(), push()))
        commit()
        return settled(push)

    return way


def _command(run: Run, world: World, way_in: Transport) -> Way:
    path = _cloned(run, world, way_in)

    def way(number: int) -> float:
        name = world.names[number % len(world.names)]
        words = ("propose", "update", CATEGORY, name, "--set", f"/description=round {number}")
        return run.modelref_git("-q", "-C", str(path), "--actor", ACTOR, *words)(number)

    return way


@contextmanager
def transports() -> Iterator[list[Transport]]:
    """The ways to a remote on this machine: the file system, and smart HTTP where git came with it."""
    try:
        server = HttpServer()
    except NoBackend as error:
        print(f"nothing is measured over http: {error}")
        yield [Files()]
        return
    os.environ.update(server.env)
    try:
        yield [Files(), server]
    finally:
        server.close()


def show_aims(figures: Figures) -> None:
    """What was wanted, next to what was reached."""
    print("\naims (medians of this run; a missed one fails nothing)")
    for what in dict.fromkeys(what for what, _ in figures.seconds):
        aim(f"{what}: the push against git's", figures.ratio((what, OUR_PUSH), (what, PLAIN)), 1.5)
        aim(f"{what}: all of propose against git's push", figures.ratio((what, OURS), (what, PLAIN)), 1.5)


def main() -> None:
    """Build the repositories, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    numbers = [1_000, 10_000]
    parser.add_argument("--sizes", type=lambda text: [int(part) for part in text.split(",")], default=numbers)
    parser.add_argument("--rounds", type=int, default=24)
    options = parser.parse_args()
    tool = find_tool()
    print(f"{by_git.version()}, Python {sys.version.split()[0]}, {os.cpu_count()} cores; fsync is on for us.")
    with (
        tempfile.TemporaryDirectory(prefix="modelref-pushing-") as folder,
        transports() as ways_in,
        watched() as watch,
    ):
        scratch = Scratch(Path(folder))
        run = Run(scratch, [build(scratch, tool, size) for size in options.sizes], Figures(), quick=False)
        for world in run.worlds:
            for way_in in ways_in:
                measure(run, world, way_in, watch, options.rounds)
        show_aims(run.figures)


if __name__ == "__main__":
    main()
