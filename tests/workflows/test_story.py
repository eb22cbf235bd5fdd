"""The whole way, with the workflows' own steps: fork, check, intake, approve, merge, replica, consumer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import modelref_git
from tests.support.branches import canonical
from tests.support.calls import call
from tests.support.contributing import Contributor
from tests.support.workflow import Host
from tests.support.world import ARTHUR, World, clip

EDITED = "dataset/clip/ViT-L%2F14.json"
NEW = "dataset/clip/ViT-X%2F16.json"
DORA = "Dora#dora@elsewhere.example"


@pytest.mark.long
def test_a_strangers_pull_request_becomes_a_record_that_a_consumer_reads(host: Host, tmp_path: Path) -> None:
    replica = tmp_path / "replica"
    call("--json", "replica", "init", f"file://{host.remote}", str(replica)).ok()
    assert "ViT-X/16" not in modelref_git.open_export(replica).names("clip")

    # Somebody whom nobody here knows forks, changes a record by hand, adds one, and asks for a pull.
    host.fork("dora/models")
    dora = Contributor.cloning(host.folder / "dora" / "models", tmp_path / "dora")
    record = json.loads((dora.clone / EDITED).read_text(encoding="utf-8"))
    record["description"] = "Pictures and words, on one map."
    edited = json.dumps(record, indent=2, ensure_ascii=False).encode() + b"\n"
    head = dora.commit({EDITED: edited, NEW: canonical("clip", clip())})
    dora.git("push", "-q", "origin", "HEAD:better")
    request = host.pull_request(1, "dora/models", "better")
    assert request["pull_request"]["head"]["sha"] == head

    # The check reads it as data, with a token that may read.
    checked = host.start("modelref-check.yml", "pull_request", request, actor="dora", head=head)
    assert checked is not None
    assert checked.ok, checked.said
    assert checked.summary.startswith("## Dataset check: this can be taken\n")

    # The intake puts each record into the queue, in her name, and says how to merge just that.
    completed = {"workflow_run": {"head_sha": head, "conclusion": "success", "event": "pull_request"}}
    taken = host.start("modelref-intake.yml", "workflow_run", completed, actor="dora")
    assert taken is not None
    assert taken.ok, taken.said
    world = World(host.remote)
    waiting = world.run("changes", "--status", "pending").ok().json["items"]
    assert [(row["operation"], row["model_name"], row["requested_username"]) for row in waiting] == [
        ("update", "ViT-L/14", DORA),
        ("create", "ViT-X/16", DORA),
    ]
    spoken = next(line for line in taken.summary.splitlines() if line.startswith("/merge "))

    # An approver reads the summary, and copies its last line into a comment.
    comment = {
        "action": "created",
        "issue": {"number": 1, "pull_request": {"url": "https://host.example/1"}},
        "comment": {"id": 77, "body": spoken.replace("TITLE", "June models"), "author_association": "MEMBER"},
    }
    merged = host.start("modelref-merge.yml", "issue_comment", comment, actor="Arthur")
    assert merged is not None
    assert merged.ok, merged.said
    done = world.run("changes", "--status", "applied", "--category", "clip").ok().json["items"]
    assert {row["approved_username"] for row in done} == {ARTHUR}
    assert "\nAttested-By: ci#ci\n" in world.git("log", "-1", "--format=%B", "queue")
    assert world.run("verify").ok().json["ok"] is True

    # A replica follows, and whoever reads its files has the record.
    synced = call("--json", "replica", "sync", str(replica)).ok().json
    assert synced["changed"] == [{"category": "clip", "added": 1, "modified": 1, "deleted": 0}]
    export = modelref_git.open_export(replica)
    assert export.get("clip", "ViT-X/16")["description"] == clip()["description"]
    assert export.get("clip", "ViT-L/14")["description"] == "Pictures and words, on one map."
