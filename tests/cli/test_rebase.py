from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shapes import CONFLICT_FIELDS, is_oid, without_nulls
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

NAME = "ViT-L/14"


@pytest.fixture
def moved(world: World) -> World:
    """Change 3 sets the description and the version; main has another description by now."""
    world.update("clip", NAME, {"/description": "mine", "/version": "9"})
    world.apply(world.approve(world.update("clip", NAME, {"/description": "theirs"}, actor=OWNER)))
    return world


def rebase(world: World, *words: str, actor: str = CAROL) -> Any:
    return world.run("propose", "rebase", *words, actor=actor)


def record(world: World, at: str = "main") -> dict[str, Any]:
    found: dict[str, Any] = world.run("get", "clip", NAME, "--at", at).ok().json
    return found


def blob(world: World, number: int) -> str:
    return world.git("rev-parse", f"proposals/{number}:dataset/clip/ViT-L%2F14.json").strip()


def by_two(world: World, number: int) -> int:
    """Approve by Arthur and Bea; gives the batch id."""
    world.run("approve", str(number), "--title", "T", actor=ARTHUR).ok()
    return int(world.run("approve", str(number), "--title", "T", actor="bea#4").ok().json["batch_id"])


def test_a_field_that_both_sides_changed_is_a_conflict_with_both_sides(moved: World) -> None:
    before = moved.refs(), moved.objects()
    answer = rebase(moved, "3")
    assert (answer.code, answer.out, answer.error["code"]) == (4, b"", "conflict")
    assert "modelref-git propose rebase 3 --take mine" in answer.error["message"]
    (entry,) = answer.error["details"]
    assert list(entry) == CONFLICT_FIELDS
    assert (entry["change_id"], entry["category"], entry["model_name"]) == (3, "clip", NAME)
    assert (entry["path"], entry["ours"], entry["theirs"]) == ("/description", "theirs", "mine")
    assert (entry["other_change_id"], entry["authors"]) == (4, [CAROL, OWNER])
    assert (moved.refs(), moved.objects()) == before


@pytest.mark.parametrize(
    ("words", "description"),
    [
        (("--take", "mine"), "mine"),
        (("--take", "theirs"), "theirs"),
        (("--set", "/description=third"), "third"),
        (("--set-string", "/description=3"), "3"),
    ],
)
def test_a_conflict_is_settled_as_told_and_what_did_not_conflict_stays(
    moved: World, words: tuple[str, ...], description: str
) -> None:
    answer = rebase(moved, "3", *words).ok().json
    assert without_nulls(answer)
    assert (answer["change_id"], answer["status"]) == (3, "pending")
    assert (answer["payload"]["description"], answer["payload"]["version"]) == (description, "9")
    assert answer["payload"]["metadata"]["updated_by"] == CAROL
    moved.apply(moved.approve(3))
    assert (record(moved)["description"], record(moved)["version"]) == (description, "9")
    assert_clean(moved.path)


def test_fields_that_one_side_changed_are_merged_without_a_word(world: World) -> None:
    number = world.update("clip", NAME, {"/version": "9"})
    world.apply(world.approve(world.update("clip", NAME, {"/description": "theirs"})))
    payload = rebase(world, str(number)).ok().json["payload"]
    assert (payload["description"], payload["version"]) == ("theirs", "9")
    assert world.git("rev-parse", f"proposals/{number}^").strip() == world.git("rev-parse", "main").strip()
    assert world.run("status", str(number)).ok().json["merge"] == "clean"


def test_an_edit_may_come_without_any_conflict(world: World) -> None:
    number = world.update("clip", NAME, {"/version": "9"})
    payload = rebase(world, str(number), "--set", "/version=x10").ok().json["payload"]
    assert payload["version"] == "x10"
    assert [event["action"] for event in world.events("--change", str(number))] == ["enqueue", "rebase"]


def test_a_rebase_onto_the_same_main_does_nothing(world: World) -> None:
    number = world.update("clip", NAME, {"/version": "9"})
    before = world.refs()
    rebase(world, str(number)).ok()
    assert world.refs() == before


