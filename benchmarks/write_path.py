"""How quick the write path is, against the ``git`` program and ``git fast-import`` in the same run.

Run it as ``python benchmarks/write_path.py`` from a checkout; ``benchmarks/README.md`` says what each row means.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

import batches
import by_git
import proposing
import reading
from measure import Figures, aim
from run import (
    A_BATCH,
    A_BULK,
    ALL_WORLDS,
    FAST_DEFAULT,
    FAST_LIGHT,
    GET,
    GIT_MERGE,
    GIT_SYNCED,
    IMPORTS,
    NOTHING,
    OURS,
    VERSION,
    Run,
)
from worlds import Scratch, build, find_tool, with_closed


def show_aims(run: Run) -> None:
    """What was wanted, next to what was reached."""
    figures = run.figures
    print("\naims (medians of this run; a missed one fails nothing)")
    least = next((world for world in run.worlds if world.closed == 0), run.worlds[0])
    for world in run.worlds:
        label = world.label
        base = (ALL_WORLDS, least.label)
        if world is not least:
            grown = figures.ratio((ALL_WORLDS, label), base)
            aim(f"propose at {label}, against {least.label}", grown, 2.0)
        what = f"propose | {label}"
        against = figures.ratio((what, GIT_SYNCED), (what, OURS))
        if world.size >= 10_000:  # below it the git program's way costs little but the start of its processes
            aim(f"propose against the git program, {label}", against, 8, at_least=True)
        aim(f"new objects of a proposal, {label}", figures.sizes.get((f"disk | {label}", OURS)), 30, unit=" KB")
        what = f"bulk of {A_BULK:,} | {label}"
        theirs = [figures.ratio((what, how), (what, OURS)) for how in (FAST_LIGHT, FAST_DEFAULT)]
        quickest = min((ratio for ratio in theirs if ratio is not None), default=None)
        aim(f"bulk against the quicker git fast-import, {label}", quickest, 1, at_least=True)
        what = f"approve of {A_BATCH} | {label}"
        merge = figures.ratio((what, GIT_MERGE), (what, OURS))
        aim(f"approve of {A_BATCH} against git merge, {label}", merge, 50, at_least=True)
        what = f"get, as a command | {label}"
        started = figures.ratio((what, GET), (what, IMPORTS))
        aim(f"get as a command against importing click and pygit2, {label}", started, 1.5)
    version = figures.ratio(("start", VERSION), ("start", NOTHING))
    aim("--version against python -c pass", version, 2.5)


BENCHMARKS: dict[str, Callable[[Run], None]] = {
    "start": reading.start,
    "get": reading.get,
    "propose": proposing.propose,
    "disk": proposing.disk,
    "bulk": batches.bulk,
    "approve": batches.approve,
    "apply": batches.apply,
}


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Build the repositories, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=_numbers, default=[1_000, 10_000, 100_000], help="numbers of records")
    parser.add_argument("--closed", type=_numbers, default=[0, 10_000], help="closed changes behind")
    parser.add_argument("--quick", action="store_true", help="a quarter of the rounds")
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="only this one (repeatable)")
    options = parser.parse_args()
    tool = find_tool()
    print(f"{by_git.version()}, Python {sys.version.split()[0]}, {os.cpu_count()} cores; fsync is on for us.")
    print(f"'synced like ours' is core.fsync={by_git.SYNCED}; fast-import syncs its pack, not the branches, as we do.")
    with tempfile.TemporaryDirectory(prefix="modelref-benchmark-") as folder:
        scratch = Scratch(Path(folder))
        worlds = []
        for size in options.sizes:
            world = build(scratch, tool, size)
            worlds += [world if not closed else with_closed(scratch, world, closed) for closed in options.closed]
        run = Run(scratch, worlds, Figures(), options.quick)
        for name, benchmark in BENCHMARKS.items():
            if not options.only or name in options.only:
                benchmark(run)
        show_aims(run)


if __name__ == "__main__":
    main()
