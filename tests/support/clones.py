"""Clones of a world, as people work in them: the server is a bare repository on this disk."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from modelref_git.operations.clone import clone
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.propose import propose_create
from tests.support.transports.cutting import Gate
from tests.support.world import CAROL, FixedClock, World, clip

FIRST = 3
"""The number of the first change that a test makes: the members came by changes, too."""


@functools.cache
def _template() -> Path:
    """A server and a clone of it, made once; the clone's address is relative, so both move together."""
    folder = Path(tempfile.mkdtemp(prefix="modelref-clones-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    World.make(folder / "server.git", bare=True)
    clone(str(folder / "server.git"), folder / "clone")
    return folder


def server_and_clones(folder: Path, *names: str) -> tuple[World, list[World]]:
    """A bare dataset repository, and a clone of it for each of *names*, with one clock for all."""
    clock = FixedClock()
    shutil.copytree(_template() / "server.git", folder / "server.git", symlinks=True)
    server = World(folder / "server.git", clock)
    return server, [another_clone(server, folder / name) for name in names]


def another_clone(server: World, path: Path) -> World:
    """One more clone of *server*, which is as it was made."""
    shutil.copytree(_template() / "clone", path, symlinks=True)
    made = World(path, server.clock)
    made.git("config", "remote.origin.url", str(server.path))
    return made


def gate_before(world: World) -> Gate:
    """What stands between the clone *world* and its server, for pushes; it lets all through until told otherwise."""
    gate = Gate(world.path.parent / f"{world.path.name}-plan")
    gate.expect()
    gate.stand_before(world.path)
    return gate


def watch_pushes(server: World) -> Path:
    """Have *server* note the refs of each push that it takes, a line each; gives the file."""
    notes = server.path.parent / "pushes"
    notes.write_text("")
    hook = server.path / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\nawk \'{{printf "%s ", $3}} END {{print ""}}\' >> "{notes}"\n')
    hook.chmod(0o755)
    return notes


def offline(world: World, actor: str = CAROL) -> Context:
    context = world.context(actor)
    context.offline = True
    return context


def keep_offline(world: World, name: str, **more: object) -> int:
    """Propose the create of a record offline; gives its provisional id."""
    request = Request("create", "clip", name, clip(name, **more))
    answer = propose_create(offline(world), request)
    assert answer["provisional"] is True
    number: int = answer["change_id"]
    return number


def outbox_refs(world: World) -> list[str]:
    return [ref for ref in world.refs() if ref.startswith("refs/modelref/outbox/")]
