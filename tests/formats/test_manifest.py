"""A manifest is written and read back whole, is refused with every fault named, and finds each file that is other."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure, Invalid, ModelrefError, NotFound
from modelref_git.formats import manifest as manifests
from modelref_git.formats.manifest import CategoryRow, FileRow, Layout, Manifest

OID = "0123456789abcdef0123456789abcdef01234567"
COUNTS = st.integers(0, 10**12)
PATHS = st.lists(st.sampled_from(["v2", "legacy", "a b", "clip.json", "é", "007"]), min_size=1, max_size=3).map(
    "/".join
)
SUMS = st.binary(min_size=32, max_size=32).map(bytes.hex)
ROWS = st.builds(FileRow, PATHS, SUMS, COUNTS, st.sampled_from(["clip", "toys"]), COUNTS)
CATEGORIES = st.builds(
    CategoryRow,
    st.sampled_from(["clip", "toys", "blip"]),
    COUNTS,
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=3).map(tuple),
    st.none() | st.just(OID),
    st.integers(0, 4),
)


@st.composite
def whole(draw: st.DrawFn) -> Manifest:
    rows = draw(st.lists(ROWS, max_size=6, unique_by=lambda row: row.path))
    categories = draw(st.lists(CATEGORIES, max_size=3, unique_by=lambda row: row.category))
    layout: Layout = draw(st.sampled_from(["v2", "legacy", "all"]))
    return Manifest(OID, draw(COUNTS), layout, "0.1.0", tuple(rows), tuple(categories))


@given(whole())
def test_what_is_written_is_read_back(manifest: Manifest) -> None:
    assert manifests.decode(manifests.encode(manifest)) == manifest


@given(st.lists(ROWS, max_size=5, unique_by=lambda row: row.path))
def test_an_index_is_read_back(rows: list[FileRow]) -> None:
    assert manifests.decode_index(manifests.encode_index("clip", rows)) == tuple(rows)


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_arbitrary_bytes_are_refused_in_our_own_words(data: bytes) -> None:
    for decode in (manifests.decode, manifests.decode_index):
        with pytest.raises(Invalid):
            decode(data)


ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["", "..", OID, "v2"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["path", "index", "0"]), inner),
    max_leaves=4,
)


@given(whole(), st.data())
def test_one_odd_value_anywhere_is_read_or_refused_in_our_own_words(manifest: Manifest, data: st.DataObject) -> None:
    document = json.loads(manifests.encode(manifest))
    at = document
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not (isinstance(at[key], dict | list) and at[key] and data.draw(st.booleans())):
            break
        at = at[key]
    at[key] = data.draw(ODD)
    with contextlib.suppress(ModelrefError):
        manifests.decode(json.dumps(document).encode())


def one(**more: Any) -> dict[str, Any]:
    row = {"path": "clip.json", "sha256": "0" * 64, "size": 1, "category": "clip", "records": 1}
    return {**row, **more}


def document(**more: Any) -> bytes:
    whole = {"format": 1, "commit": OID, "event_id": 3, "layout": "v2", "program": "1", "files": [], "categories": []}
    return json.dumps({**whole, **more}).encode()


@pytest.mark.parametrize(
    ("more", "path", "said"),
    [
        ({"format": None}, "/format", "the format is 1"),
        ({"format": True}, "/format", "the format is 1"),
        ({"commit": "main"}, "/commit", "commit is a commit id"),
        ({"event_id": -1}, "/event_id", "a whole number"),
        ({"event_id": True}, "/event_id", "a whole number"),
        ({"layout": "v3"}, "/layout", "v2, legacy or all"),
        ({"program": ""}, "/program", "the version of a program"),
        ({"files": {}}, "/files", "files is a list"),
        ({"files": [one(), 7]}, "/files/1", "an object"),
        ({"files": [one(sha256="A" * 64)]}, "/files/0/sha256", "64 small"),
        ({"files": [one(size=1.0)]}, "/files/0/size", "a whole number"),
        ({"files": [one(), one()]}, "/files", "'clip.json' stands twice"),
        ({"files": [one(path="")]}, "/files/0/path", "a path below"),
        ({"categories": [{"category": "clip"}]}, "/categories/0/records", "a whole number"),
    ],
)
def test_a_fault_is_named_with_its_place(more: dict[str, Any], path: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        manifests.decode(document(**more), "manifest.json")
    assert caught.value.message.startswith("manifest.json")
    assert any(row["path"] == path and said in row["message"] for row in caught.value.details), caught.value.details


@pytest.mark.parametrize("path", ["../clip.json", "/etc/passwd", "a//b", "a/./b", "c:x", "a\\b", "con/x.json", "a\nb"])
def test_no_path_leads_out_of_the_folder(path: str) -> None:
    with pytest.raises(Invalid, match="the path"):
        manifests.decode(document(files=[one(path=path)]))
    with pytest.raises(Invalid, match="the path"):
        manifests.decode_index(json.dumps({"format": 1, "files": [one(path=path)]}).encode())


def test_members_that_a_later_version_adds_are_passed_over() -> None:
    manifest = manifests.decode(document(site="x", files=[one(note="y")]))
    assert manifest.files == (FileRow("clip.json", "0" * 64, 1, "clip", 1),)


def test_another_format_is_told_apart_from_rubbish() -> None:
    with pytest.raises(IntegrityFailure, match="format 2") as caught:
        manifests.decode(document(format=2))
    assert caught.value.hint == "a newer modelref-git reads it"


# --- files ---


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export of one category with two record files."""
    folder = tmp_path / "export"
    files = {"clip.json": b"{}\n", "records/clip/0.json": b"{1}\n", "records/clip/1.json": b"{2}\n"}
    rows = [FileRow.of(path, data, "clip", 1) for path, data in files.items()]
    index = manifests.encode_index("clip", rows[1:])
    row = FileRow.of("records/clip/index.json", index, "clip", 2)
    manifest = Manifest(OID, 1, "v2", "1", (rows[0],), (CategoryRow("clip", 2, (), OID, 1, (row,)),))
    for path, data in {**files, row.path: index, manifests.FILE: manifests.encode(manifest)}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def found(folder: Path) -> list[tuple[str, str]]:
    return [(problem.path, problem.rule) for problem in manifests.check(folder)]


