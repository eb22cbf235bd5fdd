"""What the first implementation of the queue was seen to do without any test for it, and what is done here instead.

The numbers are those of the record. None of it is kept where it loses or hides something.
"""

from __future__ import annotations

import json

import pytest

from tests.crash.faults import cut
from tests.crash.quick import no_patience, no_syncing
from tests.queue_semantics.words import NAME, applied, apply, approve, listed, live, queue, status
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, World, clip

__all__ = ["no_patience", "no_syncing"]


def test_01_an_update_does_not_bring_a_deleted_record_back(world: World) -> None:
    delete, update = world.delete("clip", NAME), world.update("clip", NAME, {"/description": "x"})
    world.apply(world.approve(delete))
    assert approve(world, update).code == 4
    assert live(world) is None
    batch = world.approve(world.delete("clip", "coca_ViT-L-14"))
    assert approve(world, update).code == 4, "nor does it join a batch"
    assert world.apply(batch) == [5]


def test_02_a_delete_of_what_is_gone_blocks_nobody(world: World) -> None:
    gone, other = world.delete("clip", NAME), queue(world, "a")[0]
    batch = world.approve(gone, other)
    world.git("rm", "-q", "dataset/clip/ViT-L%2F14.json")
    world.git("-c", "user.name=x", "-c", "user.email=x@people.example", "commit", "-qm", "by hand")
    world.run("adopt", "main", "--reason", "R").ok()
    answer = apply(world, "--batch", batch)
    assert answer.code == 4
    assert f"reject change {gone}" in answer.error["message"]
    world.run("reject", str(gone), "--reason", "gone already", actor=ARTHUR).ok()
    assert world.apply(batch) == [other]
    assert_clean(world.path)


def test_03_a_create_does_not_overwrite_what_went_live_meanwhile(world: World) -> None:
    first, second = (world.create("clip", "a", clip("a", description=text)) for text in ("one", "two"))
    world.apply(world.approve(first))
    assert approve(world, second).code == 4
    assert (live(world, name="a") or {})["description"] == "one"


def test_04_of_two_updates_from_one_base_neither_loses_its_field(world: World) -> None:
    for number in (world.update("clip", NAME, {"/description": "x"}), world.update("clip", NAME, {"/version": "9"})):
        world.apply(world.approve(number))
    record = live(world) or {}
    assert (record["description"], record["version"]) == ("x", "9")


def test_05_a_batch_with_a_rejected_member_is_applied_and_then_has_nothing_left(world: World) -> None:
    first, second = queue(world, "a", "b")
    batch = approve(world, first, "--reject", second, "--reason", "R").ok().json["batch_id"]
    assert applied(apply(world, "--batch", batch)) == [first]
    assert applied(apply(world, "--batch", batch)) == []


def test_06_an_approval_of_one_that_is_not_there_approves_none(world: World) -> None:
    (number,) = queue(world, "a")
    assert approve(world, number, 999).code == 3
    assert status(world, number) == ["pending"]


def test_07_ids_are_taken_once_and_in_order(world: World) -> None:
    first, _, third = queue(world, "a", "b", "c")
    answer = approve(world, third, first, first).ok().json
    assert [row["change_id"] for row in answer["approved"]] == [first, third]


def test_08_filters_win_over_all(world: World) -> None:
    first, second = queue(world, "a", "b")
    world.run("reject", str(first), "--reason", "R", actor=ARTHUR).ok()
    answer = world.run("purge", "--all", "--status", "rejected", "--yes", actor=ARTHUR).ok().json
    assert answer["removed_change_ids"] == [first]
    assert status(world, second) == ["pending"]


def test_09_a_purged_change_is_pending_nowhere_and_its_number_is_spent(world: World) -> None:
    (number,) = queue(world, "a")
    world.run("purge", "--status", "pending", "--yes", actor=ARTHUR).ok()
    assert world.run("audit", "current").ok().json["pending_changes"] == []
    assert queue(world, "a") == [number + 1]


def test_10_net_changes_are_there_as_soon_as_their_batch_is(world: World) -> None:
    assert world.run("audit", "net-changes", "3").code == 3
    batch = world.approve(*queue(world, "a"))
    world.apply(batch)
    row = world.run("audit", "net-changes", str(batch)).ok().json
    assert [(item["model_name"], item["net_operation"]) for item in row["model_changes"]] == [("a", "added")]


def test_11_a_hundred_and_one_differences_and_a_number_below_zero(world: World) -> None:
    lines = [{"operation": "create", "category": "clip", "payload": clip(f"n{i}")} for i in range(101)]
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    ids = world.run("propose", "bulk", "-", stdin=data, actor=CAROL).ok().json["change_ids"]
    page = world.run("diff", "--", *map(str, ids), "-1").ok().json
    assert (len(page["diffs"]), page["total"], [row["change_id"] for row in page["errors"]]) == (101, 102, [-1])


def test_12_ids_are_applied_in_the_order_given(world: World) -> None:
    first, second = queue(world, "a", "b")
    world.approve(first, second)
    assert applied(apply(world, second, first)) == [second, first]


@pytest.mark.usefixtures("no_patience", "no_syncing")
def test_13_a_crash_in_an_apply_leaves_nothing_that_is_stuck(world: World) -> None:
    (number,) = queue(world, "a")
    batch = world.approve(number)
    point = 1
    while cut(lambda: world.apply(batch), point) is not None:
        assert listed(world, "--status", "applying") == ([], 0)
        assert status(world, number)[0] in ("approved", "applied")
        if status(world, number) == ["applied"]:
            break
        point += 1
    assert applied(apply(world, "--batch", batch)) in ([number], [])
    assert status(world, number) == ["applied"]
    assert "dataset/clip/a.json" in world.files()
    assert_clean(world.path)
