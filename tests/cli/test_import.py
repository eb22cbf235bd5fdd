from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.world import CAROL, World, clip

FIELDS = ["created", "updated", "deleted", "unchanged", "rejected", "change_ids"]


def v2_file(path: Path, records: dict[str, Any]) -> str:
    path.write_text(json.dumps(records), encoding="utf-8")
    return str(path)


def jsonl(path: Path, *rows: Any) -> str:
    path.write_bytes(b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows))
    return str(path)


@pytest.fixture
def fresh(tmp_path: Path) -> World:
    return World.make(tmp_path / "world", empty=True)


def test_an_import_into_an_empty_category_is_one_commit_on_main(fresh: World, tmp_path: Path) -> None:
    source = v2_file(tmp_path / "clip.json", {"zeta": clip("zeta"), "alpha": clip("alpha")})
    before = fresh.git("rev-parse", "main").strip()
    answer = fresh.run("import", source, "--format", "v2", "--note", "first load").ok().json
    assert list(answer) == FIELDS
    assert answer == {
        "created": 2, "updated": 0, "deleted": 0, "unchanged": 0, "rejected": [], "change_ids": [],
    }  # fmt: skip
    assert fresh.git("rev-parse", "main~1").strip() == before
    assert list(fresh.run("get", "clip").ok().json) == ["zeta", "alpha"], "the order of the file"
    (event,) = fresh.events("--action", "import")
    assert event["payload"]["main"] == fresh.git("rev-parse", "main").strip()
    assert fresh.git("log", "-1", "--format=%s", "main").startswith("import: 2 records into 1 category")


def test_importing_the_same_again_changes_nothing(fresh: World, tmp_path: Path) -> None:
    source = v2_file(tmp_path / "clip.json", {"zeta": clip("zeta"), "alpha": clip("alpha")})
    fresh.run("import", source).ok()
    before = fresh.refs()
    for words in ((), ("--as-proposals",), ("--prune", "--as-proposals")):
        answer = fresh.run("import", source, *words).ok().json
        assert (answer["unchanged"], answer["created"], answer["change_ids"]) == (2, 0, [])
    assert fresh.refs() == before


def test_another_record_in_a_populated_category_is_refused_with_the_way_on(fresh: World, tmp_path: Path) -> None:
    fresh.run("import", v2_file(tmp_path / "clip.json", {"a": clip("a")})).ok()
    before = fresh.refs()
    for records in ({"a": clip("a"), "b": clip("b")}, {"a": {**clip("a"), "description": "other"}}):
        answer = fresh.run("import", v2_file(tmp_path / "clip.json", records))
        assert (answer.code, answer.out, answer.error["code"]) == (4, b"", "conflict")
        assert "--as-proposals" in answer.error["message"]
    assert fresh.refs() == before


def test_as_proposals_each_record_that_differs_is_one_proposal(fresh: World, tmp_path: Path) -> None:
    records = {name: clip(name) for name in ("same", "changed", "gone")}
    fresh.run("import", v2_file(tmp_path / "clip.json", records)).ok()
    wanted = {"same": clip("same"), "changed": {**clip("changed"), "description": "other"}, "new": clip("new")}
    source = v2_file(tmp_path / "clip.json", wanted)
    kept = fresh.run("import", source, "--as-proposals", "--dry-run", actor=CAROL).ok().json
    assert (kept["created"], kept["updated"], kept["deleted"], kept["unchanged"]) == (1, 1, 0, 1)
    assert (kept["change_ids"], kept["dry_run"]) == ([3, 4], True)
    answer = fresh.run("import", source, "--as-proposals", "--prune", actor=CAROL).ok().json
    assert (answer["created"], answer["updated"], answer["deleted"], answer["unchanged"]) == (1, 1, 1, 1)
    assert answer["change_ids"] == [3, 4, 5]
    rows = {
        row["model_name"]: row["operation"] for row in fresh.run("changes", "--status", "pending").ok().json["items"]
    }
    assert rows == {"changed": "update", "new": "create", "gone": "delete"}
    fresh.apply(fresh.approve(3, 4, 5))
    assert sorted(fresh.run("get", "clip").ok().json) == ["changed", "new", "same"]
    again = fresh.run("import", source, "--as-proposals", "--prune", actor=CAROL).ok().json
    assert (again["unchanged"], again["change_ids"]) == (3, [])


def test_jsonl_with_a_category_or_with_envelopes(fresh: World, tmp_path: Path) -> None:
    bare = jsonl(tmp_path / "bare.jsonl", clip("a"), clip("b"))
    assert fresh.run("import", bare, "--format", "jsonl", "--category", "clip").ok().json["created"] == 2
    rows = [
        {"category": "blip", "model_name": "c", "payload": {"name": "c"}},
        {"category": "gfpgan", "model_name": "d", "payload": {"name": "d"}},
    ]
    assert fresh.run("import", jsonl(tmp_path / "full.jsonl", *rows)).ok().json["created"] == 2
    assert fresh.run("ls", "gfpgan").ok().json == ["d"]


