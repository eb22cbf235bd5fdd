from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shapes import with_nulls, without_nulls
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip


@pytest.fixture
def three(world: World) -> World:
    """Three pending changes, 3 to 5; the next batch is 3."""
    for name in ("a", "b", "c"):
        world.create("clip", name, clip(name))
    return world


def statuses(world: World) -> dict[int, str]:
    page = world.run("changes").ok().json
    return {item["change_id"]: item["status"] for item in page["items"] if item["category"] != "policy"}


def test_approve_answers_a_pending_batch_result(three: World) -> None:
    answer = three.run("approve", "4", "3", "--title", " June models ", actor=ARTHUR).ok().json
    assert list(answer) == ["batch_id", "batch_title", "approved", "rejected"]
    assert (answer["batch_id"], answer["batch_title"]) == (3, "June models")
    assert [row["change_id"] for row in answer["approved"]] == [3, 4]
    assert answer["rejected"] == []
    for row in answer["approved"]:
        assert with_nulls(row)
        assert (row["status"], row["batch_id"], row["batch_title"]) == ("approved", 3, "June models")
        assert (row["approved_by"], row["approved_username"]) == ("3", "arthur#3")
        assert row["approved_at"] == row["updated_at"]
    assert statuses(three) == {3: "approved", 4: "approved", 5: "pending"}


def test_a_later_approval_joins_the_open_batch_with_a_title_of_its_own(three: World) -> None:
    three.run("approve", "3", "--title", "first", actor=ARTHUR).ok()
    answer = three.run("approve", "5", "--title", "second", actor=ARTHUR).ok().json
    assert answer["batch_id"] == 3
    titles = {row["change_id"]: row["batch_title"] for row in three.run("changes", "--batch", "3").ok().json["items"]}
    assert titles == {3: "first", 5: "second"}
    applied = three.run("apply", "--batch", "3", actor=ARTHUR).ok().json["applied"]
    assert [row["change_id"] for row in applied] == [3, 5]
    assert three.run("approve", "4", "--title", "next", actor=ARTHUR).ok().json["batch_id"] == 4


def test_approve_and_reject_in_one_step(three: World) -> None:
    words = ("--title", "mixed", "--reject", "4", "--reject", "5", "--reason", "not now")
    answer = three.run("approve", "3", *words, actor=ARTHUR).ok().json
    assert [row["change_id"] for row in answer["approved"]] == [3]
    assert [row["change_id"] for row in answer["rejected"]] == [4, 5]
    for row in answer["rejected"]:
        assert with_nulls(row)
        assert (row["status"], row["batch_id"], row["batch_title"]) == ("rejected", 3, "mixed")
        assert (row["rejected_by"], row["rejected_username"], row["reject_reason"]) == ("3", "arthur#3", "not now")
    actions = [event["action"] for event in three.events("--batch", "3")]
    assert actions == ["approve", "reject", "reject"]


def test_a_rejection_alone_makes_no_batch(three: World) -> None:
    three.run("approve", "3", "--title", "open", actor=ARTHUR).ok()
    answer = three.run("reject", "4", "--reason", " doubled ", actor=ARTHUR).ok().json
    assert list(answer) == ["batch_id", "batch_title", "approved", "rejected"]
    assert (answer["batch_id"], answer["approved"]) == (None, [])
    (row,) = answer["rejected"]
    assert (row["batch_id"], row["reject_reason"], row["status"]) == (None, "doubled", "rejected")
    titled = three.run("reject", "5", "--reason", "no", "--title", "cleaning", actor=ARTHUR).ok().json
    assert (titled["batch_title"], titled["rejected"][0]["batch_title"]) == ("cleaning", "cleaning")


def test_rejecting_an_approved_change_takes_it_out_of_the_batch(three: World) -> None:
    three.approve(3, 4, 5)
    three.run("reject", "4", "--reason", "changed my mind", actor=ARTHUR).ok()
    assert statuses(three) == {3: "approved", 4: "rejected", 5: "approved"}
    refs = three.refs()
    assert "refs/heads/proposals/4" not in refs
    assert {path for path in three.files("batches/3") if path.startswith("dataset/clip/")} == {
        *(
            "dataset/clip/a.json",
            "dataset/clip/c.json",
            "dataset/clip/ViT-L%2F14.json",
            "dataset/clip/coca_ViT-L-14.json",
        )
    }
    applied = three.run("apply", "--batch", "3", actor=ARTHUR).ok().json["applied"]
    assert [row["change_id"] for row in applied] == [3, 5]


def test_rejecting_the_last_member_closes_the_batch_and_its_number_is_spent(three: World) -> None:
    three.approve(3)
    three.run("reject", "3", "--reason", "no", actor=ARTHUR).ok()
    assert "refs/heads/batches/3" not in three.refs()
    assert three.run("apply", "--batch", "3", actor=ARTHUR).code == 7
    assert three.approve(4) == 4


