"""An export is read without Git, stays what it was when it was opened, and serves nothing that somebody changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelref_git.errors import IntegrityFailure, Invalid, NotFound, UsageFault
from modelref_git.reading.export import Export, open_export
from modelref_git.reading.interface import Change
from tests.support.calls import CHECKOUT
from tests.support.exports import TOYS, export
from tests.support.world import World, clip

_WITHOUT_GIT = """
import sys
before = set(sys.modules)
import modelref_git
from modelref_git.errors import ModelrefError
export = modelref_git.open_export(sys.argv[1])
assert export.get("toys", "Robot")["size"] == 2
assert export.get("text_generation", "koboldcpp/Model-7B")
assert export.search("toys", tags="red", sort_by="size").total == 2
assert sum(1 for _ in export) > 3
assert not list(export.changes_since(export.commit)) and not export.verify()
rooms = {name.split(".")[0] for name in sys.modules if name not in before}
loaded = rooms & {"pygit2", "click", "rich", "pydantic", "jsonschema", "deepdiff", "subprocess", "tomlkit"}
assert not loaded, loaded
inside = [name for name in sys.modules if name.startswith(("modelref_git.store", "modelref_git.operations"))]
assert not inside, inside
"""


def run(program: str, *words: str, path: str = "") -> None:
    """Run a Python program in a fresh process, which finds no other program."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PATH": path}
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode()


def test_no_git_and_no_library_for_it_is_needed(exported: Export) -> None:
    run(_WITHOUT_GIT, str(exported.folder))


@pytest.mark.parametrize("layout", ["v2", "all"])
def test_both_layouts_that_hold_v2_files_are_read(filled: World, tmp_path: Path, layout: str) -> None:
    opened = export(filled, tmp_path / "1", layout=layout)
    assert dict(opened.records("toys")) == TOYS
    assert opened.get("toys", "bear") == TOYS["bear"]


def test_an_export_of_legacy_files_alone_is_refused(filled: World, tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="legacy files alone") as caught:
        export(filled, tmp_path / "1", layout="legacy")
    assert "--format all" in (caught.value.hint or "")


@pytest.mark.parametrize("place", ["nowhere", "empty", "file"])
def test_a_folder_without_a_manifest_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(NotFound, match=r"no manifest\.json"):
        open_export(tmp_path / place)


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"\xff")
    with pytest.raises(Invalid):
        open_export(tmp_path)


# --- a replica ---


@pytest.fixture
def place(exported: Export, tmp_path: Path) -> Path:
    """The folder of a replica, as readers see it."""
    shutil.copytree(exported.folder, tmp_path / "exports/1")
    (tmp_path / "current").symlink_to("exports/1")
    return tmp_path


def swap(world: World, place: Path, name: str) -> None:
    """Sync, as far as readers see it."""
    export(world, place / "exports" / name, layout="all", before=place / "current")
    (place / "next").symlink_to(f"exports/{name}")
    (place / "next").replace(place / "current")


@pytest.fixture
def world(filled: World, tmp_path: Path) -> World:
    shutil.copytree(filled.path, tmp_path / "world", symlinks=True)
    return World(tmp_path / "world")


def test_a_replicas_folder_and_its_current_export_are_the_same(place: Path) -> None:
    for path in (place, place / "current", str(place), place / "exports/1"):
        assert open_export(path).folder == (place / "exports/1").resolve()


def test_an_open_export_stays_what_it_was_while_another_is_swapped_in(world: World, place: Path) -> None:
    opened = open_export(place)
    world.apply(world.approve(world.update("toys", "Robot", {"/size": 3}), world.delete("toys", "bear")))
    swap(world, place, "2")
    assert opened.get("toys", "Robot")["size"] == 2
    assert dict(opened.records("toys")) == TOYS
    assert open_export(place).get("toys", "Robot")["size"] == 3
    assert "bear" not in open_export(place).names("toys")


def test_when_its_files_are_gone_the_error_says_to_open_again(place: Path) -> None:
    opened = open_export(place)
    shutil.rmtree(place / "exports/1")
    for ask in (lambda: opened.get("toys", "Robot"), lambda: list(opened.records("toys")), lambda: list(opened)):
        with pytest.raises(NotFound, match="is gone") as caught:
            ask()
        assert "open the export again" in (caught.value.hint or "")


