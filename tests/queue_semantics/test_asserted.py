"""The edge cases of the queue that its first implementation asserts in its tests, one test a row, by its number.

Left out are the rows about HTTP, accounts and replicas (11, 65-68, 71-73, 79, 81, 83-88, 92), and those about the files
and the reservations of the first implementation (18-30, 35, 39, 40, 45, 95), which has neither log nor merge.

Three deviations are on purpose. D1: an apply that is repeated with the job id that applied it gives the same records.
D2: an apply is all or nothing. D3: a change cannot be live without being marked, since both are one move of one ref.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.queue_semantics.words import NAME, actions, applied, apply, approve, listed, live, queue, show, status
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

# --- listing ---------------------------------------------------------------------------------------------------------


def test_01_both_of_two_changes_are_listed_one_of_them_approved(world: World) -> None:
    first, second = queue(world, "a", "b")
    world.approve(first)
    ids, total = listed(world)
    assert ids == [first, second]
    assert total >= 2


def test_02_a_status_filters(world: World) -> None:
    first, _ = queue(world, "a", "b")
    world.approve(first)
    assert listed(world, "--status", "approved") == ([first], 1)


def test_03_a_category_filters(world: World) -> None:
    queue(world, "a", "b")
    other = world.delete("gfpgan", "GFPGAN")
    assert listed(world, "--category", "gfpgan") == ([other], 1)


def test_04_a_part_of_a_name_filters(world: World) -> None:
    _, second = queue(world, "filter_pending", "filter_second")
    assert listed(world, "--model", "second") == ([second], 1)


def test_05_a_page_has_the_total_of_all(world: World) -> None:
    _, second, _ = queue(world, "a", "b", "c")
    assert listed(world, "--category", "clip", "--offset", "1", "--limit", "1") == ([second], 3)


def test_06_filters_hold_together(world: World) -> None:
    first, second, third = queue(world, "x1", "x2", "y1")
    world.approve(first, third)
    filters = ("--category", "clip", "--status", "approved", "--model", "x")
    assert listed(world, *filters) == ([first], 1)
    assert second not in listed(world, *filters)[0]


def test_07_a_page_of_a_category_is_in_the_order_of_ids(world: World) -> None:
    _, second = queue(world, "b", "a")
    assert listed(world, "--category", "clip", "--limit", "1", "--offset", "1") == ([second], 2)


def test_08_mine_are_only_my_own(world: World) -> None:
    queue(world, "a")
    own = world.create("clip", "b", clip("b"), actor=ARTHUR)
    assert listed(world, "--mine") == ([own], 1)
    assert listed(world, "--mine", "--requested-by", CAROL) == ([own], 1), "no filter widens it"


def test_09_mine_with_a_status(world: World) -> None:
    first, _ = queue(world, "a", "b")
    world.approve(first)
    assert listed(world, "--mine", "--status", "approved", actor=CAROL) == ([first], 1)


def test_10_a_change_is_read_by_its_id(world: World) -> None:
    (number,) = queue(world, "a")
    row = show(world, number)
    assert (row["change_id"], row["model_name"]) == (number, "a")


# --- review ----------------------------------------------------------------------------------------------------------


def test_12_one_is_approved_and_one_rejected_in_one_batch(world: World) -> None:
    first, second = queue(world, "a", "b")
    answer = approve(world, first, "--reject", second, "--reason", "no").ok().json
    assert ([row["change_id"] for row in answer["approved"]], [row["change_id"] for row in answer["rejected"]]) == (
        [first],
        [second],
    )
    assert status(world, first, second) == ["approved", "rejected"]
    assert (show(world, second)["reject_reason"], show(world, second)["rejected_by"]) == ("no", "3")
    assert show(world, first)["batch_id"] == answer["batch_id"]


def test_13_that_makes_one_event_of_each(world: World) -> None:
    first, second = queue(world, "a", "b")
    approve(world, first, "--reject", second, "--reason", "no").ok()
    assert actions(world, "--change", str(first)) == ["enqueue", "approve"]
    assert actions(world, "--change", str(second)) == ["enqueue", "reject"]


def test_14_a_rejection_needs_a_reason(world: World) -> None:
    first, second = queue(world, "a", "b")
    assert approve(world, first, "--reject", second).code == 2
    assert world.run("reject", str(second), actor=ARTHUR).code == 2
    assert status(world, first, second) == ["pending", "pending"]


def test_15_a_rejection_alone_is_in_no_batch_and_spends_no_number(world: World) -> None:
    first, second = queue(world, "a", "b")
    answer = world.run("reject", str(first), "--reason", "no", actor=ARTHUR).ok().json
    assert (answer["batch_id"], show(world, first)["batch_id"]) == (None, None)
    assert world.approve(second) == 3


def test_16_what_is_applied_says_by_whom_and_in_which_job(world: World) -> None:
    (number,) = queue(world, "a")
    world.apply(world.approve(number), job_id="J")
    row = show(world, number)
    assert (row["status"], row["applied_by"], row["applied_job_id"]) == ("applied", "3", "J")
    assert actions(world, "--change", str(number))[-1] == "apply"


def test_17_what_is_pending_is_not_applied(world: World) -> None:
    (number,) = queue(world, "a")
    assert apply(world, number).code == 7
    assert status(world, number) == ["pending"]


# --- apply -----------------------------------------------------------------------------------------------------------


def test_31_an_update_and_a_delete_are_applied_in_the_order_given(world: World) -> None:
    update, delete = world.update("clip", NAME, {"/description": "x"}), world.delete("gfpgan", "GFPGAN")
    world.approve(update, delete)
    assert applied(apply(world, delete, update)) == [delete, update]
    assert (live(world) or {})["description"] == "x"
    assert live(world, "gfpgan", "GFPGAN") is None


def test_32_a_pending_second_keeps_the_first_back_too(world: World) -> None:
    """D2: there the first stays applied."""
    first, second = queue(world, "a", "b")
    world.approve(first)
    assert apply(world, first, second).code == 7
    assert status(world, first, second) == ["approved", "pending"]


def test_33_an_unknown_id_is_not_found_and_nothing_is_applied(world: World) -> None:
    (first,) = queue(world, "a")
    world.approve(first)
    assert apply(world, first, 99, "--allow-mixed-batch").code == 3
    assert status(world, first) == ["approved"]


def test_34_a_second_that_fails_keeps_the_first_back_too(world: World) -> None:
    """D2: there the first stays applied."""
    first, second = queue(world, "a", "b")
    world.approve(first, second)
    world.run("hold", str(second), "--reason", "R", actor=ARTHUR).ok()
    answer = apply(world, first, second)
    assert (answer.code, answer.out) == (7, b"")
    assert "change 4 is held" in answer.error["message"]
    assert status(world, first, second) == ["approved", "approved"]
    assert live(world, name="a") is None


def test_36_what_is_live_is_marked_even_where_main_was_left_behind(world: World) -> None:
    """D3: a write without its mark cannot be; main that did not follow is brought along by the next step."""
    (number,) = queue(world, "a")
    before = world.git("rev-parse", "main").strip()
    world.apply(world.approve(number))
    world.git("update-ref", "refs/heads/main", before)
    assert status(world, number) == ["applied"]
    assert live(world, name="a") is not None
    queue(world, "b")
    assert "dataset/clip/a.json" in world.files()


@pytest.mark.parametrize("operation", ["create", "update"])
def test_37_an_update_without_a_payload_is_refused_on_the_way_in(world: World, operation: str) -> None:
    line = json.dumps({"operation": operation, "category": "clip", "model_name": NAME}).encode()
    answer = world.run("propose", "bulk", "-", stdin=line, actor=CAROL)
    assert answer.code == 5
    assert listed(world)[0] == []


def test_38_one_id_twice_is_applied_once(world: World) -> None:
    """The first implementation's library answers a state error for the second; here it is the same change."""
    (number,) = queue(world, "a")
    world.approve(number)
    assert applied(apply(world, number, number)) == [number]
    assert actions(world, "--change", str(number)).count("apply") == 1