def test_one_step_may_reject_an_approved_change_and_approve_its_rival(world: World) -> None:
    first = world.update("clip", "ViT-L/14", {"/description": "one"})
    second = world.update("clip", "ViT-L/14", {"/description": "two"})
    world.approve(first)
    words = ("--title", "the better one", "--reject", str(first), "--reason", "worse")
    answer = world.run("approve", str(second), *words, actor=ARTHUR).ok().json
    assert [row["status"] for row in answer["approved"] + answer["rejected"]] == ["approved", "rejected"]
    world.apply(answer["batch_id"])
    assert world.run("get", "clip", "ViT-L/14").ok().json["description"] == "two"


def blob_of(world: World, change_id: int) -> str:
    path = world.git("diff", "--name-only", f"proposals/{change_id}^", f"proposals/{change_id}").strip()
    return world.git("rev-parse", f"proposals/{change_id}:{path}").strip()


def test_an_approval_may_name_the_content_that_was_read(three: World) -> None:
    three.run("approve", f"3@{blob_of(three, 3)}", "--title", "T", actor=ARTHUR).ok()
    before = three.refs()
    answer = three.run("approve", f"4@{blob_of(three, 5)}", "--title", "T", actor=ARTHUR)
    assert (answer.code, answer.error["code"], answer.out) == (4, "conflict", b"")
    assert three.refs() == before


def test_a_content_that_is_named_once_holds_even_if_the_change_is_named_again(three: World) -> None:
    wrong = blob_of(three, 5)
    for picks in ((f"4@{wrong}", "4"), ("4", f"4@{wrong}")):
        assert three.run("approve", *picks, "--title", "T", actor=ARTHUR).code == 4


@pytest.mark.parametrize(
    "words",
    [
        ("approve", "3"),
        ("approve", "--title", "T"),
        ("approve", "3", "--title", "  "),
        ("approve", "3", "--title", "x" * 121),
        ("approve", "three", "--title", "T"),
        ("approve", "3@abc", "--title", "T"),
        ("approve", "3", "--title", "T", "--reject", "3", "--reason", "R"),
        ("approve", "3", "--title", "T", "--reject", "4"),
        ("approve", "3", "--title", "T", "--reject", "4", "--reason", " "),
        ("reject", "3"),
        ("reject", "3", "--reason", ""),
        ("reject", "3", "--reason", "x" * 501),
        ("reject", "x", "--reason", "R"),
        ("reject", "3", "--reason", "R", "--title", "x" * 121),
    ],
)
def test_words_that_make_no_decision_are_a_usage_error(three: World, words: tuple[str, ...]) -> None:
    before = three.refs()
    answer = three.run(*words, actor=ARTHUR)
    assert (answer.code, answer.out, answer.error["code"]) == (2, b"", "usage")
    assert three.refs() == before


def test_titles_and_reasons_of_the_greatest_length_are_taken(three: World) -> None:
    three.run("approve", "3", "--title", "x" * 120, actor=ARTHUR).ok()
    three.run("reject", "4", "--reason", "x" * 500, actor=ARTHUR).ok()


def test_all_or_nothing(three: World) -> None:
    three.approve(3)
    before = three.refs()
    for words, code in (
        (("approve", "4", "99", "--title", "T"), 3),
        (("approve", "4", "3", "--title", "T"), 7),
        (("approve", "4", "--title", "T", "--reject", "99", "--reason", "R"), 3),
        (("reject", "4", "99", "--reason", "R"), 3),
    ):
        answer = three.run(*words, actor=ARTHUR)
        assert (answer.code, answer.out) == (code, b"")
        assert three.refs() == before


def test_two_approved_changes_of_one_record_that_touch_different_fields_are_one_batch(world: World) -> None:
    first = world.update("clip", "ViT-L/14", {"/description": "one"})
    second = world.update("clip", "ViT-L/14", {"/nsfw_rating": "none"})
    world.apply(world.approve(first, second))
    live = world.run("get", "clip", "ViT-L/14").ok().json
    assert (live["description"], live["nsfw_rating"]) == ("one", "none")


def test_two_approved_changes_of_one_field_are_refused_with_both_named(world: World) -> None:
    first = world.update("clip", "ViT-L/14", {"/description": "one"})
    second = world.update("clip", "ViT-L/14", {"/description": "two", "/nsfw_rating": "none"})
    answer = world.run("approve", str(first), str(second), "--title", "T", actor=ARTHUR)
    assert answer.code == 4
    (entry,) = answer.error["details"]
    assert list(entry) == [
        *("change_id", "category", "model_name", "path", "base", "ours", "theirs", "other_change_id", "authors")
    ]
    assert (entry["change_id"], entry["other_change_id"]) == (second, first)
    assert (entry["category"], entry["model_name"]) == ("clip", "ViT-L/14")
    assert entry["authors"] == ["carol#2", "carol#2"]
    assert entry["path"] == "/description"
    assert entry["base"] == world.run("get", "clip", "ViT-L/14").ok().json["description"]
    assert (entry["ours"], entry["theirs"]) == ("one", "two")
    assert f"propose rebase {second} --take mine" in answer.error["message"]
    assert world.approve(first) == 3, "nothing was spent"
    assert world.run("approve", str(second), "--title", "T", actor=ARTHUR).code == 4, "nor may it join later"


