"""``image`` and ``propose --picture`` as commands: options, answers, dry runs, and what people are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelref_git.operations.picture_files import name_of
from tests.support.pictures import picture
from tests.support.world import CAROL, World

PNG, GIF = picture("PNG"), picture("GIF")
RECORD = ("clip", "ViT-L/14")


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "sea.png").write_bytes(PNG)
    (tmp_path / "wood.gif").write_bytes(GIF)
    (tmp_path / "flow.json").write_text('{"3": {"inputs": {"cfg": 1.50}}}')
    return World.make(tmp_path / "world.git", bare=True)


def file(world: World, name: str) -> str:
    return str(world.path.parent / name)


def test_every_option_stands_in_the_entry_as_it_was_typed(world: World) -> None:
    words = ["--prompt", "a: b", "--negative-prompt", "dark", "--seed", "-1", "--steps", "20", "--cfg-scale", "7.50"]
    words += ["--sampler", "euler", "--scheduler", "karras", "--lora", "a:b:0.80", "--lora", "c:-1"]
    words += ["--comfy-workflow", file(world, "flow.json"), "--nsfw-level", "2", "--order", "3", "--note", "why"]
    row = world.run("image", "add", *RECORD, file(world, "sea.png"), *words, actor=CAROL).ok().json
    assert (row["status"], row["notes"]) == ("pending", "why")
    (entry,) = row["payload"]["pictures"]
    assert entry == {
        "sha256": name_of(PNG),
        "media_type": "image/png",
        "width": 24,
        "height": 16,
        "size_bytes": len(PNG),
        "prompt": "a: b",
        "negative_prompt": "dark",
        "seed": -1,
        "steps": 20,
        "cfg_scale": 7.5,
        "sampler": "euler",
        "scheduler": "karras",
        "loras": [{"name": "a:b", "strength": 0.8}, {"name": "c", "strength": -1}],
        "comfy_workflow": {"3": {"inputs": {"cfg": 1.5}}},
        "nsfw_level": 2,
        "sort_order": 3,
    }
    stored = world.git("show", f"proposals/{row['change_id']}:dataset/clip/ViT-L%2F14.json")
    assert '"cfg_scale": 7.50,' in stored
    assert '"cfg": 1.50' in stored


@pytest.mark.long
def test_pictures_are_listed_changed_removed_and_written(world: World) -> None:
    added = world.run("image", "add", *RECORD, file(world, "sea.png"), file(world, "wood.gif"), actor=CAROL).ok().json
    number, name = added["change_id"], name_of(PNG)
    out = world.path.parent / "out.png"
    told = world.run("image", "get", name[:6], "--to", str(out), "--change", str(number)).ok().json
    assert told == {"sha256": name, "path": str(out), "size_bytes": len(PNG)}
    assert out.read_bytes() == PNG
    assert world.run("image", "get", name[:6], "--to", str(out), "--change", str(number)).code == 4
    assert world.run("image", "get", name[:6], "--to", str(out) + "2").code == 3
    assert world.run("image", "get", name[:6], "--to", "x", "--change", "1", "--at", "main").code == 2
    world.apply(world.approve(number))
    listed = world.run("image", "list", *RECORD).ok().json
    assert [row["sha256"] for row in listed] == [name, name_of(GIF)]
    assert world.run("image", "list", *RECORD, "--at", "main~1").ok().json == []
    lines = world.say("image", "list", *RECORD).out.decode().splitlines()
    assert lines[0] == f"{name[:12]}  png  24x16  {len(PNG)} bytes"
    words = ("image", "set", *RECORD, name[:8], "--order", "9", "--prompt", "\x1b[31mred")
    dry = world.run(*words, "--dry-run", actor=CAROL).ok().json
    assert dry["dry_run"] is True
    changed = world.run(*words, actor=CAROL).ok().json
    assert changed["change_id"] == dry["change_id"]
    world.apply(world.approve(changed["change_id"]))
    last = world.say("image", "list", *RECORD).out.decode().splitlines()[-1]
    assert last.startswith(name[:12])
    assert "\x1b" not in last
    gone = world.run("image", "remove", *RECORD, name_of(GIF), "--supersedes", "99", actor=CAROL)
    assert gone.code == 3
    gone = world.run("image", "remove", *RECORD, name_of(GIF), name, actor=CAROL).ok().json
    assert "pictures" not in gone["payload"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["add", *RECORD, "none.png"], 3),
        (["add", *RECORD], 2),
        (["add", *RECORD, "SEA", "--lora", "x"], 2),
        (["add", *RECORD, "SEA", "--lora", "x:y"], 2),
        (["add", *RECORD, "SEA", "--cfg-scale", "high"], 2),
        (["add", *RECORD, "SEA", "--nsfw-level", "4"], 2),
        (["add", *RECORD, "SEA", "--comfy-workflow", "SEA"], 5),
        (["add", "none", "x", "SEA"], 3),
        (["add", *RECORD, "SEA", "SEA"], 4),
        (["set", *RECORD, "abcd", "--seed", "1"], 3),
        (["set", *RECORD, "abcd"], 2),
        (["set", *RECORD, "abcd", "--clear", "sha256"], 2),
        (["remove", *RECORD, "abcd"], 3),
        (["list", "clip", "none"], 3),
    ],
)
def test_what_makes_no_sense_has_an_exit_code_and_changes_nothing(world: World, words: list[str], code: int) -> None:
    before = world.refs()
    typed = [file(world, "sea.png") if word == "SEA" else word for word in words]
    answer = world.run("image", *typed, actor=CAROL)
    assert answer.code == code, answer.err
    assert world.refs() == before


@pytest.mark.long
def test_a_record_from_a_file_comes_with_its_pictures(world: World) -> None:
    record = world.path.parent / "new.json"
    record.write_text(json.dumps({"config": {"download": []}, "pictures": [{"sha256": name_of(PNG)}]}))
    words = ("propose", "create", "clip", str(record), "--name", "new")
    refused = world.run(*words, actor=CAROL)
    assert refused.code == 5
    assert "--picture FILE" in refused.err.decode()
    row = world.run(*words, "--picture", file(world, "sea.png"), actor=CAROL).ok().json
    assert row["payload"]["pictures"][0]["media_type"] == "image/png"
    entry = json.dumps({"sha256": name_of(GIF)})
    more = ("--set", f"/pictures=[{entry}]", "--picture", file(world, "wood.gif"))
    assert (
        world.run("propose", "update", *RECORD, *more, actor=CAROL).ok().json["payload"]["pictures"][0]["width"] == 24
    )


@pytest.mark.long
def test_a_file_of_more_than_50_mb_is_not_read(world: World) -> None:
    large = world.path.parent / "large.png"
    with large.open("wb") as out:
        out.truncate(50_000_001)
    answer = world.run("image", "add", *RECORD, str(large), actor=CAROL)
    assert (answer.code, json.loads(answer.err)["error"]["details"][0]["rule"]) == (5, "picture.size")
