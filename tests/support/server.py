"""A server of one's own: a bare repository with the hooks, and plain pushes to it."""

from __future__ import annotations

import atexit
import functools
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelref_git.operations.guarding.push import Moved
from modelref_git.operations.hook import NAMES, install_hooks
from modelref_git.store.git import GitStore
from tests.support.calls import CHECKOUT
from tests.support.world import World, clip

WAITS, JOINS, BATCH = 3, 4, 3
"""The changes and the batch that are open in a :func:`yard`."""


def yard(path: Path) -> World:
    """A bare dataset repository at *path* with a change that waits and one in the open batch, both Carol's."""
    shutil.copytree(_template(), path, symlinks=True)
    return World(path)


@functools.cache
def of_hooks() -> dict[str, str]:
    """What the program of the hooks needs to be that of this checkout; and compiled once, whatever is set here."""
    folder = tempfile.mkdtemp(prefix="modelref-compiled-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths), "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}


@functools.cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="modelref-yard-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    world = World.make(folder / "yard.git", bare=True)
    world.create("clip", "waits", clip("waits"))
    world.approve(world.create("clip", "joins", clip("joins")))
    world.git("repack", "-a", "-d", "-q")  # the fewer the files, the quicker the copies
    return world.path


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a push."""

    code: int
    said: str

    @property
    def rules(self) -> set[str]:
        """The rules that it was refused by."""
        return set(re.findall(r"^remote: refused by ([\w.]+): ", self.said, re.MULTILINE))

    def ok(self) -> Pushed:
        """This push, which must have been taken."""
        assert self.code == 0, self.said
        return self

    def refused(self, *rules: str) -> Pushed:
        """This push, which must have been refused by all of *rules*, and by no other if there are any."""
        assert self.code != 0, self.said
        assert self.rules == set(rules), self.said
        return self


@dataclass(frozen=True, slots=True)
class Server:
    """The repository at *path*, to which others push."""

    path: Path

    @classmethod
    def of(cls, path: Path, **settings: str) -> Server:
        """Make a server of a repository, with settings of git such as ``modelref.trustClaims``."""
        found = cls(path)
        install_hooks(GitStore.open(path))
        for key, value in settings.items():
            found.git("config", f"modelref.{key}", value)
        return found

    @classmethod
    def empty(cls, path: Path, **settings: str) -> Server:
        """A new one, to which nothing was pushed yet."""
        subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", str(path)], check=True)
        return cls.of(path, **settings)

    def stand_alone(self) -> None:
        """Have the hooks find the program of this checkout, where nothing of the tests' environment comes along."""
        paths = os.pathsep.join(str(path) for path in (CHECKOUT, os.environ.get("PYTHONPATH")) if path)
        for name in NAMES:
            path = self.path / "hooks" / name
            first, _, rest = path.read_text().partition("\n")
            path.write_text(f"{first}\nexport PYTHONPATH={shlex.quote(paths)}\n{rest}")

    def git(self, *words: str) -> str:
        """What git says about the repository."""
        done = subprocess.run(["git", "-C", str(self.path), *words], capture_output=True, check=True, text=True)
        return done.stdout.strip()

    def refs(self) -> dict[str, str]:
        """Every ref with what it is at."""
        return refs_of(self.path)

    def files(self) -> set[str]:
        """Every file of the repository."""
        return {path.relative_to(self.path).as_posix() for path in self.path.rglob("*") if path.is_file()}

    def push(
        self,
        source: Path,
        *words: str,
        actor: str | None = None,
        env: Mapping[str, str] | None = None,
        atomic: bool = True,
        url: str | None = None,
    ) -> Pushed:
        """Push from the repository at *source*; *actor* is whom the server's login proved."""
        options = ["--atomic"] if atomic else []
        who = {"MODELREF_ACTOR": actor} if actor is not None else {}
        done = subprocess.run(
            ["git", "-C", str(source), "push", *options, url or self.path.as_uri(), *words],
            capture_output=True,
            check=False,
            env={**os.environ, **of_hooks(), "LC_ALL": "C", **who, **(env or {})},
        )
        return Pushed(done.returncode, done.stderr.decode())


def refs_of(path: Path) -> dict[str, str]:
    """Every ref of the repository at *path* with what it is at."""
    rows = subprocess.run(
        ["git", "-C", str(path), "for-each-ref", "--format=%(refname) %(objectname)"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return dict(row.split(" ") for row in rows.splitlines())


def moved(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The words of a push that makes refs as they are *after*, whatever a server thinks of it."""
    names = sorted(before.keys() | after.keys())
    return [f"+{after[ref]}:{ref}" if ref in after else f":{ref}" for ref in names if before.get(ref) != after.get(ref)]


def offered(path: Path, step: Callable[[], object]) -> tuple[Moved, ...]:
    """What a push of *step* would move: it is done in the repository at *path*, and the refs are put back."""
    before = refs_of(path)
    step()
    after = refs_of(path)
    for ref in before.keys() | after.keys():
        words = ["update-ref", ref, before[ref]] if ref in before else ["update-ref", "-d", ref]
        subprocess.run(["git", "-C", str(path), *words], check=True)
    shutil.rmtree(path / "modelref" / "cache", ignore_errors=True)  # it tells where the branches were
    names = sorted(ref for ref in before.keys() | after.keys() if before.get(ref) != after.get(ref))
    return tuple(Moved(ref, before.get(ref), after.get(ref)) for ref in names)