def test_taking_all_of_the_other_side_leaves_nothing_to_propose(world: World) -> None:
    number = world.update("clip", NAME, {"/description": "mine"})
    world.apply(world.approve(world.update("clip", NAME, {"/description": "theirs"})))
    before = world.refs()
    answer = rebase(world, str(number), "--take", "theirs")
    assert answer.code == 7
    assert f"modelref-git withdraw {number}" in answer.error["message"]
    assert world.refs() == before


def test_an_update_of_a_record_that_is_gone_is_settled_either_way(world: World) -> None:
    number = world.update("clip", NAME, {"/description": "mine"})
    world.apply(world.approve(world.delete("clip", NAME)))
    answer = rebase(world, str(number))
    (entry,) = answer.error["details"]
    assert (answer.code, entry["path"], entry["ours"]) == (4, "", None)
    assert rebase(world, str(number), "--take", "theirs").code == 7
    taken = rebase(world, str(number), "--take", "mine").ok().json
    assert (taken["operation"], taken["payload"]["description"]) == ("create", "mine")
    world.apply(world.approve(number))
    assert record(world)["description"] == "mine"
    assert_clean(world.path)


def test_a_create_of_a_record_that_is_there_becomes_an_update(world: World) -> None:
    number = world.create("clip", "twin", clip("twin", description="mine"))
    world.apply(world.approve(world.create("clip", "twin", clip("twin", description="theirs"))))
    assert rebase(world, str(number)).code == 4
    taken = rebase(world, str(number), "--take", "mine").ok().json
    assert (taken["operation"], taken["payload"]["description"]) == ("update", "mine")
    world.apply(world.approve(number))
    assert world.run("get", "clip", "twin").ok().json["description"] == "mine"
    assert_clean(world.path)


def test_a_delete_of_what_others_changed_is_settled_either_way(world: World) -> None:
    number = world.delete("clip", NAME)
    world.apply(world.approve(world.update("clip", NAME, {"/description": "theirs"})))
    (entry,) = rebase(world, str(number)).error["details"]
    assert (entry["path"], entry["theirs"]) == ("", None)
    assert rebase(world, str(number), "--set", "/description=x").code == 4, "which of both is not said by a field"
    assert rebase(world, str(number), "--take", "mine").ok().json["operation"] == "delete"
    world.apply(world.approve(number))
    assert NAME not in world.run("ls", "clip").ok().json


# --- who may ---------------------------------------------------------------------------------------------------------


def test_an_approver_may_rebase_but_not_edit(world: World) -> None:
    number = world.update("clip", NAME, {"/version": "9"})
    world.apply(world.approve(world.update("clip", NAME, {"/description": "theirs"})))
    before = world.refs()
    for words in (("--set", "/version=x10"), ("--take", "mine"), ("--take", "theirs")):
        answer = rebase(world, str(number), *words, actor=ARTHUR)
        assert (answer.code, [row["rule"] for row in answer.error["details"]]) == (6, ["role.owner"])
        assert list(answer.error["details"][0]) == ["rule", "message", "change_id"]
    assert world.refs() == before
    stamp = world.run("show", str(number)).ok().json["payload"]["metadata"]
    done = rebase(world, str(number), actor=ARTHUR).ok().json
    assert (done["requested_username"], done["payload"]["metadata"]) == (CAROL, stamp)
    assert_clean(world.path)


@pytest.mark.parametrize("actor", ["dora#4", "9"])
def test_other_people_may_not_rebase(world: World, actor: str) -> None:
    world.run_policy("member", "add", "dora#4", "--email", "d@people.example", "--role", "requestor")
    number = world.update("clip", NAME, {"/version": "9"})
    assert rebase(world, str(number), actor=actor).code == 6


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("99",), 3),
        (("x",), 2),
        ((), 2),
        (("3", "--take", "both"), 2),
        (("3", "--set", "description=x"), 2),
        (("3", "--set", "/description"), 2),
        (("3", "--set", "/description=[1]"), 5),
        (("3", "--set", "/_legacy=1", "--take", "mine"), 5),
        (("3", "--set", "/description=NaN", "--take", "mine"), 5),
        (("4",), 7),
    ],
)
def test_what_makes_no_sense_leaves_everything_as_it_was(moved: World, words: tuple[str, ...], code: int) -> None:
    before = moved.refs(), moved.objects()
    answer = rebase(moved, *words)
    assert (answer.code, answer.out) == (code, b"")
    assert (moved.refs(), moved.objects()) == before


