from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.errors import Conflict, Forbidden, Invalid, NotFound
from modelref_git.operations.drafting import Request
from modelref_git.operations.propose import propose_create
from modelref_git.operations.rehearsal import rehearse, rehearse_all
from tests.support.world import CAROL, World, clip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "world")


def test_a_rehearsal_tells_what_a_proposal_would_and_leaves_nothing_behind(world: World) -> None:
    before = (world.refs(), world.objects())
    ctx = world.context(CAROL)
    good = rehearse(ctx, Request("create", "clip", None, clip("new")))
    assert good.fault is None
    assert ("name", "new") in [(one.diff.dotted, one.diff.new) for one in good.differences]
    assert not [one for one in good.differences if one.diff.path[0] == "metadata" and one.diff.path[1] == "created_at"]
    assert [one.diff.dotted for one in good.differences if one.is_critical] == ["config.download"]

    bad = Request("create", "clip", None, clip(" new ", config=1))
    told = rehearse(ctx, bad).fault
    with pytest.raises(Invalid) as refused:
        propose_create(ctx, bad)
    assert told is not None
    assert told.details == refused.value.details

    waivable = rehearse(ctx, Request("create", "clip", None, clip(" new ")))
    assert [rule.id for rule in waivable.waivable] == ["name.whitespace"]
    rules = tuple(rule.id for rule in waivable.waivable)
    waived = rehearse(ctx, Request("create", "clip", None, clip(" new "), allow=rules))
    assert (waived.fault, waived.waived) == (None, rules)
    nameless = rehearse(ctx, Request("create", "image_generation", None, {}))
    assert nameless.fault is not None
    assert {row["path"] for row in nameless.fault.details} == {"/name", "/baseline", "/nsfw"}
    assert (world.refs(), world.objects()) == before
    assert world.warnings == []


@pytest.mark.long
def test_a_rehearsal_refuses_as_the_proposal_does_and_knows_its_rivals(world: World) -> None:
    base = world.refs()["refs/heads/main"]
    record = world.run("get", "clip", "ViT-L/14").ok().json
    mine = Request("update", "clip", "ViT-L/14", {**record, "description": "Mine"})
    number = world.update("clip", "ViT-L/14", {"/description": "Theirs"})
    assert rehearse(world.context(CAROL), mine, base=base).rivals == (number,)
    world.apply(world.approve(number))
    met = rehearse(world.context(CAROL), mine, base=base).fault
    assert isinstance(met, Conflict)
    assert met.details[0]["path"] == "/description"
    gone = Request("update", "clip", "nothing", clip("nothing"))
    assert isinstance(rehearse(world.context(CAROL), gone, base=base).fault, NotFound)
    assert isinstance(rehearse(world.context("nina#9"), mine).fault, Forbidden)
    with pytest.raises(Forbidden):
        rehearse_all(world.context("nina#9"), [mine])


@pytest.mark.long
def test_several_are_tried_out_one_after_the_other(world: World) -> None:
    requests = [
        Request("delete", "clip", "ViT-L/14"),
        Request("create", "clip", "vit-l/14", clip("vit-l/14")),
        Request("create", "clip", None, clip("x", config=1)),
    ]
    found = rehearse_all(world.context(CAROL), requests)
    assert [one.fault is None for one in found] == [True, True, False]
    alone = rehearse(world.context(CAROL), requests[1])
    assert isinstance(alone.fault, Conflict)
