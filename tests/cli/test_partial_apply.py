from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.shapes import with_nulls, without_nulls
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

NAME = "ViT-L/14"
WHOLE = ["applied", "batch_split_occurred"]
SPLIT = [*WHOLE, "batch_split_original_batch_id", "batch_split_new_batch_id", "batch_split_reassigned_count"]


@pytest.fixture
def four(world: World) -> World:
    """Changes 3 to 6 are approved as batch 3."""
    for name in ("a", "b", "c", "d"):
        world.create("clip", name, clip(name))
    world.approve(3, 4, 5, 6, title="June")
    return world


def apply(world: World, *words: str, actor: str = ARTHUR) -> Any:
    return world.run("apply", *words, actor=actor)


def ids(answer: Any) -> list[int]:
    rows = answer.ok().json["applied"]
    assert all(with_nulls(row) or without_nulls(row) for row in rows)
    return [row["change_id"] for row in rows]


def test_a_part_is_applied_in_the_order_asked_for_and_the_rest_is_split_off_once(four: World) -> None:
    answer = apply(four, "6", "4")
    assert list(answer.json) == SPLIT
    assert ids(answer) == [6, 4]
    assert answer.json["batch_split_occurred"] is True
    assert [answer.json[key] for key in SPLIT[2:]] == [3, 4, 2]
    assert [row["batch_id"] for row in answer.json["applied"]] == [3, 3]
    left = four.run("changes", "--batch", "4").ok().json["items"]
    assert [(row["change_id"], row["status"], row["batch_title"]) for row in left] == [
        (3, "approved", "June"),
        (5, "approved", "June"),
    ]
    assert {"b", "d"} <= set(four.run("ls", "clip").ok().json)
    assert not {"a", "c"} & set(four.run("ls", "clip").ok().json)
    assert [event["action"] for event in four.events()][-3:] == ["apply", "apply", "batch_split"]
    assert_clean(four.path)


def test_the_original_batch_is_done_and_the_new_one_is_the_open_one(four: World) -> None:
    apply(four, "4").ok()
    assert apply(four, "--batch", "3").ok().json == {"applied": [], "batch_split_occurred": False}
    assert four.create("clip", "e", clip("e")) == 7
    assert four.approve(7) == 4, "a later approval joins the rest"
    assert four.apply(4) == [3, 5, 6, 7]
    assert four.create("clip", "f", clip("f")) == 8
    assert four.approve(8) == 5, "after a whole apply a new one is opened"
    assert_clean(four.path)


def test_a_whole_apply_by_ids_splits_nothing_and_spends_no_number(four: World) -> None:
    answer = apply(four, "6", "5", "4", "3")
    assert (list(answer.json), ids(answer)) == (WHOLE, [6, 5, 4, 3])
    assert {row["batch_id"] for row in answer.json["applied"]} == {3}
    assert four.approve(four.create("clip", "e", clip("e"))) == 4


def test_one_by_one_each_is_a_split_until_the_last(four: World) -> None:
    found = [apply(four, str(number)).ok().json for number in (3, 4, 5, 6)]
    assert [row["batch_split_occurred"] for row in found] == [True, True, True, False]
    assert [row.get("batch_split_new_batch_id") for row in found] == [4, 5, 6, None]
    assert_clean(four.path)


def test_a_change_named_twice_is_one(four: World) -> None:
    assert ids(apply(four, "3", "3")) == [3]


def test_members_that_need_each_other_are_returned_when_parted(world: World) -> None:
    gone = world.delete("gfpgan", "GFPGAN")
    live = world.run("get", "gfpgan", "GFPGAN").ok().json
    made = world.create("gfpgan", "GfpGan", {**live, "name": "GfpGan"})
    other = world.create("clip", "a", clip("a"))
    world.approve(gone, made, other)
    before = world.refs()
    assert apply(world, str(made)).code == 4, "the record that it takes the place of is there still"
    assert world.refs() == before
    apply(world, str(other)).ok()
    world.run("reject", str(gone), "--reason", "R", actor=ARTHUR).ok()
    assert world.run("show", str(made)).ok().json["status"] == "pending"
    assert_clean(world.path)


def test_two_that_ask_for_the_same_both_go_in(world: World) -> None:
    same = [world.update("clip", NAME, {"/description": "one"}, actor=actor) for actor in (CAROL, OWNER)]
    assert world.apply(world.approve(*same)) == same
    assert_clean(world.path)


def test_a_member_that_does_not_merge_any_more_is_pending_again_and_named(world: World) -> None:
    first, second, third = world.update("clip", NAME, {"/description": "one"}), 4, 5
    for name in ("a", "b"):
        world.create("clip", name, clip(name))
    world.approve(first, second, third)
    path = world.path / "dataset/clip/ViT-L%2F14.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "description": "by hand"}, indent=2) + "\n")
    world.git("-c", "user.name=x", "-c", "user.email=x@people.example", "commit", "-qam", "by hand")
    world.run("adopt", "main", "--reason", "R").ok()
    answer = world.say("apply", str(second), actor=ARTHUR).ok()
    assert b"change 3 does not merge any more and is pending again: `modelref-git status 3`" in answer.err
    (event,) = [event for event in world.events() if event["action"] == "batch_split"]
    assert event["payload"]["reassigned_change_ids"] == [third]
    assert world.run("show", str(first)).ok().json["status"] == "pending"
    assert world.run("status", str(first)).ok().json["merge"] == "conflict"
    assert_clean(world.path)
    assert world.apply(4) == [third]