def test_41_an_empty_list_is_refused(world: World) -> None:
    assert apply(world).code == 2


def test_42_what_is_read_after_an_apply_is_the_new_record(world: World) -> None:
    number = world.update("clip", NAME, {"/description": "new"})
    assert world.run("get", "clip").ok().json[NAME]["description"] != "new"
    world.apply(world.approve(number))
    assert world.run("get", "clip").ok().json[NAME]["description"] == "new"


def test_43_what_is_read_after_a_failed_apply_is_the_old_record(world: World) -> None:
    number = world.update("clip", NAME, {"/description": "new"})
    world.approve(number)
    world.run("hold", str(number), "--reason", "R", actor=ARTHUR).ok()
    before = world.run("get", "clip").ok().out
    assert apply(world, number).code == 7
    assert world.run("get", "clip").ok().out == before


def test_44_a_change_ends_applied_and_none_is_ever_applying(world: World) -> None:
    (number,) = queue(world, "a")
    world.apply(world.approve(number))
    assert status(world, number) == ["applied"]
    assert listed(world, "--status", "applying") == ([], 0)


def test_46_an_update_is_applied_under_a_job(world: World) -> None:
    number = world.update("clip", NAME, {"/description": "new"})
    world.approve(number)
    (row,) = apply(world, number, "--job-id", "J").ok().json["applied"]
    assert (row["status"], row["applied_by"], row["applied_job_id"]) == ("applied", "3", "J")
    assert (live(world) or {})["description"] == "new"


