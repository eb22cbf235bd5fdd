"""Bad input: the right exit code, a message that helps, and every ref as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.calls import Answer
from tests.support.world import ARTHUR, CAROL, World, clip


@pytest.fixture
def still(world: World) -> Iterator[World]:
    """A world in which no ref may move."""
    before = world.refs()
    yield world
    assert world.refs() == before


def create(world: World, record: Any, *words: str, category: str = "clip") -> Answer:
    data = record if isinstance(record, bytes) else json.dumps(record).encode()
    return world.run("propose", "create", category, "-", *words, actor=CAROL, stdin=data)


def refused(answer: Answer, code: int, *texts: str) -> dict[str, Any]:
    words = {2: "usage", 3: "not_found", 4: "conflict", 5: "invalid", 6: "forbidden", 7: "state"}
    assert (answer.code, answer.out) == (code, b""), answer
    error = answer.error
    assert list(error) == ["code", "message", "details"]
    assert error["code"] == words[code]
    for text in texts:
        assert text in error["message"]
    return error


def test_an_unknown_category(still: World) -> None:
    refused(create(still, clip(), category="nothing"), 3, "nothing")
    refused(create(still, clip(), category="policy"), 3, "policy")


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b'{"name": "x",\n "description": }', 2, 17),
        (b'{"name": "x",\n "config" 7}', 2, 11),
        (b'{"name": "x",\n\n "name": "y"}', 3, 2),
        (b"", 1, 1),
        (b'{"name": NaN}', 1, 10),
    ],
)
def test_malformed_json_tells_line_and_column(still: World, data: bytes, line: int, column: int) -> None:
    error = refused(create(still, data), 5, f"line {line} column {column}")
    assert (error["details"][0]["line"], error["details"][0]["column"]) == (line, column)
    assert error["details"][0].keys() >= {"path", "message", "rule"}


@pytest.mark.parametrize(
    "data",
    [
        b'\xef\xbb\xbf{"name": "x"}',
        b'{"name": "\xff"}',
        b'{"name": "x", "a": "\\ud800"}',
        b'{"name": "x", "a": ' + b"[" * 101 + b"]" * 101 + b"}",
        b'{"name": "x", "a": ' + b"[" * 100_000,
        b'{"name": "x", "a": "' + b"y" * 262_144 + b'"}',
        b'{"name": "x", "a": 1e999}',
        b"7",
        b"[]",
        b"null",
    ],
)
def test_json_that_no_record_may_be(still: World, data: bytes) -> None:
    error = refused(create(still, data), 5)
    assert all(row.keys() >= {"path", "message", "rule"} for row in error["details"])


def test_an_invalid_record_tells_all_its_faults_at_once_as_pointers(still: World) -> None:
    record = {
        "name": "x",
        "baseline": "nothing",
        "nsfw": "perhaps",
        "tags": 7,
        "config": {"download": [{"file_name": 3, "file_url": "u"}]},
    }
    error = refused(create(still, record, category="image_generation"), 5, "x")
    paths = {row["path"] for row in error["details"]}
    assert paths >= {"/baseline", "/nsfw", "/tags", "/config/download/0/file_name"}
    assert all(list(row)[:3] == ["path", "message", "rule"] for row in error["details"])
    said = still.say("propose", "create", "image_generation", "-", actor=CAROL, stdin=json.dumps(record).encode())
    for path in paths:
        assert path.encode() in said.err


def test_a_create_of_an_existing_record(still: World) -> None:
    refused(create(still, clip("ViT-L/14")), 4, "ViT-L/14", "propose update")


def test_an_update_or_delete_of_a_missing_record(still: World) -> None:
    refused(still.run("propose", "update", "clip", "nothing", "--set", "/description=x", actor=CAROL), 3, "nothing")
    refused(
        still.run("propose", "update", "clip", "nothing", "-", actor=CAROL, stdin=json.dumps(clip("nothing")).encode()),
        3,
    )
    refused(still.run("propose", "delete", "clip", "nothing", actor=CAROL), 3, "nothing", "modelref-git ls clip")
    refused(still.run("propose", "delete", "clip", "vit-l/14", actor=CAROL), 3, "ViT-L/14")


def test_a_backend_prefixed_text_name(still: World) -> None:
    record = {"name": "koboldcpp/Model", "parameters": 7_000_000_000}
    for name in ("koboldcpp/Model", "aphrodite/Auth/Model"):
        answer = create(still, {**record, "name": name}, "--allow", "*", category="text_generation")
        error = refused(answer, 5, name)
        assert "name.backend_prefix" in {row["rule"] for row in error["details"]}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (" x", "name.whitespace"),
        ("x ", "name.whitespace"),
        ("x\u00a0", "name.whitespace"),
        ("https://models.example/x", "name.url"),
        ("a//b", "name.empty_part"),
        ("/a", "name.empty_part"),
        ("a/", "name.empty_part"),
    ],
)
def test_a_name_against_a_quality_rule_is_refused_and_can_be_waived(world: World, name: str, rule: str) -> None:
    before = world.refs()
    error = refused(create(world, clip(name)), 5)
    assert rule in {row["rule"] for row in error["details"]}
    assert world.refs() == before
    assert create(world, clip(name), "--allow", rule).ok().json["model_name"] == name


@pytest.mark.parametrize("name", ["", " ", "\t", "a\\b", "x" * 300, "é" * 126, "bad\udcff"])
def test_a_name_against_a_structural_rule_is_never_waived(still: World, name: str) -> None:
    record = json.dumps({**clip(), "name": "x"}).encode()
    answer = still.run("propose", "create", "clip", "-", "--name", name, "--allow", "*", actor=CAROL, stdin=record)
    refused(answer, 5)
    assert answer.error["details"][0]["path"] == "/name"


def test_names_that_differ_by_case_or_unicode_form_only(world: World) -> None:
    world.apply(world.approve(world.create("clip", "Café", clip("Café"))))
    before = world.refs()
    for name in ("CAFÉ", "Cafe\u0301", "café"):
        refused(create(world, clip(name)), 4, "Café")
    refused(create(world, clip("vit-l/14")), 4, "ViT-L/14")
    assert world.refs() == before


def test_two_look_alikes_in_the_queue_never_land_in_one_batch(world: World) -> None:
    first = world.create("clip", "Look", clip("Look"))
    second = world.create("clip", "look", clip("look"))
    before = world.refs()
    answer = world.run("approve", str(first), str(second), "--title", "T", actor=ARTHUR)
    refused(answer, 4, "Look", "look")
    assert world.refs() == before
    world.approve(first)
    refused(world.run("approve", str(second), "--title", "T", actor=ARTHUR), 4)


def test_a_bad_id_and_a_wrong_state(world: World) -> None:
    change = world.create("clip", "a", clip("a"))
    world.run("reject", str(change), "--reason", "no", actor=ARTHUR).ok()
    before = world.refs()
    refused(world.run("show", "abc"), 2)
    refused(world.run("show", "0"), 3)
    refused(world.run("diff", "12x"), 2)
    refused(world.run("approve", str(change), "--title", "T", actor=ARTHUR), 7, f"change {change}", "rejected")
    refused(world.run("reject", str(change), "--reason", "R", actor=ARTHUR), 7)
    refused(world.run("apply", str(change), actor=ARTHUR), 7)
    assert world.refs() == before


def test_a_missing_file(still: World, tmp_path: Path) -> None:
    for words in (
        ("propose", "create", "clip", str(tmp_path / "nowhere.json")),
        ("propose", "update", "clip", "ViT-L/14", str(tmp_path / "nowhere.json")),
        ("propose", "bulk", str(tmp_path / "nowhere.jsonl")),
        ("import", str(tmp_path / "nowhere")),
        ("category", "add", "voices", "--schema", str(tmp_path / "nowhere.json")),
    ):
        refused(still.run(*words), 3, "nowhere")


def test_a_folder_where_a_file_is_needed(still: World, tmp_path: Path) -> None:
    refused(still.run("propose", "create", "clip", str(tmp_path), actor=CAROL), 5)


def test_a_pointer_that_leads_nowhere(still: World) -> None:
    update = ("propose", "update", "clip", "ViT-L/14")
    refused(still.run(*update, "--unset", "/nothing/here", actor=CAROL), 5)
    refused(still.run(*update, "--set", "description=x", actor=CAROL), 2)
    refused(still.run(*update, "--set", "/description", actor=CAROL), 2)
    refused(still.run(*update, "--set", "/config/download/seven/file_name=x", actor=CAROL), 5)


def test_the_legacy_remainder_belongs_to_imports(still: World) -> None:
    error = refused(create(still, {**clip("x"), "_legacy": {"rank": 1}}), 5)
    assert error["details"][0]["path"] == "/_legacy"


def test_a_requestor_only_proposes_and_a_stranger_only_reads(still: World) -> None:
    refused(create(still, {"name": 7}), 5)
    answer = still.run("propose", "create", "clip", "-", actor="9", stdin=json.dumps(clip()).encode())
    refused(answer, 6, "requestor")


AWKWARD = [
    *("../../etc/passwd", "a/b", "CON", "x.", ".git", "aux.json", "ViT-X/16", "..", ".", "-rf", "--json"),
    *("nul", "COM1.txt", "~", "GIT~1", "a:b", "a|b?*<>", '"quoted"', "it's", "%2F", "100%", "a%20b"),
    *("tab\there", "line\nbreak", "💃 dance", "nai\u0308ve", "ＦＵＬＬ", "\u202egnp", "𝔘", "日本語", "x" * 240),
]


@pytest.mark.parametrize("name", AWKWARD)
def test_an_awkward_name_is_kept_under_a_safe_path_and_given_back_as_it_was(world: World, name: str) -> None:
    change = create(world, clip(name), "--allow", "*").ok().json["change_id"]
    world.apply(world.approve(change))
    assert name in world.run("ls", "clip").ok().json
    record = world.run("get", "--", "clip", name).ok().json
    assert record["name"] == name
    assert world.run("get", "clip").ok().json[name] == record
    (path,) = set(world.files()) - set(world.files("main~1"))
    folder, category, file = path.split("/")
    assert (folder, category) == ("dataset", "clip")
    assert not file.startswith((".", " "))
    assert file.endswith(".json")
    assert not set(file) & set('\\:*?"<>|\n\t')
    assert len(file.encode()) <= 255
    stem = file.removesuffix(".json").partition(".")[0].lower()
    assert stem not in {"con", "prn", "aux", "nul", "com1"}
    assert (world.path / path).is_file(), "the work tree has it too"
    assert world.run("show", str(change)).ok().json["model_name"] == name
    (row, *_) = world.run("log", "--", "clip", name).ok().json
    assert row["change_id"] == change
    world.git("fsck", "--strict", "--no-dangling")


def test_all_awkward_names_live_side_by_side_and_outlive_a_clone(world: World, tmp_path: Path) -> None:
    rows = [{"operation": "create", "category": "clip", "model_name": name, "payload": clip(name)} for name in AWKWARD]
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    ids = world.run("propose", "bulk", "-", "--allow", "*", actor=CAROL, stdin=data).ok().json["change_ids"]
    world.apply(world.approve(*ids))
    assert set(world.run("ls", "clip").ok().json) >= set(AWKWARD)
    assert list(world.run("get", "clip").ok().json)[2:] == AWKWARD
    world.git("clone", "-q", str(world.path), str(tmp_path / "clone"))
    clone = World(tmp_path / "clone")
    assert clone.git("status", "--porcelain") == ""
    assert sorted(p.name for p in (clone.path / "dataset" / "clip").iterdir()) == sorted(
        p.rpartition("/")[2] for p in world.files() if p.startswith("dataset/clip/")
    )


@pytest.mark.parametrize("verb", ["export", "import", "init", "demo"])
def test_an_empty_path_is_an_unset_variable_and_never_the_current_folder(
    still: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    refused(still.run(verb, ""), 2, "the path is empty")
    assert list(here.iterdir()) == []


def test_a_waiver_of_what_is_no_rule(still: World, tmp_path: Path) -> None:
    line = tmp_path / "x.jsonl"
    line.write_text('{"operation": "delete", "category": "clip", "model_name": "ViT-L/14"}\n', encoding="utf-8")
    for words in (
        ("propose", "create", "clip", "--set", "/name=a", "--allow", "name.typo"),
        ("propose", "bulk", str(line), "--allow", "name.typo"),
        ("import", str(line), "--category", "clip", "--allow", "name.typo"),
    ):
        refused(still.run(*words), 2, "name.typo", "did you mean name.")


def test_an_edit_of_a_record_that_is_not_there_whatever_its_schema_asks_for(world: World) -> None:
    world.add_category("strict", {"type": "object", "required": ["size"]})
    refused(world.run("propose", "update", "strict", "x", "--set", "/a=1"), 3, "no record 'x'")


def test_an_update_that_changes_nothing_since_a_proposal_changes_one_file(world: World) -> None:
    world.add_category("own")
    world.apply(world.approve(world.create("own", "x", {"a": 1})))
    error = refused(world.run("propose", "update", "own", "x", "--set", "/a=1", actor=CAROL), 5)
    assert [row["rule"] for row in error["details"]] == ["update.unchanged"]
