"""What a branch would do, found without trusting any of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import NotFound
from modelref_git.operations.ci.check import BranchReport, check_branch
from modelref_git.operations.intake import take_in
from tests.attacks.forging import Forger
from tests.support.branches import branch, canonical
from tests.support.world import CAROL, OPEN_SCHEMA, World, clip

EDITED = "dataset/clip/ViT-L%2F14.json"
NEW = "dataset/clip/ViT-X%2F16.json"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "dataset", bare=True)


def record(world: World, path: str = EDITED, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(world.git("show", f"main:{path}"))
    return {**found, **more}


def edited(world: World, **more: Any) -> bytes:
    return canonical("clip", record(world, **more))


def checked(world: World, files: Mapping[str, bytes | str | None], **options: Any) -> BranchReport:
    branch(world, files, **options)
    return check_branch(world.context(None), "work")


def rules(report: BranchReport, *severities: str) -> list[str]:
    wanted = severities or ("error",)
    return [one.finding.rule.id for one in report.found.findings if one.finding.severity in wanted]


# --- what it does ---


def test_a_good_branch_is_told_record_by_record_with_what_is_critical(world: World) -> None:
    record_ = record(world)
    record_["config"]["download"][0]["sha256sum"] = "cd" * 32
    report = checked(
        world, {EDITED: canonical("clip", record_), NEW: canonical("clip", clip()), "dataset/gfpgan/GFPGAN.json": None}
    )
    assert report.ok
    rows = {row["model_name"]: row for row in report.changes}
    assert {name: row["operation"] for name, row in rows.items()} == {
        "ViT-L/14": "update",
        "ViT-X/16": "create",
        "GFPGAN": "delete",
    }
    assert rows["ViT-L/14"]["critical_fields"] == ["config.download"]
    assert [item["field_path"] for item in rows["ViT-L/14"]["field_diffs"]] == ["config.download"]
    assert all(row["merge"] == "clean" and row["approvals_needed"] == 1 for row in rows.values())
    assert report.base == report.main == world.git("rev-parse", "main").strip()


def test_it_writes_nothing_and_needs_no_role(world: World) -> None:
    branch(world, {EDITED: edited(world, description="Another one.")})
    before = (world.refs(), world.objects())
    assert check_branch(world.context("nobody#99"), "work").ok
    assert (world.refs(), world.objects()) == before


def test_what_main_says_already_is_nothing_to_do(world: World) -> None:
    report = checked(world, {EDITED: edited(world, metadata={"updated_at": 1, "updated_by": "x#1"})})
    assert [row["merge"] for row in report.changes] == ["obsolete"]
    assert "merge.obsolete" in rules(report, "warning")


# --- what it may not bring ---


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("modelref.toml", b"format = 1\n"),
        ("schemas/clip.schema.json", b"true\n"),
        (".github/workflows/modelref-merge.yml", b"on: push\n"),
        (".gitattributes", b"* -text\n"),
        ("README.md", b"hello\n"),
        ("legacy/clip/profile.json", b"{}\n"),
    ],
)
def test_only_records_may_be_changed(world: World, path: str, data: bytes) -> None:
    report = checked(world, {path: data, NEW: canonical("clip", clip())})
    assert rules(report) == ["intake.foreign_file"]
    assert [one.file for one in report.found.findings if one.is_error] == [path]


def test_a_schema_of_the_branch_judges_nothing(world: World) -> None:
    bad = json.dumps({**clip(), "description": 7}, indent=2).encode() + b"\n"
    report = checked(world, {"schemas/clip.schema.json": json.dumps(OPEN_SCHEMA).encode(), NEW: bad})
    assert sorted(rules(report)) == ["intake.foreign_file", "schema.type"]


@pytest.mark.parametrize(("mode", "word"), [("100755", "executable"), ("120000", "symbolic link")])
def test_records_are_plain_files(world: World, mode: str, word: str) -> None:
    forger = Forger(world.path)
    blob = world.git("hash-object", "-w", "--stdin", stdin=canonical("clip", clip())).strip()
    world.git("read-tree", "main")
    world.git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{NEW}")
    tree = world.git("write-tree").strip()
    forger.point("refs/heads/work", forger.commit(tree, [world.git("rev-parse", "main").strip()], "by hand\n"))
    report = check_branch(world.context(None), "work")
    assert rules(report) == ["intake.file_mode"]
    (found,) = (one for one in report.found.findings if one.is_error)
    assert word in found.finding.problem.message


def test_a_fault_of_json_is_told_at_its_line(world: World) -> None:
    report = checked(world, {NEW: b'{\n  "name": "a",\n  "name": "b"\n}\n'})
    (found,) = (one for one in report.found.findings if one.is_error)
    assert (found.finding.rule.id, found.file, found.line, found.column) == ("json.duplicate_key", NEW, 3, 3)


def test_a_record_against_its_schema_is_told_at_the_value(world: World) -> None:
    bad = {**clip(), "description": 7}
    report = checked(world, {NEW: json.dumps(bad, indent=2).encode() + b"\n"})
    (found,) = (one for one in report.found.findings if one.is_error)
    assert (found.finding.rule.id, found.line) == ("schema.type", 3)
    assert [row["merge"] for row in report.changes] == ["invalid"]


def test_another_form_of_the_right_thing_is_remarked_upon(world: World) -> None:
    report = checked(world, {NEW: json.dumps(clip(), indent=8).encode()})
    assert report.ok
    assert rules(report, "warning") == ["json.canonical"]


def test_a_quality_rule_of_severity_error_stops_it_unless_it_is_waived(world: World) -> None:
    from modelref_git.operations.checking.hosts import CheckOptions

    report = checked(world, {"dataset/clip/%20x.json": canonical("clip", clip(" x"))})
    assert rules(report) == ["name.whitespace"]
    assert check_branch(world.context(None), "work", None, CheckOptions(("name.whitespace",))).ok


def test_two_new_names_that_look_alike_are_refused(world: World) -> None:
    files = {f"dataset/clip/{name}.json": canonical("clip", clip(name)) for name in ("Alpha", "alpha")}
    assert "name.look_alike" in rules(checked(world, files))


def test_a_rename_by_case_is_fine(world: World) -> None:
    body = record(world, "dataset/gfpgan/GFPGAN.json", name="gfpgan")
    files = {"dataset/gfpgan/GFPGAN.json": None, "dataset/gfpgan/gfpgan.json": canonical("gfpgan", body)}
    report = checked(world, files)
    assert rules(report, "error", "warning", "hint") == ["change.case_rename"]
    assert {row["merge"] for row in report.changes} == {"clean"}


def test_a_history_of_its_own_has_nothing_to_compare_with(world: World) -> None:
    forger = Forger(world.path)
    forger.point("refs/heads/work", forger.commit("main^{tree}", [], "from nowhere\n"))
    report = check_branch(world.context(None), "work")
    assert rules(report) == ["intake.history"]
    assert (report.base, list(report.changes)) == (None, [])


def test_an_author_without_an_email_asks_for_nothing(world: World) -> None:
    parent = world.git("rev-parse", "main").strip()
    tree = Forger(world.path).tree("main^{tree}", {NEW: canonical("clip", clip())})
    raw = f"tree {tree}\nparent {parent}\nauthor x <> 1750000000 +0000\ncommitter x <> 1750000000 +0000\n\nx\n"
    made = world.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode()).strip()
    assert rules(check_branch(world.context(None), made)) == ["intake.author"]


# --- beside what is there ---


def test_fields_that_others_changed_since_are_merged(world: World) -> None:
    branch(world, {EDITED: edited(world, description="Another one.")})
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/homepage": "https://models.example/clip"})))
    report = check_branch(world.context(None), "work")
    assert report.ok
    assert [row["merge"] for row in report.changes] == ["merged"]


def test_a_conflict_with_main_stops_it_and_shows_three_sides(world: World) -> None:
    was = record(world)["description"]
    branch(world, {EDITED: edited(world, description="theirs")})
    number = world.update("clip", "ViT-L/14", {"/description": "ours"})
    world.apply(world.approve(number))
    report = check_branch(world.context(None), "work")
    assert rules(report) == ["merge.conflict"]
    (row,) = report.changes
    (conflict,) = row["conflicts"]
    shown = {key: conflict[key] for key in ("change_id", "path", "base", "ours", "theirs", "other_change_id")}
    assert shown == {
        "change_id": None,
        "path": "/description",
        "base": was,
        "ours": "ours",
        "theirs": "theirs",
        "other_change_id": number,
    }


def test_a_create_of_what_is_there_by_now_is_a_conflict_in_plain_words(world: World) -> None:
    branch(world, {NEW: canonical("clip", clip())})
    world.apply(world.approve(world.create("clip", "ViT-X/16", {**clip(), "description": "first"})))
    (row,) = check_branch(world.context(None), "work").changes
    assert row["merge"] == "conflict"
    assert row["reason"] is None or "change 0" not in row["reason"]


def test_open_proposals_of_the_same_record_are_told_with_what_becomes_of_both(world: World) -> None:
    clashing = world.update("clip", "ViT-L/14", {"/description": "mine"})
    peaceful = world.update("clip", "ViT-L/14", {"/homepage": "https://models.example/clip"})
    report = checked(world, {EDITED: edited(world, description="theirs")})
    assert report.ok
    (row,) = report.changes
    assert [(item["change_id"], item["merge"], item["requested_by"]) for item in row["rivals"]] == [
        (clashing, "conflict", CAROL),
        (peaceful, "overlaps", CAROL),
    ]
    assert rules(report, "warning") == ["merge.rival"]
    assert rules(report, "hint") == ["merge.rival"]


def test_what_was_admitted_from_the_commit_is_no_rival_of_it(world: World) -> None:
    made = branch(world, {EDITED: edited(world, description="theirs")})
    take_in(world.context(), [made])
    report = check_branch(world.context(None), "work")
    (row,) = report.changes
    assert (row["merge"], row["rivals"]) == ("clean", [])
    ((number, status, same),) = ((one["change_id"], one["status"], one["is_same"]) for one in report.admitted)
    assert (status, same) == ("pending", True)
    assert world.run("show", str(number)).ok()


def test_an_edit_since_it_was_admitted_is_told(world: World) -> None:
    from modelref_git.proposals.actors import Actor

    forger = Forger(world.path)
    parent = world.git("rev-parse", "main").strip()
    tree = forger.tree("main^{tree}", {EDITED: edited(world, description="theirs")})
    author = "Carol <carol@people.example> 1750000000 +0000"
    raw = f"tree {tree}\nparent {parent}\nauthor {author}\ncommitter {author}\n\nby hand\n"
    made = world.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode()).strip()
    (outcome,) = take_in(world.context(), [made]).outcomes
    number = outcome.admitted[0]["change_id"]
    assert outcome.requestor == str(Actor.parse(CAROL))
    world.run("propose", "rebase", str(number), "--set-string", "/description=worse", actor=CAROL).ok()
    (row,) = check_branch(world.context(None), made).admitted
    assert row["is_same"] is False


def test_a_protection_by_which_the_author_may_not_ask_stops_it(world: World) -> None:
    protection = b'[[protected]]\ncategory = "clip"\nrequestors = ["3"]\n\n[[members]]'
    data = world.git("show", "main:modelref.toml").encode()
    world.rewrite_config(data, data.replace(b"[[members]]", protection, 1))
    report = checked(world, {NEW: canonical("clip", clip())})
    assert rules(report) == ["protected.requestor"]


def test_how_many_approvals_it_needs_is_told(world: World) -> None:
    world.rewrite_config(b"approvals = 1", b"approvals = 2")
    (row,) = checked(world, {NEW: canonical("clip", clip())}).changes
    assert row["approvals_needed"] == 2


# --- ranges and clones ---


def test_a_range_is_compared_with_its_own_beginning(world: World) -> None:
    first = branch(world, {NEW: canonical("clip", clip())})
    branch(world, {EDITED: edited(world, description="Another one.")}, name="more", base="work")
    report = check_branch(world.context(None), "more", first)
    assert [row["model_name"] for row in report.changes] == ["ViT-L/14"]
    assert report.base == first


def test_a_clone_without_the_queue_says_what_it_cannot_see(world: World, tmp_path: Path) -> None:
    world.update("clip", "ViT-L/14", {"/description": "mine"})
    branch(world, {EDITED: edited(world, description="theirs")})
    world.git("clone", "-q", "--bare", "--single-branch", "-b", "main", str(world.path), str(tmp_path / "clone"))
    clone = World(tmp_path / "clone")
    clone.git("fetch", "-q", "origin", "work:work")
    report = check_branch(clone.context(None), "work")
    assert report.ok
    (row,) = report.changes
    assert (row["merge"], row["rivals"]) == ("clean", [])
    (sentence,) = report.unseen
    assert "open proposals are not seen" in sentence


def test_a_clone_without_the_queue_still_finds_conflicts_with_main(world: World, tmp_path: Path) -> None:
    branch(world, {EDITED: edited(world, description="theirs"), NEW: b"{}"})
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/description": "ours"})))
    world.git("clone", "-q", "--bare", "--single-branch", "-b", "main", str(world.path), str(tmp_path / "clone"))
    clone = World(tmp_path / "clone")
    clone.git("fetch", "-q", "origin", "work:work")
    report = check_branch(clone.context(None), "work")
    assert "merge.conflict" in rules(report)


def test_a_revision_that_is_none_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        check_branch(world.context(None), "nowhere")
