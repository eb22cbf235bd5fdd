"""Cut the power at every write of a step in a clone: it has happened at the remote or not, and never twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelref_git.operations.exchange import pull, push
from tests.crash.checks import age
from tests.crash.faults import cut
from tests.crash.quick import no_patience, no_syncing
from tests.support.clean import assert_clean
from tests.support.clones import FIRST, keep_offline, outbox_refs, server_and_clones
from tests.support.world import CAROL, World, clip

pytestmark = pytest.mark.usefixtures("no_patience", "no_syncing")
__all__ = ["no_patience", "no_syncing"]

Act = Callable[[World], Any]


def nothing(_one: World) -> None:
    pass


def proposed(one: World) -> None:
    one.create("clip", "a", clip("a"))


def approved(one: World) -> None:
    proposed(one)
    one.approve(FIRST)


def unsent(one: World) -> None:
    keep_offline(one, "a")
    keep_offline(one, "b")


STEPS: dict[str, tuple[Act, Act]] = {
    "propose": (nothing, proposed),
    "approve": (proposed, lambda one: one.approve(FIRST)),
    "apply": (approved, lambda one: one.apply(2 + 1)),
    "propose offline": (nothing, lambda one: keep_offline(one, "a")),
    "push what is unsent": (unsent, lambda one: push(one.context(CAROL))),
    "pull": (approved, lambda one: pull(one.context())),
}


def events(server: World) -> list[tuple[str, ...]]:
    """What happened to which records, in order; of the members, who came by changes too, by their numbers."""
    told = [(row["action"], row["payload"]) for row in server.events()]
    names = {
        row.get("change_id"): row["model"] for _, row in told if row.get("model", "modelref.toml") != "modelref.toml"
    }
    return [(action, str(names.get(row.get("change_id"), row.get("change_id")))) for action, row in told]


@pytest.mark.parametrize("step", ["propose", "push what is unsent"])
def test_a_power_cut_in_a_clone_leaves_a_step_done_or_not(step: str, tmp_path: Path) -> None:
    cut_at_points(step, tmp_path, every=13)


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_a_power_cut_at_really_any_write_of_a_step_in_a_clone(step: str, tmp_path: Path) -> None:
    cut_at_points(step, tmp_path, every=1)


def cut_at_points(step: str, tmp_path: Path, *, every: int) -> None:
    """Do the step again and again, each time cut at another point, until it comes to its end."""
    prepare, act = STEPS[step]
    server, (one,) = server_and_clones(tmp_path / "made", "one")
    prepare(one)
    before = events(server)
    at = 0
    while True:
        folder = tmp_path / f"cut-{at}"
        shutil.copytree(tmp_path / "made", folder, symlinks=True)
        there, here = World(folder / "server.git", server.clock), World(folder / "one", server.clock)
        here.git("config", "remote.origin.url", str(there.path))
        name = cut(lambda here=here: act(here), at)  # type: ignore[misc] # the lambda is called at once
        check(there, here, before)
        shutil.rmtree(folder)
        if name is None:
            break
        at += every
    assert at > 1, "something was written"


def check(there: World, here: World, before: list[tuple[str, ...]]) -> None:
    """Whatever was cut, the log at the remote is whole, and the clone goes on."""
    found = events(there)
    assert found[: len(before)] == before
    assert len(found) == len(set(found)), "nothing happens twice"
    assert_clean(there.path)
    age(here.path / ".git")
    here.run("doctor", "--repair")
    pull(here.context())
    push(here.context(CAROL))
    assert outbox_refs(here) == []
    found = events(there)
    assert len(found) == len(set(found)), "not when it goes on, either"
    assert here.create("clip", "later", clip("later")) >= FIRST
    assert_clean(there.path)
    assert here.refs()["refs/remotes/origin/queue"] == there.refs()["refs/heads/queue"]
    here.git("fsck", "--strict")
