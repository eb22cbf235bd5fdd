"""What guards a write at the beginning of its step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelref_git.operations.drafting import Request
from modelref_git.operations.propose import propose_create
from modelref_git.server.faults import Refusal
from modelref_git.server.targets import Target
from modelref_git.store.step import Step
from tests.support.world import CAROL, World, clip


def test_what_else_is_asked_at_the_beginning_of_a_step_is_asked_first(world: World) -> None:
    class Known(Exception):
        pass

    def known(_step: Step) -> None:
        raise Known

    ctx = replace(world.context(CAROL), before=known)
    with pytest.raises(Known):
        propose_create(Target("create", "clip", "ViT-L/14").guarding(ctx), Request("create", "clip", "ViT-L/14", {}))


def test_it_is_asked_of_the_state_that_the_step_finds(world: World) -> None:
    target = Target("create", "clip", "late")
    ctx = target.guarding(world.context(CAROL))
    target.check(world.context().dataset())
    world.apply(world.approve(world.create("clip", "late", clip("late"))))
    with pytest.raises(Refusal) as refused:
        propose_create(ctx, Request("create", "clip", "late", clip("late")))
    assert refused.value.status == 409


@pytest.mark.parametrize("operation", ["create", "update", "delete"])
def test_a_category_that_the_dataset_has_not_is_told(world: World, operation: str) -> None:
    with pytest.raises(Refusal) as refused:
        Target(operation, "upscaler", "x").check(world.context().dataset())
    assert (refused.value.status, refused.value.detail) == (404, "Model category 'upscaler' not found")
