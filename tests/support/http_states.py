"""A world whose queue holds a change in every state, for tests that look at everything there is."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from modelref_git.operations.changes import Filters
from modelref_git.operations.closing import withdraw
from modelref_git.operations.hold import hold
from modelref_git.operations.purge import purge_changes
from modelref_git.operations.review import review_changes
from tests.support.world import ARTHUR, CAROL, World, clip

LIVE = "ViT-H/99"
"""A live record of ``clip``, with a slash in its name."""


@dataclass(frozen=True, slots=True)
class States:
    """The world, and the ids of its changes by what became of them."""

    world: World
    changes: dict[str, int] = field(default_factory=dict)
    applied_batch: int = 0
    open_batch: int = 0


def every_state(path: Path) -> States:
    """A bare one at *path*: Carol proposes, Arthur reviews; the states are those of one template."""
    made = _template()
    shutil.copytree(made.world.path, path, symlinks=True)
    return States(World(path, made.world.clock), made.changes, made.applied_batch, made.open_batch)


@functools.cache
def _template() -> States:
    folder = Path(tempfile.mkdtemp(prefix="modelref-states-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    world = World.make(folder / "states.git", bare=True)
    ids: dict[str, int] = {}

    def create(state: str, name: str | None = None) -> int:
        world.clock.tick()
        ids[state] = world.create("clip", name or f"{state}-model", clip(name or f"{state}-model"))
        return ids[state]

    applied = world.approve(create("applied", LIVE), create("applied too"), title="applied")
    world.apply(applied, job_id="job-1")
    review_changes(world.context(ARTHUR), (), [create("rejected")], title=None, reason="a copy of another")
    withdraw(world.context(CAROL), [create("withdrawn")])
    create("purged", "purged-model")
    purge_changes(world.context(ARTHUR), Filters(model_name="purged-model"))
    hold(world.context(ARTHUR), [create("held")], reason="until the author answers")
    ids["update"] = world.update("clip", LIVE, {"/description": "Another encoder."})
    ids["delete"] = world.delete("clip", "applied too-model")
    create("pending")
    opened = world.approve(create("approved"), create("approved too"), title="June models")
    world.git("repack", "-a", "-d", "-q")
    return States(world, ids, applied, opened)
