"""The text models' files go into a real repository, are worked on, and come out as they were."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from modelref_git.formats.text.files import FILES
from modelref_git.operations.category_schemas import update_category
from tests.support.world import CAROL, World

TEXT = "text_generation"
HEADER = "name,parameters_bn,display_name,url,baseline,description,style,tags,instruct_format,settings"


@pytest.fixture(scope="module")
def sample(real_data: Path) -> Path:
    return real_data / "text-legacy-sample"


@pytest.fixture(scope="module")
def template(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with the sample in it, to copy."""
    world = World.make(tmp_path_factory.mktemp("text") / "world", empty=True)
    answer = world.run("import", str(sample)).ok()
    assert (answer.json["created"], answer.json["rejected"]) == (60, [])
    assert answer.err.decode().count("warning") == 1
    assert (
        "models.csv:52: 'Casual-Autopsy/Maginum-Cydoms-24B': the name stands in line 51 already" in answer.err.decode()
    )
    return world.path


@pytest.fixture
def world(template: Path, tmp_path: Path) -> World:
    shutil.copytree(template, tmp_path / "world", symlinks=True)
    return World(tmp_path / "world")


def exported(world: World, folder: Path) -> dict[str, bytes]:
    world.run("export", str(folder), "--format", "legacy", "--category", TEXT).ok()
    return {name: (folder / name).read_bytes() for name in FILES}


def real(sample: Path) -> dict[str, bytes]:
    return {name: (sample / name).read_bytes() for name in FILES}


def put(folder: Path, *lines: str, header: str = HEADER) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "models.csv").write_bytes("\r\n".join([header, *lines, ""]).encode())
    return folder


def counts(answer: Any) -> tuple[int, int, int, int]:
    return (answer["created"], answer["updated"], answer["deleted"], answer["unchanged"])


def test_records_have_their_stored_form_and_the_order_of_the_file(world: World, sample: Path) -> None:
    records = world.run("get", TEXT).ok().json
    db = json.loads((sample / "db.json").read_bytes())
    bases = [key for key in db if not key.startswith(("aphrodite/", "koboldcpp/"))]
    assert list(records) == bases
    for name, record in records.items():
        entry = db[name]
        assert record["parameters"] == entry["parameters"] > 0
        assert record["tags"] == entry["tags"]
        assert record["text_model_group"]
        assert record.get("style", "generalist") == entry["style"]
        assert not {"model_name", "_legacy", "version"} & record.keys()
        assert record.get("display_name", entry["display_name"]) == entry["display_name"]
    assert "display_name" not in records["acrastt/Marx-3B-V3"], "one that only repeats the name is derived"
    variant = world.run("get", TEXT, "koboldcpp/Marx-3B-V3").ok().json
    assert variant["url"] == records["acrastt/Marx-3B-V3"]["url"]


def test_what_goes_in_comes_out_to_the_byte(world: World, sample: Path, tmp_path: Path) -> None:
    assert exported(world, tmp_path / "out") == real(sample)
    paths = [path for path in world.files() if path.startswith("legacy/")]
    assert paths == [f"legacy/{TEXT}/{name}" for name in ("defaults.json", "generation_params.json", "profile.json")]


def test_importing_again_changes_nothing(world: World, sample: Path) -> None:
    before = world.refs()
    for source in (sample, sample / "models.csv"):
        for words in ((), ("--as-proposals", "--prune")):
            answer = world.run("import", str(source), *words).ok()
            assert counts(answer.json) == (0, 0, 0, 60)
            assert b"layout" not in answer.err
    assert world.refs() == before


