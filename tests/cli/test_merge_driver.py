from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Conflict
from modelref_git.operations.merge_driver import RecordFile, merge_into, record_file
from modelref_git.records import codec
from tests.support.calls import CHECKOUT, Answer, call
from tests.support.world import OPEN_SCHEMA, World, clip

PATH = "dataset/clip/ViT-L%2F14.json"
NAME = "dataset/image_generation/SDXL%201.0.json"
MARKERS = ("<<<<<<< ours", "=======", ">>>>>>> theirs")
Edit = Callable[[dict[str, Any]], None]


def text(record: Any) -> str:
    return codec.encode(record, codec.KeyOrder.NONE).decode()


class Clone:
    """A clone of a world, whose git calls the merge driver."""

    def __init__(self, world: World, path: Path, *, driver: bool = True) -> None:
        self.path = path
        subprocess.run(["git", "clone", "-q", str(world.path), str(path)], check=True)
        settings = {"user.name": "Carol", "user.email": "carol@people.example"}
        if driver:
            settings["merge.modelref.driver"] = f"'{sys.executable}' -m modelref_git merge-driver %O %A %B %P"
            settings["merge.modelref.recursive"] = "binary"
        for key, value in settings.items():
            self.git("config", key, value)

    def git(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        done = subprocess.run(
            ["git", "-C", str(self.path), *words], capture_output=True, text=True, check=False, env=environment
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def record(self, path: str = PATH) -> Any:
        return json.loads((self.path / path).read_text(encoding="utf-8"))

    def commit(self, branch: str, edits: dict[str, Edit | dict[str, Any]], *, start: str = "origin/main") -> None:
        """On a new branch, edit record files, or write new ones."""
        self.git("checkout", "-q", "-B", branch, start)
        for path, edit in edits.items():
            if isinstance(edit, dict):
                record = edit
            else:
                record = self.record(path)
                edit(record)
            (self.path / path).write_text(text(record), encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", branch)


@pytest.fixture
def clone(world: World, tmp_path: Path) -> Clone:
    return Clone(world, tmp_path / "clone")


def setting(**members: Any) -> Edit:
    return lambda record: record.update(members)


def tagged(tag: str) -> Edit:
    return lambda record: record["tags"].append(tag)


def downloads(**members: Any) -> Edit:
    return lambda record: record["config"]["download"][0].update(members)


# Through git


def test_git_merges_edits_of_neighbouring_fields_and_of_one_list(clone: Clone) -> None:
    edits = {PATH: setting(description="new words"), NAME: tagged("b")}
    clone.commit("mine", {PATH: setting(version="7"), NAME: tagged("a")})
    clone.commit("yours", edits)
    clone.git("merge", "-q", "mine")
    assert clone.record().items() >= {"version": "7", "description": "new words"}.items()
    assert sorted(clone.record(NAME)["tags"]) == ["a", "b"]
    assert list(clone.record()).index("version") < list(clone.record()).index("metadata"), "the schema's order"


def test_the_same_merge_without_the_driver_is_a_conflict_of_lines(world: World, tmp_path: Path) -> None:
    clone = Clone(world, tmp_path / "clone", driver=False)
    clone.commit("mine", {NAME: tagged("a")})
    clone.commit("yours", {NAME: tagged("b")})
    assert clone.git("merge", "-q", "mine", check=False).returncode == 1


def test_git_leaves_a_conflict_with_markers_around_the_field_and_the_rest_merged(clone: Clone) -> None:
    clone.commit("mine", {PATH: setting(description="theirs now", version="7")})
    clone.commit("yours", {PATH: setting(description="ours now", pretrained_name="p")})
    done = clone.git("merge", "mine", check=False)
    assert done.returncode == 1
    assert f"CONFLICT (content): Merge conflict in {PATH}" in done.stdout
    assert "/description" in done.stderr
    assert "ours now" in done.stderr
    assert clone.git("ls-files", "-u").stdout.count(PATH) == 3
    lines = (clone.path / PATH).read_text(encoding="utf-8").splitlines()
    at = lines.index(MARKERS[0])
    assert lines[at : at + 5] == [
        MARKERS[0], '  "description": "ours now",', MARKERS[1], '  "description": "theirs now",', MARKERS[2],
    ]  # fmt: skip
    settled = json.loads("\n".join(lines[:at] + lines[at + 1 : at + 2] + lines[at + 5 :]))
    assert settled.items() >= {"description": "ours now", "version": "7", "pretrained_name": "p"}.items()


def test_an_address_and_its_hash_are_never_taken_from_two_sides(clone: Clone) -> None:
    clone.commit("mine", {PATH: downloads(file_url="https://a.example/1", sha256sum="aa" * 32)})
    clone.commit("yours", {PATH: downloads(file_url="https://b.example/2")})
    assert clone.git("merge", "mine", check=False).returncode == 1
    found = (clone.path / PATH).read_text(encoding="utf-8")
    assert [found.count(marker) for marker in MARKERS] == [1, 1, 1]
    ours, _, theirs = found.partition(MARKERS[1])
    assert ours.count('"file_url"') == ours.count('"sha256sum"') == theirs.count('"sha256sum"') == 1
    assert "https://b.example/2" in ours
    assert "https://a.example/1" in theirs


def test_a_record_that_both_sides_added_has_no_base(clone: Clone) -> None:
    new = "dataset/clip/new.json"
    clone.commit("mine", {new: clip("new", description="one")})
    clone.commit("same", {new: clip("new", description="one")})
    clone.git("merge", "-q", "mine")
    assert clone.record(new)["description"] == "one"
    clone.commit("yours", {new: clip("new", description="two")})
    done = clone.git("merge", "mine", check=False)
    assert done.returncode == 1
    assert "the whole record" in done.stderr
    assert (clone.path / new).read_text(encoding="utf-8").count(MARKERS[0]) == 1


def test_histories_that_cross_are_merged_too(clone: Clone) -> None:
    clone.commit("mine", {PATH: setting(description="mine")})
    clone.commit("yours", {PATH: setting(description="yours")})
    for branch, other in (("left", "yours"), ("right", "mine")):
        clone.git("checkout", "-q", "-b", branch, "mine" if branch == "left" else "yours")
        clone.git("merge", "-q", other, "-s", "ours", "--no-edit")
    clone.git("checkout", "-q", "left")
    done = clone.git("merge", "right", check=False)
    assert done.returncode == 1
    assert "CONFLICT" in done.stdout
    lines = (clone.path / PATH).read_text(encoding="utf-8").splitlines()
    assert [lines.count(marker) for marker in MARKERS] == [1, 1, 1]


def test_a_file_that_is_no_record_is_left_for_a_person(clone: Clone) -> None:
    path = clone.path / "dataset" / "clip" / "README.json"
    for branch, words in (("mine", "[]"), ("yours", "{")):
        clone.git("checkout", "-q", "-B", branch, "origin/main")
        path.write_text(words, encoding="utf-8")
        clone.git("add", "-A")
        clone.git("commit", "-q", "-m", branch)
    assert clone.git("merge", "mine", check=False).returncode == 1
    assert path.read_text(encoding="utf-8") == "{"


# By hand


class Files:
    """The three files that git hands over."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, base: Any, ours: Any, theirs: Any) -> None:
        for name, value in zip(("base", "ours", "theirs"), (base, ours, theirs), strict=True):
            (self.folder / name).write_text(value if isinstance(value, str) else text(value), encoding="utf-8")

    def run(self, *path: str, where: Path | None = None, as_json: bool = True) -> Answer:
        words = ["--json"] if as_json else []
        names = [str(self.folder / name) for name in ("base", "ours", "theirs")]
        return call(*words, "-C", str(where or self.folder), "merge-driver", *names, *path)

    @property
    def ours(self) -> str:
        return (self.folder / "ours").read_text(encoding="utf-8")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "files").mkdir()
    return Files(tmp_path / "files")


def test_outside_a_repository_the_path_tells_the_shipped_schema(files: Files) -> None:
    base = {"name": "x", "tags": ["b"]}
    files.write(base, {**base, "tags": ["b", "c"]}, {**base, "tags": ["a", "b"], "version": "1"})
    assert files.run().code == 4, "without a path nothing says that tags are a set"
    files.write(base, {**base, "tags": ["b", "c"]}, {**base, "tags": ["a", "b"], "baseline": "y"})
    assert files.run("dataset/lora/x.json").ok().json is None
    assert sorted(json.loads(files.ours)["tags"]) == ["a", "b", "c"]


def test_a_dataset_s_own_schema_tells_how_to_merge(world: World, files: Files) -> None:
    world.add_category("toys", {**OPEN_SCHEMA, "properties": {"b": {"type": "array", "x-merge": "set"}, "a": {}}})
    files.write({"b": ["x"]}, {"b": ["x"], "a": 1}, {"b": [], "z": 2})
    files.run("dataset/toys/t.json", where=world.path).ok()
    assert files.ours == '{\n  "b": [],\n  "a": 1,\n  "z": 2\n}\n'
    files.write({"b": ["x"]}, {"b": ["x", "y"]}, {"b": ["z", "x"]})
    files.run("dataset/toys/ab/t.json", where=world.path).ok()
    assert sorted(json.loads(files.ours)["b"]) == ["x", "y", "z"]
    files.write({"b": ["x"]}, {"b": ["x", "y"]}, {"b": ["z", "x"]})
    assert files.run("dataset/nothing/t.json", where=world.path).code == 4, "nobody knows it, so it has no hints"


def test_the_place_of_a_file_is_the_last_that_it_can_be(tmp_path: Path) -> None:
    for path, found in {
        "dataset/clip/a%2Fb.json": ("clip", "a/b"),
        "/srv/dataset/repo/dataset/clip/x.json": ("clip", "x"),
        "dataset/dataset/x.json": ("dataset", "x"),
        "clip/x.json": (None, None),
        "dataset/clip/x.txt": (None, None),
    }.items():
        file = record_file(tmp_path, path)
        assert (file.category, file.name) == found
        assert (file.schema is not None) == (found[0] == "clip")


def test_a_conflict_lists_the_fields(files: Files) -> None:
    base = {"a": 1, "b": {"c": [1], "d": 0}}
    files.write(base, {"a": 2, "b": {"c": [1, 2], "d": 0}}, {"a": 3, "b": {"d": 1}, "e": None})
    answer = files.run("dataset/toys/t.json")
    assert (answer.code, answer.out, answer.error["code"]) == (4, b"", "conflict")
    entry = {"change_id": None, "category": "toys", "model_name": "t", "other_change_id": None, "authors": []}
    assert answer.error["details"] == [
        {**entry, "path": "/a", "base": 1, "ours": 2, "theirs": 3},
        {**entry, "path": "/b/c", "base": [1], "ours": [1, 2], "theirs": None},
    ]
    files.write(base, {"a": 2}, {"a": "\x1b[31m" + "x" * 500})
    told = files.run("dataset/toys/t.json", as_json=False).err.decode()
    assert "  /a: base 1, ours 2, theirs " in told
    assert "\x1b" not in told
    assert "x" * 200 not in told


@pytest.mark.parametrize("bad", ["", "{", "[]", '{"a": 1, "a": 2}', "<<<<<<< ours\n"])
@pytest.mark.parametrize("side", [1, 2])
def test_what_is_no_record_is_refused_and_ours_untouched(files: Files, bad: str, side: int) -> None:
    sides: list[Any] = [{"a": 1}, {"a": 2}, {"a": 1, "b": 3}]
    sides[side] = bad
    files.write(*sides)
    before = files.ours
    answer = files.run()
    assert (answer.code, answer.out, files.ours) == (5, b"", before)


def test_a_base_that_is_no_record_is_refused_and_an_empty_one_is_none(files: Files) -> None:
    files.write("{", {"a": 1}, {"a": 1})
    assert files.run().code == 5
    files.write("", {"a": 1}, {"a": 1})
    files.run().ok()
    assert files.ours == '{\n  "a": 1\n}\n'


def test_a_merge_that_the_schema_does_not_accept_is_refused(world: World, files: Files) -> None:
    world.add_category("toys", {**OPEN_SCHEMA, "not": {"required": ["a", "b"]}})
    files.write({}, {"a": 1}, {"b": 1})
    before = files.ours
    answer = files.run("dataset/toys/t.json", where=world.path)
    assert (answer.code, answer.out, files.ours) == (5, b"", before)
    assert "toys record 't'" in answer.error["message"]


def test_missing_files_and_standard_input_are_refused(files: Files) -> None:
    assert files.run().code == 3
    assert call("merge-driver", "-", "-", "-").code == 2


# Markers

_VALUES = st.recursive(
    st.sampled_from([0, 1, "x", "<<<<<<< ours"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=4,
)
_RECORDS = st.dictionaries(st.sampled_from("abcde"), _VALUES, max_size=4)
_FILES = {
    "entries": {"type": "array", "x-merge": {"key": "k"}, "items": {"type": "object", "x-merge": "atomic"}},
}
_ENTRIES = st.lists(
    st.fixed_dictionaries({"k": st.sampled_from("pqr"), "v": st.integers(0, 2)}), max_size=3, unique_by=lambda e: e["k"]
)


@given(base=st.none() | _RECORDS, ours=_RECORDS, theirs=_RECORDS, lists=st.tuples(_ENTRIES, _ENTRIES, _ENTRIES))
def test_taking_one_side_of_every_conflict_gives_a_record_with_that_side_s_values(
    tmp_path_factory: pytest.TempPathFactory,
    base: dict[str, Any] | None,
    ours: dict[str, Any],
    theirs: dict[str, Any],
    lists: tuple[Any, Any, Any],
) -> None:
    from modelref_git.records.schemas import Schema

    schema = Schema.parse("toys", json.dumps({"type": "object", "properties": _FILES}).encode())
    sides = [
        None if side is None else {**deepcopy(side), "entries": entries}
        for side, entries in zip((base, ours, theirs), lists, strict=True)
    ]
    target = tmp_path_factory.mktemp("markers") / "ours"
    data = [b"" if side is None else text(side).encode() for side in sides]
    try:
        merge_into(target, data[0], data[1], data[2], RecordFile("t.json", "toys", "t", schema))
    except Conflict as conflict:
        for side in ("ours", "theirs"):
            lines = _one_side(target.read_text(encoding="utf-8"), side)
            taken = codec.decode(lines.encode())
            assert lines == text(taken), "it is laid out as records are"
            for row in conflict.details:
                assert _at(taken, row["path"], row[side]), (side, row)
    else:
        codec.decode(target.read_bytes())


def test_an_entry_that_one_side_took_out_does_not_move_the_conflict_of_the_next(files: Files) -> None:
    def record(*entries: tuple[str, str]) -> dict[str, Any]:
        download = [{"file_name": name, "file_url": url, "sha256sum": "ab" * 32} for name, url in entries]
        return {"name": "x", "config": {"download": download}}

    files.write(record(("p", "0"), ("q", "0")), record(("p", "1"), ("q", "1")), record(("q", "2")))
    answer = files.run("dataset/clip/x.json")
    assert [row["path"] for row in answer.error["details"]] == ["/config/download/0", "/config/download/1"]
    assert _one_side(files.ours, "theirs") == text(record(("q", "2")))
    assert _one_side(files.ours, "ours") == text(record(("p", "1"), ("q", "1")))
    files.write(record(("p", "0"), ("q", "0")), record(("q", "1")), record(("p", "2"), ("q", "2")))
    answer = files.run("dataset/clip/x.json")
    assert sorted(row["path"] for row in answer.error["details"]) == ["/config/download/-", "/config/download/0"]
    assert _one_side(files.ours, "ours") == text(record(("q", "1")))
    taken = json.loads(_one_side(files.ours, "theirs"))["config"]["download"]
    assert sorted(entry["file_url"] for entry in taken) == ["2", "2"]


def _one_side(marked: str, side: str) -> str:
    kept, taking = [], None
    for line in marked.split("\n"):
        if line in MARKERS:
            taking = (None, "ours", "theirs")[(MARKERS.index(line) + 1) % 3]
        elif taking in (None, side):
            kept.append(line)
    return "\n".join(kept)


def _at(record: Any, path: str, value: Any) -> bool:
    """Whether *value* stands at *path*; in a list, anywhere, as what one side lacks moves what follows."""
    place = record
    for part in path.split("/")[1:]:
        if isinstance(place, list):
            return (value in place) if value is not None else True
        if part not in place:
            return value is None
        place = place[part]
    return bool(place == value)
