"""Words for the tests of the queue's semantics: short ways to ask what the queue and the dataset hold."""

from __future__ import annotations

from typing import Any

from tests.support.calls import Answer
from tests.support.world import ARTHUR, World, clip

NAME = "ViT-L/14"
"""A record of the starter dataset, of the category ``clip``."""


def queue(world: World, *names: str) -> list[int]:
    """Propose a create for each name; gives the change ids."""
    return [world.create("clip", name, clip(name)) for name in names]


def listed(world: World, *filters: str, actor: str = ARTHUR) -> tuple[list[int], int]:
    """The ids of a page of changes, those of the policy left out, and the page's total."""
    page = world.run("changes", *filters, actor=actor).ok().json
    return [row["change_id"] for row in page["items"] if row["category"] != "policy"], page["total"]


def show(world: World, number: int) -> dict[str, Any]:
    """One change."""
    row: dict[str, Any] = world.run("show", str(number)).ok().json
    return row


def status(world: World, *numbers: int) -> list[str]:
    """The statuses of changes."""
    return [show(world, number)["status"] for number in numbers]


def apply(world: World, *words: Any, actor: str = ARTHUR) -> Answer:
    """``apply`` with ids and options."""
    return world.run("apply", *map(str, words), actor=actor)


def applied(answer: Answer) -> list[int]:
    """The ids that an apply applied."""
    return [row["change_id"] for row in answer.ok().json["applied"]]


def approve(world: World, *words: Any, actor: str = ARTHUR) -> Answer:
    """``approve`` with ids and options, titled."""
    return world.run("approve", *map(str, words), "--title", "June", actor=actor)


def actions(world: World, *filters: str) -> list[str]:
    """The actions of the queue's events."""
    return [event["action"] for event in world.events(*filters)]


def live(world: World, category: str = "clip", name: str = NAME) -> dict[str, Any] | None:
    """Today's record."""
    answer = world.run("get", category, name)
    return answer.json if answer.code == 0 else None