def test_proposals_change_their_own_lines_and_entries_alone(world: World, sample: Path, tmp_path: Path) -> None:
    twice, edited, gone = "Casual-Autopsy/Maginum-Cydoms-24B", "acrastt/Marx-3B-V3", "bigscience/bloom"
    ids = [
        world.update(TEXT, twice, {"/description": "Edited."}),
        world.update(TEXT, edited, {"/settings": {"top_k": 40}, "/parameters": 2_800_000_000}),
        world.delete(TEXT, gone),
        world.create(TEXT, "new/M-7B", {"name": "new/M-7B", "parameters": 7 * 10**9, "tags": ["x"]}),
    ]
    world.apply(world.approve(*ids))
    after, before = exported(world, tmp_path / "out"), real(sample)
    old, new = (files["models.csv"].split(b"\r\n") for files in (before, after))
    left = [line for line in old if not line.startswith(gone.encode() + b",")]
    differing = [(one, two) for one, two in zip(left, new, strict=False) if one != two]
    assert [one.partition(b",")[0].decode() for one, _ in differing] == [edited, twice, ""]
    assert new[-2:] == [b"new/M-7B,7,,,,,,x,,", b""]
    assert old.count(twice.encode() + b",24,,,,,,,,") == new.count(twice.encode() + b",24,,,,,,,,") == 1
    assert differing[0][1] == differing[0][0].replace(b",3,Marx 3B V3,", b",2.8,Marx 3B V3,").replace(
        b'"{""temperature"": 0.7, ""top_p"": 0.1, ""top_k"": 40, ""rep_pen"":1.18}"', b'"{""top_k"": 40}"'
    )
    was, now = (json.loads(files["db.json"]) for files in (before, after))
    changed = {key for key in was | now if was.get(key) != now.get(key)}
    assert len(changed) == 12
    assert list(now)[-3:] == ["new/M-7B", "aphrodite/new/M-7B", "koboldcpp/M-7B"]


def test_changed_files_come_as_proposals_of_what_changed(world: World, sample: Path, tmp_path: Path) -> None:
    lines = (sample / "models.csv").read_text(encoding="utf-8").splitlines()
    lines[2] = lines[2].replace("33,", "34,", 1)
    del lines[4]
    lines.insert(10, "new/M-7B,7,,,,,chat,,,")
    source = put(tmp_path / "source", *lines[1:])
    answer = world.run("import", str(source), "--as-proposals", "--prune", actor=CAROL).ok().json
    assert counts(answer) == (1, 1, 1, 58)
    world.apply(world.approve(*answer["change_ids"]))
    after = exported(world, tmp_path / "out")
    assert after["models.csv"] == (source / "models.csv").read_bytes()
    assert after["defaults.json"] == (sample / "defaults.json").read_bytes()


