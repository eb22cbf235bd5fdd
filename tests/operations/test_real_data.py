"""The whole way on the real files that this format comes from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from modelref_git.records.categories import CATEGORIES
from modelref_git.records.json_text import same
from tests.support.world import World

COUNTS = {
    "image_generation": 161,
    "controlnet": 18,
    "esrgan": 6,
    "blip": 2,
    "clip": 2,
    "miscellaneous": 2,
    "codeformer": 1,
    "gfpgan": 1,
    "safety_checker": 1,
}
KEPT_AS_THEY_ARE = ("description", "version", "nsfw", "inpainting", "homepage", "showcases", "trigger")


def legacy_file(data: Path, category: str) -> dict[str, Any]:
    file = CATEGORIES[category].legacy_file
    assert file is not None
    records: dict[str, Any] = json.loads((data / "image-legacy" / file).read_bytes())
    return records


@pytest.fixture(scope="module")
def imported(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World.make(tmp_path_factory.mktemp("real") / "world", empty=True)
    answer = world.run("import", str(real_data / "image-legacy"), "--format", "legacy").ok().json
    assert answer["rejected"] == answer["change_ids"] == []
    assert (answer["created"], answer["updated"], answer["unchanged"]) == (194, 0, 0)
    return world


def test_every_record_of_the_nine_files_comes_in(imported: World) -> None:
    counts = {row["category"]: row["records"] for row in imported.run("categories").ok().json}
    assert {name: count for name, count in counts.items() if count} == COUNTS
    assert sum(COUNTS.values()) == 194


@pytest.mark.parametrize("category", COUNTS)
def test_names_order_and_values_are_those_of_the_file(imported: World, real_data: Path, category: str) -> None:
    legacy = legacy_file(real_data, category)
    records = imported.run("get", category).ok().json
    assert list(records) == list(legacy), "stored order is that of the file"
    assert imported.run("ls", category).ok().json == sorted(legacy)
    for name, old in legacy.items():
        new = records[name]
        assert new["name"] == old["name"]
        for field in KEPT_AS_THEY_ARE:
            if field in old and field in new:
                assert same(new[field], old[field]), (name, field)
        assert [row["file_url"] for row in new["config"].get("download", [])] == [
            row["file_url"] for row in old["config"]["download"]
        ]
        assert imported.run("get", category, name).ok().json == new


def test_a_record_whose_body_has_another_name_survives(imported: World, real_data: Path) -> None:
    odd = {(c, n) for c in COUNTS for n, record in legacy_file(real_data, c).items() if record["name"] != n}
    assert odd, "there is a known one"
    for category, name in odd:
        assert imported.run("get", category, name).ok().json["name"] != name


def test_an_export_has_them_all_and_comes_back_unchanged(imported: World, tmp_path: Path) -> None:
    answer = imported.run("export", str(tmp_path), "--format", "v2").ok().json
    assert sum(row["records"] for row in answer["files"]) == 194
    for row in answer["files"]:
        data = (tmp_path / row["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        assert b"_legacy" not in data
    other = World.make(tmp_path / "other", empty=True)
    back = other.run("import", str(tmp_path), "--format", "v2").ok().json
    assert back["created"] == 194
    for category in COUNTS:
        assert other.run("get", category).ok().out == imported.run("get", category).ok().out
    again = imported.run("import", str(tmp_path), "--format", "v2", "--as-proposals", "--prune").ok().json
    assert (again["unchanged"], again["change_ids"]) == (194, [])


def test_importing_the_files_again_changes_nothing(imported: World, real_data: Path) -> None:
    before = imported.refs()
    for words in ((), ("--as-proposals", "--prune")):
        answer = imported.run("import", str(real_data / "image-legacy"), "--format", "legacy", *words).ok().json
        assert (answer["unchanged"], answer["created"], answer["updated"], answer["deleted"]) == (194, 0, 0, 0)
    assert imported.refs() == before


def test_every_real_record_can_be_edited_and_goes_the_whole_way(real_data: Path, tmp_path: Path) -> None:
    world = World.make(tmp_path / "world", empty=True)
    world.run("import", str(real_data / "image-legacy")).ok()
    names = {category: world.run("ls", category).ok().json for category in COUNTS}
    remainders = world.git("show", "main:dataset/clip/ViT-L%2F14.json")
    lines = []
    for category, keys in names.items():
        live = world.run("get", category).ok().json
        lines += [
            {
                "operation": "update",
                "category": category,
                "model_name": n,
                "payload": {**live[n], "description": "Edited."},
            }
            for n in keys
        ]
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    ids = world.run("propose", "bulk", "-", stdin=data).ok().json["change_ids"]
    assert len(ids) == 194
    world.apply(world.approve(*ids))
    for row in world.run("diff-revs", "main~2", "main").ok().json:
        paths = [diff["field_path"] for diff in row["field_diffs"]]
        assert [path for path in paths if not path.startswith("metadata.")] == ["description"], row["model_name"]
    edited = world.git("show", "main:dataset/clip/ViT-L%2F14.json")
    assert edited.partition('"_legacy"')[2] == remainders.partition('"_legacy"')[2] != "", (
        "the remainder is carried over"
    )


def test_stock_git_reads_it_well(imported: World, tmp_path: Path) -> None:
    imported.git("fsck", "--strict")
    log = imported.git("log", "--first-parent", "--stat", "main")
    assert "import: 194 records into 9 categories from image-legacy" in log
    assert "dataset/image_generation/" in log
    queue = imported.git("log", "--first-parent", "--format=%s", "queue").splitlines()
    assert queue[0].startswith("import: 194 records")
    assert queue[-1].startswith("init: ")
    assert imported.git("show", "--stat", "main")
    imported.git("clone", "-q", str(imported.path), str(tmp_path / "clone"))
    clone = World(tmp_path / "clone")
    assert clone.git("status", "--porcelain") == ""
    assert len([path for path in clone.files("HEAD") if path.startswith("dataset/")]) == 194
