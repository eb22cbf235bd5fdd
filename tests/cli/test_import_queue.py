"""``import`` of a queue, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.calls import spawn
from tests.support.upstream import alone, bring_live_data, two_changes
from tests.support.world import CAROL, World


@pytest.fixture
def lonely(tmp_path: Path) -> World:
    """A new repository of one person, with what is live at the service."""
    world = alone(tmp_path / "world.git")
    bring_live_data(world, two_changes(), tmp_path)
    return world


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return two_changes().write(tmp_path / "service")


def test_a_folder_with_a_queue_is_known_by_its_files(lonely: World, source: Path) -> None:
    answer = lonely.run("import", str(source), "--note", "the old service").ok()
    assert answer.json == {
        "created": 2,
        "updated": 0,
        "deleted": 0,
        "unchanged": 0,
        "rejected": [],
        "change_ids": [1, 2],
    }
    assert lonely.events()[-1]["payload"]["note"] == "the old service"
    assert lonely.run("verify").ok().json["ok"]
    assert lonely.run("audit", "replay").ok().json["equal"]


def test_it_says_so_to_people(lonely: World, source: Path) -> None:
    answer = lonely.say("import", str(source / "changes.json"), "--format", "queue")
    assert answer.code == 0
    assert answer.out.decode() == "2 created, 0 updated, 0 deleted, 0 unchanged, changes 1-2\n"
    shown = lonely.say("audit", "events").ok().out.decode()
    assert "enqueue" in shown
    assert lonely.say("show", "1").ok().out
    assert lonely.say("diff", "1").ok().out
    assert lonely.say("audit", "net-changes", "1").ok().out


def test_a_dry_run_says_what_would_come_in(lonely: World, source: Path) -> None:
    before = lonely.refs()
    assert lonely.run("import", str(source), "--dry-run").ok().json["change_ids"] == [1, 2]
    assert lonely.refs() == before


def test_what_is_broken_refuses_all_with_every_fault(lonely: World, source: Path) -> None:
    segment = source / "audit/v2/pending_queue/audit-000001.jsonl"
    segment.write_bytes(segment.read_bytes()[:-40])
    rows = json.loads((source / "changes.json").read_text())
    rows[1]["status"] = "held"
    (source / "changes.json").write_text(json.dumps(rows))
    before = lonely.refs()
    answer = lonely.run("import", str(source))
    assert (answer.code, answer.out) == (5, b"")
    details = answer.error["details"]
    assert [(row["name"], row["rule"]) for row in details] == [
        ("2", "queue.record"),
        ("audit/v2/pending_queue/audit-000001.jsonl:4", "json.syntax"),
    ]
    assert details[0] | {"file": "changes.json", "line": 1, "change_id": 2, "path": "/1/status"} == details[0]
    assert lonely.refs() == before
    answer = lonely.run("import", str(source), "--keep-going")
    assert answer.code == 5
    assert answer.json["change_ids"] == [1]
    assert [row["name"] for row in answer.json["rejected"]] == [row["name"] for row in details]
    assert lonely.run("show", "1").ok().json["status"] == "applied"
    assert lonely.run("show", "2").code == 3
    assert lonely.run("verify").ok().json["ok"]


def test_what_was_settled_is_told_on_stderr(lonely: World, source: Path) -> None:
    (source / "index.json").write_text('{"last_change_id": 1}')
    answer = spawn("-C", str(lonely.path), "--actor", "olivia#1", "import", str(source))
    assert answer.code == 0
    assert "last_change_id is 1, and 2 is in use" in answer.err.decode()


@pytest.mark.parametrize("words", [["--prune"], ["--category", "clip"], ["--as-proposals"]])
def test_options_that_make_no_sense_are_usage_errors(words: list[str], lonely: World, source: Path) -> None:
    assert lonely.run("import", str(source), "--format", "queue", *words).code == 2


def test_other_refusals_have_their_codes(lonely: World, world: World, source: Path, tmp_path: Path) -> None:
    assert lonely.run("import", str(tmp_path / "nothing"), "--format", "queue").code == 3
    assert lonely.run("import", str(tmp_path), "--format", "queue").code == 3
    assert lonely.run("import", str(source), actor=CAROL).code == 6
    answer = world.run("import", str(source))
    assert answer.code == 4
    assert "not empty" in answer.error["message"]
    (source / "changes.json").write_text("[{]")
    assert lonely.run("import", str(source)).code == 5