def test_47_a_refusal_to_apply_what_is_pending_says_that_approval_lacks(world: World) -> None:
    (number,) = queue(world, "a")
    answer = apply(world, number)
    assert "approved" in answer.error["message"]
    assert status(world, number) == ["pending"]


def test_48_the_same_job_again_gives_the_same_record(world: World) -> None:
    """D1: there it is refused; another job, or none, is refused here too."""
    (number,) = queue(world, "a")
    world.approve(number)
    first = apply(world, number, "--job-id", "J").ok().json["applied"]
    assert apply(world, number, "--job-id", "J").ok().json["applied"] == first
    assert apply(world, number, "--job-id", "K").code == 7
    assert apply(world, number).code == 7
    assert status(world, number) == ["applied"]


def test_49_two_of_one_batch_are_answered_in_the_order_asked_for(world: World) -> None:
    first, second = queue(world, "a", "b")
    world.approve(first, second)
    answer = apply(world, second, first)
    assert applied(answer) == [second, first]
    assert list(answer.json) == ["applied", "batch_split_occurred"]


def test_50_an_approved_and_a_pending_one_are_refused_together(world: World) -> None:
    """D2: there the first is applied."""
    first, second = queue(world, "a", "b")
    world.approve(first)
    assert apply(world, first, second, "--allow-mixed-batch").code == 7
    assert status(world, first, second) == ["approved", "pending"]


def two_batches(world: World) -> list[int]:
    """Approved changes of two batches: one of a record, one of the policy."""
    (first,) = queue(world, "a")
    second = int(world.run("policy", "set", "replica_max_age=5").ok().json["change_id"])
    world.approve(first)
    world.approve(second)
    return [first, second]


def test_51_changes_of_two_batches_are_refused(world: World) -> None:
    numbers = two_batches(world)
    answer = apply(world, *numbers)
    assert answer.code == 7
    assert "same batch" in answer.error["message"]
    assert status(world, *numbers) == ["approved", "approved"]


def test_52_unless_a_mixed_batch_is_allowed(world: World) -> None:
    numbers = two_batches(world)
    assert applied(apply(world, *numbers, "--allow-mixed-batch")) == numbers


def test_53_what_was_not_approved_in_a_batch_is_refused(world: World) -> None:
    (number,) = queue(world, "a")
    answer = apply(world, number)
    assert answer.code == 7
    assert "not approved" in answer.error["message"]


def test_54_a_batch_of_three_is_applied_as_a_whole(world: World) -> None:
    numbers = queue(world, "a", "b", "c")
    assert world.apply(world.approve(*numbers)) == numbers


def split(world: World) -> tuple[int, int, Any]:
    """One of two members is applied alone: the batch, the other member, and the answer."""
    first, second = queue(world, "a", "b")
    batch = world.approve(first, second)
    return batch, second, apply(world, first).ok().json


def test_55_one_of_two_alone_splits_the_batch(world: World) -> None:
    batch, _, answer = split(world)
    assert answer["batch_split_occurred"] is True
    assert answer["batch_split_original_batch_id"] == batch
    assert answer["batch_split_new_batch_id"] != batch
    assert answer["batch_split_reassigned_count"] == 1


def test_56_the_original_batch_has_nothing_left(world: World) -> None:
    batch, _, _ = split(world)
    assert applied(apply(world, "--batch", batch)) == []


def test_57_the_new_batch_has_the_other_one(world: World) -> None:
    _, second, answer = split(world)
    assert applied(apply(world, "--batch", answer["batch_split_new_batch_id"])) == [second]


def test_58_a_later_approval_joins_the_open_batch(world: World) -> None:
    a, b, c, d, e, f = queue(world, *"abcdef")
    assert world.approve(a, b, c) == world.approve(d) == 3
    left = apply(world, a).ok().json["batch_split_new_batch_id"]
    assert world.approve(e) == left
    world.apply(left)
    assert world.approve(f) == left + 1


