"""The check of files: records, category files of both layouts, and the text models' source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelref_git.errors import ModelrefError, NotFound
from modelref_git.operations.checking.files import check_files
from modelref_git.operations.checking.findings import CheckReport, LocatedFinding
from modelref_git.records.json_places import place_of
from tests.support.branches import branch, canonical
from tests.support.world import World, clip

COLUMNS = "name,parameters_bn,display_name,url,baseline,description,style,tags,instruct_format,settings"


def put(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content if isinstance(content, bytes) else json.dumps(content, indent=2).encode()
    path.write_bytes(data)
    return path


def rules(report: CheckReport, severity: str | None = None) -> list[str]:
    found = report.findings
    return [one.finding.rule.id for one in found if severity is None or one.finding.severity == severity]


def only(report: CheckReport, rule: str) -> LocatedFinding:
    (found,) = [one for one in report.findings if one.finding.rule.id == rule]
    return found


def at(found: LocatedFinding) -> str:
    """The text from the place of a finding to the end of its line."""
    assert found.line is not None
    assert found.column is not None
    return Path(found.file).read_text(encoding="utf-8").split("\n")[found.line - 1][found.column - 1 :]


def legacy(name: str, **more: Any) -> dict[str, Any]:
    config = {
        "files": [{"path": "v.yaml"}, {"path": "x.pt", "sha256sum": "ab" * 32}],
        "download": [
            {"file_name": "x.pt", "file_path": "", "file_url": "https://huggingface.co/a/blob/main/x.pt"},
        ],
    }
    return {"name": name, "type": "clip", "description": "One.", "available": False, "config": config, **more}


# --- which file is what ---


def test_the_category_of_a_record_is_that_of_its_folder(tmp_path: Path) -> None:
    bad = {**clip(" x"), "record_type": "blip"}
    for path in ("dataset/clip/%20x.json", "dataset/clip/ab/cd/%20x.json", "clip/anything.json"):
        found = only(check_files(None, [put(tmp_path / path, bad)]), "name.whitespace")
        assert (found.finding.category, found.finding.key) == ("clip", " x")
        assert at(found).startswith('" x"')


def test_else_the_record_says_its_category_itself(tmp_path: Path) -> None:
    report = check_files(None, [put(tmp_path / "mine.json", {**clip(" x"), "record_type": "clip"})])
    assert only(report, "name.whitespace").finding.category == "clip"


def test_a_record_of_no_category_says_what_is_needed(tmp_path: Path) -> None:
    for name in ("mine.json", "mine.txt"):
        report = check_files(None, [put(tmp_path / name, clip())])
        found = only(report, "file.category")
        assert not report.ok
        assert (found.line, found.column) == (1, 1)
        assert "folder" in found.finding.rule.advice


def test_a_record_that_is_called_like_a_category_is_still_a_record(tmp_path: Path) -> None:
    report = check_files(None, [put(tmp_path / "clip" / "blip.json", clip(" x"))])
    assert only(report, "name.whitespace").finding.category == "clip"


@pytest.mark.parametrize("file", ["clip.json", "stable_diffusion.json", "image_generation.json"])
def test_a_categorys_file_is_known_by_its_name(tmp_path: Path, file: str) -> None:
    record = clip(" x", baseline="stable_diffusion_1", nsfw=False)
    report = check_files(None, [put(tmp_path / file, {" x": record, "y": {**record, "name": "y"}})])
    found = only(report, "name.whitespace")
    assert found.finding.category == ("clip" if file == "clip.json" else "image_generation")
    assert at(found).startswith('" x": {')
    assert report.records == 2


def test_a_category_of_ones_own_is_known_where_its_repository_is(world: World, tmp_path: Path) -> None:
    world.add_category("moods", {"$schema": "https://json-schema.org/draft/2020-12/schema", "required": ["colour"]})
    file = put(tmp_path / "moods.json", {"blue": {}})
    found = only(check_files(world.context(), [file]), "schema.required")
    assert (found.finding.category, found.finding.key, at(found)) == ("moods", "blue", "{}")
    assert rules(check_files(None, [file])) == ["file.category"]


def test_a_folder_means_the_files_that_an_import_would_read(tmp_path: Path) -> None:
    put(tmp_path / "clip.json", {" x": legacy(" x")})
    put(tmp_path / "lora.json", {"1": 2})
    put(tmp_path / "README.md", b"hello")
    report = check_files(None, [tmp_path])
    assert {one.file for one in report.findings} == {str(tmp_path / "clip.json")}
    assert "name.whitespace" in rules(report)
    with pytest.raises(NotFound):
        check_files(None, [put(tmp_path / "empty" / "README.md", b"").parent])


def test_in_a_folder_the_name_of_a_file_counts_whatever_it_holds(tmp_path: Path) -> None:
    file = put(tmp_path / "clip.json", {"x": legacy("x"), "name": "y"})
    assert "legacy.object" in rules(check_files(None, [tmp_path]))
    assert "legacy.object" not in rules(check_files(None, [file]))


def test_a_folder_that_mixes_the_layouts_is_found(tmp_path: Path) -> None:
    put(tmp_path / "clip.json", {"x": legacy("x")})
    put(tmp_path / "blip.json", {"x": {**clip("x"), "record_type": "blip"}})
    report = check_files(None, [tmp_path])
    assert rules(report) == ["source.mixed"]
    assert not report.ok


def test_the_folder_of_a_dataset_means_its_records(tmp_path: Path) -> None:
    put(tmp_path / "dataset" / "clip" / "%20x.json", clip(" x"))
    put(tmp_path / "dataset" / "blip" / "y.json", {})
    for folder in ("dataset", "dataset/clip"):
        assert "name.whitespace" in rules(check_files(None, [tmp_path / folder]))
    assert "schema.required" in rules(check_files(None, [tmp_path / "dataset"]))


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    file = put(tmp_path / "clip.json", {" x": clip(" x")})
    assert rules(check_files(None, [file, file, tmp_path])).count("name.whitespace") == 1


def test_a_file_that_cannot_be_read_is_found_and_the_others_are_read(tmp_path: Path) -> None:
    broken = put(tmp_path / "a" / "blip.json", b"{}")
    broken.unlink()
    broken.symlink_to(tmp_path / "nowhere.json")
    file = put(tmp_path / "clip.json", {" x": clip(" x")})
    report = check_files(None, [broken, file])
    assert rules(report, "error") == ["file.unreadable", "name.whitespace"]


# --- where the fault is ---


def test_a_fault_of_a_record_is_at_its_value_and_one_of_a_name_at_the_key(tmp_path: Path) -> None:
    record = {**clip("x"), "colour": "red", "description": 12}
    report = check_files(None, [put(tmp_path / "clip" / "x.json", record)])
    assert at(only(report, "record.unknown_field")) == '"colour": "red"'
    assert at(only(report, "schema.type")) == "12,"


def test_faults_of_an_older_file_are_where_it_says_the_same(tmp_path: Path) -> None:
    entry = legacy("x", description="")
    entry["config"]["files"][1]["sha256sum"] = "XY"
    report = check_files(None, [put(tmp_path / "clip.json", {"x": entry})])
    page = only(report, "address.page")
    assert page.finding.problem.path == "/config/download/0/file_url"
    assert at(page).startswith('"https://huggingface.co/a/blob')
    assert at(only(report, "hash.form")) == '"XY"'
    text = Path(page.file).read_text()
    place = place_of(text, "/x/config/files/1/sha256sum")
    assert place is not None
    assert (only(report, "hash.form").line, only(report, "hash.form").column) == place.value


def test_a_fault_of_an_older_file_that_keeps_it_out_is_an_error_at_its_place(tmp_path: Path) -> None:
    entry = legacy("x")
    entry["config"]["download"].append({"file_name": "other.pt", "file_url": ""})
    report = check_files(None, [put(tmp_path / "clip.json", {"x": entry, "y": [], "z": legacy("z")})])
    assert rules(report, "error") == ["legacy.download", "legacy.object"]
    assert at(only(report, "legacy.object")) == "[],"
    assert (
        only(report, "legacy.download").line
        == 1
        + next(n for n, row in enumerate(Path(report.findings[0].file).read_text().split("\n")) if "other.pt" in row)
        - 1
    )


def test_the_key_of_an_older_file_that_its_body_does_not_say_is_a_remark(tmp_path: Path) -> None:
    for content in ({"x": legacy("y")}, {"x": clip("y")}):
        found = only(check_files(None, [put(tmp_path / "clip.json", content)]), "name.key_mismatch")
        assert found.finding.severity == "warning"
        assert at(found).startswith('"y"')


def test_a_remark_of_a_reader_has_the_severity_of_its_rule(world: World, tmp_path: Path) -> None:
    file = put(tmp_path / "clip.json", {"x": legacy("x", available=True)})
    assert only(check_files(world.context(), [file]), "legacy.available").finding.severity == "hint"
    world.rewrite_config(b"[rules]\n", b'[rules]\n"legacy.available" = "error"\n')
    report = check_files(world.context(), [file])
    assert at(only(report, "legacy.available")).startswith("true")
    assert not report.ok


# --- the text models ---


def test_the_rows_of_the_text_models_are_placed_in_their_cells(tmp_path: Path) -> None:
    rows = [COLUMNS, 'A/One-7B,7,,,,"A, or\r\nB",,"a,,b",,', "bad,seven,,,,,,,,", "short,1"]
    source = put(tmp_path / "models.csv", "\r\n".join([*rows, ""]).encode())
    report = check_files(None, [source])
    assert {one.file for one in report.findings} == {str(source)}
    tags = only(report, "text.empty_tag")
    assert (tags.line, tags.column) == (3, 5)
    bad = only(report, "text.parameters")
    assert (bad.line, bad.column, bad.finding.severity) == (4, 5, "error")
    assert (only(report, "csv.columns").line, report.ok) == (5, False)


def test_what_is_generated_must_follow_from_its_source(tmp_path: Path) -> None:
    put(tmp_path / "models.csv", f"{COLUMNS}\r\nA/One-7B,7,,,,,,,,\r\n".encode())
    generated = put(tmp_path / "db.json", {"nobody": {}})
    for named in ("models.csv", "db.json", ""):
        report = check_files(None, [tmp_path / named])
        found = [one for one in report.findings if one.finding.rule.id == "text.generated"]
        assert found
        assert {one.file for one in found} == {str(generated)}
        assert any(at(one).startswith("{}") or at(one).startswith('"nobody"') for one in found)


def test_broken_neighbours_are_found_in_themselves(tmp_path: Path) -> None:
    put(tmp_path / "models.csv", f"{COLUMNS}\r\nA/One-7B,7,,,,,,,,\r\n".encode())
    put(tmp_path / "db.json", b'{"a": 1,}')
    put(tmp_path / "defaults.json", b"[]")
    report = check_files(None, [tmp_path])
    assert [(one.finding.rule.id, Path(one.file).name) for one in report.findings] == [
        ("json.syntax", "db.json"),
        ("legacy.object", "defaults.json"),
    ]


def test_the_real_files_have_no_errors_and_the_broken_ones_a_place(real_data: Path) -> None:
    for folder in ("image-legacy", "text-legacy-sample"):
        report = check_files(None, [real_data / folder])
        assert rules(report, "error") == []
        assert all(one.line is not None for one in report.findings)
        assert report.records > 50
    broken = sorted((real_data / "image-invalid").glob("*.json"))
    report = check_files(None, broken)
    assert len({one.file for one in report.findings}) == len(broken)
    assert {one.finding.rule.id for one in report.findings} <= {"json.syntax", "json.duplicate_key"}
    assert all(one.line is not None and one.line > 1 for one in report.findings)


# --- the dataset around ---


def test_the_records_of_files_are_judged_among_each_other(tmp_path: Path) -> None:
    files = [put(tmp_path / "clip" / f"{name}.json", clip(name)) for name in ("one", "two")]
    assert "shared.hash" not in rules(check_files(None, files))
    other = clip("three")
    other["config"]["download"][0]["file_url"] = "https://elsewhere.example/z.pt"
    assert "shared.hash" in rules(check_files(None, [*files, put(tmp_path / "clip" / "three.json", other)]))


def test_the_records_of_files_are_judged_among_those_of_the_repository(world: World, tmp_path: Path) -> None:
    live = json.loads(world.git("show", "main:dataset/clip/ViT-L%2F14.json"))
    live["config"]["download"][0]["file_url"] = "https://elsewhere.example/z.pt"
    copy = put(tmp_path / "clip" / "copy.json", {**live, "name": "copy"})
    assert "shared.hash" in rules(check_files(world.context(), [copy]))
    itself = put(tmp_path / "dataset" / "clip" / "ViT-L%2F14.json", live)
    assert "shared.hash" not in rules(check_files(world.context(), [itself]))
    # What a file says of a record counts, and not what the dataset has.
    assert "shared.hash" not in rules(check_files(world.context(), [copy, itself]))


def test_a_git_repository_that_is_no_dataset_judges_nothing(tmp_path: Path, world: World) -> None:
    world.git("init", "-q", str(tmp_path / "other"))
    file = put(tmp_path / "other" / "clip.json", {" x": clip(" x")})
    report = check_files(World(tmp_path / "other").context(), [file])
    assert "name.whitespace" in rules(report)


def test_a_work_tree_is_as_good_as_its_commit(world: World) -> None:
    branch(world, {"dataset/clip/x.json": canonical("clip", clip("x"))})
    assert rules(check_files(world.context(), [world.path / "dataset"]), "error") == []


# --- anything at all ---

NAMES = st.sampled_from(
    ["x.json", "clip.json", "stable_diffusion.json", "models.csv", "db.json", "dataset/clip/x.json", "clip/x.json", "x"]
)
PIECES = st.sampled_from(
    [
        *(
            b'{"',
            b'"',
            b"}",
            b"[",
            b"]",
            b":",
            b",",
            b"name",
            b"config",
            b"\xff",
            b"\xed\xa0\x80",
            b"\\ud800",
            b"1e999",
        ),
        *(b"\n", b'{"x": {"name": "x", "config": {"files": [{"path": []}], "download": [', b"null", b"\0", b"NaN"),
        COLUMNS.encode(),
    ]
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, st.binary(max_size=40) | st.lists(PIECES, max_size=12).map(b"".join))
def test_arbitrary_bytes_are_findings_or_our_own_errors(tmp_path: Path, name: str, data: bytes) -> None:
    file = put(tmp_path / name, data)
    try:
        report = check_files(None, [file])
    except ModelrefError:
        return
    finally:
        file.unlink()
    assert report.as_json()["findings"] is not None
    assert all((one.line or 1) >= 1 and (one.column or 1) >= 1 for one in report.findings)


ENTRIES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "x", "x.pt", "a.yaml", "ckpt", "https://h.example/x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "type",
                    "style",
                    "config",
                    "files",
                    "download",
                    "path",
                    "file_name",
                    "file_url",
                    "sha256sum",
                    "_legacy",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["clip", "controlnet", "lora", "stable_diffusion", "text_generation"]), ENTRIES, ENTRIES)
def test_arbitrary_entries_are_findings_or_our_own_errors(tmp_path: Path, name: str, one: Any, two: Any) -> None:
    file = put(tmp_path / f"{name}.json", {"x": one, "y": two})
    report = check_files(None, [file])
    for found in report.findings:
        assert found.line is not None
        assert at(found) or found.column == 1
