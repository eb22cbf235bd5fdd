from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from modelref_git.records.categories import CATEGORIES
from tests.support.world import World, clip

FILE_FIELDS = ["path", "sha256", "records"]
NINE = [
    *("blip.json", "clip.json", "codeformer.json", "controlnet.json", "esrgan.json", "gfpgan.json"),
    *("safety_checker.json", "stable_diffusion.json", "miscellaneous.json"),
]
TEXT = ["models.csv", "db.json", "defaults.json", "generation_params.json"]
LEGACY = [*NINE[:8], *TEXT, NINE[8]]
WITHOUT = [name for name, category in CATEGORIES.items() if category.legacy_file is None]


def paths(answer: Any) -> list[str]:
    return [row["path"] for row in answer.json["files"]]


def there(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# v2


def test_a_v2_export_writes_one_file_a_category_in_stored_order(world: World, tmp_path: Path) -> None:
    answer = world.run("export", str(tmp_path / "out" / "v2"), "--format", "v2").ok().json
    assert list(answer) == ["at", "files"]
    assert answer["at"] == world.git("rev-parse", "main").strip()
    assert len(answer["files"]) == len(CATEGORIES)
    for row in answer["files"]:
        assert list(row) == FILE_FIELDS
        data = (tmp_path / "out" / "v2" / row["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        assert len(json.loads(data)) == row["records"]
    assert there(tmp_path / "out" / "v2") == sorted(row["path"] for row in answer["files"])
    clip_file = next(row["path"] for row in answer["files"] if "clip" in row["path"])
    assert json.loads((tmp_path / "out" / "v2" / clip_file).read_bytes()) == world.run("get", "clip").ok().json


def test_v2_is_what_is_written_unless_asked_otherwise(world: World, tmp_path: Path) -> None:
    named = world.run("export", str(tmp_path / "named"), "--format", "v2").ok()
    assert world.run("export", str(tmp_path / "not")).ok().json == named.json


def test_an_export_takes_a_revision_and_categories(world: World, tmp_path: Path) -> None:
    world.apply(world.approve(world.delete("clip", "ViT-L/14")))
    words = ("--at", "main~1", "--category", "clip", "--category", "gfpgan", "--category", "clip")
    answer = world.run("export", str(tmp_path / "out"), *words).ok()
    assert paths(answer) == ["clip.json", "gfpgan.json"]
    assert [row["records"] for row in answer.json["files"]] == [2, 1]
    assert answer.json["at"] == world.git("rev-parse", "main~1").strip()
    assert world.run("export", str(tmp_path / "now"), "--category", "clip").ok().json["files"][0]["records"] == 1


# Legacy


def test_a_legacy_export_writes_the_files_of_the_older_repositories(world: World, tmp_path: Path) -> None:
    answer = world.run("export", str(tmp_path / "out"), "--format", "legacy").ok()
    assert list(answer.json) == ["at", "files"]
    assert paths(answer) == LEGACY
    assert there(tmp_path / "out") == sorted(LEGACY)
    counts = {row["category"]: row["records"] for row in world.run("categories").ok().json}
    for row in answer.json["files"]:
        assert list(row) == FILE_FIELDS
        data = (tmp_path / "out" / row["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        if row["path"] in NINE:
            assert len(json.loads(data)) == row["records"]
    records = {row["path"]: row["records"] for row in answer.json["files"]}
    assert [records[name] for name in TEXT] == [counts["text_generation"]] * 2 + [0, 0]
    assert records["stable_diffusion.json"] == counts["image_generation"]


def test_all_writes_both_in_folders_of_their_own(world: World, tmp_path: Path) -> None:
    world.add_category("own")
    both = world.run("export", str(tmp_path / "both"), "--format", "all").ok()
    for layout in ("v2", "legacy"):
        one = world.run("export", str(tmp_path / layout), "--format", layout).ok().json["files"]
        own = [row for row in both.json["files"] if row["path"].startswith(f"{layout}/")]
        assert own == [{**row, "path": f"{layout}/{row['path']}"} for row in one]
        assert there(tmp_path / "both" / layout) == there(tmp_path / layout)
    assert "v2/own.json" in paths(both)
    assert "legacy/own.json" not in paths(both)


@pytest.mark.parametrize("category", [*WITHOUT, "own"])
def test_a_category_without_a_legacy_form_cannot_be_asked_for_as_one(
    world: World, tmp_path: Path, category: str
) -> None:
    world.add_category("own")
    words = ("export", str(tmp_path / "out"), "--category", "clip", "--category", category)
    answer = world.run(*words, "--format", "legacy")
    assert (answer.code, answer.out, answer.error["code"]) == (2, b"", "usage")
    assert f"there is no legacy file of {category}" in answer.error["message"]
    assert not (tmp_path / "out").exists()
    assert paths(world.run(*words, "--format", "all").ok()) == [
        "v2/clip.json",
        f"v2/{category}.json",
        "legacy/clip.json",
    ]


def test_a_legacy_file_without_records_is_written_where_somebody_may_look_for_it(
    empty_world: World, tmp_path: Path
) -> None:
    world, out = empty_world, tmp_path / "out"
    words = ("export", str(out), "--format", "legacy")
    assert paths(world.run(*words).ok()) == []
    assert out.is_dir()
    named = world.run(*words, "--category", "blip").ok()
    assert (paths(named), (out / "blip.json").read_bytes()) == (["blip.json"], b"{}\n")
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    assert paths(world.run(*words).ok()) == ["blip.json", "clip.json"], "blip.json lies there from before"
    world.apply(world.approve(world.delete("clip", "a")))
    assert paths(world.run("export", str(tmp_path / "other"), "--format", "legacy").ok()) == []
    assert paths(world.run(*words).ok()) == ["blip.json", "clip.json"]
    assert (out / "clip.json").read_bytes() == b"{}\n", "a deletion reaches a file that is there already"


def test_an_imported_file_is_written_also_without_records(empty_world: World, tmp_path: Path) -> None:
    entry = {"name": "x", "type": "blip", "config": {"files": [], "download": []}, "available": False}
    (tmp_path / "blip.json").write_bytes(json.dumps({"x": entry}, indent="\t").replace("\n", "\r\n").encode())
    empty_world.run("import", str(tmp_path / "blip.json"), "--format", "legacy").ok()
    empty_world.apply(empty_world.approve(empty_world.delete("blip", "x")))
    answer = empty_world.run("export", str(tmp_path / "out"), "--format", "legacy").ok()
    assert paths(answer) == ["blip.json"]
    assert (tmp_path / "out" / "blip.json").read_bytes() == b"{}", "in the layout of the imported file"


# Warnings


def test_what_a_legacy_file_cannot_hold_is_a_warning_that_names_the_record(empty_world: World, tmp_path: Path) -> None:
    world = empty_world
    fields = {"size_on_disk_bytes": 5, "finetune_series": {"name": "s"}}
    image = {
        "name": "picture",
        "baseline": "flux_1",
        "nsfw": False,
        "showcases": ["https://huggingface.co/a.png"],
    }
    changes = [
        world.create("clip", "lossy", clip("lossy", **fields)),
        world.create("clip", "whole", clip("whole")),
        world.create("image_generation", "picture", image),
    ]
    world.apply(world.approve(*changes))
    answer = world.run("export", str(tmp_path / "out"), "--format", "legacy").ok()
    rows = answer.json["warnings"]
    assert all(list(row) == ["category", "name", "path", "message", "rule"] for row in rows)
    assert [(row["category"], row["name"], row["path"], row["rule"]) for row in rows] == [
        ("clip", "lossy", "/finetune_series", "legacy.lost"),
        ("clip", "lossy", "/size_on_disk_bytes", "legacy.lost"),
        ("image_generation", "picture", "/showcases/0", "legacy.refused"),
    ]
    refused = "an import would refuse its entry: a showcase may not be hosted at huggingface"
    assert answer.err.decode().splitlines() == [
        "warning: the stamps of 3 records are not in the legacy files",
        "warning: clip 'lossy': its legacy entry does not hold /finetune_series, /size_on_disk_bytes",
        f"warning: image_generation 'picture': {refused}",
    ]
    both = world.run("export", str(tmp_path / "both"), "--format", "all").ok()
    assert (both.json["warnings"], both.err) == (rows, answer.err)
    plain = world.run("export", str(tmp_path / "v2")).ok()
    assert "warnings" not in plain.json
    assert plain.err == b""
    assert world.run("-q", "export", str(tmp_path / "out"), "--format", "legacy").ok().err == b""


def test_a_text_record_that_models_csv_cannot_hold_is_a_warning(empty_world: World, tmp_path: Path) -> None:
    record = {"name": "a/b-7B", "parameters": 7_000_000_000, "nsfw": True}
    empty_world.apply(empty_world.approve(empty_world.create("text_generation", "a/b-7B", record)))
    answer = empty_world.run("export", str(tmp_path / "out"), "--format", "legacy").ok()
    assert paths(answer) == TEXT
    assert ("text_generation", "a/b-7B", "/nsfw") in {
        (row["category"], row["name"], row["path"]) for row in answer.json["warnings"]
    }
    told = answer.err.decode().splitlines()
    assert told[0] == "warning: the stamps of 1 record are not in the legacy files"
    assert told[1].startswith("warning: text_generation 'a/b-7B': its legacy entry does not hold /")


# What is written, and when nothing is


def test_a_dry_run_writes_nothing_and_answers_the_same(world: World, tmp_path: Path) -> None:
    for layout in ("v2", "legacy", "all"):
        words = ("export", str(tmp_path / layout), "--format", layout)
        dry = world.run(*words, "--dry-run").ok()
        assert not (tmp_path / layout).exists()
        real = world.run(*words).ok()
        assert (dry.json, dry.err) == ({**real.json, "dry_run": True}, real.err)


def test_other_files_are_left_alone_and_a_file_of_the_same_name_is_replaced_as_a_whole(
    world: World, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "showcase").mkdir(parents=True)
    (out / "showcase" / "clip.json").write_text("mine")
    (out / "README.md").write_text("mine")
    (out / "clip.json").write_text("old")
    (tmp_path / "reader").hardlink_to(out / "clip.json")
    world.run("export", str(out), "--format", "legacy", "--category", "clip").ok()
    assert there(out) == ["README.md", "clip.json", "showcase/clip.json"]
    assert (out / "showcase" / "clip.json").read_text() == (out / "README.md").read_text() == "mine"
    assert len(json.loads((out / "clip.json").read_bytes())) == 2
    assert (tmp_path / "reader").read_text() == "old", "who had it open still reads the old file"


def test_an_export_of_what_is_not_there_writes_nothing(world: World, tmp_path: Path) -> None:
    for words in (("--at", "nowhere"), ("--category", "nothing"), ("--at", "queue")):
        for layout in ("v2", "legacy", "all"):
            answer = world.run("export", str(tmp_path / "out"), "--format", layout, *words)
            assert (answer.code, answer.out) == (3, b"")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("blocked", "directory", "words"),
    [
        ("out", "out", ()),
        ("out", "out/below/it", ()),
        ("out/v2", "out", ("--format", "all")),
        ("out/legacy", "out", ("--format", "all")),
    ],
)
def test_a_file_where_a_folder_has_to_be_is_a_conflict(
    world: World, tmp_path: Path, blocked: str, directory: str, words: tuple[str, ...]
) -> None:
    file = tmp_path / blocked
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    for more in ((), ("--dry-run",)):
        answer = world.run("export", str(tmp_path / directory), *words, *more)
        assert (answer.code, answer.out, answer.error["code"]) == (4, b"", "conflict")
        assert f"{file} is a file" in answer.error["message"]
    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file() and "world" not in path.parts] == [
        "mine"
    ]


def test_a_folder_where_a_file_has_to_be_is_a_conflict(world: World, tmp_path: Path) -> None:
    (tmp_path / "out" / "gfpgan.json").mkdir(parents=True)
    answer = world.run("export", str(tmp_path / "out"))
    assert (answer.code, answer.out, answer.error["code"]) == (4, b"", "conflict")
    assert there(tmp_path / "out") == []


def test_the_help_says_what_goes_where(world: World) -> None:
    text = " ".join(world.say("export", "--help").ok().out.decode().split())
    for word in ("[v2|legacy|all]", "DIR/v2", "DIR/legacy", "models.csv", "stable_diffusion.json", "warning"):
        assert word in text
