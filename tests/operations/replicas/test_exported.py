"""An export of a replica: the same bytes from whatever it was made, and only what changed is made."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import Conflict, Invalid, NotFound, UsageFault
from modelref_git.formats import manifest as manifests
from modelref_git.formats.manifest import Layout, Manifest
from modelref_git.operations.export import export_dataset
from modelref_git.operations.layout import set_fan_out
from modelref_git.operations.replicas import exported
from modelref_git.operations.replicas.exported import write_export
from modelref_git.reading.export import open_export
from modelref_git.store.disk import Disk
from modelref_git.store.git import GitStore
from tests.crash.faults import cut
from tests.support.world import OPEN_SCHEMA, World, clip

Contents = dict[str, bytes]


def contents(folder: Path) -> Contents:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def inodes(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.stat().st_ino for path in folder.rglob("*") if path.is_file()}


def anew(before: Path, after: Path) -> set[str]:
    """The files of an export that are not those of the one before."""
    old = inodes(before)
    return {path for path, inode in inodes(after).items() if old.get(path) != inode}


def make(world: World, into: Path, *, layout: Layout = "v2", before: Path | None = None) -> Manifest:
    view = world.context().view()
    event = view.queue.header.last_event_id
    return write_export(world.store, view.main, event, into, layout=layout, before=before)


def fill(world: World, category: str, names: list[str]) -> None:
    """Bring records of a category of one's own in."""
    world.add_category(category)
    rows = [{"category": category, "model_name": name, "payload": {"name": name, "size": 1}} for name in names]
    file = world.path.parent / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    world.run("import", str(file)).ok()


def apply(world: World, *changes: int) -> None:
    world.apply(world.approve(*changes))


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of files are written here; what is synced, one test watches."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with a category whose next record but one takes another digit."""
    world = World.make(tmp_path_factory.mktemp("filled") / "world")
    fill(world, "toys", [f"toy {number}" for number in range(63)])
    world.let_anybody_review()
    return world


@pytest.fixture
def toys(filled: World, tmp_path: Path) -> World:
    shutil.copytree(filled.path, tmp_path / "world", symlinks=True)
    return World(tmp_path / "world")


@pytest.mark.parametrize("layout", ["v2", "legacy", "all"])
@pytest.mark.parametrize("empty", [False, True])
def test_its_files_are_those_of_export(tmp_path: Path, empty: bool, layout: Layout) -> None:
    world = World.make(tmp_path / "world", empty=empty)
    if empty:
        apply(world, world.create("clip", "z", clip("z")))
    manifest = make(world, tmp_path / "out", layout=layout)
    answer = export_dataset(world.context(), tmp_path / "plain", layout=layout)
    assert [(row.path, row.sha256, row.records) for row in manifest.files] == [
        (row["path"], row["sha256"], row["records"]) for row in answer["files"]
    ]
    found = contents(tmp_path / "out")
    assert {path: found.pop(path) for path in contents(tmp_path / "plain")} == contents(tmp_path / "plain")
    rest = {path.partition("/")[0] for path in found}
    assert rest == ({"manifest.json"} if layout == "legacy" else {"manifest.json", "records"})
    assert manifests.check(tmp_path / "out") == []
    assert manifests.read(tmp_path / "out") == manifest
    assert manifest.commit == answer["at"]
    assert manifest.event_id == world.events()[-1]["event_id"]


