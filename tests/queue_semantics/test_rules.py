"""The rules by which this queue is meant to be better than the first one, each in the words of its test's name."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tests.queue_semantics.words import NAME, actions, apply, approve, live, queue, status
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

# --- the store -------------------------------------------------------------------------------------------------------


def break_queue(world: World, path: str, data: bytes | None) -> str:
    """A commit on ``queue`` in whose tree a file is something else, or is gone; gives its id."""
    index = {"GIT_INDEX_FILE": str(world.path / ".git" / "broken-index")}
    words = ("-c", "user.name=x", "-c", "user.email=x@people.example")

    def git(*more: str, stdin: bytes = b"") -> str:
        command = ["git", "-C", str(world.path), *words, *more]
        done = subprocess.run(command, input=stdin, capture_output=True, check=True, env={**os.environ, **index})
        return done.stdout.decode().strip()

    git("read-tree", "queue")
    if data is None:
        git("rm", "-q", "--cached", path)
    else:
        blob = git("hash-object", "-w", "--stdin", stdin=data)
        git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    message = git("log", "-1", "--format=%B", "queue").encode()
    commit = git("commit-tree", git("write-tree"), "-p", "queue", stdin=message)
    git("update-ref", "refs/heads/queue", commit)
    return commit


@pytest.mark.parametrize("data", [b"", b"[]\n", b'{"change_id": 3}\n', b"\xff\n"])
def test_a_state_that_cannot_be_read_is_refused_and_never_dropped_or_overwritten(world: World, data: bytes) -> None:
    (number,) = queue(world, "a")
    (path,) = (path for path in world.files("queue") if path.endswith(f"/{number}.json") and "changes" in path)
    broken = break_queue(world, path, data)
    for words in (("show", str(number)), ("changes",), ("approve", str(number), "--title", "T")):
        answer = world.run(*words, actor=ARTHUR)
        assert (answer.code, answer.out) == (9, b"")
    assert world.git("rev-parse", "queue").strip() == broken


# --- review and apply ------------------------------------------------------------------------------------------------


def test_a_number_of_a_batch_is_taken_only_after_all_checks(world: World) -> None:
    first, second = (world.update("clip", NAME, {"/description": text}) for text in ("x", "y"))
    for words, code in (((first, 999), 3), ((first, second), 4)):
        assert approve(world, *words).code == code
    assert approve(world, first, actor=CAROL).code == 6
    assert world.approve(first) == 3


def test_a_whole_apply_keeps_one_number_and_a_partial_one_splits_once(world: World) -> None:
    whole = queue(world, "a", "b", "c")
    assert world.apply(world.approve(*whole)) == whole
    part = queue(world, *"defgh")
    assert world.approve(*part) == 4
    answer = apply(world, *part[:3]).ok().json
    assert (answer["batch_split_new_batch_id"], answer["batch_split_reassigned_count"]) == (5, 2)
    assert {row["batch_id"] for row in answer["applied"]} == {4}
    assert actions(world).count("batch_split") == 1


def test_a_split_carries_title_and_approver_over(world: World) -> None:
    first, second = queue(world, "a", "b")
    batch = world.approve(first, second, title="June")
    number = apply(world, first, actor=OWNER).ok().json["batch_split_new_batch_id"]
    rows = {row["batch_id"]: row for row in world.run("audit", "batches").ok().json["batches"]}
    for each in (batch, number):
        assert (rows[each]["batch_title"], rows[each]["approved_by"]) == ("June", "3")
        assert rows[each]["approved_at"] is not None


def test_the_current_audit_is_what_is_pending_and_not_purged(world: World) -> None:
    first, second, third, fourth = queue(world, *"abcd")
    world.approve(second)
    world.run("reject", str(third), "--reason", "R", actor=ARTHUR).ok()
    world.run("purge", "--model", "d", "--category", "clip", "--yes", actor=ARTHUR).ok()
    rows = world.run("audit", "current").ok().json["pending_changes"]
    assert [row["change_id"] for row in rows] == [first]
    assert world.run("show", str(fourth)).code == 3


# --- differences -----------------------------------------------------------------------------------------------------


def test_a_delete_takes_every_field_away(world: World) -> None:
    row = world.run("diff", str(world.delete("clip", NAME))).ok().json
    assert (row["net_operation"], row["is_critical"]) == ("deleted", True)
    assert {item["change_type"] for item in row["field_diffs"]} == {"removed"}
    assert "description" in row["fields_removed"]


def test_a_delete_of_what_is_gone_takes_nothing_away(world: World) -> None:
    number = world.delete("clip", NAME)
    world.apply(world.approve(world.delete("clip", NAME)))
    row = world.run("diff", str(number)).ok().json
    assert (row["net_operation"], row["field_diffs"]) == ("unchanged", [])


def test_stamps_are_no_difference(world: World) -> None:
    world.apply(world.approve(*queue(world, "a")))
    world.clock.tick(60)
    row = world.run("diff", str(world.update("clip", "a", {"/description": "x"}, actor=OWNER))).ok().json
    assert [item["field_path"] for item in row["field_diffs"]] == ["description"]


def test_an_update_of_nothing_but_stamps_is_no_update(world: World) -> None:
    world.apply(world.approve(*queue(world, "a")))
    world.clock.tick(60)
    same = json.dumps(clip("a")).encode()
    for words, stdin in ((("--set", "/description=An encoder of pictures and words."), b""), (("-",), same)):
        answer = world.run("propose", "update", "clip", "a", *words, actor=OWNER, stdin=stdin)
        assert (answer.code, answer.error["details"][0]["rule"]) == (5, "update.unchanged")


def test_downloads_are_critical_in_every_category(world: World) -> None:
    for category in ("gfpgan", "clip", "miscellaneous"):
        names = world.run("ls", category).ok().json
        record = live(world, category, names[0]) if names else None
        if record is None or not record.get("config", {}).get("download"):
            continue
        number = world.update(category, names[0], {"/config/download/0/file_url": "https://models.example/y"})
        assert world.run("diff", str(number)).ok().json["is_critical"] is True, category
        number = world.update(category, names[0], {"/description": "another"})
        assert world.run("diff", str(number)).ok().json["is_critical"] is False, category


# --- net changes -----------------------------------------------------------------------------------------------------


def net(world: World, batch: int) -> dict[str, Any]:
    (row,) = world.run("audit", "net-changes", str(batch)).ok().json["model_changes"]
    found: dict[str, Any] = row
    return found


def fields(world: World, batch: int) -> list[tuple[str, str]]:
    """``(field, kind of change)`` of a batch of one record, without stamps."""
    rows = net(world, batch)["field_diffs"]
    return sorted(
        (row["field_path"], row["change_type"]) for row in rows if not row["field_path"].startswith("metadata")
    )


def test_a_record_that_came_with_the_dataset_has_a_state_before_its_first_batch(world: World) -> None:
    before = live(world)
    batch = world.approve(world.update("clip", NAME, {"/description": "x"}))
    world.apply(batch)
    row = net(world, batch)
    assert (row["net_operation"], row["before_state"]) == ("modified", before)


def test_what_other_batches_did_in_between_is_not_mixed_in(world: World) -> None:
    late = world.update("clip", NAME, {"/description": "late"})
    world.apply(world.approve(world.update("clip", NAME, {"/version": "9"})))
    batch = world.approve(late)
    world.apply(batch)
    assert fields(world, batch) == [("description", "modified")]
    assert net(world, batch)["before_state"]["version"] == "9"


def test_fields_that_came_and_went_are_told(world: World) -> None:
    batch = world.approve(world.update("clip", NAME, {"/homepage": "https://h.example"}))
    world.apply(batch)
    assert fields(world, batch) == [("homepage", "added")]
    answer = world.run("propose", "update", "clip", NAME, "--unset", "/homepage", actor=CAROL).ok().json
    batch = world.approve(answer["change_id"])
    world.apply(batch)
    assert fields(world, batch) == [("homepage", "removed")]
    assert "homepage" not in (live(world) or {})


def test_several_changes_of_one_record_are_one_net_change(world: World) -> None:
    numbers = [world.update("clip", NAME, edit) for edit in ({"/description": "x"}, {"/version": "9"})]
    batch = world.approve(*numbers)
    world.apply(batch)
    assert fields(world, batch) == [("description", "modified"), ("version", "added")]


# --- texts and stamps ------------------------------------------------------------------------------------------------


def text(name: str, **more: Any) -> bytes:
    return json.dumps({"name": name, "parameters": 7_000_000_000, "nsfw": False, **more}).encode()


@pytest.mark.parametrize(
    "more", [{"parameters": -1}, {"parameters": "many"}, {"settings": {"no_such_setting": 1}}, {"parameters": None}]
)
def test_what_a_text_model_needs_is_checked_when_it_is_proposed(world: World, more: dict[str, Any]) -> None:
    answer = world.run("propose", "create", "text_generation", "-", stdin=text("Auth/M-7B", **more), actor=CAROL)
    assert (answer.code, answer.out) == (5, b"")


def test_a_text_model_goes_the_whole_way_and_lists_its_variants(world: World) -> None:
    row = world.run("propose", "create", "text_generation", "-", stdin=text("Auth/M-7B"), actor=CAROL).ok().json
    assert row["related_models"] == ["aphrodite/Auth/M-7B", "koboldcpp/M-7B"]
    world.apply(world.approve(row["change_id"]))
    assert (live(world, "text_generation", "Auth/M-7B") or {})["parameters"] == 7_000_000_000
    number = world.update("text_generation", "Auth/M-7B", {"/description": "x"})
    row = world.run("diff", str(number)).ok().json
    assert [item["field_path"] for item in row["field_diffs"]] == ["description"], "and nothing of its parameters"


@pytest.mark.parametrize("prefix", ["aphrodite/", "koboldcpp/"])
def test_a_name_of_a_variant_is_refused(world: World, prefix: str) -> None:
    answer = world.run("propose", "create", "text_generation", "-", stdin=text(f"{prefix}M-7B"), actor=CAROL)
    assert answer.code == 5


def test_stamps_are_set_by_the_program_whatever_the_body_says(world: World) -> None:
    forged = {"created_at": 1, "updated_at": 1, "created_by": "mallory#6", "updated_by": "mallory#6"}
    number = world.create("clip", "a", clip("a", metadata=forged))
    world.apply(world.approve(number))
    stamps = (live(world, name="a") or {})["metadata"]
    assert {key: stamps[key] for key in forged} == {
        "created_at": world.clock.now, "updated_at": world.clock.now, "created_by": CAROL, "updated_by": CAROL,
    }  # fmt: skip
    world.clock.tick(60)
    world.apply(
        world.approve(world.update("clip", "a", {"/description": "x", "/metadata/created_by": "m#6"}, actor=OWNER))
    )
    later = (live(world, name="a") or {})["metadata"]
    assert (later["created_at"], later["created_by"]) == (stamps["created_at"], CAROL)
    assert (later["updated_at"], later["updated_by"]) == (world.clock.now, OWNER)
    assert_clean(world.path)


# --- duties ----------------------------------------------------------------------------------------------------------


def test_whoever_proposes_does_not_approve_and_the_log_keeps_both(world: World) -> None:
    number = world.create("clip", "a", clip("a"), actor=OWNER)
    assert approve(world, number, actor=OWNER).code == 6
    world.apply(world.approve(number), actor=OWNER)
    (row,) = world.run("log", "clip", "a").ok().json
    assert (row["author"], row["approver"], row["applied_by"]) == (OWNER, ARTHUR, OWNER)
    assert status(world, number) == ["applied"]