def test_one_refused_record_refuses_all_and_every_fault_is_told(fresh: World, tmp_path: Path) -> None:
    records = {"good": clip("good"), "bad": {**clip("bad"), "description": 7}, " ends ": clip(" ends ")}
    before = fresh.refs()
    answer = fresh.run("import", v2_file(tmp_path / "clip.json", records))
    assert (answer.code, answer.out, answer.error["code"]) == (5, b"", "invalid")
    told = {(row["name"], row["path"]) for row in answer.error["details"]}
    assert ("bad", "/description") in told
    assert (" ends ", "/name") in told
    assert fresh.refs() == before


def test_keep_going_takes_the_good_ones_and_says_so_with_exit_5(fresh: World, tmp_path: Path) -> None:
    records = {"good": clip("good"), "bad": {**clip("bad"), "description": 7}}
    answer = fresh.run("import", v2_file(tmp_path / "clip.json", records), "--keep-going")
    assert answer.code == 5
    assert list(answer.json) == FIELDS
    assert answer.json["created"] == 1
    (row,) = answer.json["rejected"]
    assert row["name"] == "bad"
    assert row["details"][0].items() >= {"path": "/description"}.items()
    assert answer.error["code"] == "invalid"
    assert fresh.run("ls", "clip").ok().json == ["good"]


def test_a_quality_rule_can_be_waived(fresh: World, tmp_path: Path) -> None:
    source = v2_file(tmp_path / "clip.json", {" ends ": clip(" ends ")})
    assert fresh.run("import", source).code == 5
    fresh.run("import", source, "--allow", "name.whitespace").ok()
    assert fresh.run("get", "clip", " ends ").ok().json["name"] == " ends "


def test_a_body_with_another_name_is_a_warning_on_import(fresh: World, tmp_path: Path) -> None:
    answer = fresh.run("import", v2_file(tmp_path / "clip.json", {"key": clip("other")})).ok()
    assert b"key" in answer.err
    assert fresh.run("get", "clip", "key").ok().json["name"] == "other"


@pytest.mark.parametrize(
    "text", [b'{"a": {"name": "a",}}', b'{"a": 1, "a": 2}', b"[]", b"\xef\xbb\xbf{}", b'{"a": NaN}']
)
def test_a_file_that_is_no_such_json_is_invalid_with_its_place(fresh: World, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "clip.json").write_bytes(text)
    before = fresh.refs()
    answer = fresh.run("import", str(tmp_path / "clip.json"), "--format", "v2")
    assert (answer.code, answer.out) == (5, b"")
    assert "clip.json" in answer.error["message"]
    assert fresh.refs() == before


def test_a_source_or_category_that_is_not_there_is_not_found(fresh: World, tmp_path: Path) -> None:
    assert fresh.run("import", str(tmp_path / "nowhere")).code == 3
    source = jsonl(tmp_path / "x.jsonl", clip("a"))
    assert fresh.run("import", source, "--category", "nothing").code == 3


def test_an_import_into_main_is_an_approvers_act(fresh: World, tmp_path: Path) -> None:
    source = v2_file(tmp_path / "clip.json", {"a": clip("a")})
    answer = fresh.run("import", source, actor=CAROL)
    assert (answer.code, answer.error["code"]) == (6, "forbidden")
    assert fresh.run("import", source, "--as-proposals", actor="9").code == 6
    assert fresh.run("import", source, "--as-proposals", actor=CAROL).ok().json["change_ids"] == [3]


def test_names_of_a_source_that_differ_by_case_only_are_refused(fresh: World, tmp_path: Path) -> None:
    answer = fresh.run("import", v2_file(tmp_path / "clip.json", {"Same": clip("Same"), "same": clip("same")}))
    assert answer.code in (4, 5)
    assert "Same" in json.dumps(answer.error)


def test_a_dry_run_answers_the_same_and_writes_nothing(fresh: World, tmp_path: Path) -> None:
    source = v2_file(tmp_path / "clip.json", {"a": clip("a")})
    before, objects = fresh.refs(), fresh.objects()
    dry = fresh.run("import", source, "--dry-run").ok().json
    assert (fresh.refs(), fresh.objects()) == (before, objects)
    assert dry == {**fresh.run("import", source).ok().json, "dry_run": True}
    bad = v2_file(tmp_path / "blip.json", {"a": {"name": 7}})
    assert fresh.run("import", bad, "--dry-run").code == 5


def test_a_look_alike_of_a_live_record_refuses_the_whole_of_an_import_unless_it_keeps_going(
    fresh: World, tmp_path: Path
) -> None:
    fresh.run("import", v2_file(tmp_path / "clip.json", {"Same": clip("Same")})).ok()
    other = jsonl(tmp_path / "other.jsonl", clip("same"), clip("b"))
    before = fresh.refs()
    refused = fresh.run("import", other, "--category", "clip", "--as-proposals")
    assert (refused.code, refused.out, fresh.refs()) == (5, b"", before)
    assert [row["rule"] for row in refused.error["details"]] == ["name.look_alike"]
    going = fresh.run("import", other, "--category", "clip", "--as-proposals", "--keep-going")
    assert (going.code, going.json["created"], len(going.json["change_ids"])) == (5, 1, 1)