def test_59_an_unknown_batch_is_not_found(world: World) -> None:
    assert apply(world, "--batch", 99).code == 3


def test_60_a_batch_that_is_applied_has_nothing_left(world: World) -> None:
    batch = world.approve(*queue(world, "a", "b"))
    world.apply(batch)
    assert applied(apply(world, "--batch", batch)) == []


# --- purge -----------------------------------------------------------------------------------------------------------


def test_61_the_changes_of_one_requestor_are_purged(world: World) -> None:
    first, second = queue(world, "a", "b")
    other = world.create("clip", "c", clip("c"), actor=OWNER)
    answer = world.run("purge", "--requested-by", "2", "--yes", actor=ARTHUR).ok().json
    assert answer["removed_change_ids"] == [first, second]
    assert world.run("show", str(first)).code == 3
    assert status(world, other) == ["pending"]


def test_62_a_dry_run_counts_and_removes_nothing(world: World) -> None:
    numbers = queue(world, "a", "b")
    answer = world.run("purge", "--requested-by", "2", "--dry-run", actor=ARTHUR).ok().json
    assert (answer["removed_count"], answer["removed_change_ids"], answer["dry_run"]) == (2, numbers, True)
    assert status(world, *numbers) == ["pending", "pending"]


def test_63_a_purge_without_a_filter_is_refused(world: World) -> None:
    (number,) = queue(world, "a")
    assert world.run("purge", "--yes", actor=ARTHUR).code == 2
    assert status(world, number) == ["pending"]


# --- roles and requests ----------------------------------------------------------------------------------------------


def test_64_who_has_no_role_reads_and_decides_nothing(world: World) -> None:
    (number,) = queue(world, "a")
    assert listed(world, actor="nobody#9")[0] == [number]
    answer = approve(world, number, actor="nobody#9")
    assert answer.code == 6
    assert "approver" in answer.error["message"]


def test_69_an_approver_is_a_requestor_too(world: World) -> None:
    answer = world.run("whoami", actor=ARTHUR).ok().json
    assert (answer["roles"], answer["is_requestor"], answer["is_approver"]) == (["approver", "requestor"], True, True)


def test_70_who_is_on_no_list_has_no_role(world: World) -> None:
    answer = world.run("whoami", actor="nobody#9").ok().json
    assert (answer["roles"], answer["is_requestor"], answer["is_approver"]) == ([], False, False)


def test_74_what_is_queued_leaves_what_is_live(world: World) -> None:
    before = world.run("get", "clip").ok().out, world.files()
    queue(world, "a")
    world.update("clip", NAME, {"/description": "x"})
    world.delete("clip", NAME)
    assert (world.run("get", "clip").ok().out, world.files()) == before


def test_75_a_create_of_what_is_there_and_an_update_or_delete_of_what_is_not(world: World) -> None:
    assert world.run("propose", "create", "clip", "--name", NAME, "--set", "/description=x", actor=CAROL).code == 4
    assert world.run("propose", "update", "clip", "gone", "--set", "/description=x", actor=CAROL).code == 3
    assert world.run("propose", "delete", "clip", "gone", actor=CAROL).code == 3


def test_76_the_key_and_the_name_in_the_body_must_be_the_same(world: World) -> None:
    body = json.dumps(clip("other")).encode()
    answer = world.run("propose", "update", "clip", NAME, "-", stdin=body, actor=CAROL)
    assert (answer.code, answer.error["details"][0]["rule"]) == (5, "name.key_mismatch")


def test_77_a_record_of_another_category_is_refused(world: World) -> None:
    body = json.dumps(clip("a")).encode()
    answer = world.run("propose", "create", "image_generation", "-", stdin=body, actor=CAROL)
    assert answer.code == 5
    assert "/baseline" in {row["path"] for row in answer.error["details"]}


def test_78_an_update_keeps_when_and_by_whom_the_record_was_made(world: World) -> None:
    world.apply(world.approve(*queue(world, "a")))
    made = (live(world, name="a") or {})["metadata"]
    body = json.dumps(clip("a", description="new", metadata={"created_at": 1, "created_by": "mallory#6"})).encode()
    payload = world.run("propose", "update", "clip", "a", "-", stdin=body, actor=OWNER).ok().json["payload"]
    assert [payload["metadata"][key] for key in ("created_at", "created_by")] == [made["created_at"], CAROL]
    assert payload["metadata"]["updated_by"] == OWNER