def test_a_change_of_the_policy_is_never_rebased(world: World) -> None:
    number = world.run("policy", "set", "replica_max_age=5").ok().json["change_id"]
    answer = rebase(world, str(number), actor=OWNER)
    assert answer.code == 7
    assert f"withdraw {number}" in answer.error["message"]


def test_a_name_is_no_field_to_be_set(world: World) -> None:
    number = world.update("clip", NAME, {"/version": "9"})
    before = world.refs()
    answer = rebase(world, str(number), "--set", "/name=other")
    assert (answer.code, answer.error["details"][0]["rule"]) == (5, "name.key_mismatch")
    assert world.refs() == before


# --- approvals -------------------------------------------------------------------------------------------------------


def test_an_approval_survives_a_rebase_that_changes_neither_base_nor_proposal(world: World) -> None:
    world.update("clip", NAME, {"/version": "9"})
    world.create("clip", "other", clip("other"))
    world.approve(3)
    # Another part of main moves on, by a change of the policy.
    world.run_policy("policy", "set", "replica_max_age=5")
    before = blob(world, 3)
    for actor in (CAROL, ARTHUR):
        answer = rebase(world, "3", actor=actor).ok().json
        assert (answer["status"], answer["batch_id"], answer["approved_username"]) == ("approved", 3, ARTHUR)
    assert blob(world, 3) == before
    assert world.git("rev-parse", "proposals/3^").strip() == world.git("rev-parse", "main").strip()
    assert_clean(world.path)
    assert world.apply(3) == [3]
    assert_clean(world.path)


def test_a_first_approval_of_two_survives_such_a_rebase_too(world: World) -> None:
    world.run_policy("member", "add", "bea#4", "--email", "b@people.example", "--role", "approver")
    world.run_policy("policy", "set", "approvals=2")
    number = world.update("clip", NAME, {"/version": "9"})
    world.run("approve", str(number), "--title", "T", actor=ARTHUR).ok()
    world.apply(by_two(world, world.create("clip", "o", clip("o"))))
    rebase(world, str(number)).ok()
    answer = world.run("approve", str(number), "--title", "T", actor="bea#4").ok().json
    assert answer["approved"][0]["status"] == "approved"
    rebase(world, str(number), "--set", "/version=x10").ok()
    answer = world.run("approve", str(number), "--title", "T", actor="bea#4").ok().json
    assert answer["approved"][0]["status"] == "pending", "both approvals were of other content"


def test_an_edit_of_an_approved_change_makes_it_pending_and_the_batch_is_rebuilt(world: World) -> None:
    world.update("clip", NAME, {"/version": "9"})
    world.create("clip", "other", clip("other"))
    world.approve(3, 4)
    answer = rebase(world, "3", "--set", "/version=evil").ok().json
    assert answer["status"] == "pending"
    assert not {"batch_id", "approved_by", "batch_title"} & answer.keys()
    assert record(world, "batches/3").get("version") != "evil"
    assert_clean(world.path)
    assert world.apply(3) == [4]
    assert record(world).get("version") != "evil"
    assert world.run("apply", "3", actor=ARTHUR).code == 7
    assert_clean(world.path)


def test_an_edit_of_the_only_member_closes_the_batch(world: World) -> None:
    world.update("clip", NAME, {"/version": "9"})
    world.approve(3)
    rebase(world, "3", "--set", "/version=x10").ok()
    assert "refs/heads/batches/3" not in world.refs()
    assert world.run("apply", "--batch", "3", actor=ARTHUR).code == 7
    assert world.approve(3) == 4
    assert_clean(world.path)


