"""Words for worlds whose events receivers are told of."""

from __future__ import annotations

from typing import Any

from modelref_git.operations.context import Context
from modelref_git.operations.propose import propose_bulk, read_bulk_line
from modelref_git.operations.webhooks.deliver import deliver_once
from modelref_git.operations.webhooks.manage import add_webhook
from modelref_git.operations.webhooks.registry import Registry, Webhook
from tests.support.world import CAROL, World, clip


def add(world: World, url: str, **more: Any) -> Webhook:
    """Register a receiver on this machine; gives it with its secret."""
    made = add_webhook(world.context(), url, **{"allow_private": True, **more})
    return webhook(world, made["webhook_id"])


def webhook(world: World, webhook_id: str) -> Webhook:
    """A receiver as the file has it now."""
    return Registry(world.store).webhooks()[webhook_id]


def run(world: World, ctx: Context | None = None) -> tuple[dict[str, Any], list[str]]:
    """Deliver once; gives the answer, and what operators are told."""
    said: list[str] = []
    return deliver_once(ctx or world.context(None), tell=said.append), said


def propose(world: World, *names: str) -> list[int]:
    """Enqueue records of the category ``thing``; gives the ids of the changes."""
    return [world.create("thing", name, {"name": name}) for name in names]


def propose_at_once(world: World, count: int, *, title: str = "c") -> list[int]:
    """Enqueue so many records of the category ``clip`` as one step; gives the ids of the changes."""
    names = [f"{title}{number}" for number in range(count)]
    rows = [{"operation": "create", "category": "clip", "payload": clip(name)} for name in names]
    lines = [read_bulk_line(number, row, ()) for number, row in enumerate(rows, 1)]
    made = propose_bulk(world.context(CAROL), lines, atomic=True)
    assert not made.errors, made.errors
    return made.change_ids
