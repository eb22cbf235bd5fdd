from __future__ import annotations

from typing import Any

import pytest

from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import PURGE, Event
from modelref_git.store.state import StoredQueue
from tests.cli.shapes import (
    AUDIT_BATCH_FIELDS,
    AUDIT_CHANGE_FIELDS,
    AUDIT_EVENT_FIELDS,
    MODEL_NET_CHANGE_FIELDS,
    NET_CHANGES_FIELDS,
)
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip


def audit(world: World, *words: str) -> Any:
    return world.run("audit", *words).ok().json


def test_current_lists_what_waits_newest_first(world: World) -> None:
    first = world.create("clip", "a", clip("a"))
    world.clock.tick(10)
    second, third = world.create("clip", "b", clip("b")), world.create("clip", "c", clip("c"))
    world.approve(second)
    answer = audit(world, "current")
    assert list(answer) == ["domain", "pending_changes", "total_pending", "generated_at"]
    assert (answer["domain"], answer["total_pending"]) == ("v2", 2)
    rows = answer["pending_changes"]
    assert [row["change_id"] for row in rows] == [third, first]
    assert all(list(row) == AUDIT_CHANGE_FIELDS for row in rows)
    assert rows[0].items() >= {
        "status": "pending", "operation": "create", "category": "clip", "model_name": "c", "requested_by": "2",
        "requested_at": world.clock.now, "approved_by": None, "batch_id": None,
    }.items()  # fmt: skip
    assert [list(event) for event in rows[0]["events"]] == [AUDIT_EVENT_FIELDS]