def test_a_rebase_that_merges_the_work_of_others_voids_the_approval(world: World) -> None:
    world.update("clip", NAME, {"/version": "9"})
    world.run_policy("member", "add", "bea#4", "--email", "b@people.example", "--role", "approver")
    world.run_policy("policy", "set", "approvals=2")
    world.run("approve", "3", "--title", "T", actor=ARTHUR).ok()
    world.apply(by_two(world, world.update("clip", NAME, {"/description": "theirs"})))
    rebase(world, "3").ok()
    answer = world.run("approve", "3", "--title", "T", actor="bea#4").ok().json
    assert answer["approved"][0]["status"] == "pending", "the first approval was of another record"


def test_an_approval_of_content_that_was_edited_since_is_refused(world: World) -> None:
    number = world.update("clip", NAME, {"/version": "9"})
    read = blob(world, number)
    rebase(world, str(number), "--set", "/version=evil").ok()
    before = world.refs()
    answer = world.run("approve", f"{number}@{read}", "--title", "T", actor=ARTHUR)
    assert (answer.code, answer.out, answer.error["code"]) == (4, b"", "conflict")
    assert f"modelref-git diff {number}" in answer.error["message"]
    assert world.refs() == before
    world.run("approve", f"{number}@{blob(world, number)}", "--title", "T", actor=ARTHUR).ok()


def test_several_approved_changes_of_one_record_merge(world: World) -> None:
    edits = (
        {"/description": "one"},
        {"/version": "9"},
        {"/homepage": "https://h.example"},
        {"/config/download/0/file_name": "f.pt"},
    )
    ids = [world.update("clip", NAME, edit) for edit in edits]
    world.approve(ids[0], ids[2])
    batch = world.approve(ids[1], ids[3])
    assert world.apply(batch) == ids
    found = record(world)
    assert (found["description"], found["version"], found["homepage"]) == ("one", "9", "https://h.example")
    assert found["config"]["download"][0]["file_name"] == "f.pt"
    assert_clean(world.path)


def test_a_member_that_does_not_merge_after_an_edit_elsewhere_is_named_and_pending_again(world: World) -> None:
    gone = world.delete("gfpgan", "GFPGAN")
    live = world.run("get", "gfpgan", "GFPGAN").ok().json
    made = world.create("gfpgan", "GfpGan", {**live, "name": "GfpGan"})
    world.approve(gone, made)
    world.run("withdraw", str(gone), actor=CAROL).ok()
    assert world.run("show", str(made)).ok().json["status"] == "pending"
    assert world.run("status").ok().json["open_batch"] is None
    assert_clean(world.path)


# --- dry run ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("--take", "mine"), ("--set", "/description=x")])
def test_a_dry_run_gives_the_same_answer_and_changes_nothing(moved: World, words: tuple[str, ...]) -> None:
    before = moved.refs(), moved.objects()
    dry = rebase(moved, "3", *words, "--dry-run").ok().json
    assert dry.pop("dry_run") is True
    assert (moved.refs(), moved.objects()) == before
    real = rebase(moved, "3", *words).ok().json
    for row in (dry, real):
        row.pop("updated_at")
        row["payload"]["metadata"].pop("updated_at")
    assert list(dry) == list(real)
    assert dry == real


def test_people_are_told_what_comes_next(moved: World, tmp_path: Path) -> None:
    answer = moved.say("propose", "rebase", "3", "--take", "mine", actor=CAROL).ok()
    assert b"change 3: update clip ViT-L/14: pending" in answer.out
    assert b"modelref-git diff 3" in answer.err
    refused = moved.say("propose", "rebase", "3", "--set", "/description=[1]", actor=CAROL)
    assert (refused.code, refused.out) == (5, b"")
    assert b"/description" in refused.err


def test_an_import_that_is_rebased_keeps_what_legacy_files_alone_hold(world: World, tmp_path: Path) -> None:
    (tmp_path / "clip.json").write_text(json.dumps({NAME: {**record(world), "description": "imported"}}))
    number = world.run("import", str(tmp_path / "clip.json"), "--as-proposals").ok().json["change_ids"][0]
    world.apply(world.approve(world.update("clip", NAME, {"/version": "9"})))
    payload = rebase(world, str(number), actor=OWNER).ok().json["payload"]
    assert (payload["description"], payload["version"]) == ("imported", "9")
    assert is_oid(world.run("status").ok().json["main"])
    assert_clean(world.path)