def test_what_was_applied_alone_stays_when_the_rest_is_merged_anew(world: World) -> None:
    first = world.update("clip", NAME, {"/description": "one"})
    second = world.update("clip", NAME, {"/version": "9"})
    world.approve(first, second)
    apply(world, str(second)).ok()
    record = world.run("get", "clip", NAME).ok().json
    assert (record["version"], record["description"] == "one") == ("9", False)
    assert ids(apply(world, str(first))) == [first]
    record = world.run("get", "clip", NAME).ok().json
    assert (record["version"], record["description"]) == ("9", "one")
    assert_clean(world.path)


# --- several batches -------------------------------------------------------------------------------------------------


def test_changes_of_several_batches_are_applied_together_only_where_that_is_said(four: World) -> None:
    policy = four.run("policy", "set", "replica_max_age=5").ok().json["change_id"]
    assert four.approve(policy) == 4
    before = four.refs()
    answer = apply(four, "3", str(policy))
    assert (answer.code, answer.out) == (7, b"")
    assert "same batch" in answer.error["message"]
    assert "--allow-mixed-batch" in answer.error["message"]
    assert four.refs() == before
    answer = apply(four, "4", str(policy), "3", "--allow-mixed-batch")
    assert ids(answer) == [4, policy, 3]
    assert [answer.json[key] for key in SPLIT[2:]] == [3, 5, 2]
    assert "replica_max_age = 5" in four.git("show", "main:modelref.toml")
    assert_clean(four.path)
    assert four.apply(5) == [5, 6]
    assert_clean(four.path)


def test_a_mixed_apply_is_all_or_nothing(four: World) -> None:
    policy = four.run("policy", "set", "replica_max_age=5").ok().json["change_id"]
    four.approve(policy)
    pending = four.create("clip", "e", clip("e"))
    four.run("hold", "4", "--reason", "R").ok()
    before = four.refs()
    for words in (("3", str(policy), str(pending)), (str(policy), "4"), ("3", "99", str(policy))):
        answer = apply(four, *words, "--allow-mixed-batch")
        assert answer.code in (3, 7)
        assert answer.out == b""
    assert four.refs() == before


# --- all or nothing, D2 ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("3", "7"), ("7", "3"), ("3", "8"), ("3", "99")])
def test_one_that_cannot_be_applied_keeps_all_back(four: World, words: tuple[str, ...]) -> None:
    """D2: upstream leaves the earlier members applied."""
    four.create("clip", "e", clip("e"))
    four.create("clip", "f", clip("f"))
    four.run("reject", "8", "--reason", "R", actor=ARTHUR).ok()
    before = four.refs(), four.objects()
    answer = apply(four, *words)
    assert (answer.code, answer.out) == (3 if "99" in words else 7, b"")
    assert (four.refs(), four.objects()) == before


# --- job ids, D1 -----------------------------------------------------------------------------------------------------


def test_the_same_job_gives_the_same_records_and_does_nothing_again(four: World) -> None:
    """D1: upstream answers 400."""
    first = apply(four, "4", "3", "--job-id", "J").ok().json
    assert {row["applied_job_id"] for row in first["applied"]} == {"J"}
    before = four.refs(), four.objects()
    again = apply(four, "4", "3", "--job-id", "J").ok().json
    assert again["applied"] == first["applied"]
    assert (four.refs(), four.objects()) == before
    assert ids(apply(four, "3", "4", "--job-id", "J")) == [3, 4]


@pytest.mark.parametrize("words", [("3",), ("3", "5"), ("5",), ("--batch", "4"), ("3", "4", "5")])
def test_the_same_job_with_other_changes_is_refused(four: World, words: tuple[str, ...]) -> None:
    apply(four, "3", "4", "--job-id", "J").ok()
    before = four.refs()
    answer = apply(four, *words, "--job-id", "J")
    assert (answer.code, answer.error["code"]) == (7, "state")
    assert "job id" in answer.error["message"]
    assert four.refs() == before


def test_a_job_of_a_whole_batch_is_repeated_by_batch_or_by_ids(four: World) -> None:
    first = apply(four, "--batch", "3", "--job-id", "J").ok().json["applied"]
    before = four.refs()
    for words in (("--batch", "3"), ("3", "4", "5", "6")):
        assert apply(four, *words, "--job-id", "J").ok().json["applied"] == first
    assert apply(four, "--batch", "3").ok().json["applied"] == []
    assert apply(four, "--batch", "3", "--job-id", "other").ok().json["applied"] == []
    assert apply(four, "3", "--job-id", "other").code == 7
    assert apply(four, "3").code == 7
    assert four.refs() == before


