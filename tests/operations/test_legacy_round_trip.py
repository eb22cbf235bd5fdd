"""Legacy files go in and come out byte for byte, and an edit of one record moves nothing else."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from modelref_git.formats.legacy.entries import read_category, to_legacy
from modelref_git.formats.legacy.profile import write
from modelref_git.formats.legacy.rules import CATEGORIES, IMAGE
from modelref_git.formats.scan import scan
from modelref_git.operations.export import legacy_file
from modelref_git.records import json_text
from tests.formats.legacy.test_entries import as_stored, real_file
from tests.support.world import World

Records = dict[str, dict[str, Any]]
EDITED = "Edited, with \u2014 a dash."


def read(category: str, data: bytes) -> tuple[Records, Mapping[str, Any]]:
    """The records of a legacy file as the dataset gives them back, and the profile of the file."""
    found = read_category(category, data, "the file")
    return {entry.key: as_stored(category, entry.record or {}) for entry in found.entries}, found.profile


def written(category: str, records: Records, profile: Mapping[str, Any]) -> str:
    return write({key: to_legacy(category, key, record) for key, record in records.items()}, profile).decode()


def changed_lines(old: str, new: str) -> list[str]:
    """The lines that went and came, without their indent: ``-`` and ``+`` in front."""
    rows = difflib.ndiff(old.splitlines(keepends=True), new.splitlines(keepends=True))
    return [row[0] + row[2:].strip() for row in rows if row[0] in "+-"]


def with_first_download(record: dict[str, Any], **fields: Any) -> dict[str, Any]:
    first, *others = record["config"]["download"]
    return {**record, "config": {**record["config"], "download": [{**first, **fields}, *others]}}


EDITS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "description": lambda record: {**record, "description": EDITED},
    "no description": lambda record: {key: value for key, value in record.items() if key != "description"},
    "version": lambda record: {**record, "version": "99"},
    "address": lambda record: with_first_download(record, file_url="https://models.example/new"),
    "hash": lambda record: with_first_download(record, sha256sum="cd" * 32),
    "no downloads": lambda record: {**record, "config": {"download": []}},
}


QUICK_FIRST = [pytest.param(name, marks=pytest.mark.long if name == IMAGE else ()) for name in CATEGORIES]
"""The categories; the one with hundreds of records takes its time."""


@pytest.mark.parametrize("category", QUICK_FIRST)
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_any_real_record_changes_nothing_outside_its_entry(
    real_data: Path, category: str, edit: str
) -> None:
    data = real_file(real_data, category)
    records, profile = read(category, data)
    old = data.decode()
    layout = scan(old)
    assert layout is not None
    for member in layout.members:
        edited = {**records, member.key: as_stored(category, EDITS[edit](records[member.key]))}
        new = written(category, edited, profile)
        assert new.startswith(old[: member.start])
        assert new.endswith(old[member.end :])
        assert json_text.same(json.loads(new)[member.key], to_legacy(category, member.key, edited[member.key])), (
            "the entry says what the record says now"
        )


@pytest.mark.parametrize("category", QUICK_FIRST)
def test_an_edited_description_is_one_changed_line(real_data: Path, category: str) -> None:
    data = real_file(real_data, category)
    records, profile = read(category, data)
    told = f'+"description": {json.dumps(EDITED)},'
    for key, record in records.items():
        before = json.loads(data)[key].get("description")
        lines = changed_lines(
            data.decode(), written(category, {**records, key: {**record, "description": EDITED}}, profile)
        )
        gone = [] if before is None else [f'-"description": {json.dumps(before)},']
        assert lines == [*gone, told], key


@pytest.mark.parametrize("category", QUICK_FIRST)
def test_a_deleted_record_takes_its_lines_with_it_and_at_most_a_comma(real_data: Path, category: str) -> None:
    data = real_file(real_data, category)
    records, profile = read(category, data)
    old = data.decode()
    lines = old.splitlines(keepends=True)
    layout = scan(old)
    assert layout is not None
    for member in layout.members:
        new = written(category, {key: record for key, record in records.items() if key != member.key}, profile)
        first = member.line - 1
        kept = lines[:first] + lines[first + 1 + old[member.start : member.end].count("\n") :]
        if len(records) == 1:
            kept = ["{}\n"]
        elif member is layout.members[-1]:
            kept[first - 1] = kept[first - 1].replace(",", "")
        assert new == "".join(kept)


@pytest.mark.parametrize("category", QUICK_FIRST)
def test_a_created_record_stands_behind_the_others_in_the_layout_of_the_file(real_data: Path, category: str) -> None:
    data = real_file(real_data, category)
    records, profile = read(category, data)
    fields = {"baseline": "flux_1", "nsfw": True} if category == IMAGE else {}
    new = written(category, {**records, "new": as_stored(category, {"name": "new", **fields})}, profile)
    layout = scan(new)
    assert layout is not None
    *others, last = layout.members
    assert last.key == "new"
    eol = "\r\n" if category == "controlnet" else "\n"
    assert new[: others[-1].end] + eol + "}" + eol == data.decode()
    assert new[others[-1].end :].startswith(f',{eol}{profile["indent"]}"new": {{{eol}{profile["indent"] * 2}"name"')


# Through the dataset


@pytest.fixture(scope="module")
def imported(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World.make(tmp_path_factory.mktemp("legacy") / "world", empty=True)
    world.run("import", str(real_data / "image-legacy"), "--format", "legacy").ok()
    return world


def exported(world: World, folder: Path, *words: str) -> dict[str, bytes]:
    world.run("export", str(folder), "--format", "legacy", *words).ok()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_import_comes_out_again_byte_for_byte(imported: World, real_data: Path, tmp_path: Path) -> None:
    answer = imported.run("export", str(tmp_path), "--format", "legacy").ok()
    assert "warnings" not in answer.json
    assert answer.err == b""
    files = {str(legacy_file(category)): real_file(real_data, category) for category in CATEGORIES}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files
    assert {row["path"]: row["records"] for row in answer.json["files"]} == {
        name: len(json.loads(data)) for name, data in files.items()
    }


def test_the_exported_files_are_no_change_to_the_dataset(imported: World, tmp_path: Path) -> None:
    exported(imported, tmp_path)
    words = ("--format", "legacy", "--as-proposals", "--prune")
    answer = imported.run("import", str(tmp_path), *words).ok().json
    assert (answer["unchanged"], answer["change_ids"]) == (194, [])


def test_applied_proposals_change_their_own_lines_alone(real_data: Path, tmp_path: Path) -> None:
    world = World.make(tmp_path / "world", empty=True)
    world.run("import", str(real_data / "image-legacy"), "--format", "legacy").ok()
    before = exported(world, tmp_path / "before")
    changes = [
        world.update("blip", "BLIP", {"/description": EDITED}),
        world.update("clip", "coca_ViT-L-14", {"/version": "2"}),
        world.update("controlnet", "control_canny", {"/description": EDITED}),
        world.update(IMAGE, "Deliberate", {"/nsfw": False, "/tags": ["a"]}),
        world.delete("controlnet", "control_qr_sdxl"),
        world.delete("esrgan", "RealESRGAN_x4plus"),
        world.create("gfpgan", "new", {"name": "new", "description": "New."}),
    ]
    world.apply(world.approve(*changes))
    answer = world.run("export", str(tmp_path / "after"), "--format", "legacy").ok()
    after = {path.name: path.read_bytes() for path in (tmp_path / "after").iterdir()}
    assert answer.err == b"warning: the stamps of 5 records are not in the legacy files\n"
    differ = {name for name in before if before[name] != after[name]}
    assert differ == {
        "blip.json",
        "clip.json",
        "controlnet.json",
        "esrgan.json",
        "gfpgan.json",
        "stable_diffusion.json",
    }
    lines = {name: changed_lines(before[name].decode(), after[name].decode()) for name in differ}
    described = f'+"description": {json.dumps(EDITED)},'
    assert lines["blip.json"] == [described]
    assert lines["clip.json"] == ['+"version": "2",']
    assert lines["stable_diffusion.json"] == ['+"tags": [', '+"a"', "+],", '-"nsfw": true,', '+"nsfw": false,']
    old, new = (json.loads(files["controlnet.json"]) for files in (before, after))
    assert list(new) == [key for key in old if key != "control_qr_sdxl"]
    assert {key for key in new if new[key] != old[key]} == {"control_canny"}
    assert "RealESRGAN_x4plus" not in json.loads(after["esrgan.json"])
    assert all(line.startswith("-") for line in lines["esrgan.json"])
    assert list(json.loads(after["gfpgan.json"])["new"].items()) == [
        ("name", "new"),
        ("type", "gfpgan"),
        ("description", "New."),
        ("style", "generalist"),
        ("config", {"files": [], "download": []}),
        ("available", False),
    ]
    assert exported(world, tmp_path / "then", "--at", "main~1") == before


def test_the_text_files_come_out_again_byte_for_byte_and_an_edit_changes_its_own_lines(
    real_data: Path, tmp_path: Path
) -> None:
    world = World.make(tmp_path / "world", empty=True)
    sample = real_data / "text-legacy-sample"
    world.run("import", str(sample)).ok()
    before = exported(world, tmp_path / "before")
    assert before == {name: (sample / name).read_bytes() for name in before}
    assert sorted(before) == ["db.json", "defaults.json", "generation_params.json", "models.csv"]
    name = world.run("ls", "text_generation").ok().json[7]
    world.apply(world.approve(world.update("text_generation", name, {"/description": "Edited."})))
    after = exported(world, tmp_path / "after")
    assert {file for file in before if before[file] != after[file]} == {"models.csv", "db.json"}
    rows = changed_lines(before["models.csv"].decode(), after["models.csv"].decode())
    assert [row[1:].partition(",")[0] for row in rows] == [name, name]
    entries = changed_lines(before["db.json"].decode(), after["db.json"].decode())
    assert all(row[1:].startswith('"description": ') for row in entries)
    assert entries.count('+"description": "Edited.",') == 3
