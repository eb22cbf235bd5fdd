"""Reading a record, and the start of whole processes."""

from __future__ import annotations

import by_git
from measure import Way, interleave, timed
from run import GET, IMPORTS, NOTHING, OURS, VERSION, Run
from worlds import CATEGORY, open_context

from modelref_git.operations.context import Context
from modelref_git.operations.read import get_record


def get(run: Run) -> None:
    """One record, in process and as a command."""
    for world in run.worlds:
        context = open_context(world.path)
        names = world.names
        path = f"main:{by_git.record_path(context, names[0])}"

        def in_process(number: int, context: Context = context, names: list[str] = names) -> float:
            return timed(lambda: get_record(context, CATEGORY, names[number % len(names)]))

        interleave(run.figures, f"get, in process | {world.label}", {OURS: in_process}, run.rounds(400))
        ways: dict[str, Way] = {
            IMPORTS: run.python("-c", "import click, pygit2"),
            GET: run.modelref_git("-C", str(world.path), "get", CATEGORY, names[0]),
            "git show main:PATH": lambda _n, p=path, w=world: timed(lambda: by_git.git(w.path, "show", p)),  # type: ignore[misc]
        }
        interleave(run.figures, f"get, as a command | {world.label}", ways, run.rounds(24))


def start(run: Run) -> None:
    """Whole processes that do nearly nothing."""
    ways = {
        NOTHING: run.python("-c", "pass"),
        VERSION: run.modelref_git("--version"),
        "modelref-git --help": run.modelref_git("--help"),
    }
    interleave(run.figures, "start", ways, run.rounds(40))
