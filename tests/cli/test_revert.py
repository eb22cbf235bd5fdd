from __future__ import annotations

import pytest

from tests.cli.shapes import CONFLICT_FIELDS
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

NAME = "ViT-L/14"


@pytest.fixture
def applied(world: World) -> World:
    """Batch 3 made a record, deleted another and changed two fields of a third."""
    made = world.create("clip", "a", clip("a"))
    gone = world.delete("gfpgan", "GFPGAN")
    edited = world.update("clip", NAME, {"/description": "new", "/version": "9"})
    world.apply(world.approve(made, gone, edited, title="June"))
    return world


def content(world: World, category: str, name: str) -> dict[str, object]:
    record: dict[str, object] = world.run("get", category, name).ok().json
    record.pop("metadata", None)
    return record


def test_the_inverse_of_every_record_is_proposed_and_gives_what_was(applied: World) -> None:
    answer = applied.run("revert", "3", actor=ARTHUR).ok().json
    assert answer == {"change_ids": [6, 7, 8], "conflicts": []}
    rows = [applied.run("show", str(number)).ok().json for number in answer["change_ids"]]
    assert [(row["operation"], row["model_name"]) for row in rows] == [
        ("delete", "a"),
        ("create", "GFPGAN"),
        ("update", NAME),
    ]
    assert {row["notes"] for row in rows} == {"revert of batch 3: June"}
    applied.apply(applied.approve(6, 7, 8, actor=OWNER))
    before = applied.git("rev-parse", "main~2").strip()
    assert applied.run("ls", "clip").ok().json == applied.run("ls", "clip", "--at", before).ok().json
    for category, name in (("gfpgan", "GFPGAN"), ("clip", NAME)):
        then = applied.run("get", category, name, "--at", before).ok().json
        then.pop("metadata", None)
        assert content(applied, category, name) == then
    assert_clean(applied.path)
    again = applied.run("revert", "3").ok().json
    assert again == {"change_ids": [], "conflicts": []}


def test_later_edits_of_other_fields_stay(applied: World) -> None:
    applied.apply(applied.approve(applied.update("clip", NAME, {"/homepage": "https://h.example"})))
    answer = applied.run("revert", "3").ok().json
    assert answer["conflicts"] == []
    applied.apply(applied.approve(*answer["change_ids"]))
    record = content(applied, "clip", NAME)
    assert record["homepage"] == "https://h.example"
    assert "version" not in record
    assert record["description"] != "new"


def test_what_was_changed_again_is_left_out_and_listed(applied: World) -> None:
    applied.apply(applied.approve(applied.update("clip", NAME, {"/description": "newer"})))
    answer = applied.run("revert", "3").ok().json
    assert list(answer) == ["change_ids", "conflicts"]
    assert len(answer["change_ids"]) == 2
    (entry,) = answer["conflicts"]
    assert list(entry) == CONFLICT_FIELDS
    assert (entry["model_name"], entry["path"], entry["ours"]) == (NAME, "/description", "newer")
    assert applied.run("changes", "--status", "pending", "--category", "clip").ok().json["total"] == 1


def test_if_all_conflicts_nothing_is_proposed(world: World) -> None:
    for text in ("one", "two"):
        world.apply(world.approve(world.update("clip", NAME, {"/description": text})))
    before = world.refs(), world.objects()
    answer = world.run("revert", "3")
    assert (answer.code, answer.out, answer.error["code"]) == (4, b"", "conflict")
    assert [list(row) for row in answer.error["details"]] == [CONFLICT_FIELDS]
    assert "modelref-git blame" in answer.error["message"]
    assert (world.refs(), world.objects()) == before


def test_several_changes_of_one_record_are_taken_back_as_one(world: World) -> None:
    ids = [world.update("clip", NAME, {"/description": "x"}), world.update("clip", NAME, {"/version": "9"})]
    before = content(world, "clip", NAME)
    world.apply(world.approve(*ids))
    answer = world.run("revert", "3", "--title", "back").ok().json
    assert len(answer["change_ids"]) == 1
    world.apply(world.approve(*answer["change_ids"]))
    assert content(world, "clip", NAME) == before


def test_a_purged_change_is_reverted_all_the_same(applied: World) -> None:
    applied.run("purge", "--category", "clip", "--category", "gfpgan", "--yes").ok()
    assert len(applied.run("revert", "3").ok().json["change_ids"]) == 3


def test_a_part_of_a_batch_is_reverted_alone(world: World) -> None:
    first, second = world.create("clip", "a", clip("a")), world.create("clip", "b", clip("b"))
    world.approve(first, second)
    world.run("apply", str(first), actor=ARTHUR).ok()
    (number,) = world.run("revert", "3").ok().json["change_ids"]
    assert world.run("show", str(number)).ok().json["model_name"] == "a"


@pytest.mark.parametrize(
    ("words", "actor", "code"),
    [
        (("99",), OWNER, 3),
        (("x",), OWNER, 2),
        ((), OWNER, 2),
        (("4",), OWNER, 7),
        (("1",), OWNER, 7),
        (("3",), "9", 6),
    ],
)
def test_what_cannot_be_reverted_leaves_everything_as_it_was(
    applied: World, words: tuple[str, ...], actor: str, code: int
) -> None:
    applied.approve(applied.create("clip", "z", clip("z")))
    before = applied.refs(), applied.objects()
    answer = applied.run("revert", *words, actor=actor)
    assert (answer.code, answer.out) == (code, b"")
    assert (applied.refs(), applied.objects()) == before


def test_a_requestor_may_propose_a_revert_and_not_approve_it(applied: World) -> None:
    ids = applied.run("revert", "3", actor=CAROL).ok().json["change_ids"]
    assert applied.run("approve", *map(str, ids), "--title", "T", actor=CAROL).code == 6


def test_a_dry_run_gives_the_same_answer_and_changes_nothing(applied: World) -> None:
    before = applied.refs(), applied.objects()
    dry = applied.run("revert", "3", "--dry-run").ok().json
    assert (applied.refs(), applied.objects()) == before
    assert dry == {**applied.run("revert", "3").ok().json, "dry_run": True}