def test_a_change_of_a_field_that_changed_on_main_is_refused(world: World) -> None:
    first = world.update("clip", "ViT-L/14", {"/description": "one"})
    second = world.update("clip", "ViT-L/14", {"/description": "two"})
    world.apply(world.approve(first))
    answer = world.run("approve", str(second), "--title", "T", actor=ARTHUR)
    assert answer.code == 4
    assert answer.error["details"][0]["other_change_id"] == first
    assert f"change {second}" in answer.error["message"]
    assert f"change {first}" in answer.error["message"]


def test_only_an_approver_decides(three: World) -> None:
    before = three.refs()
    for actor in (CAROL, "stranger#9", "9"):
        for words in (("approve", "3", "--title", "T"), ("reject", "3", "--reason", "R")):
            answer = three.run(*words, actor=actor)
            assert (answer.code, answer.error["code"], answer.out) == (6, "forbidden", b"")
    assert three.refs() == before


def test_apply_answers_the_applied_records_without_nulls(three: World) -> None:
    three.approve(3, 4)
    answer = three.run("apply", "--batch", "3", actor=OWNER).ok().json
    assert list(answer) == ["applied", "batch_split_occurred"]
    assert answer["batch_split_occurred"] is False
    assert [row["change_id"] for row in answer["applied"]] == [3, 4]
    for row in answer["applied"]:
        assert without_nulls(row)
        assert (row["status"], row["applied_by"], row["applied_username"]) == ("applied", "1", "olivia#1")
        assert (row["approved_by"], row["batch_id"], row["batch_title"]) == ("3", 3, "June models")
        assert row["applied_at"] == row["updated_at"]
        assert "applied_job_id" not in row


def test_apply_by_all_its_ids_answers_in_the_order_given(three: World) -> None:
    three.approve(3, 4, 5)
    answer = three.run("apply", "5", "3", "4", "5", actor=ARTHUR).ok().json
    assert [row["change_id"] for row in answer["applied"]] == [5, 3, 4]
    assert set(three.run("ls", "clip").ok().json) >= {"a", "b", "c"}


def test_a_part_of_a_batch_is_applied_and_the_rest_is_a_batch_of_its_own(three: World) -> None:
    three.approve(3, 4, 5)
    answer = three.run("apply", "5", "3", actor=OWNER).ok().json
    assert [row["change_id"] for row in answer.pop("applied")] == [5, 3]
    assert answer == {
        "batch_split_occurred": True,
        "batch_split_original_batch_id": 3,
        "batch_split_new_batch_id": 4,
        "batch_split_reassigned_count": 1,
    }
    assert set(three.run("ls", "clip").ok().json) & {"a", "b", "c"} == {"a", "c"}
    left = three.run("show", "4").ok().json
    assert (left["status"], left["batch_id"], left["batch_title"]) == ("approved", 4, "June models")
    assert left["approved_by"] == "3", "who approved it is who approved it"
    assert three.apply(4) == [4]
    assert set(three.run("ls", "clip").ok().json) >= {"a", "b", "c"}


def test_the_same_job_again_answers_the_same_records_and_does_nothing(three: World) -> None:
    three.approve(3, 4)
    first = three.run("apply", "--batch", "3", "--job-id", "J-1", actor=ARTHUR).ok().json
    assert {row["applied_job_id"] for row in first["applied"]} == {"J-1"}
    before = three.refs()
    assert three.run("apply", "--batch", "3", "--job-id", "J-1", actor=ARTHUR).ok().json == first
    by_ids = three.run("apply", "4", "3", "--job-id", "J-1", actor=ARTHUR).ok().json
    assert by_ids["applied"] == list(reversed(first["applied"]))
    assert three.refs() == before


def test_the_same_job_with_other_ids_is_a_wrong_state(three: World) -> None:
    three.approve(3, 4)
    three.run("apply", "--batch", "3", "--job-id", "J-1", actor=ARTHUR).ok()
    assert three.run("apply", "3", "--job-id", "J-1", actor=ARTHUR).code == 7
    batch = three.approve(5)
    assert three.run("apply", "--batch", str(batch), "--job-id", "J-1", actor=ARTHUR).code == 7
    assert three.run("apply", "--batch", str(batch), "--job-id", "J-2", actor=ARTHUR).code == 0


