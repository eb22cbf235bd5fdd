"""What every benchmark is given, and the names of the ways that are compared."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import by_git
from measure import Figures, Way, timed
from worlds import Scratch, World

CHECKOUT: Final = Path(__file__).resolve().parents[1]
A_BATCH: Final = 100
A_BULK: Final = 1_000
OURS: Final = "ours"
GIT_SYNCED: Final = "git program, synced like ours"
GIT_DEFAULT: Final = "git program, its default"
FAST_LIGHT: Final = "git fast-import, no deltas, compression 1"
FAST_DEFAULT: Final = "git fast-import, its default"
GIT_MERGE: Final = "git merge of the same branches"
IMPORTS: Final = "python -c 'import click, pygit2'"
NOTHING: Final = "python -c pass"
VERSION: Final = "modelref-git --version"
GET: Final = "modelref-git get"
ALL_WORLDS: Final = "propose, in process, all in turn"

_ENTRY: Final = "import sys; from modelref_git.__main__ import main; sys.exit(main())"
"""What the installed script does."""


@dataclass(frozen=True)
class Run:
    """What every benchmark is given."""

    scratch: Scratch
    worlds: list[World]
    figures: Figures
    quick: bool
    _clones: dict[Path, Path] = field(default_factory=dict)

    def rounds(self, full: int) -> int:
        """So many rounds, or a quarter of them in a quick run."""
        return max(2, full // 4) if self.quick else full

    def clone(self, world: World) -> Path:
        """A clone of a world with a work tree, the same one each time."""
        if world.path not in self._clones:
            self._clones[world.path] = by_git.clone(world.path, self.scratch.new("work"))
        return self._clones[world.path]

    def python(self, *words: str) -> Way:
        """A whole process of Python."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        environment |= {"PYTHONPATH": str(CHECKOUT), "PYTHONPYCACHEPREFIX": str(self.scratch.folder / "bytecode")}
        command = [sys.executable, *words]
        return lambda _number: timed(
            lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)
        )

    def modelref_git(self, *words: str) -> Way:
        """A whole process of the command, as the installed script starts it."""
        return self.python("-c", _ENTRY, *words)
