"""One proposal: how long it takes, and how much it leaves on the disk."""

from __future__ import annotations

import json
from pathlib import Path

import by_git
from measure import Way, interleave, settled
from run import ALL_WORLDS, GIT_DEFAULT, GIT_SYNCED, OURS, Run
from worlds import ACTOR, CATEGORY, World, object_bytes, open_context

from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.propose import editing, propose_update

DISK_PROPOSALS = 16
COLD = "ours, context opened anew"
AS_COMMAND = "ours, as a command"


def propose(run: Run) -> None:
    """One update of a record: in process on all worlds in turn, then each world against git."""
    ways = {world.label: _ours(run, world) for world in run.worlds}
    interleave(run.figures, ALL_WORLDS, ways, run.rounds(60))
    for world in run.worlds:
        what = f"propose | {world.label}"
        work = run.clone(world)
        ways = {
            OURS: _ours(run, world),
            COLD: _ours(run, world, cold=True),
            GIT_SYNCED: _by_git(world, work, "synced", by_git.SYNCED),
            GIT_DEFAULT: _by_git(world, work, "default", None),
            AS_COMMAND: _as_command(run, world),
        }
        interleave(run.figures, what, ways, run.rounds(24))


def _request(world: World, number: int) -> Request:
    return Request("update", CATEGORY, world.names[number % len(world.names)], note="benchmark")


def _ours(run: Run, world: World, *, cold: bool = False) -> Way:
    path = run.scratch.copy(world.path)
    context = open_context(path)

    def way(number: int) -> float:
        edit = editing([("/description", f"light and texture, round {number}")], ())
        request = _request(world, number)
        if cold:
            return settled(lambda: propose_update(open_context(path), request, edit=edit))
        return settled(lambda: propose_update(context, request, edit=edit))

    return way


def _by_git(world: World, work: Path, name: str, fsync: str | None) -> Way:
    context = open_context(world.path)

    def way(number: int) -> float:
        path = by_git.record_path(context, world.names[number % len(world.names)])
        record = json.loads((work / path).read_bytes())
        record["description"] = f"light and texture, {name} {number}"
        data = json.dumps(record, ensure_ascii=False, indent=2).encode() + b"\n"
        return settled(lambda: by_git.propose(work, f"{name}/{number}", path, data, fsync=fsync))

    return way


def _as_command(run: Run, world: World) -> Way:
    path = run.scratch.copy(world.path)

    def way(number: int) -> float:
        name = world.names[number % len(world.names)]
        words = ("propose", "update", CATEGORY, name, "--set", f"/description=round {number}")
        return run.modelref_git("-q", "-C", str(path), "--actor", ACTOR, *words)(number)

    return way


def disk(run: Run) -> None:
    """New bytes of objects for each proposal."""
    print(f"\nnew objects, mean of {DISK_PROPOSALS} proposals")
    for world in run.worlds:
        path = run.scratch.copy(world.path)
        context = open_context(path)
        work = run.clone(world)
        by_git_program = _by_git(world, work, "disk", None)

        def ours(number: int, context: Context = context, world: World = world) -> None:
            edit = editing([("/description", f"round {number}")], ())
            propose_update(context, _request(world, number), edit=edit)

        for how, folder, work_of in ((OURS, path, ours), (GIT_DEFAULT, work / ".git", by_git_program)):
            before = object_bytes(folder)
            for number in range(DISK_PROPOSALS):
                work_of(number)
            after = object_bytes(folder)
            size, blocks = ((after[part] - before[part]) / DISK_PROPOSALS / 1000 for part in (0, 1))
            run.figures.sizes[f"disk | {world.label}", how] = size
            print(f"  {world.label}: {how:<32} {size:8.1f} KB in files, {blocks:8.1f} KB on the disk")