def test_a_batch_that_is_applied_already_is_nothing_to_do(three: World) -> None:
    three.approve(3)
    three.run("apply", "--batch", "3", actor=ARTHUR).ok()
    before = three.refs()
    again = three.run("apply", "--batch", "3", actor=ARTHUR).ok().json
    assert again == {"applied": [], "batch_split_occurred": False}
    assert three.run("apply", "3", actor=ARTHUR).code == 7
    assert three.refs() == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        (("3", "--batch", "3"), 2),
        (("three",), 2),
        (("3", "--job-id", "x" * 121), 2),
        (("99",), 3),
        (("--batch", "99"), 3),
        (("4",), 7),
        (("3", "4"), 7),
    ],
)
def test_what_cannot_be_applied_is_refused(three: World, words: tuple[str, ...], code: int) -> None:
    three.approve(3)
    before = three.refs()
    answer = three.run("apply", *words, actor=ARTHUR)
    assert (answer.code, answer.out) == (code, b"")
    assert answer.error["message"]
    assert three.refs() == before


def test_only_an_approver_applies(three: World) -> None:
    three.approve(3)
    answer = three.run("apply", "--batch", "3", actor=CAROL)
    assert (answer.code, answer.error["code"]) == (6, "forbidden")


def test_a_batch_whose_main_moved_on_is_merged_anew(three: World) -> None:
    three.approve(3)
    old = three.refs()["refs/heads/batches/3"]
    three.run_policy("member", "add", "dora#4", "--email", "dora@people.example")
    three.run("apply", "--batch", "3", actor=ARTHUR).ok()
    head = three.git("rev-parse", "main").strip()
    assert head != old
    assert "dora" in three.git("show", "main:modelref.toml")
    assert "a" in three.run("ls", "clip").ok().json


def test_a_rename_deletes_one_and_creates_its_look_alike_in_one_batch(world: World) -> None:
    gone = world.delete("gfpgan", "GFPGAN")
    live: dict[str, Any] = world.run("get", "gfpgan", "GFPGAN").ok().json
    made = world.create("gfpgan", "GfpGan", {**live, "name": "GfpGan"})
    alone = world.run("approve", str(made), "--title", "T", actor=ARTHUR)
    assert alone.code == 4
    assert "GFPGAN" in alone.error["message"]
    world.apply(world.approve(gone, made))
    assert world.run("ls", "gfpgan").ok().json == ["GfpGan"]


def test_a_second_create_of_a_record_that_went_live_is_refused(world: World) -> None:
    first, second = (world.create("clip", "twin", clip("twin", description=text)) for text in ("one", "two"))
    world.apply(world.approve(first))
    answer = world.run("approve", str(second), "--title", "T", actor=ARTHUR)
    assert answer.code == 4
    (entry,) = answer.error["details"]
    assert (entry["change_id"], entry["other_change_id"], entry["path"], entry["base"]) == (second, first, "", None)
    assert (entry["ours"]["description"], entry["theirs"]["description"]) == ("one", "two")


def test_an_apply_checks_every_precondition_against_the_main_of_that_moment(tmp_path: Path) -> None:
    world = World.make(tmp_path / "world", empty=True)
    batch = world.approve(world.create("clip", "a", clip("a")), world.create("clip", "b", clip("b")))
    (tmp_path / "clip.json").write_text(json.dumps({"a": clip("a", description="imported")}))
    world.run("import", str(tmp_path / "clip.json")).ok()
    before = world.refs()
    answer = world.run("apply", "--batch", str(batch), actor=ARTHUR)
    assert (answer.code, answer.out, answer.error["code"]) == (4, b"", "conflict")
    assert "change 3" in answer.error["message"]
    assert "is there already" in answer.error["message"]
    assert world.refs() == before
    world.run("reject", "3", "--reason", "imported meanwhile", actor=ARTHUR).ok()
    applied = world.run("apply", "--batch", str(batch), actor=ARTHUR).ok().json["applied"]
    assert [row["change_id"] for row in applied] == [4]
    assert world.run("get", "clip", "a").ok().json["description"] == "imported"


def test_a_batch_that_would_hold_two_look_alikes_is_refused(world: World) -> None:
    first, second = world.create("clip", "Twin", clip("Twin")), world.create("clip", "tWIN", clip("tWIN"))
    before = world.refs()
    together = world.run("approve", str(first), str(second), "--title", "T", actor=ARTHUR)
    assert together.code == 4
    assert "'Twin' and 'tWIN'" in together.error["message"] or "'tWIN' and 'Twin'" in together.error["message"]
    assert world.refs() == before
    world.approve(first)
    assert world.run("approve", str(second), "--title", "T", actor=ARTHUR).code == 4, "the open batch holds the first"