def story(world: World) -> list[Callable[[], object]]:
    """Steps after each of which an export has to be right."""
    odd = {"name": "toy 1", "size": [1.50, "é"]}
    return [
        lambda: None,
        lambda: apply(world, world.update("toys", "toy 7", {"/size": 2})),
        lambda: apply(world, world.create("toys", "toy/64", {"name": "toy/64"}), world.delete("toys", "toy 3")),
        lambda: apply(world, world.create("toys", "Zug 65", {"name": "Zug 65"}), world.create("toys", "a", {})),
        lambda: apply(
            world, world.delete("toys", "a"), world.delete("toys", "Zug 65"), world.delete("clip", "ViT-L/14")
        ),
        lambda: apply(
            world, world.create("clip", "z", clip("z")), world.update("toys", "toy 1", {"/size": odd["size"]})
        ),
        lambda: set_fan_out(world.context(), "toys", 2),
        lambda: world.add_category("kites"),
        lambda: apply(world, world.create("kites", "k", {"name": "k"})),
        lambda: apply(world, world.delete("kites", "k")),
        lambda: apply(world, world.delete("toys", "toy 9")),
        lambda: apply(world, world.create("toys", "toy 9", {"name": "toy 9"})),
    ]


@pytest.mark.parametrize("layout", ["v2", "all", "legacy"])
def test_made_step_by_step_or_from_nothing_it_is_the_same_bytes(toys: World, tmp_path: Path, layout: Layout) -> None:
    before: Path | None = None
    for number, step in enumerate(story(toys)):
        step()
        after = tmp_path / f"step {number}"
        kept = contents(before) if before is not None else None
        make(toys, after, layout=layout, before=before)
        make(toys, tmp_path / "whole", layout=layout)
        assert contents(after) == contents(tmp_path / "whole")
        assert manifests.check(after) == []
        if before is not None:
            assert contents(before) == kept  # nothing of it was written through a link
        shutil.rmtree(tmp_path / "whole")
        before = after


def test_of_one_change_its_category_file_one_record_file_and_one_index_are_made(toys: World, tmp_path: Path) -> None:
    make(toys, tmp_path / "1", layout="all")
    apply(toys, toys.update("toys", "toy 7", {"/size": 2}))
    manifest = make(toys, tmp_path / "2", layout="all", before=tmp_path / "1")
    path = f"records/toys/{_digit('toy 7')}.json"
    assert anew(tmp_path / "1", tmp_path / "2") == {"v2/toys.json", path, "records/toys/index.json", "manifest.json"}
    assert manifest.commit != manifests.read(tmp_path / "1").commit


def test_of_a_large_category_only_the_index_that_lists_the_change_is_made(tmp_path: Path) -> None:
    world = World.make(tmp_path / "world", empty=True)
    fill(world, "toys", [f"toy {number}" for number in range(1_100)])
    make(world, tmp_path / "1")
    apply(world, world.update("toys", "toy 7", {"/size": 2}))
    make(world, tmp_path / "2", before=tmp_path / "1")
    digest = _digest("toy 7")
    folder = f"records/toys/{digest[0]}"
    made = {"toys.json", f"{folder}/{digest[:3]}.json", f"{folder}/index.json", "manifest.json"}
    assert anew(tmp_path / "1", tmp_path / "2") == made
    assert manifests.check(tmp_path / "2") == []
    assert open_export(tmp_path / "2").get("toys", "toy 7")["size"] == 2


def _digest(name: str) -> str:
    import hashlib

    return hashlib.sha256(name.encode()).hexdigest()


def _digit(name: str) -> str:
    return _digest(name)[0]


def test_without_a_change_of_its_records_nothing_of_a_category_is_made(toys: World, tmp_path: Path) -> None:
    make(toys, tmp_path / "1", layout="all")
    toys.run_policy("policy", "set", "ack_critical=true")
    make(toys, tmp_path / "2", layout="all", before=tmp_path / "1")
    assert anew(tmp_path / "1", tmp_path / "2") == {"manifest.json"}


def test_a_record_deleted_and_created_again_between_two_exports_comes_last(toys: World, tmp_path: Path) -> None:
    # The category's tree is the same at both ends: its id alone does not tell.
    apply(toys, *(toys.create("toys", name, {"name": name}) for name in "ab"))
    first = make(toys, tmp_path / "1").category("toys")
    apply(toys, toys.delete("toys", "a"))
    apply(toys, toys.create("toys", "a", {"name": "a"}))
    last = make(toys, tmp_path / "2", before=tmp_path / "1").category("toys")
    assert first is not None
    assert last is not None
    assert first.tree == last.tree
    assert [list(json.loads((tmp_path / at / "toys.json").read_bytes()))[-2:] for at in "12"] == [
        ["a", "b"],
        ["b", "a"],
    ]


