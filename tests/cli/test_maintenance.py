from __future__ import annotations

import os
import re
import shlex
import time
from pathlib import Path

from tests.support.calls import call, spawn
from tests.support.world import World, clip


def test_doctor_finds_nothing_in_good_health(world: World) -> None:
    world.approve(world.create("clip", "a", clip("a")), world.delete("clip", "ViT-L/14"))
    assert world.run("doctor", actor=None).ok().json == {"findings": []}
    assert world.run("doctor", "--repair", actor=None).ok().json == {"findings": []}
    assert world.say("doctor").ok().out == b"all is well\n"


def test_doctor_rolls_forward_what_is_behind(world: World) -> None:
    old = world.git("rev-parse", "main").strip()
    batch = world.approve(world.create("clip", "a", clip("a")))
    change = world.create("clip", "b", clip("b"))
    world.apply(batch)
    new = world.git("rev-parse", "main").strip()
    world.git("update-ref", "refs/heads/main", old)
    world.git("update-ref", "-d", f"refs/heads/proposals/{change}")
    answer = world.run("doctor").ok()
    findings = answer.json["findings"]
    assert all(list(row) == ["code", "message", "repaired"] for row in findings)
    assert {row["code"] for row in findings} >= {"behind"}
    assert not any(row["repaired"] for row in findings)
    assert world.git("rev-parse", "main").strip() == old, "looking changes nothing"
    mended = world.run("doctor", "--repair").ok().json["findings"]
    assert all(row["repaired"] for row in mended if row["code"] == "behind")
    assert world.git("rev-parse", "main").strip() == new
    assert f"refs/heads/proposals/{change}" in world.refs()
    assert [row for row in world.run("doctor").ok().json["findings"] if row["code"] == "behind"] == []


def test_a_reader_answers_from_the_log_even_if_main_is_behind(world: World) -> None:
    old = world.git("rev-parse", "main").strip()
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    world.git("update-ref", "refs/heads/main", old)
    assert "a" in world.run("ls", "clip").ok().json


def test_what_another_hand_put_on_main_is_left_to_people_and_stops_apply(world: World) -> None:
    batch = world.approve(world.create("clip", "a", clip("a")))
    tree = world.git("rev-parse", "main^{tree}").strip()
    words = ("-c", "user.name=x", "-c", "user.email=x@x.example", "commit-tree", tree, "-p", "main", "-m", "by hand")
    stranger = world.git(*words).strip()
    world.git("update-ref", "refs/heads/main", stranger)
    answer = world.run("doctor")
    assert answer.code == 9
    assert [row["code"] for row in answer.json["findings"] if row["code"] != "work_tree"] == ["drift"]
    assert answer.error["code"] == "integrity"
    refused = world.run("apply", "--batch", str(batch))
    assert (refused.code, refused.out, refused.error["code"]) == (9, b"", "integrity")
    assert world.refs()["refs/heads/main"] == stranger
    assert world.run("doctor", "--repair").code == 9
    assert world.create("clip", "b", clip("b")) == 4, "all other steps go on"


def test_an_apply_of_what_somebody_pushed_to_main_writes_the_missing_event(world: World) -> None:
    batch = world.approve(world.create("clip", "a", clip("a")))
    head = world.refs()[f"refs/heads/batches/{batch}"]
    world.git("update-ref", "refs/heads/main", head)
    world.run("apply", "--batch", str(batch)).ok()
    assert world.refs()["refs/heads/main"] == head
    assert world.events("--action", "apply")[-1]["payload"]["batch_id"] == batch


def test_doctor_names_a_stale_lock_and_removes_it_when_asked(world: World) -> None:
    lock = world.path / ".git" / "refs" / "heads" / "queue.lock"
    lock.write_text("")
    old = time.time() - 3600
    os.utime(lock, (old, old))
    assert [row["code"] for row in world.run("doctor").ok().json["findings"]] == ["stale_lock"]
    assert lock.exists()
    (row,) = world.run("doctor", "--repair").ok().json["findings"]
    assert row["repaired"] is True
    assert not lock.exists()
    world.create("clip", "a", clip("a"))