def test_an_import_that_renames_by_case_proposes_the_delete_and_the_create(fresh: World, tmp_path: Path) -> None:
    fresh.run("import", v2_file(tmp_path / "clip.json", {"Same": clip("Same")})).ok()
    source = v2_file(tmp_path / "clip.json", {"same": clip("same")})
    answer = fresh.run("import", source, "--as-proposals", "--prune").ok().json
    assert (answer["created"], answer["deleted"], answer["rejected"]) == (1, 1, [])
    fresh.apply(fresh.approve(*answer["change_ids"]))
    assert fresh.run("ls", "clip").ok().json == ["same"]


def faulty_folder(path: Path) -> str:
    """A legacy folder: two files of which nothing can be read, two with two bad records each, and three good ones."""
    path.mkdir()
    entry = {"name": "x", "type": "blip", "config": {"files": [], "download": []}, "available": False}
    unmatched = {**entry, "config": {"files": [], "download": [{"file_name": "a"}, {"file_name": "b"}]}}
    for name in ("blip.json", "gfpgan.json"):
        records = {"one": {**entry, "name": "one"}, "bad": unmatched, "worse": {**entry, "config": 5, "name": 6}}
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in records.items())
        (path / name).write_text("{\n" + lines + "\n}\n")
    (path / "clip.json").write_text('{\n"a": {},\n "a": {}}')
    (path / "esrgan.json").write_text('{"a": }')
    (path / "codeformer.json").write_text(json.dumps({"good": {**entry, "name": "good"}}))
    return str(path)


FAULTS = [
    (None, "clip.json", 3, 2, "json.duplicate_key"),
    (None, "esrgan.json", 1, 7, "json.syntax"),
    *(("bad", "blip.json", 3, None, "legacy.download") for _ in range(2)),
    *(("worse", "blip.json", 4, None, rule) for rule in ("legacy.name", "legacy.config")),
    *(("bad", "gfpgan.json", 3, None, "legacy.download") for _ in range(2)),
    *(("worse", "gfpgan.json", 4, None, rule) for rule in ("legacy.name", "legacy.config")),
]


def places(details: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row.get(key) for key in ("name", "file", "line", "column", "rule")) for row in details]


@pytest.mark.parametrize("words", [(), ("--as-proposals",)])
def test_all_faults_of_all_files_are_told_at_once_with_file_line_record_and_rule(
    fresh: World, tmp_path: Path, words: tuple[str, ...]
) -> None:
    source = faulty_folder(tmp_path / "in")
    before, objects = fresh.refs(), fresh.objects()
    answer = fresh.run("import", source, *words)
    assert (answer.code, answer.out, answer.error["code"]) == (5, b"", "invalid")
    assert places(answer.error["details"]) == FAULTS
    assert "6 of the records and files of in are refused; the first: clip.json:3:2: " in answer.error["message"]
    assert (fresh.refs(), fresh.objects()) == (before, objects)
    told = fresh.say("import", source, *words).err.decode()
    assert "\n  blip.json:3: 'bad' /config/download/0: " in told
    assert "\n  clip.json:3:2: " in told


def test_the_readable_files_go_in_and_the_others_are_reported_when_it_keeps_going(fresh: World, tmp_path: Path) -> None:
    answer = fresh.run("import", faulty_folder(tmp_path / "in"), "--keep-going")
    assert answer.code == 5
    assert answer.json["created"] == 3
    rejected = answer.json["rejected"]
    assert [row["name"] for row in rejected] == [None, None, "bad", "worse", "bad", "worse"]
    assert places([{"name": row["name"], **detail} for row in rejected for detail in row["details"]]) == FAULTS
    counts = {row["category"]: row["records"] for row in fresh.run("categories").ok().json if row["records"]}
    assert counts == {"blip": 1, "codeformer": 1, "gfpgan": 1}


def test_the_records_of_a_file_that_cannot_be_read_are_not_pruned(fresh: World, tmp_path: Path) -> None:
    fresh.run("import", v2_file(tmp_path / "clip.json", {"a": clip("a")})).ok()
    fresh.run("import", v2_file(tmp_path / "blip.json", {"b": {"name": "b"}})).ok()
    (tmp_path / "clip.json").write_text("{,")
    (tmp_path / "blip.json").write_text("{}")
    answer = fresh.run("import", str(tmp_path), "--as-proposals", "--prune", "--keep-going").json
    assert (answer["deleted"], [row["name"] for row in answer["rejected"]]) == (1, [None])


def test_a_look_alike_is_told_with_its_place_beside_the_other_faults(fresh: World, tmp_path: Path) -> None:
    fresh.run("import", v2_file(tmp_path / "clip.json", {"Same": clip("Same")})).ok()
    lines = jsonl(tmp_path / "other.jsonl", {**clip("b"), "description": 7}, clip("same"))
    answer = fresh.run("import", lines, "--category", "clip", "--as-proposals")
    assert places(answer.error["details"]) == [
        ("b", "other.jsonl", 1, None, "schema.type"),
        ("same", "other.jsonl", 2, None, "name.look_alike"),
    ]