def test_another_schema_gives_other_fields_and_files_made_once(toys: World, tmp_path: Path) -> None:
    make(toys, tmp_path / "1")
    file = toys.path.parent / "schema.json"
    file.write_text(json.dumps({**OPEN_SCHEMA, "properties": {"name": {}, "size": {}}}), encoding="utf-8")
    toys.run_policy("category", "update", "toys", "--schema", str(file))
    row = make(toys, tmp_path / "2", before=tmp_path / "1").category("toys")
    assert row is not None
    assert row.fields == ("name", "size")
    assert anew(tmp_path / "1", tmp_path / "2") == {"manifest.json"}


def test_a_category_that_is_gone_is_gone_and_one_that_came_is_there(toys: World, tmp_path: Path) -> None:
    make(toys, tmp_path / "1")
    toys.rewrite_config(b"[categories.toys]", b"[categories.kites]")
    manifest = make(toys, tmp_path / "2", before=tmp_path / "1")
    assert manifest.category("toys") is None
    assert not (tmp_path / "2/toys.json").exists()
    assert (tmp_path / "2/kites.json").read_bytes() == b"{}\n"
    assert not (tmp_path / "2/records/toys").exists()


def test_another_format_profile_makes_the_legacy_file_anew(world: World, tmp_path: Path) -> None:
    make(world, tmp_path / "1", layout="all")
    profile = world.path / "legacy/clip/profile.json"
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text(json.dumps({"indent": "\t"}), encoding="utf-8")
    world.git("add", "-A")
    world.git("-c", "user.name=n", "-c", "user.email=n@people.example", "commit", "-q", "-m", "by hand")
    commit = world.git("rev-parse", "HEAD").strip()
    write_export(world.store, commit, 9, tmp_path / "2", layout="all", before=tmp_path / "1")
    assert b"\n\t" in (tmp_path / "2/legacy/clip.json").read_bytes()
    assert "legacy/blip.json" not in anew(tmp_path / "1", tmp_path / "2")


# --- an export before that is of no use ---


@pytest.mark.parametrize("path", ["toys.json", "records/toys/{}.json", "records/toys/index.json"])
@pytest.mark.parametrize("harm", ["gone", "longer"])
def test_a_file_that_is_gone_or_of_another_size_is_made_anew(toys: World, tmp_path: Path, path: str, harm: str) -> None:
    make(toys, tmp_path / "1")
    good = contents(tmp_path / "1")
    file = tmp_path / "1" / path.format(_digit("toy 7"))
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes() + b" ")
    make(toys, tmp_path / "2", before=tmp_path / "1")
    assert contents(tmp_path / "2") == good
    assert "clip.json" not in anew(tmp_path / "1", tmp_path / "2")
    apply(toys, toys.update("toys", "toy 8", {"/size": 5}))
    make(toys, tmp_path / "3", before=tmp_path / "1")
    assert manifests.check(tmp_path / "3") == []


@pytest.mark.parametrize("harm", ["missing", "rubbish", "layout", "program", "commit", "folder"])
def test_an_export_before_that_is_foreign_or_broken_is_passed_over(world: World, tmp_path: Path, harm: str) -> None:
    make(world, tmp_path / "1")
    good = contents(tmp_path / "1")
    file = tmp_path / "1/manifest.json"
    row = json.loads(file.read_bytes())
    if harm == "missing":
        file.unlink()
    elif harm == "folder":
        shutil.rmtree(tmp_path / "1")
    else:
        other = {"layout": "all", "program": "0.0.1", "commit": "1" * 40}
        file.write_text(json.dumps({**row, harm: other[harm]}) if harm in other else "{", encoding="utf-8")
    make(world, tmp_path / "2", before=tmp_path / "1")
    assert contents(tmp_path / "2") == good
    assert anew(tmp_path / "1", tmp_path / "2") == set(good)


