"""An honest repository with a history of every kind of step, and a few things left open, to be attacked."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from pathlib import Path

from modelref_git.operations.adopt import adopt, disown
from modelref_git.operations.apply import apply_changes
from modelref_git.operations.changes import Filters
from modelref_git.operations.closing import withdraw
from modelref_git.operations.context import Context
from modelref_git.operations.drafting import Request
from modelref_git.operations.hold import hold, unhold
from modelref_git.operations.import_options import ImportOptions
from modelref_git.operations.import_records import import_source
from modelref_git.operations.layout import set_fan_out
from modelref_git.operations.propose import propose_create
from modelref_git.operations.purge import purge_changes
from modelref_git.operations.rebase import propose_rebase
from modelref_git.operations.revert import revert_batch
from modelref_git.operations.review import review_changes
from modelref_git.records import codec
from tests.attacks.forging import Forger, record_at
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

CREATED = "new/one"
"""A record of ``clip`` that a change created."""
PENDING = ("waits", "waits too", "waits long")
"""Records of ``clip`` whose creates are pending."""
APPROVED = "joins"
"""A record of ``clip`` whose create is in the open batch."""


def honest(path: Path) -> World:
    """A copy of the story at *path*."""
    shutil.copytree(_template(), path, symlinks=True)
    world = World(path)
    world.clock.now = Forger(path).now
    return world


@functools.cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="modelref-story-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    world = World.make(folder / "story.git", bare=True)
    tell(world, folder)
    world.git("repack", "-a", "-d", "-q")  # the fewer the files, the quicker the copies
    return world.path


def tell(world: World, folder: Path) -> None:
    """The whole story, step by step."""
    _ordinary(world)
    _parts(world)
    _administrative(world, folder)
    _strangers(world)
    _left_open(world)


def _ordinary(world: World) -> None:
    first = world.create("clip", CREATED, clip(CREATED), note="Event: apply\nActor: arthur#3")
    second = world.update("clip", "ViT-L/14", {"/description": "x"})
    third = world.delete("gfpgan", "GFPGAN")
    world.clock.tick()
    world.approve(first, second, title='T "x"\n\nEvent: purge')
    world.approve(third)
    world.clock.tick()
    context = world.context(ARTHUR)
    review_changes(context, (), [third], title=None, reason="not\nyet")
    world.apply(world_batch(world, first))
    rows = [
        {"operation": "create", "category": "clip", "model_name": f"bulk {n}", "payload": clip(f"bulk {n}")}
        for n in range(4)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    numbers = world.run("propose", "bulk", "-", actor=CAROL, stdin=lines).ok().json["change_ids"]
    world.clock.now = max(world.clock.now, Forger(world.path).now)
    world.apply(world.approve(*numbers, title="bulk"))


def _parts(world: World) -> None:
    """A part applied, a rebase that merges, a hold, a withdrawal, a purge, a supersede, a revert."""
    numbers = [world.create("clip", f"part {n}", clip(f"part {n}")) for n in range(3)]
    mine = world.update("clip", CREATED, {"/description": "mine"})
    other = world.update("clip", CREATED, {"/homepage": "https://models.example/"})
    world.approve(*numbers, title="parts")
    world.clock.tick()
    apply_changes(world.context(ARTHUR), numbers[:1])
    world.approve(other, title="with more")
    world.apply(world_batch(world, other))
    world.clock.tick()
    propose_rebase(world.context(CAROL), mine)
    hold(world.context(ARTHUR), [mine], reason="wait")
    unhold(world.context(ARTHUR), [mine])
    world.approve(mine, title="mine")
    propose_rebase(world.context(CAROL), mine, settings=[("/description", "mine, better")])
    batch = world.approve(mine, title="mine again")
    world.apply(batch)
    gone = world.create("clip", "gone", clip("gone"))
    withdraw(world.context(CAROL), [gone], reason="no more")
    old = world.create("clip", "rival", clip("rival"))
    request = Request("create", "clip", "rival", clip("rival", description="better"))
    propose_create(world.context(CAROL), request, supersedes=old)
    world.approve(world.create("clip", "purged", clip("purged")), world.create("clip", "stays", clip("stays")))
    purge_changes(world.context(ARTHUR), Filters(model_name="purged"))
    world.apply(world_batch(world, world_change(world, "stays")))
    for number in revert_batch(world.context(CAROL), batch)["change_ids"]:
        world.apply(world.approve(number, title="reverted"))


def _administrative(world: World, folder: Path) -> None:
    world.add_category("voices")
    source = folder / "voices.jsonl"
    source.write_text('{"name": "alto"}\n{"name": "bass"}\n', encoding="utf-8")
    import_source(world.context(OWNER), source, ImportOptions(category="voices"))
    set_fan_out(world.context(OWNER), "voices", 1)
    waits = world.create("voices", "tenor", {"name": "tenor"})
    world.approve(waits)
    set_fan_out(world.context(OWNER), "voices", 2)
    world.apply(world_batch(world, waits))


def _strangers(world: World) -> None:
    forger = Forger(world.path)
    dataset = forger.dataset()
    record = {**record_at(forger, "voices", "alto"), "range": "low"}
    path = dataset.path("voices", "alto")
    for verb in (adopt, disown):
        data = codec.encode({**record, "by": verb.__name__}, dataset.schema("voices").order)
        forger.point("refs/heads/main", forger.commit(forger.tree("main", {path: data}), [forger.main], "by hand\n"))
        verb(world.context(OWNER), "main", reason="seen")
        world.clock.tick()


def _left_open(world: World) -> None:
    for name in PENDING:
        world.create("clip", name, clip(name))
    world.approve(world.create("clip", APPROVED, clip(APPROVED)), title="open")


def world_batch(world: World, number: int) -> int:
    """The batch of a change."""
    change = Context(world.store).view().queue.change(number)
    assert change is not None
    assert change.batch_id is not None
    return change.batch_id


def world_change(world: World, name: str) -> int:
    """The newest change of a record of ``clip``."""
    queue = Context(world.store).view().queue
    numbers = range(queue.header.last_change_id, 0, -1)
    return next(n for n in numbers if (change := queue.change(n)) is not None and change.model_name == name)