def test_gc_packs_and_prunes_nothing_that_the_audit_needs(world: World) -> None:
    for number in range(4):
        change = world.create("clip", f"m{number}", clip(f"m{number}"))
        world.run("reject", str(change), "--reason", "no").ok() if number % 2 else world.apply(world.approve(change))
    history, objects = world.events(), world.objects()
    answer = world.run("gc").ok().json
    assert list(answer) == ["objects_before", "objects_after", "bytes_before", "bytes_after"]
    assert all(isinstance(value, int) for value in answer.values())
    assert answer["objects_after"] <= answer["objects_before"]
    assert world.objects() >= objects
    assert world.events() == history
    assert (world.path / ".git" / "objects" / "info" / "commit-graph").exists() or list(
        (world.path / ".git" / "objects" / "info").glob("commit-graphs/*")
    )
    world.git("fsck", "--strict", "--no-dangling")
    world.create("clip", "after", clip("after"))
    dry = world.run("gc", "--dry-run").ok().json
    assert dry["dry_run"] is True


def test_stock_gc_does_no_harm(world: World) -> None:
    change = world.create("clip", "gone", clip("gone"))
    world.run("reject", str(change), "--reason", "no").ok()
    world.git("reflog", "expire", "--expire=now", "--all")
    world.git("gc", "-q", "--prune=now")
    assert world.run("show", str(change)).ok().json["payload"]["name"] == "gone"
    assert world.events("--change", str(change))[0]["payload"]["model"] == "gone"
    assert world.create("clip", "next", clip("next")) == change + 1


def test_the_demo_goes_the_whole_way_and_prints_each_command(tmp_path: Path) -> None:
    answer = call("demo", str(tmp_path / "demo")).ok()
    text = answer.out.decode()
    commands = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    assert all(command.startswith("modelref-git ") for command in commands)
    for verb in (
        "init",
        "propose create",
        "propose update",
        "propose delete",
        "conflicts",
        "diff",
        "approve",
        "apply",
        "get",
        "blame",
        "log",
        "verify",
    ):
        assert any(f" {verb} " in f"{command} " for command in commands), verb
    assert any("audit events" in command for command in commands)
    world = World(tmp_path / "demo" / "dataset-repository")
    assert world.run("changes", "--status", "applied", "--model", "Demo").ok().json["total"] == 1
    assert "batch" in world.git("log", "--graph", "--oneline", "main")
    world.git("fsck", "--strict", "--no-dangling")
    for command in commands:
        assert shlex.split(command), "each can be copied into a shell"


def test_the_demo_merges_the_edits_of_two_contributors_into_one_record(tmp_path: Path) -> None:
    answer = call("--json", "demo", str(tmp_path / "demo")).ok().json
    world = World(Path(answer["path"]))
    rows = [world.run("show", str(number)).ok().json for number in answer["change_ids"]]
    names = [row["model_name"] for row in rows]
    (both,) = {name for name in names if names.count(name) == 2}
    assert {row["requested_username"] for row in rows if row["model_name"] == both} == {"carol#2", "dora#4"}
    record = world.run("get", "image_generation", both).ok().json
    assert (record["nsfw"], record["tags"][-1]) == (True, "demo")


def test_the_demo_answers_one_document_with_json(tmp_path: Path) -> None:
    answer = call("--json", "demo", str(tmp_path / "demo")).ok()
    assert next(iter(answer.json)) == "path"
    assert (Path(answer.json["path"]) / "modelref.toml").is_file()


def test_the_demo_makes_a_folder_of_its_own_unless_told_and_takes_no_full_one(tmp_path: Path) -> None:
    answer = spawn("--json", "demo", env={"TMPDIR": str(tmp_path)}).ok()
    assert answer.json["path"].startswith(str(tmp_path))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    refused = call("--json", "demo", str(tmp_path / "full"))
    assert (refused.code, refused.out, refused.error["code"]) == (4, b"", "conflict")


def test_the_demo_minds_no_settings_of_whoever_runs_it(tmp_path: Path, world: World) -> None:
    env = {"MODELREF_REPO": str(world.path), "MODELREF_ACTOR": "9", "PATH": "/nowhere"}
    before = world.refs()
    call("demo", str(tmp_path / "demo"), env=env).ok()
    assert world.refs() == before


def test_doctor_names_what_was_never_finished_and_removes_it_when_asked(world: World) -> None:
    packs = world.store.pack_folder
    left = [packs / "tmp_modelref_abc", packs / f"pack-{'0' * 40}.pack", world.store.local_dir / "cache/tmp_modelref_x"]
    for path in left:
        path.write_bytes(b"PACK")
        os.utime(path, (0, 0))
    found = world.run("doctor").ok().json["findings"]
    assert [row["code"] for row in found] == ["half_written"] * 3
    assert all(path.exists() for path in left)
    assert all(row["repaired"] for row in world.run("doctor", "--repair").ok().json["findings"])
    assert not any(path.exists() for path in left)
