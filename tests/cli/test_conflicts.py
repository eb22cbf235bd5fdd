from __future__ import annotations

from typing import Any

from tests.support.world import CAROL, OWNER, World, clip

NAME = "ViT-L/14"
FIELDS = ["change_ids", "category", "model_name", "verdict", "paths"]


def conflicts(world: World, *words: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = world.run("conflicts", *words).ok().json
    assert all(list(row) == FIELDS for row in rows)
    return rows


def verdicts(rows: list[dict[str, Any]]) -> dict[tuple[int, ...], str]:
    return {tuple(row["change_ids"]): row["verdict"] for row in rows}


def test_nothing_is_said_of_changes_that_are_in_nobodys_way(world: World) -> None:
    world.update("clip", NAME, {"/description": "x"})
    world.create("clip", "a", clip("a"))
    assert conflicts(world) == []
    assert b"in each other's way" in world.say("conflicts").ok().err


def test_each_pair_all_and_the_most_that_go_together(world: World) -> None:
    for edit in ({"/description": "x"}, {"/version": "1"}, {"/description": "y"}, {"/homepage": "https://h.example"}):
        world.update("clip", NAME, edit)
    rows = conflicts(world)
    assert verdicts(rows) == {
        (3, 4): "overlaps",
        (3, 5): "conflict",
        (3, 6): "overlaps",
        (4, 5): "overlaps",
        (4, 6): "overlaps",
        (5, 6): "overlaps",
        (3, 4, 5, 6): "conflict",
        (3, 4, 6): "overlaps",
    }
    assert {tuple(row["paths"]) for row in rows if row["verdict"] == "conflict"} == {("/description",)}
    # What it says comes true.
    assert world.run("approve", "3", "4", "5", "6", "--title", "T").code == 4
    world.apply(world.approve(3, 4, 6))


def test_of_many_rivals_those_are_named_that_go_together_in_turn(world: World) -> None:
    ids = [world.update("clip", NAME, {f"/field_{number % 11}": number}) for number in range(12)]
    found = verdicts(conflicts(world, str(ids[0])))
    assert found[tuple(ids)] == "conflict"
    assert found[tuple(ids[:-1])] == "overlaps"
    world.apply(world.approve(*ids[:-1]))


def test_of_many_names_that_differ_by_letter_case_no_two_go_together(world: World) -> None:
    names = [f"{a}{b}{c}{d}" for a in "aA" for b in "bB" for c in "cC" for d in "dD"][:12]
    for name in names:
        world.create("clip", name, clip(name))
    found = verdicts(conflicts(world))
    assert set(found.values()) == {"conflict"}
    assert max(map(len, found)) == len(names)


def test_a_change_that_does_not_merge_by_itself_has_a_row_of_its_own(world: World) -> None:
    late, done = world.update("clip", NAME, {"/description": "x"}), world.delete("gfpgan", "GFPGAN")
    world.apply(world.approve(world.update("clip", NAME, {"/description": "y"}), world.delete("gfpgan", "GFPGAN")))
    rows = conflicts(world)
    assert verdicts(rows) == {(late,): "conflict", (done,): "obsolete"}
    assert rows[0]["paths"] == ["/description"]


def test_creates_of_one_name_conflict_as_a_whole(world: World) -> None:
    for text in ("one", "two"):
        world.create("clip", "twin", clip("twin", description=text))
    (row,) = conflicts(world)
    assert (row["change_ids"], row["verdict"], row["paths"]) == ([3, 4], "conflict", [""])


def test_a_delete_against_an_update_conflicts(world: World) -> None:
    world.update("clip", NAME, {"/description": "x"})
    world.delete("clip", NAME)
    (row,) = conflicts(world)
    assert row["verdict"] == "conflict"


def test_only_the_records_of_the_changes_that_are_named(world: World) -> None:
    for name in (NAME, "coca_ViT-L-14"):
        for text in ("one", "two"):
            world.update("clip", name, {"/description": text})
    assert [row["model_name"] for row in conflicts(world)] == [NAME, "coca_ViT-L-14"]
    assert [row["model_name"] for row in conflicts(world, "6", "5")] == ["coca_ViT-L-14"]
    for words, code in ((("99",), 3), (("x",), 2)):
        assert world.run("conflicts", *words).code == code


def test_anybody_may_look_and_looking_changes_nothing(world: World) -> None:
    for text in ("one", "two"):
        world.update("clip", NAME, {"/description": text})
    before = world.refs(), world.objects()
    for actor in (OWNER, CAROL, "9", None):
        assert len(world.run("conflicts", actor=actor).ok().json) == 1
    assert (world.refs(), world.objects()) == before


def test_look_alikes_are_each_others_rivals(world: World) -> None:
    for name in ("Twin", "tWIN"):
        world.create("clip", name, clip(name))
    (row,) = conflicts(world)
    assert (row["change_ids"], row["verdict"]) == ([3, 4], "conflict")
    assert world.run("approve", "3", "4", "--title", "T").code == 4


def test_a_rename_is_none(world: World) -> None:
    gone = world.delete("gfpgan", "GFPGAN")
    live = world.run("get", "gfpgan", "GFPGAN").ok().json
    made = world.create("gfpgan", "GfpGan", {**live, "name": "GfpGan"})
    assert verdicts(conflicts(world)).get((gone, made)) == "overlaps"
    world.apply(world.approve(gone, made))


def test_a_create_whose_look_alike_stays_after_all_does_not_go_through(world: World) -> None:
    gone = world.delete("gfpgan", "GFPGAN")
    live = world.run("get", "gfpgan", "GFPGAN").ok().json
    made = world.create("gfpgan", "GfpGan", {**live, "name": "GfpGan"})
    world.run("withdraw", str(gone), actor=CAROL).ok()
    assert verdicts(conflicts(world)) == {(made,): "conflict"}
    assert world.run("status", str(made)).ok().json["merge"] == "conflict"
    assert world.run("approve", str(made), "--title", "T").code == 4