def test_a_whole_export_has_no_problem_and_other_files_do_not_matter(export: Path) -> None:
    (export / "README").write_text("hello", encoding="utf-8")
    assert found(export) == []


@pytest.mark.parametrize("path", ["clip.json", "records/clip/1.json", "records/clip/index.json"])
def test_each_file_that_is_other_or_gone_is_found(export: Path, path: str) -> None:
    data = (export / path).read_bytes()
    (export / path).write_bytes(data[:-2] + b"?\n")
    assert found(export) == [(path, "manifest.sum")]
    (export / path).write_bytes(data + b" ")
    assert found(export) == [(path, "manifest.size")]
    (export / path).unlink()
    assert found(export) == [(path, "manifest.missing")]
    (export / path).mkdir()
    assert found(export) == [(path, "manifest.missing")]


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(export: Path) -> None:
    (export / "clip.json").unlink()
    os.mkfifo(export / "clip.json")
    assert found(export) == [("clip.json", "manifest.missing")]


def test_an_index_with_the_right_sum_that_is_none_is_a_problem(export: Path) -> None:
    document = json.loads((export / "manifest.json").read_bytes())
    (export / "records/clip/index.json").write_bytes(b"{}")
    document["categories"][0]["index"][0] = FileRow.of("records/clip/index.json", b"{}", "clip", 2).as_json()
    (export / "manifest.json").write_text(json.dumps(document), encoding="utf-8")
    assert found(export) == [("records/clip/index.json", "manifest.index")]


def test_a_folder_without_a_manifest_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no manifest\.json") as caught:
        manifests.check(tmp_path)
    assert "replica init" in (caught.value.hint or "")
    (tmp_path / "file").touch()
    with pytest.raises(NotFound):
        manifests.check(tmp_path / "file")
