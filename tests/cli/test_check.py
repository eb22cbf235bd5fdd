"""``check`` as a shell sees it: what it takes, its answer, and its exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.branches import branch, canonical
from tests.support.calls import Answer, call
from tests.support.files_server import FilesServer
from tests.support.world import World, clip

FINDING = ["rule", "severity", "category", "model_name", "path", "file", "line", "column", "message", "hint"]
"""A finding, in the order of the contract."""

SPACED = "dataset/clip/%20x.json"
"""The file of a record whose name begins with a space, which is an error in new datasets."""


def found(answer: Answer) -> list[tuple[str, str, str, int, int]]:
    rows = answer.json["findings"]
    return [(row["rule"], row["severity"], row["file"], row["line"], row["column"]) for row in rows]


def errors(answer: Answer) -> list[dict[str, Any]]:
    return [row for row in answer.json["findings"] if row["severity"] == "error"]


def spaced(world: World) -> str:
    return branch(world, {SPACED: canonical("clip", clip(" x"))})


# --- the answer ---


def test_the_answer_has_the_shape_of_the_contract(world: World) -> None:
    answer = world.run("check").ok()
    assert list(answer.json) == ["ok", "findings"]
    assert answer.json["ok"] is True
    assert answer.json["findings"]
    for row in answer.json["findings"]:
        assert list(row) == FINDING
        assert row["severity"] in ("warning", "hint")
        lines = world.git("show", f"main:{row['file']}").splitlines()
        assert lines[row["line"] - 1][row["column"] - 1] in '"{[0123456789tfn-'
    assert answer.err == b""


def test_findings_are_in_the_order_of_files_and_lines(world: World) -> None:
    rows = world.run("check").ok().json["findings"]
    assert rows == sorted(rows, key=lambda row: (row["file"], row["line"], row["column"], row["rule"]))
    assert len({row["file"] for row in rows}) > 1


def test_an_error_exits_with_5_and_is_in_both_documents(world: World) -> None:
    spaced(world)
    answer = world.run("check", "work")
    assert answer.code == 5
    assert answer.json["ok"] is False
    (row,) = errors(answer)
    assert (row["rule"], row["category"], row["model_name"]) == ("name.whitespace", "clip", " x")
    assert (row["file"], row["line"], row["column"]) == (SPACED, 3, 11)
    assert row["path"] == "/name"
    assert answer.error["code"] == "invalid"
    assert answer.error["details"] == [row]


def test_a_waived_error_does_not_count_and_is_marked(world: World) -> None:
    spaced(world)
    for rule in ("name.whitespace", "*"):
        answer = world.run("check", "work", "--allow", rule).ok()
        assert answer.json["ok"] is True
        assert [row["rule"] for row in answer.json["findings"] if row.get("allowed")] == ["name.whitespace"]
    other = world.run("check", "work", "--allow", "name.url")
    assert other.code == 5


def test_what_nobody_may_waive_is_not_waived(world: World) -> None:
    branch(world, {"dataset/clip/x.json": b"{}\n"})
    answer = world.run("check", "work", "--allow", "*")
    assert answer.code == 5
    assert all(row["rule"].startswith(("schema.", "json.")) for row in errors(answer))
    assert not any("allowed" in row for row in answer.json["findings"])


def test_to_waive_what_is_no_rule_is_a_mistake(world: World) -> None:
    for word in ("name.white", "schema.required"):
        answer = world.run("check", "--allow", word)
        assert (answer.code, answer.error["code"]) == (2, "usage")


# --- what is checked ---


def test_without_a_word_the_logs_main_is_checked(world: World) -> None:
    made = branch(world, {SPACED: canonical("clip", clip(" x"))})
    world.git("update-ref", "refs/heads/main", made)
    assert world.run("check").ok().json["ok"] is True
    assert world.run("check", "main").code == 5


def test_a_clone_without_the_queue_is_checked_all_the_same(world: World, tmp_path: Path) -> None:
    world.git("clone", "-q", "--bare", "--single-branch", "-b", "main", str(world.path), str(tmp_path / "clone"))
    answer = call("-C", str(tmp_path / "clone"), "--json", "check").ok()
    assert answer.json == world.run("check").json


def test_a_range_is_judged_by_what_it_changes(world: World) -> None:
    whole = {row["file"] for row in world.run("check").ok().json["findings"]}
    edited = "dataset/clip/ViT-L%2F14.json"
    record = json.loads(world.git("show", f"main:{edited}"))
    record["config"]["download"][0]["sha256sum"] = "cd" * 32
    branch(world, {SPACED: canonical("clip", clip(" x")), edited: canonical("clip", record)})
    answer = world.run("check", "main..work")
    assert answer.code == 5
    assert [(row["rule"], row["file"]) for row in answer.json["findings"]] == [
        ("name.whitespace", SPACED),
        ("change.hash_alone", edited),
    ]
    assert whole.isdisjoint({row["file"] for row in answer.json["findings"]})
    assert world.run("check", "work..main").ok().json["ok"] is True


def test_an_empty_side_of_a_range_is_the_live_dataset(world: World) -> None:
    spaced(world)
    assert world.run("check", "..work").json == world.run("check", "main..work").json
    assert world.run("check", "work..").ok().json["findings"] == world.run("check", "work..main").json["findings"]


def test_what_was_there_before_a_range_is_not_found_in_it(world: World) -> None:
    spaced(world)
    branch(world, {SPACED: canonical("clip", clip(" x", description="Another."))}, name="later", base="work")
    assert world.run("check", "work..later").ok().json["findings"] == []
    assert world.run("check", "later").code == 5


def test_a_case_only_rename_in_a_range_is_told_and_is_no_look_alike(world: World) -> None:
    branch(world, {"dataset/clip/x.json": canonical("clip", clip("x"))}, name="old")
    files = {"dataset/clip/x.json": None, "dataset/clip/X.json": canonical("clip", clip("X"))}
    branch(world, files, name="new", base="old")
    answer = world.run("check", "old..new").ok()
    assert [row["rule"] for row in answer.json["findings"]] == ["change.case_rename"]


def test_files_are_checked_without_a_repository(tmp_path: Path) -> None:
    file = tmp_path / "clip" / "mine.json"
    file.parent.mkdir()
    file.write_text(json.dumps(clip(" x"), indent=2))
    answer = call("--json", "check", str(file), cwd=tmp_path)
    assert answer.code == 5
    assert found(answer) == [("name.whitespace", "error", str(file), 2, 11)]
    assert call("--json", "check", "clip/mine.json", cwd=tmp_path).json["findings"][0]["file"] == "clip/mine.json"


def test_files_are_judged_by_the_repository_around(world: World) -> None:
    file = world.path / "clip" / "mine.json"
    file.parent.mkdir()
    file.write_text(json.dumps(clip(" x")))
    world.rewrite_config(b'"name.whitespace" = "error"', b'"name.whitespace" = "hint"')
    assert [row[:2] for row in found(world.run("check", str(file)).ok())] == [("name.whitespace", "hint")]


# --- which word is what ---


def test_a_word_that_is_neither_a_file_nor_a_revision_exits_with_3(world: World, tmp_path: Path) -> None:
    for words in (["nothing"], ["nothing..main"], ["main..nothing"], ["--", "nothing"], ["main...main"], ["a\0b"]):
        answer = world.run("check", *words)
        assert (answer.code, answer.error["code"]) == (3, "not_found"), words
    assert world.run("check", "queue").code == 3
    outside = call("--json", "check", "main", cwd=tmp_path)
    assert (outside.code, outside.error["code"]) == (3, "not_found")
    assert call("--json", "check", cwd=tmp_path).code == 3


def test_a_word_that_is_both_is_refused_and_two_dashes_say_which(world: World, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "clip.json").write_text("{}")
    spaced(world)
    words = ("-C", str(world.path), "--json", "check")
    answer = call(*words, "work", cwd=tmp_path)
    assert (answer.code, answer.error["code"]) == (2, "usage")
    assert "--" in answer.error["message"]
    assert call(*words, "--", "work", cwd=tmp_path).ok().json["findings"] == []
    assert call(*words, "work", "--", cwd=tmp_path).code == 5


def test_revisions_and_files_do_not_mix(world: World, tmp_path: Path) -> None:
    file = tmp_path / "clip.json"
    file.write_text("{}")
    for words in (["main", str(file)], ["main", "--", str(file)], ["main", "queue"], ["", str(file)]):
        answer = world.run("check", *words)
        assert (answer.code, answer.error["code"]) == (2, "usage"), words


def test_a_repository_that_is_named_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "clip.json"
    file.write_text("{}")
    answer = call("-C", str(tmp_path), "--json", "check", str(file))
    assert (answer.code, answer.error["code"]) == (3, "not_found")


def test_the_forms_that_are_no_document_do_not_go_with_json(world: World) -> None:
    for form in ("text", "github"):
        answer = world.run("check", "--format", form)
        assert (answer.code, answer.out) == (2, b"")
    assert world.say("check", "--format", "json").ok().json == world.run("check").json


# --- for people ---


def test_people_get_a_line_each_and_a_count(world: World) -> None:
    spaced(world)
    answer = world.say("check", "work")
    assert answer.code == 5
    line = f'{SPACED}:3:11: error: " x": the name begins or ends with white space (name.whitespace)'
    lines = answer.out.decode().splitlines()
    assert line.replace('" x"', " x") in lines
    assert all(row.count(": ") >= 2 and row.endswith(")") for row in lines)
    assert answer.err.decode().startswith("error: 1 error, ")
    assert " in 36 records" in answer.err.decode()
    good = world.say("check", "work..main").ok()
    assert (good.out, good.err) == (b"", b"no findings in 0 records\n")


# --- the network ---


def test_hosts_are_asked_when_told_to(world: World, host: FilesServer) -> None:
    entry = host.entry("x.pt", b"weights")
    gone = {"file_name": "y.pt", "file_url": host.url("/y.pt"), "sha256sum": "ab" * 32}
    record = clip("x", config={"download": [entry, gone]})
    path = "dataset/clip/x.json"
    branch(world, {path: canonical("clip", record)})
    assert not [row for row in found(world.run("check", "main..work")) if row[0].startswith("fetch.")]
    assert host.asked == []
    rows = [row for row in world.run("check", "--fetch", "main..work").json["findings"] if "fetch." in row["rule"]]
    assert [(row["rule"], row["path"], row["file"]) for row in rows] == [
        ("fetch.gone", "/config/download/1/file_url", path)
    ]
    text = world.git("show", f"work:{path}").splitlines()
    assert text[rows[0]["line"] - 1][rows[0]["column"] - 1 :].startswith(f'"{host.url("/y.pt")}"')


def test_files_are_read_when_told_to(tmp_path: Path, host: FilesServer) -> None:
    entry = host.entry("x.pt", b"weights") | {"sha256sum": "cd" * 32}
    file = tmp_path / "clip.json"
    file.write_text(json.dumps({"x": clip("x", config={"download": [entry]})}, indent=1))
    assert "fetch.sum" not in str(call("--json", "check", "clip.json", "--fetch", cwd=tmp_path).ok().json)
    rows = call("--json", "check", "clip.json", "--fetch=full", cwd=tmp_path).ok().json["findings"]
    (row,) = [row for row in rows if row["rule"] == "fetch.sum"]
    assert (row["path"], row["file"]) == ("/config/download/0/sha256sum", "clip.json")
    assert "cdcdcd" in file.read_text().splitlines()[row["line"] - 1]


def test_how_hosts_are_asked_is_one_of_two_ways(world: World) -> None:
    assert world.run("check", "--fetch=half").code == 2


# --- nothing is changed ---


@pytest.mark.parametrize("words", [[], ["main"], ["work"], ["main..work"]], ids=str)
def test_a_check_changes_no_ref_and_no_object(world: World, words: list[str]) -> None:
    spaced(world)
    before = world.refs(), world.objects()
    world.run("check", *words)
    assert (world.refs(), world.objects()) == before
    shutil.rmtree(world.path / ".git" / "modelref" / "cache", ignore_errors=True)
    world.run("check", *words)
