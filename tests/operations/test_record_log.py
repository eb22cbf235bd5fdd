"""The history of a record where it is not simply one change a commit."""

from __future__ import annotations

from typing import Any

import pytest

from modelref_git.errors import NotFound
from modelref_git.operations.record_log import record_log
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import ADOPT, Event
from modelref_git.store.step import Step
from modelref_git.store.trees import TreeEditor
from tests.support.world import ARTHUR, CAROL, World, clip


def fields(row: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {item["path"]: (item["old"], item["new"]) for item in row["fields"] if "/metadata" not in item["path"]}


def test_several_changes_in_one_merge_are_a_row_each_with_what_each_made_of_the_one_before(world: World) -> None:
    old = world.run("get", "clip", "ViT-L/14").ok().json
    one = world.update("clip", "ViT-L/14", {"/description": "one"})
    two = world.update("clip", "ViT-L/14", {"/version": "two"})
    three = world.update("clip", "ViT-L/14", {"/description": "one", "/nsfw": True})
    batch = world.approve(three, one, two)
    world.apply(batch)
    rows = record_log(world.context(), "clip", "ViT-L/14")
    assert [row["change_id"] for row in rows] == [three, two, one, None], "newest first, as they were merged"
    assert len({row["commit"] for row in rows[:3]}) == 1
    assert {row["batch_id"] for row in rows[:3]} == {batch}
    third, second, first = rows[:3]
    assert fields(first) == {"/description": (old["description"], "one")}
    assert fields(second) == {"/version": (old.get("version"), "two")}
    assert fields(third) == {"/nsfw": (old.get("nsfw"), True)}
    assert {row["operation"] for row in rows[:3]} == {"update"}
    assert (first["author"], first["approver"], first["applied_by"]) == (CAROL, ARTHUR, ARTHUR)


def test_a_chain_of_merges_is_a_row_a_merge(world: World) -> None:
    one = world.update("clip", "ViT-L/14", {"/description": "one"})
    batch = world.approve(one)
    two = world.update("clip", "ViT-L/14", {"/version": "two"})
    assert world.approve(two) == batch
    world.apply(batch)
    rows = record_log(world.context(), "clip", "ViT-L/14")
    assert [row["change_id"] for row in rows] == [two, one, None]
    assert rows[0]["commit"] != rows[1]["commit"]
    assert list(fields(rows[0])) == ["/version"]


def test_what_was_adopted_names_its_author_as_git_has_it_and_who_took_it_in(world: World) -> None:
    def adopt(step: Step) -> None:
        editor = TreeEditor(step.objects, step.dataset().tree)
        editor.put("dataset/clip/by%20hand.json", step.objects.add("blob", b'{\n  "name": "by hand"\n}\n'))
        author = step.author(Actor("9", "Sam Stranger"), "sam@people.example")
        main = step.commit(editor.write(), [step.main], author, "by hand\n\nActor: mallory#6\n")
        step.append(Event(ADOPT, Actor.parse(ARTHUR), 0, 0, main=main, stranger=main, reason="fine"), keeps=[main])

    world.clock.tick(50)
    world.context().write(adopt)
    (row,) = record_log(world.context(), "clip", "by hand")
    assert (row["author"], row["approver"], row["applied_by"]) == (
        "Sam Stranger <sam@people.example>",
        ARTHUR,
        ARTHUR,
    )
    assert (row["change_id"], row["batch_id"], row["operation"]) == (None, None, "create")
    assert row["time"] == world.clock.now


def test_a_record_that_was_made_deleted_and_made_again_has_one_history(world: World) -> None:
    for _ in range(2):
        world.apply(world.approve(world.create("clip", "a", clip("a"))))
        world.apply(world.approve(world.delete("clip", "a")))
    rows = record_log(world.context(), "clip", "a")
    assert [row["operation"] for row in rows] == ["delete", "create", "delete", "create"]
    assert all(item["old"] is None for item in rows[1]["fields"])


def test_a_revision_ends_the_history(world: World) -> None:
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/description": "x"})))
    ctx = world.context()
    assert len(record_log(ctx, "clip", "ViT-L/14")) == 2
    assert record_log(ctx, "clip", "ViT-L/14", revision="main~1") == record_log(ctx, "clip", "ViT-L/14")[1:]
    with pytest.raises(NotFound, match="never on main"):
        record_log(ctx, "clip", "ViT-L/14", revision="queue")
    with pytest.raises(NotFound, match="no revision"):
        record_log(ctx, "clip", "ViT-L/14", revision="nowhere")
    world.apply(world.approve(world.create("clip", "new", clip("new"))))
    with pytest.raises(NotFound, match="never had one"):
        record_log(ctx, "clip", "new", revision="main~1")


def test_a_record_of_any_name_is_found(world: World) -> None:
    for name in ("a/b", "A B", "é", "x\ny"):
        world.apply(world.approve(world.create("clip", name, clip(name))))
        assert [row["operation"] for row in record_log(world.context(), "clip", name)] == ["create"]