def test_after_a_rewritten_main_nothing_is_taken_over(toys: World, tmp_path: Path) -> None:
    apply(toys, toys.update("toys", "toy 7", {"/size": 2}))
    make(toys, tmp_path / "1")
    older = toys.git("rev-parse", "main~1").strip()
    write_export(toys.store, older, 1, tmp_path / "2", layout="v2", before=tmp_path / "1")
    assert anew(tmp_path / "1", tmp_path / "2") == set(inodes(tmp_path / "2"))
    assert open_export(tmp_path / "2").get("toys", "toy 7")["size"] == 1


def test_where_links_are_refused_files_are_copied(toys: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(toys, tmp_path / "1")

    def refuse(*_: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    make(toys, tmp_path / "2", before=tmp_path / "1")
    assert contents(tmp_path / "2") == contents(tmp_path / "1")
    assert anew(tmp_path / "1", tmp_path / "2") == set(contents(tmp_path / "1"))


# --- faults ---


def test_all_is_synced_before_the_manifest_is_there_and_the_manifest_too(
    toys: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(toys, tmp_path / "1")
    apply(toys, toys.update("toys", "toy 7", {"/size": 2}), toys.create("clip", "z", clip("z")))
    synced: set[int] = set()
    at_manifest: set[int] = set()
    fsync, write_file = os.fsync, Disk.write_file

    def watched(handle: int) -> None:
        fsync(handle)
        synced.add(os.fstat(handle).st_ino)

    def written(self: Disk, path: Path, data: bytes, **more: Any) -> None:
        if path.name == manifests.FILE:
            at_manifest.update(synced)
        write_file(self, path, data, **more)

    monkeypatch.setattr(os, "fsync", watched)
    monkeypatch.setattr(Disk, "write_file", written)
    make(toys, tmp_path / "2", before=tmp_path / "1")
    new = anew(tmp_path / "1", tmp_path / "2")
    rows = inodes(tmp_path / "2")
    folders = {path.stat().st_ino for path in (tmp_path / "2", *(tmp_path / "2").rglob("*")) if path.is_dir()}
    assert {rows[path] for path in new - {manifests.FILE}} | folders <= at_manifest
    assert rows[manifests.FILE] in synced


def test_a_full_disk_is_told_by_the_folders_name(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file = Disk.write_file

    def full(self: Disk, path: Path, data: bytes, **more: Any) -> None:
        if path.name == "gfpgan.json":
            raise OSError(28, "No space left on device")
        write_file(self, path, data, **more)

    monkeypatch.setattr(Disk, "write_file", full)
    with pytest.raises(Invalid, match="No space left on device") as caught:
        make(world, tmp_path / "out")
    assert str(tmp_path / "out") in caught.value.message
    with pytest.raises(NotFound):
        open_export(tmp_path / "out")


def test_whenever_the_power_goes_there_is_no_manifest_or_a_whole_export(tmp_path: Path) -> None:
    world = World.make(tmp_path / "world", empty=True)
    apply(world, world.create("clip", "z", clip("z")))
    make(world, tmp_path / "1")
    apply(world, world.create("clip", "y", clip("y")))
    number = 0
    while True:
        into = tmp_path / f"cut {number}"
        end = cut(lambda into=into: make(world, into, before=tmp_path / "1"), number)  # type: ignore[misc]
        if (into / manifests.FILE).exists():
            assert manifests.check(into) == []
        if end is None:
            break
        number += 1
    assert number > 10
    assert manifests.check(tmp_path / "1") == []


def test_a_category_whose_file_would_be_the_manifest_is_refused_and_the_other_layout_takes_it(
    world: World, tmp_path: Path
) -> None:
    world.add_category("manifest")
    with pytest.raises(Conflict, match="'manifest'") as caught:
        make(world, tmp_path / "1")
    assert "--format all" in (caught.value.hint or "")
    assert not (tmp_path / "1").exists()
    make(world, tmp_path / "2", layout="all")
    assert (tmp_path / "2/v2/manifest.json").read_bytes() == b"{}\n"


def test_the_name_of_a_category_written_by_hand_leads_nowhere_else(world: World, tmp_path: Path) -> None:
    world.rewrite_config(b"[categories.clip]", b'[categories."../../clip"]')
    with pytest.raises(Invalid, match="category name"):
        make(world, tmp_path / "deep/out")
    assert not (tmp_path / "deep").exists()


def test_a_broken_schema_does_not_stop_an_export(world: World, tmp_path: Path) -> None:
    (world.path / "schemas/clip.schema.json").write_text("{", encoding="utf-8")
    world.git("add", "-A")
    world.git("-c", "user.name=n", "-c", "user.email=n@people.example", "commit", "-q", "-m", "by hand")
    commit = world.git("rev-parse", "HEAD").strip()
    row = write_export(world.store, commit, 9, tmp_path / "1", layout="v2", before=None).category("clip")
    assert row is not None
    assert row.fields == ()


def test_progress_is_told_once_a_category(world: World, tmp_path: Path) -> None:
    told: list[int] = []
    view = world.context().view()
    manifest = write_export(
        world.store, view.main, 1, tmp_path / "1", layout="v2", before=None, progress=lambda: told.append(1)
    )
    assert len(told) == len(manifest.categories) == 15


# --- signatures ---


@pytest.fixture
def signing(world: World, tmp_path: Path) -> World:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "replica", "-f", str(key)], check=True)
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", f"{key}.pub"), ("commit.gpgsign", "true")):
        world.git("config", name, value)
    return world


def judged(folder: Path, key: Path, namespace: str = manifests.NAMESPACE) -> bool:
    """What ``ssh-keygen`` says of a manifest's signature."""
    allowed = folder.parent / "allowed"
    allowed.write_text(f"replica {key.read_text()}", encoding="utf-8")
    words = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", "replica", "-n", namespace]
    words += ["-s", str(folder / manifests.SIGNATURE)]
    data = (folder / manifests.FILE).read_bytes()
    done = subprocess.run(words, input=data, capture_output=True, check=False)
    assert done.returncode in (0, 255), done.stderr.decode()
    return done.returncode == 0


def test_where_signing_is_on_the_manifest_is_signed_for_nothing_else(signing: World, tmp_path: Path) -> None:
    make(signing, tmp_path / "1")
    key = tmp_path / "key.pub"
    assert judged(tmp_path / "1", key)
    assert not judged(tmp_path / "1", key, "git")
    apply(signing, signing.create("clip", "z", clip("z")))
    make(signing, tmp_path / "2", before=tmp_path / "1")
    assert judged(tmp_path / "2", key)
    shutil.copy(tmp_path / "1/manifest.json.sig", tmp_path / "2/manifest.json.sig")
    assert not judged(tmp_path / "2", key)


def test_a_key_that_does_not_sign_leaves_no_manifest(signing: World, tmp_path: Path) -> None:
    (tmp_path / "key").unlink()
    with pytest.raises(UsageFault, match="the manifest was not signed"):
        make(signing, tmp_path / "1")
    assert not (tmp_path / "1/manifest.json").exists()


def test_without_signing_there_is_no_signature(world: World, tmp_path: Path) -> None:
    make(world, tmp_path / "1")
    assert not (tmp_path / "1" / manifests.SIGNATURE).exists()


def test_everybody_may_read_the_files(world: World, tmp_path: Path) -> None:
    make(world, tmp_path / "1")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "1").rglob("*") if path.is_file()}
    assert modes == {0o644}


def test_a_revision_that_is_not_there_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="missing or cannot be read"):
        write_export(GitStore.open(world.path), "1" * 40, 1, tmp_path / "1", layout="v2", before=None)
    assert exported.__doc__