@pytest.mark.parametrize("path", ["v2/toys.json", "records/toys/index.json", "records/toys/{}.json"])
def test_a_file_that_somebody_changed_is_told_and_not_served(place: Path, path: str) -> None:
    import hashlib

    file = place / "current" / path.format(hashlib.sha256(b"Robot").hexdigest()[0])
    good = file.read_bytes()
    for bad in (good.replace(b"o", b"u", 1), good[:-1], b""):
        file.write_bytes(bad)
        opened = open_export(place)
        with pytest.raises(IntegrityFailure, match="was changed"):
            list(opened.records("toys")) if path.startswith("v2") else opened.get("toys", "Robot")
        assert [problem.path for problem in opened.verify()] == [file.relative_to(place / "current").as_posix()]
    file.unlink()
    with pytest.raises(IntegrityFailure, match="is missing"):
        _ = list(opened.records("toys")), open_export(place).get("toys", "Robot")


# --- differences ---


def told(changes: object) -> list[tuple[str, str, str]]:
    assert hasattr(changes, "__iter__")
    return [(change.operation, change.category, change.name) for change in changes]


def test_what_changed_since_the_export_before_is_told_each_record_once(world: World, place: Path) -> None:
    before = open_export(place)
    world.apply(
        world.approve(
            world.update("toys", "Robot", {"/size": 3}),
            world.delete("toys", "bear"),
            world.create("clip", "z", clip("z")),
            world.update("clip", "ViT-L/14", {"/description": "x"}),
        )
    )
    world.apply(world.approve(world.update("toys", "Robot", {"/size": 4})))
    swap(world, place, "2")
    after = open_export(place)
    changes = list(after.changes_since(before.commit))
    assert told(changes) == [
        ("update", "clip", "ViT-L/14"),
        ("create", "clip", "z"),
        ("update", "toys", "Robot"),
        ("delete", "toys", "bear"),
    ]
    assert changes[2] == Change("toys", "Robot", "update", {**TOYS["Robot"], "size": 4}, after.commit, after.event_id)
    assert changes[3].record is None
    assert list(after.changes_since(before.event_id)) == list(after.changes_since(str(before.event_id))) == changes
    assert list(after.changes_since(before)) == changes
    assert told(before.changes_since(after)) == [
        ("update", "clip", "ViT-L/14"),
        ("delete", "clip", "z"),
        ("update", "toys", "Robot"),
        ("create", "toys", "bear"),
    ]


def test_what_is_told_brings_a_copy_up_to_date(world: World, place: Path) -> None:
    before = open_export(place)
    copy = {(hit.category, hit.name): hit.record for hit in before}
    world.add_category("kites")
    names = [f"kite {number}" for number in range(70)]
    world.apply(world.approve(*(world.create("kites", name, {"name": name}) for name in names)))
    swap(world, place, "2")
    for change in open_export(place).changes_since(before.commit):
        if change.record is None:
            del copy[change.category, change.name]
        else:
            copy[change.category, change.name] = change.record
    assert copy == {(hit.category, hit.name): hit.record for hit in open_export(place)}
    # 65 records and more are cut by another digit, so that no file has its counterpart.
    second = open_export(place)
    world.apply(world.approve(*(world.delete("kites", name) for name in names[:20])))
    swap(world, place, "3")
    assert told(open_export(place).changes_since(second.commit)) == [
        ("delete", "kites", name) for name in sorted(names[:20])
    ]


def test_of_a_category_that_did_not_change_no_file_is_read(world: World, place: Path) -> None:
    before = open_export(place)
    world.apply(world.approve(world.update("toys", "Robot", {"/size": 3})))
    swap(world, place, "2")
    for folder in (place / "exports").iterdir():
        for path in (folder / "records").iterdir():
            if path.name != "toys":
                shutil.rmtree(path)
        shutil.rmtree(folder / "v2")
    assert told(open_export(place).changes_since(before.commit)) == [("update", "toys", "Robot")]


def test_a_category_that_is_gone_has_lost_its_records(world: World, place: Path) -> None:
    before = open_export(place)
    world.rewrite_config(b"[categories.toys]", b"[categories.kites]")
    swap(world, place, "2")
    assert told(open_export(place).changes_since(before.commit)) == [("delete", "toys", name) for name in sorted(TOYS)]


def test_a_mark_that_is_not_at_hand_is_told_with_what_to_do(world: World, place: Path) -> None:
    before = open_export(place)
    world.apply(world.approve(world.update("toys", "Robot", {"/size": 3})))
    swap(world, place, "2")
    shutil.rmtree(place / "exports/1")
    (place / "exports/broken").mkdir()
    (place / "exports/broken/manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(NotFound, match=f"no export of {before.commit}") as caught:
        open_export(place).changes_since(before.commit)
    assert "records()" in (caught.value.hint or "")


def test_the_manifest_is_at_hand(exported: Export) -> None:
    document = json.loads((exported.folder / "manifest.json").read_bytes())
    assert [row.as_json() for row in exported.manifest.files] == document["files"]
    assert exported.commit in repr(exported)