def test_the_log_decides_what_waits_whatever_the_state_lists(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, gone, done = (world.create("clip", name, clip(name)) for name in "abc")
    world.apply(world.approve(done))
    purge = Event(PURGE, Actor.parse(ARTHUR), 0, 0, change_ids=(gone,))
    world.context().write(lambda step: step.append(purge))
    with monkeypatch.context() as patch:
        patch.setattr(StoredQueue, "change_ids", lambda _queue, _folder: iter(range(1, done + 1)))
        rows = audit(world, "current")["pending_changes"]
    assert [row["change_id"] for row in rows] == [kept]


def test_current_of_an_empty_queue_is_empty(world: World) -> None:
    answer = audit(world, "current")
    assert (answer["pending_changes"], answer["total_pending"]) == ([], 0)


def test_a_change_that_was_purged_waits_no_more_and_its_batch_still_tells_of_it(world: World) -> None:
    kept, gone = world.create("clip", "a", clip("a")), world.create("clip", "b", clip("b"))
    done = world.create("clip", "c", clip("c"))
    batch = world.approve(done)
    world.apply(batch)
    purge = Event(PURGE, Actor.parse(ARTHUR), 0, 0, change_ids=(gone, done))
    world.context().write(lambda step: step.append(purge))
    assert [row["change_id"] for row in audit(world, "current")["pending_changes"]] == [kept]
    (row,) = audit(world, "batch", str(batch))["changes"]
    assert (row["change_id"], row["status"], row["events"][-1]["action"]) == (done, "applied", "purge")
    assert row["events"][-1]["payload"]["model"] == "c"
    purges = [event for event in world.events() if event["action"] == "purge"]
    assert [event["payload"]["change_id"] for event in purges] == [gone, done]
    assert purges[0]["payload"].items() >= {"category": "clip", "model": "b", "requested_by": "2"}.items()
    log = world.run("log", "clip", "c").ok().json
    assert (log[0]["change_id"], log[0]["author"]) == (done, CAROL)


def test_batches_are_listed_newest_first_a_page_at_a_time(world: World) -> None:
    batches = [world.approve(world.create("clip", name, clip(name)), title=f"the {name}") for name in "a"]
    world.apply(batches[0])
    second, refused = world.create("clip", "b", clip("b")), world.create("clip", "x", clip("x"))
    words = ("--title", "the b", "--reject", str(refused), "--reason", "no")
    batches.append(world.run("approve", str(second), *words, actor=ARTHUR).ok().json["batch_id"])
    answer = audit(world, "batches")
    assert list(answer) == ["domain", "batches", "next_cursor"]
    assert (answer["domain"], answer["next_cursor"]) == ("v2", None)
    assert [row["batch_id"] for row in answer["batches"]] == [4, 3, 2, 1]
    assert all(list(row) == AUDIT_BATCH_FIELDS for row in answer["batches"])
    newest, older = answer["batches"][:2]
    assert newest.items() >= {
        "batch_title": "the b", "approved_by": "3", "applied_at": None, "approved_change_count": 1,
        "rejected_change_count": 1, "applied_change_count": 0, "total_change_count": 2,
    }.items()  # fmt: skip
    assert older.items() >= {"batch_title": "the a", "applied_at": world.clock.now, "applied_change_count": 1}.items()
    assert newest["last_event_id"] == world.events()[-1]["event_id"]
    page = audit(world, "batches", "--limit", "2")
    assert ([row["batch_id"] for row in page["batches"]], page["next_cursor"]) == ([4, 3], 3)
    page = audit(world, "batches", "--limit", "2", "--cursor", "3")
    assert ([row["batch_id"] for row in page["batches"]], page["next_cursor"]) == ([2, 1], None)
    assert audit(world, "batches", "--cursor", "1")["batches"] == []
    assert world.run("audit", "batches", "--limit", "0").code == 2


def test_a_batch_is_shown_with_its_changes_in_the_order_of_the_log(world: World) -> None:
    first, second, refused = (world.create("clip", name, clip(name)) for name in "abc")
    words = ("--title", "June", "--reject", str(refused), "--reason", "no")
    world.run("approve", str(second), str(first), *words, actor=ARTHUR).ok()
    world.apply(3, job_id="J")
    answer = audit(world, "batch", "3")
    assert list(answer) == [*AUDIT_BATCH_FIELDS, "changes"]
    assert [row["change_id"] for row in answer["changes"]] == [first, second, refused]
    assert all(list(row) == AUDIT_CHANGE_FIELDS for row in answer["changes"])
    done, _, not_done = answer["changes"]
    assert done.items() >= {"status": "applied", "approved_by": "3", "applied_job_id": "J", "batch_id": 3}.items()
    assert [event["action"] for event in done["events"]] == ["enqueue", "approve", "apply"]
    assert not_done.items() >= {"status": "rejected", "rejected_by": "3", "reject_reason": "no"}.items()
    known = {row["event_id"]: {key: row[key] for key in AUDIT_EVENT_FIELDS} for row in world.events()}
    for row in answer["changes"]:
        assert row["events"] == [known[event["event_id"]] for event in row["events"]], "as `audit events` tells them"


def test_a_batch_that_nobody_knows_is_not_found(world: World) -> None:
    for words in (("batch", "9"), ("net-changes", "9"), ("batch", "0")):
        answer = world.run("audit", *words)
        assert (answer.code, answer.out) == (3, b"")
    assert "the newest batch is 2" in world.run("audit", "batch", "9").error["message"]
    assert world.run("audit", "batch", "x").code == 2


def test_net_changes_are_those_of_the_tree_before_and_after(world: World) -> None:
    made = world.create("clip", "a", clip("a"))
    edited = world.update("clip", "ViT-L/14", {"/description": "better", "/config/download/0/sha256sum": "cd" * 32})
    gone = world.delete("gfpgan", "GFPGAN")
    batch = world.approve(made, edited, gone)
    early = audit(world, "net-changes", str(batch))
    assert list(early) == NET_CHANGES_FIELDS
    assert (early["model_changes"], early["total_field_changes"], early["batch_title"]) == ([], 0, "June models")
    before = {name: world.run("get", *name).ok().json for name in (("clip", "ViT-L/14"), ("gfpgan", "GFPGAN"))}
    world.apply(batch)
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/description": "later"})))
    answer = audit(world, "net-changes", str(batch))
    rows = answer["model_changes"]
    assert all(list(row) == MODEL_NET_CHANGE_FIELDS for row in rows)
    assert [(row["model_name"], row["net_operation"]) for row in rows] == [
        ("ViT-L/14", "modified"), ("a", "added"), ("GFPGAN", "deleted"),
    ]  # fmt: skip
    modified, added, deleted = rows
    assert modified["before_state"] == before["clip", "ViT-L/14"]
    assert modified["after_state"]["description"] == "better", "what came later is no part of it"
    assert (added["before_state"], deleted["after_state"]) == (None, None)
    assert deleted["before_state"] == before["gfpgan", "GFPGAN"]
    assert {diff["field_path"] for diff in modified["field_diffs"]} >= {"description", "config.download"}
    assert all(
        list(diff) == ["field_path", "old_value", "new_value", "change_type"] for diff in modified["field_diffs"]
    )
    assert (modified["is_critical"], answer["has_critical_changes"]) == (True, True)
    kinds = ("added", "modified", "deleted", "unchanged")
    assert [answer[f"models_{kind}"] for kind in kinds] == [1, 1, 1, 0]
    assert answer["total_field_changes"] == sum(len(row["field_diffs"]) for row in rows)


def test_a_record_that_two_batches_changed_is_told_apart(world: World) -> None:
    batches = []
    for text in ("one", "two"):
        batches.append(world.approve(world.update("clip", "ViT-L/14", {"/description": text})))
        world.apply(batches[-1])
    (row,) = audit(world, "net-changes", str(batches[1]))["model_changes"]
    diffs = {diff["field_path"]: diff for diff in row["field_diffs"]}
    assert (diffs["description"]["old_value"], diffs["description"]["new_value"]) == ("one", "two")


def test_the_net_change_of_a_policy_batch_is_the_configuration(world: World) -> None:
    (row,) = audit(world, "net-changes", "2")["model_changes"]
    assert (row["category"], row["model_name"], row["net_operation"]) == ("policy", "modelref.toml", "modified")
    assert [diff["field_path"] for diff in row["field_diffs"]] == ["members"]


def test_a_batch_that_was_split_off_was_opened_by_whoever_opened_the_one_before(world: World) -> None:
    first, second = world.create("clip", "a", clip("a")), world.create("clip", "b", clip("b"))
    batch = world.approve(first, title="one")
    world.clock.tick(60)
    assert world.approve(second, title="two", actor=OWNER) == batch
    world.run("apply", str(first), actor=ARTHUR).ok()
    before, after = (world.run("audit", "batch", str(number)).ok().json for number in (batch, batch + 1))
    opened = ("approved_by", "approved_at", "batch_title")
    assert [after[key] for key in opened] == [before[key] for key in opened]
    assert after["approved_by"] == "3"
    (row, _) = world.run("audit", "batches", "--limit", "2").ok().json["batches"]
    assert [row[key] for key in opened] == [after[key] for key in opened]


def test_a_split_is_told_of_by_both_batches_and_by_the_change_that_moved(world: World) -> None:
    first, second = world.create("clip", "a", clip("a")), world.create("clip", "b", clip("b"))
    batch = world.approve(first, second, title="Both")
    world.run("apply", str(first), actor=ARTHUR).ok()
    old, new = audit(world, "batch", str(batch)), audit(world, "batch", str(batch + 1))
    assert [row["change_id"] for row in old["changes"]] == [first]
    assert [row["change_id"] for row in new["changes"]] == [second]
    assert [new[key] for key in ("batch_title", "approved_by", "applied_at")] == ["Both", "3", None]
    for words in (("--batch", str(batch)), ("--batch", str(batch + 1)), ("--change", str(second))):
        (split,) = (row for row in world.events(*words) if row["action"] == "batch_split")
        assert split["payload"] == {
            "action": "batch_split",
            "original_batch_id": batch,
            "new_batch_id": batch + 1,
            "reassigned_change_ids": [second],
            "reason": "partial_apply",
        }
    assert not [row for row in world.events("--change", str(first)) if row["action"] == "batch_split"]
    world.apply(batch + 1)
    net = [audit(world, "net-changes", str(number))["model_changes"] for number in (batch, batch + 1)]
    assert [[row["model_name"] for row in rows] for rows in net] == [["a"], ["b"]]


def test_the_answers_are_the_same_with_and_without_the_index(world: World) -> None:
    batch = world.approve(world.create("clip", "a", clip("a")), world.delete("gfpgan", "GFPGAN"))
    world.apply(batch)
    world.create("clip", "b", clip("b"))
    views = (("current",), ("batches",), ("batch", str(batch)), ("net-changes", str(batch)))

    def told() -> list[Any]:
        rows = [audit(world, *words) for words in views]
        return [{key: value for key, value in row.items() if key != "generated_at"} for row in rows]

    first = told()
    assert told() == first
    (world.store.local_dir / "cache" / "index.sqlite").unlink()
    assert told() == first
    (world.store.local_dir / "cache" / "index.sqlite").write_bytes(b"rubbish")
    assert told() == first


def test_people_read_tables(world: World) -> None:
    batch = world.approve(world.create("clip", "a", clip("a")), title="June")
    world.apply(batch)
    world.create("clip", "b", clip("b"))
    assert b"\tpending\tcreate\tclip\tb\t2\t" in world.say("audit", "current").ok().out
    lines = world.say("audit", "batches", "--limit", "1").ok()
    assert lines.out.startswith(f"{batch}\tJune\t3\t".encode())
    assert f"--cursor {batch}".encode() in lines.err
    assert b"applied\tcreate\tclip\ta" in world.say("audit", "batch", str(batch)).ok().out
    text = world.say("audit", "net-changes", str(batch)).ok().out.decode()
    assert text.startswith(f'batch {batch} "June": 1 added, 0 modified, 0 deleted, 0 unchanged\nclip a (added')
    assert "+ description: " in text