@pytest.mark.parametrize("name", ["", "   ", "\t", "a\\b"])
def test_80_names_that_are_none(world: World, name: str) -> None:
    answer = world.run("propose", "create", "clip", "--name", name, "--set", "/description=x", actor=CAROL)
    assert answer.code == 5
    assert listed(world)[0] == []


def test_82_a_category_that_is_not_there(world: World) -> None:
    for words in (("search", "nothing"), ("ls", "nothing"), ("propose", "delete", "nothing", "x")):
        assert world.run(*words, actor=CAROL).code == 3


# --- differences and the audit ---------------------------------------------------------------------------------------


def test_89_one_difference_and_one_number_that_is_none(world: World) -> None:
    (number,) = queue(world, "a")
    page = world.run("diff", str(number), "99").ok().json
    assert ([row["change_id"] for row in page["diffs"]], page["total"]) == ([number], 2)
    assert [(row["change_id"], row["error_type"]) for row in page["errors"]] == [(99, "NotFound")]


def test_90_a_difference_is_against_the_record_as_it_is_read(world: World) -> None:
    number = world.update("clip", NAME, {"/description": "x"})
    row = world.run("diff", str(number)).ok().json
    assert row["current_state"] == live(world)
    assert [item["field_path"] for item in row["field_diffs"]] == ["description"]


def test_91_the_audit_lists_what_is_pending_and_the_batch_with_what_was_applied(world: World) -> None:
    first, second = queue(world, "a", "b")
    batch = world.approve(first)
    world.apply(batch)
    current = world.run("audit", "current").ok().json["pending_changes"]
    assert [row["change_id"] for row in current] == [second]
    (row, *_) = world.run("audit", "batches").ok().json["batches"]
    assert (row["batch_id"], row["approved_change_count"], row["applied_change_count"]) == (batch, 1, 1)
    detail = world.run("audit", "batch", str(batch)).ok().json
    assert [item["change_id"] for item in detail["changes"]] == [first]


def test_93_after_a_split_each_batch_has_its_own(world: World) -> None:
    batch, second, answer = split(world)
    old, new = (world.run("audit", "batch", str(n)).ok().json for n in (batch, answer["batch_split_new_batch_id"]))
    assert [(row["change_id"], row["status"]) for row in old["changes"]] == [(second - 1, "applied")]
    assert [(row["change_id"], row["status"]) for row in new["changes"]] == [(second, "approved")]


def test_94_create_update_and_delete_are_told_with_what_was_and_what_is(world: World) -> None:
    numbers = []
    for step in (
        lambda: queue(world, "a")[0],
        lambda: world.update("clip", "a", {"/description": "new"}),
        lambda: world.delete("clip", "a"),
    ):
        numbers.append(step())
        world.apply(world.approve(numbers[-1]))
    rows = world.run("log", "clip", "a").ok().json
    assert [(row["change_id"], row["operation"]) for row in reversed(rows)] == list(
        zip(numbers, ("create", "update", "delete"), strict=True)
    )
    (field,) = [item for item in rows[1]["fields"] if item["path"] == "/description"]
    assert (field["old"], field["new"]) == ("An encoder of pictures and words.", "new")


def test_96_random_operations_replay_to_what_is_stored(empty_world: World) -> None:
    world, dice = empty_world, random.Random(96)
    world.add_category("own")
    expected: dict[str, dict[str, Any]] = {}
    for number in range(40):
        name = dice.choice("abcde")
        if name not in expected:
            expected[name] = {"n": number}
            change = world.create("own", name, expected[name])
        elif dice.random() < 0.3:
            del expected[name]
            change = world.delete("own", name)
        else:
            expected[name] = {"n": number}
            change = world.update("own", name, {"/n": number})
        world.apply(world.approve(change))
    assert world.run("get", "own").ok().json == expected
    assert world.run("audit", "replay").ok().json == {"equal": True, "differences": []}
    assert_clean(world.path)


def test_97_events_are_filtered_and_in_order(world: World) -> None:
    first, second = queue(world, "a", "b")
    world.approve(second)
    found = world.events("--actor", CAROL)
    assert [event["payload"]["change_id"] for event in found] == [first, second]
    ids = [event["event_id"] for event in world.events()]
    assert ids == list(range(1, len(ids) + 1))
    assert actions(world, "--action", "approve", "--change", str(second)) == ["approve"]
