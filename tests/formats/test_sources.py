"""Folders and files of records are read whatever layout they are in."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid, ModelrefError, NotFound, UsageFault
from modelref_git.formats.legacy import profile as legacy_profile
from modelref_git.formats.sources import ImportSource, SourceEntry, detect, read_source
from modelref_git.records.json_text import MAX_RECORD_BYTES

LEGACY = {"x": {"name": "x", "type": "blip", "config": {"files": [], "download": []}, "available": False}}
V2 = {"x": {"name": "x", "record_type": "blip", "config": {"download": []}}}


def put(folder: Path, **files: Any) -> Path:
    for name, value in files.items():
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def shape(source: ImportSource) -> dict[str, list[str | None]]:
    return {one.category: [entry.key for entry in one.entries] for one in source.categories}


def only(source: ImportSource) -> SourceEntry:
    ((entry,),) = (one.entries for one in source.categories)
    return entry


def rules(entry: SourceEntry) -> list[str]:
    return [problem.rule for problem in entry.problems]


# Folders


def test_the_real_folder_is_read_as_legacy_and_what_is_no_category_is_told(real_data: Path) -> None:
    source = read_source(real_data / "image-legacy")
    assert source.format == "legacy"
    counts = {name: len(keys) for name, keys in shape(source).items()}
    assert counts == {
        "blip": 2,
        "clip": 2,
        "codeformer": 1,
        "controlnet": 18,
        "esrgan": 6,
        "gfpgan": 1,
        "safety_checker": 1,
        "image_generation": 161,
        "miscellaneous": 2,
    }
    assert list(counts)[:4] == ["blip", "clip", "codeformer", "controlnet"]
    assert source.ignored == (
        *("README.md", "aitemplate.json", "db.json", "db_dep.json", "db_embeds.json", "diffusers.json"),
        *("lora.json", "models.json"),
    )
    images = next(one for one in source.categories if one.category == "image_generation")
    assert images.entries[0].line == 2
    assert images.entries[0].file == "stable_diffusion.json"
    ((path, data),) = images.profile_files.items()
    assert path == "legacy/image_generation/profile.json"
    assert legacy_profile.decode(data)["exact"]


def test_a_category_limits_what_is_read_of_a_folder(real_data: Path) -> None:
    source = read_source(real_data / "image-legacy", category="clip")
    assert shape(source) == {"clip": ["ViT-L/14", "coca_ViT-L-14"]}
    assert "stable_diffusion.json" in source.ignored


def test_a_v2_folder_has_files_of_the_fifteen_and_of_known_categories(tmp_path: Path) -> None:
    put(tmp_path, blip__json=V2, lora__json={}, own__json={"y": {"a": 1}}, other__json={}, text_generation__json={})
    source = read_source(tmp_path, known_categories=["own"])
    assert source.format == "v2"
    assert shape(source) == {"blip": ["x"], "text_generation": [], "lora": [], "own": ["y"]}
    assert source.ignored == ("other.json",)


def test_a_file_that_only_v2_has_is_not_opened_in_a_legacy_folder(tmp_path: Path) -> None:
    put(tmp_path, blip__json=LEGACY, lora__json=b"no JSON")
    source = read_source(tmp_path)
    assert source.format == "legacy"
    assert source.ignored == ("lora.json",)


def test_a_folder_of_both_layouts_is_refused_unless_one_is_named(tmp_path: Path) -> None:
    put(tmp_path, blip__json=LEGACY, clip__json=V2)
    with pytest.raises(Invalid, match=r"blip\.json.*clip\.json") as caught:
        read_source(tmp_path)
    assert caught.value.hint is not None
    assert "--format" in caught.value.hint
    assert read_source(tmp_path, layout="v2").format == "v2"


def test_a_folder_without_any_file_of_a_category_is_not_found(tmp_path: Path) -> None:
    put(tmp_path, other__json={})
    with pytest.raises(NotFound, match="no v2 file"):
        read_source(tmp_path)


def test_the_text_files_are_read_only_beside_their_source(tmp_path: Path) -> None:
    put(tmp_path, db__json={}, defaults__json={}, blip__json=LEGACY)
    assert shape(read_source(tmp_path)) == {"blip": ["x"]}
    assert read_source(tmp_path).ignored == ("db.json", "defaults.json")
    put(tmp_path, models__csv=b"name,parameters_bn\r\na/b,1\r\n")
    assert shape(read_source(tmp_path)) == {"blip": ["x"], "text_generation": ["a/b"]}
    assert read_source(tmp_path).ignored == ()
    for source in (read_source(tmp_path / "models.csv"), read_source(tmp_path, category="text_generation")):
        assert shape(source) == {"text_generation": ["a/b"]}
        assert source.categories[0].profile_files["legacy/text_generation/defaults.json"] == b"{}"
    assert shape(read_source(tmp_path, category="blip")) == {"blip": ["x"]}


def test_the_faults_of_all_text_files_are_told_each_with_its_file(tmp_path: Path) -> None:
    put(tmp_path, models__csv=b"name\r\n", defaults__json=b"{", generation_params__json=[], clip__json=b"no")
    with pytest.raises(Invalid) as caught:
        read_source(tmp_path)
    told = [(detail["file"], detail["rule"], detail["line"]) for detail in caught.value.details]
    assert told == [
        ("clip.json", "json.syntax", 1),
        ("models.csv", "csv.header", 1),
        ("defaults.json", "json.syntax", 1),
        ("generation_params.json", "legacy.object", None),
    ]


def test_a_folder_with_the_text_source_alone_is_a_legacy_one(tmp_path: Path) -> None:
    source = read_source(put(tmp_path, models__csv=b"name,parameters_bn\r\n"))
    assert (source.format, shape(source)) == ("legacy", {"text_generation": []})


def test_a_folder_is_no_source_of_json_lines(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="JSON lines"):
        read_source(tmp_path, layout="jsonl")


@pytest.mark.parametrize("entries", [LEGACY, V2])
def test_the_layout_is_told_by_the_entries(entries: dict[str, Any]) -> None:
    expected = "legacy" if entries is LEGACY else "v2"
    assert detect({"blip.json": json.dumps(entries).encode(), "clip.json": b"{}"}) == expected


def test_a_v2_file_of_an_old_converter_is_told_from_a_legacy_one(tmp_path: Path) -> None:
    download = {"file_name": "a", "file_url": "u", "sha256sum": "FIXME"}
    bare = {"x": {"name": "x", "baseline": "infer", "nsfw": False, "config": {"download": [download]}}}
    assert read_source(put(tmp_path, stable_diffusion__json=bare)).format == "v2"


# Single files


def test_a_file_is_known_by_its_name(tmp_path: Path) -> None:
    put(tmp_path, blip__json=LEGACY, clip__json=V2, own__json={"y": {}})
    assert read_source(tmp_path / "blip.json").format == "legacy"
    assert read_source(tmp_path / "clip.json").format == "v2"
    assert shape(read_source(tmp_path / "own.json", known_categories=["own"])) == {"own": ["y"]}


def test_a_file_of_another_name_needs_its_category(tmp_path: Path) -> None:
    path = put(tmp_path, some__json=LEGACY) / "some.json"
    with pytest.raises(NotFound, match=r"some\.json") as caught:
        read_source(path)
    assert caught.value.hint is not None
    source = read_source(path, category="blip")
    assert (source.format, shape(source)) == ("legacy", {"blip": ["x"]})


@pytest.mark.parametrize(("category", "known"), [("nope", ()), ("own", ["other"])])
def test_an_unknown_category_is_not_found(tmp_path: Path, category: str, known: list[str]) -> None:
    with pytest.raises(NotFound, match=category):
        read_source(put(tmp_path, blip__json=V2), category=category, known_categories=known)


def test_a_missing_source_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="absent"):
        read_source(tmp_path / "absent")


def test_a_category_without_a_legacy_file_cannot_be_read_as_legacy(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="lora"):
        read_source(put(tmp_path, lora__json={}) / "lora.json", layout="legacy")


def test_a_file_that_cannot_be_read_is_invalid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    put(tmp_path, blip__json=V2)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(Invalid, match="Permission denied"):
        read_source(tmp_path / "blip.json")


def test_each_invalid_real_file_is_refused_with_line_and_column(real_data: Path, tmp_path: Path) -> None:
    broken = sorted((real_data / "image-invalid").glob("*.json"))
    assert broken
    for path in broken:
        shutil.copyfile(path, tmp_path / "stable_diffusion.json")
        with pytest.raises(Invalid, match=r"stable_diffusion\.json") as caught:
            read_source(tmp_path)
        (detail,) = caught.value.details
        assert {"line", "column"} <= set(detail)


@pytest.mark.parametrize("layout", ["legacy", "v2"])
def test_a_name_that_stands_twice_is_refused_and_told(tmp_path: Path, layout: Any) -> None:
    path = put(tmp_path, blip__json=b'{"twin": {},\n"twin": {}}') / "blip.json"
    with pytest.raises(Invalid, match="twin"):
        read_source(path, layout=layout)


# v2 records


def test_the_key_is_the_identity_and_a_body_of_another_name_is_remarked_upon(tmp_path: Path) -> None:
    entry = only(read_source(put(tmp_path, blip__json={"key": V2["x"]})))
    assert (entry.key, entry.record) == ("key", V2["x"])
    assert [(warning.rule, warning.path) for warning in entry.warnings] == [("name.key_mismatch", "/name")]


def test_a_missing_name_is_filled_in_for_the_fifteen_alone(tmp_path: Path) -> None:
    put(tmp_path, blip__json={"x": {"config": {}}})
    assert only(read_source(tmp_path)).record == {"name": "x", "config": {}}
    put(tmp_path, own__json={"x": {"config": {}}})
    own = only(read_source(tmp_path / "own.json", known_categories=["own"]))
    assert (own.record, own.warnings) == ({"config": {}}, ())


def test_a_null_name_is_a_missing_one(tmp_path: Path) -> None:
    entry = only(read_source(put(tmp_path, blip__json={"x": {"name": None}})))
    assert (entry.record, entry.warnings) == ({"name": "x"}, ())


def test_what_is_no_record_is_a_fault_of_its_own_entry(tmp_path: Path) -> None:
    put(
        tmp_path,
        blip__json=b'{"a": 1,\n "b": {"_legacy": {}},\n "c": {}, "d": {"x": "%s"}}' % (b"x" * MAX_RECORD_BYTES),
    )
    (one,) = read_source(tmp_path).categories
    assert [rules(entry) for entry in one.entries] == [["json.object"], ["legacy.remainder"], [], ["json.size"]]
    assert [entry.line for entry in one.entries] == [1, 2, 3, 3]
    assert [entry.record is None for entry in one.entries] == [True, True, False, True]


# JSON lines


def lines(tmp_path: Path, *values: Any) -> Path:
    data = b"\n".join(value if isinstance(value, bytes) else json.dumps(value).encode() for value in values)
    path = tmp_path / "some.jsonl"
    path.write_bytes(data)
    return path


def test_lines_of_one_category_are_records_by_their_names(tmp_path: Path) -> None:
    source = read_source(lines(tmp_path, {"name": "b"}, {"name": "a"}), category="blip")
    assert (source.format, shape(source)) == ("jsonl", {"blip": ["b", "a"]})
    assert [entry.line for entry in source.categories[0].entries] == [1, 2]


def test_lines_of_many_categories_say_where_they_belong(tmp_path: Path) -> None:
    def line(category: str, name: str, payload: Any) -> dict[str, Any]:
        return {"category": category, "model_name": name, "payload": payload}

    path = lines(tmp_path, line("own", "y", {"a": 1}), line("blip", "x", {}), line("own", "z", {}))
    source = read_source(path, known_categories=["own"])
    assert shape(source) == {"own": ["y", "z"], "blip": ["x"]}
    assert source.categories[1].entries[0].record == {"name": "x"}


def test_bad_lines_are_told_by_their_number_and_the_others_go_in(tmp_path: Path) -> None:
    good = {"category": "blip", "model_name": "x", "payload": {}}
    path = lines(
        tmp_path,
        good,
        b"{",
        b"",
        {**good, "category": "nope"},
        {"payload": {}},
        good,
        {**good, "model_name": "y", "payload": 1},
    )
    source = read_source(path)
    assert shape(source) == {"blip": ["x", "y"]}
    assert rules(source.categories[0].entries[1]) == ["json.object"]
    assert [(entry.line, rules(entry)) for entry in source.unplaced] == [
        (2, ["json.syntax"]),
        (4, ["category.unknown"]),
        (5, ["line.missing", "line.missing"]),
        (6, ["name.duplicate"]),
    ]
    assert source.unplaced[1].key == "x"


def test_a_line_without_a_name_has_no_place(tmp_path: Path) -> None:
    (entry,) = read_source(lines(tmp_path, {"name": 1}), category="blip").unplaced
    assert [(problem.path, problem.rule) for problem in entry.problems] == [("/name", "line.missing")]


# Files that cannot be read


def test_the_faults_of_all_unreadable_files_are_told_at_once(tmp_path: Path) -> None:
    put(tmp_path, blip__json=b'{"a": 1,\n "a": 2}', clip__json=b"{,", esrgan__json=LEGACY, gfpgan__json=b"[]")
    with pytest.raises(Invalid, match=r"3 files of .* cannot be read; the first is blip\.json: line 2") as caught:
        read_source(tmp_path)
    told = [(row["file"], row["line"], row["column"], row["rule"]) for row in caught.value.details]
    assert told == [
        ("blip.json", 2, 2, "json.duplicate_key"),
        ("clip.json", 1, 2, "json.syntax"),
        ("gfpgan.json", None, None, "json.object"),
    ]


@pytest.mark.parametrize("layout", ["auto", "legacy"])
def test_the_readable_files_are_read_beside_unreadable_ones_where_that_is_asked_for(
    tmp_path: Path, layout: Any
) -> None:
    put(tmp_path, blip__json=b"{,", esrgan__json={"y": {**LEGACY["x"], "name": "y"}}, lora__json=b"no JSON")
    source = read_source(tmp_path, layout=layout, tolerant=True)
    assert (source.format, shape(source)) == ("legacy", {"esrgan": ["y"]})
    assert [one.file for one in source.unreadable] == ["blip.json"]
    assert source.ignored == ("lora.json",)
    (alone,) = read_source(tmp_path / "blip.json", layout=layout, tolerant=True).unreadable
    assert alone == source.unreadable[0]


def test_a_folder_of_nothing_but_unreadable_files_is_not_one_without_files(tmp_path: Path) -> None:
    source = read_source(put(tmp_path, blip__json=b"{,", own__json=b"{,"), known_categories=["own"], tolerant=True)
    assert ([one.file for one in source.unreadable], source.categories) == (["blip.json", "own.json"], ())


@given(st.dictionaries(st.sampled_from(["blip.json", "clip.json", "lora.json", "x.jsonl"]), st.binary(max_size=40)))
def test_whatever_a_file_holds_only_our_own_errors_come_of_it(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name, data in files.items():
        (folder / name).write_bytes(data)
    for path in (folder, *folder.iterdir()):
        with contextlib.suppress(ModelrefError):
            read_source(path, tolerant=True)