def test_a_job_over_several_batches_is_repeated_as_a_whole(four: World) -> None:
    policy = str(four.run("policy", "set", "replica_max_age=5").ok().json["change_id"])
    four.approve(int(policy))
    words = ("3", policy, "--allow-mixed-batch", "--job-id", "J")
    assert ids(apply(four, *words)) == [3, int(policy)]
    before = four.refs()
    assert ids(apply(four, *words)) == [3, int(policy)]
    assert four.refs() == before


def test_a_job_is_no_way_around_a_role(four: World) -> None:
    apply(four, "3", "--job-id", "J").ok()
    assert apply(four, "4", "--job-id", "J2", actor=CAROL).code == 6


# --- main moved by other hands ---------------------------------------------------------------------------------------


def test_a_batch_under_which_main_moved_is_merged_anew(four: World, tmp_path: Any) -> None:
    old = four.refs()["refs/heads/batches/3"]
    four.run_policy("policy", "set", "replica_max_age=5")
    four.run("category", "layout", "clip", "--fan-out", "1").ok()
    assert ids(apply(four, "--batch", "3")) == [3, 4, 5, 6]
    assert four.git("rev-parse", "main").strip() != old
    assert {"a", "b", "c", "d"} <= set(four.run("ls", "clip").ok().json)
    assert "replica_max_age = 5" in four.git("show", "main:modelref.toml")
    assert_clean(four.path)


def test_a_part_of_a_batch_under_which_main_moved(four: World) -> None:
    four.run("category", "layout", "clip", "--fan-out", "2").ok()
    assert ids(apply(four, "5")) == [5]
    assert_clean(four.path)
    assert four.apply(4) == [3, 4, 6]
    assert_clean(four.path)


def test_a_push_of_the_batch_itself_is_taken_for_its_apply(four: World) -> None:
    head = four.refs()["refs/heads/batches/3"]
    four.git("update-ref", "refs/heads/main", head)
    assert ids(apply(four, "--batch", "3")) == [3, 4, 5, 6]
    assert four.git("rev-parse", "main").strip() == head
    assert_clean(four.path)


def test_a_part_is_not_applied_where_the_whole_was_pushed(four: World) -> None:
    four.git("update-ref", "refs/heads/main", four.refs()["refs/heads/batches/3"])
    before = four.refs()
    assert apply(four, "3").code == 9
    assert four.refs() == before


def test_a_schema_that_a_member_no_longer_satisfies_refuses_the_apply(world: World, tmp_path: Any) -> None:
    world.add_category("own")
    number = world.create("own", "x", {"a": 1})
    batch = world.approve(number)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["b"]}
    (tmp_path / "s.json").write_text(json.dumps(schema))
    world.run_policy("category", "update", "own", "--schema", str(tmp_path / "s.json"))
    before = world.refs()
    answer = apply(world, "--batch", str(batch))
    assert (answer.code, answer.out) == (5, b"")
    assert world.refs() == before
    world.run("propose", "rebase", str(number), "--set", "/b=2", actor=CAROL).ok()
    world.apply(world.approve(number))
    assert_clean(world.path)


# --- who, and dry runs -----------------------------------------------------------------------------------------------


def test_approvals_of_people_who_are_no_approvers_any_more_do_not_count(four: World) -> None:
    four.run_policy("member", "add", "bea#4", "--email", "b@people.example", "--role", "approver")
    number = four.run("member", "role", "arthur#3", "-approver").ok().json["change_id"]
    four.apply(four.approve(number, actor="bea#4"), actor="bea#4")
    before = four.refs()
    answer = apply(four, "--batch", "3", actor="bea#4")
    assert answer.code == 6
    assert {row["rule"] for row in answer.error["details"]} == {"review.approvals"}
    assert len(answer.error["details"]) == 4
    assert four.refs() == before
    four.run("approve", "3", "4", "5", "6", "--title", "again", actor="bea#4").ok()
    assert ids(apply(four, "--batch", "3", actor=OWNER)) == [3, 4, 5, 6]
    assert_clean(four.path)


@pytest.mark.parametrize("words", [("4", "3"), ("--batch", "3"), ("3", "--job-id", "J")])
def test_a_dry_run_gives_the_same_answer_and_changes_nothing(four: World, words: tuple[str, ...]) -> None:
    before = four.refs(), four.objects()
    dry = apply(four, *words, "--dry-run").ok().json
    assert dry.pop("dry_run") is True
    assert (four.refs(), four.objects()) == before
    real = apply(four, *words).ok().json
    for row in dry["applied"] + real["applied"]:
        row.pop("updated_at"), row.pop("applied_at")
    assert dry == real


def test_people_are_told_of_a_split(four: World) -> None:
    out = four.say("apply", "3", actor=ARTHUR).ok().out
    assert b"the other 3 of batch 3 are batch 4 now" in out