def test_a_layout_that_a_proposal_cannot_carry_is_told(world: World, sample: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(sample, source)
    (source / "models.csv").write_bytes((sample / "models.csv").read_bytes().replace(b"\r\n", b"\n"))
    (source / "defaults.json").write_bytes(b'{"style": "chat"}')
    (source / "db.json").unlink()
    for words in ((), ("--as-proposals",)):
        answer = world.run("import", str(source), *words).ok()
        assert counts(answer.json) == (0, 0, 0, 60)
        told = answer.err.decode()
        assert "the layout of models.csv differs from the kept one; only an import into an empty category" in told
        assert "defaults.json differs from the kept one" in told
        assert "generation_params.json" not in told
    assert exported(world, tmp_path / "out") == real(sample)


def test_a_generated_file_that_does_not_follow_is_a_warning(sample: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(sample, source)
    (source / "db.json").write_bytes(b"{}")
    world = World.make(tmp_path / "world", empty=True)
    answer = world.run("import", str(source)).ok()
    assert answer.json["created"] == 60
    assert "db.json does not follow from models.csv" in answer.err.decode()
    assert exported(world, tmp_path / "out") == real(sample)


def test_faults_are_told_all_at_once_and_the_good_rows_go_in_if_asked_for(tmp_path: Path) -> None:
    rest = "," * 8
    source = put(tmp_path / "source", f"a,1{rest}", f"b,x{rest}", "c,1", f"http://d,{rest}", f"A,1{rest}")
    world = World.make(tmp_path / "world", empty=True)
    before = world.refs()
    refused = world.run("import", str(source))
    assert refused.code == 5
    told = [(row["name"], row["file"], row["line"], row["rule"]) for row in refused.error["details"]]
    assert told == [
        ("b", "models.csv", 3, "text.parameters"),
        ("c", "models.csv", 4, "csv.columns"),
        ("http://d", "models.csv", 5, "text.name_url"),
        ("http://d", "models.csv", 5, "text.parameters"),
        ("A", "models.csv", 6, "name.duplicate"),
    ]
    assert world.refs() == before
    answer = world.run("import", str(source), "--keep-going")
    assert answer.code == 5
    assert answer.json["created"] == 1
    assert len(answer.json["rejected"]) == 4
    assert "cannot be written back byte for byte" in answer.err.decode()
    assert exported(world, tmp_path / "out")["models.csv"] == f"{HEADER}\r\na,1{rest}\r\n".encode()


def test_a_setting_that_the_datasets_own_schema_knows_comes_in(tmp_path: Path) -> None:
    source = put(tmp_path / "source", 'a,1,,,,,,,,"{""mine"": 1}"')
    world = World.make(tmp_path / "world", empty=True)
    refused = world.run("import", str(source))
    assert [(row["path"], row["rule"]) for row in refused.error["details"]] == [
        ("/settings/mine", "value.settings_key")
    ]
    schema = json.loads(world.git("show", f"main:schemas/{TEXT}.schema.json"))
    schema["properties"]["settings"] = {"type": "object"}
    world.pass_policy(update_category(world.context(), TEXT, json.dumps(schema).encode()))
    assert world.run("import", str(source)).ok().json["created"] == 1
    assert exported(world, tmp_path / "out")["models.csv"] == (source / "models.csv").read_bytes()
    (remark,) = [line for line in world.run("import", str(source)).ok().err.decode().splitlines() if "mine" in line]
    assert "the list of generation settings does not have it" in remark


def test_an_unreadable_source_is_refused_with_line_and_column(tmp_path: Path) -> None:
    source = put(tmp_path / "source", 'a,1,"never closed')
    world = World.make(tmp_path / "world", empty=True)
    refused = world.run("import", str(source))
    assert refused.code == 5
    (detail,) = refused.error["details"]
    assert (detail["file"], detail["line"], detail["column"], detail["rule"]) == ("models.csv", 2, 5, "csv.quote")


def test_a_v2_source_leaves_what_the_files_said_beyond_it(world: World, sample: Path, tmp_path: Path) -> None:
    world.run("export", str(tmp_path / "v2"), "--format", "v2", "--category", TEXT).ok()
    answer = world.run("import", str(tmp_path / "v2"), "--as-proposals", "--prune").ok().json
    assert counts(answer) == (0, 0, 0, 60)
    assert exported(world, tmp_path / "out") == real(sample)


def test_a_row_between_others_goes_there_and_a_second_row_behind_its_neighbour(tmp_path: Path) -> None:
    rest = "," * 8
    first = put(tmp_path / "first", *(f"{name},1{rest}" for name in "abca"))
    world = World.make(tmp_path / "world", empty=True)
    world.run("import", str(first)).ok()
    assert exported(world, tmp_path / "one")["models.csv"] == (first / "models.csv").read_bytes()
    second = put(tmp_path / "second", *(f"{name},1{rest}" for name in "abnca"))
    answer = world.run("import", str(second), "--as-proposals", actor=CAROL).ok().json
    world.apply(world.approve(*answer["change_ids"]))
    assert exported(world, tmp_path / "two")["models.csv"] == (second / "models.csv").read_bytes()
    world.apply(world.approve(world.delete(TEXT, "c")))
    assert (
        exported(world, tmp_path / "three")["models.csv"]
        == (put(tmp_path / "third", *(f"{name},1{rest}" for name in "abna")) / "models.csv").read_bytes()
    )
