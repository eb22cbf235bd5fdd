from __future__ import annotations

from typing import Any

from tests.cli.shapes import is_oid
from tests.support.world import World, clip


def blamed(world: World, name: str, *words: str) -> dict[str, dict[str, Any]]:
    rows = world.run("blame", "clip", name, *words).ok().json
    fields = ["path", "value", "change_id", "batch_id", "author", "approver", "time", "commit"]
    assert all(list(row) == fields for row in rows)
    paths = [row["path"] for row in rows]
    assert len(paths) == len(set(paths))
    return {row["path"]: row for row in rows}


def test_each_field_names_the_change_that_gave_it_its_value(world: World) -> None:
    made = world.create("clip", "a", clip("a", version="1"))
    batch = world.approve(made)
    world.apply(batch)
    world.clock.tick(100)
    edited = world.update("clip", "a", {"/version": "2"})
    later = world.approve(edited)
    world.apply(later)
    rows = blamed(world, "a")
    assert rows["/version"].items() >= {
        "value": "2", "change_id": edited, "batch_id": later, "author": "carol#2", "approver": "arthur#3",
        "time": world.clock.now,
    }.items()  # fmt: skip
    assert rows["/description"].items() >= {"change_id": made, "batch_id": batch}.items()
    assert rows["/config/download/0/file_name"]["value"] == "x.pt"
    assert rows["/version"]["commit"] == world.git("rev-parse", "main").strip()
    assert all(is_oid(row["commit"]) for row in rows.values())
    assert not [path for path in rows if path.startswith("/_legacy")]
    assert rows["/metadata/updated_at"]["change_id"] == edited


def test_a_value_that_came_back_is_blamed_on_who_brought_it_back(world: World) -> None:
    for text in ("x", "y", "x"):
        change = world.update("clip", "ViT-L/14", {"/description": text})
        world.apply(world.approve(change))
    assert blamed(world, "ViT-L/14")["/description"]["change_id"] == change


def test_what_was_never_proposed_names_the_owner(world: World) -> None:
    row = blamed(world, "ViT-L/14")["/name"]
    assert (row["change_id"], row["batch_id"], row["author"], row["approver"]) == (None, None, "olivia#1", "olivia#1")


def test_leaves_are_scalars_members_of_lists_and_what_is_empty(world: World) -> None:
    world.add_category("thing")
    record = {
        "one": 1,
        "tags": ["a", "b"],
        "none": [],
        "open": {},
        "deep": {"a": [{"b": 1}, 2.5, None]},
        "a/b": {"~": True},
    }
    request = world.create("thing", "t", record)
    world.apply(world.approve(request))
    rows = world.run("blame", "thing", "t").ok().json
    assert {row["path"]: row["value"] for row in rows} == {
        "/one": 1, "/tags/0": "a", "/tags/1": "b", "/none": [], "/open": {}, "/deep/a/0/b": 1, "/deep/a/1": 2.5,
        "/deep/a/2": None, "/a~1b/~0": True,
    }  # fmt: skip
    world.apply(world.approve(world.update("thing", "t", {"/none/-": "x", "/deep/a/1": 2, "/one": True})))
    changed = {row["path"] for row in world.run("blame", "thing", "t").ok().json if row["change_id"] != request}
    assert changed == {"/none/0", "/deep/a/1", "/one"}, "1 and true differ"


def test_two_changes_of_one_record_in_one_batch_each_answer_for_their_own_fields(world: World) -> None:
    one = world.update("clip", "ViT-L/14", {"/description": "one"})
    two = world.update("clip", "ViT-L/14", {"/version": "two"})
    world.apply(world.approve(one, two))
    rows = blamed(world, "ViT-L/14")
    assert (rows["/description"]["change_id"], rows["/version"]["change_id"]) == (one, two)


def test_an_older_revision_is_blamed_as_it_was(world: World) -> None:
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/description": "later"})))
    row = blamed(world, "ViT-L/14", "--at", "main~1")["/description"]
    assert row["change_id"] is None
    assert row["value"] != "later"


def test_a_record_that_is_not_there_is_not_found(world: World) -> None:
    world.apply(world.approve(world.delete("clip", "ViT-L/14")))
    for words in (("clip", "ViT-L/14"), ("clip", "nothing"), ("nothing", "x"), ("clip", "x", "--at", "nowhere")):
        answer = world.run("blame", *words)
        assert (answer.code, answer.out) == (3, b"")
    assert "deleted in" in world.run("blame", "clip", "ViT-L/14").error["message"]
    assert world.run("blame", "clip", "ViT-L/14", "--at", "main~1").code == 0
    assert world.run("blame", "clip", "ViT-L/14", "--at", "queue").code == 3


def test_people_read_one_line_a_field(world: World) -> None:
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/description": "x\x1b" + "y" * 200})))
    lines = world.say("blame", "clip", "ViT-L/14").ok().out.decode().splitlines()
    (line,) = (line for line in lines if line.startswith("/description\t"))
    assert "\tcarol#2\tarthur#3\t" in line
    assert "\x1b" not in line
    assert len(line) < 200
