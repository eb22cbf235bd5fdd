"""A dataset whose policy knows the users of a login service: a service writes for them, and their flags are roles."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from modelref_git.operations.context import Context
from modelref_git.operations.members import add_member
from modelref_git.operations.policy_settings import set_policy
from modelref_git.proposals.request_key import RequestKey
from tests.support.world import World

ROBOT = "robot#9"
GWEN = "gwen#77"
"""On no list."""
TESS = "tess#78"
"""On no list."""
MODERATOR = ("moderator",)
TRUSTED = ("trusted",)


def open_house(path: Path) -> World:
    """A bare dataset repository at *path* with the service robot; moderators approve there, the trusted propose."""
    shutil.copytree(_template(), path, symlinks=True)
    world = World(path)
    world.clock.tick(100)
    return world


def guest(world: World, claim: str, *flags: str, service: str | None = ROBOT, dry_run: bool = False) -> Context:
    """The way in for somebody of whom the service says that they have *flags*."""
    return replace(world.context(claim, dry_run=dry_run), service=service, flags=flags)


def named(ctx: Context, key: str, content: bytes = b"") -> Context:
    """*ctx*, whose request its client calls *key*."""
    return replace(ctx, request=RequestKey.of(ctx.claim or "", key, content))


@functools.cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="modelref-open-house-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    world = World.make(folder / "house.git", bare=True)
    world.pass_policy(add_member(world.context(), ROBOT, emails=("robot@people.example",), roles=("service",)))
    roles = [("flag_roles.moderator", ["approver"]), ("flag_roles.trusted", ["requestor"])]
    world.pass_policy(set_policy(world.context(), roles))
    world.git("repack", "-a", "-d", "-q")  # the fewer the files, the quicker the copies
    return world.path
