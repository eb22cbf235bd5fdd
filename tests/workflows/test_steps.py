"""The workflows' steps on days that are not fine: strangers, mistakes, and two approvers at once."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from modelref_git.operations.policy_settings import replace_policy
from tests.support.branches import canonical
from tests.support.contributing import Contributor
from tests.support.workflow import Host, JobRun
from tests.support.world import World, clip

EDITED = "dataset/clip/ViT-L%2F14.json"
NEW = "dataset/clip/ViT-X%2F16.json"


def comment(body: str, **issue: Any) -> dict[str, Any]:
    issue = issue or {"pull_request": {"url": "https://host.example/1"}}
    return {
        "action": "created",
        "issue": {"number": 1, **issue},
        "comment": {"id": 77, "body": body, "author_association": "MEMBER"},
    }


def completed(head: str, conclusion: str = "success") -> dict[str, Any]:
    return {"workflow_run": {"head_sha": head, "conclusion": conclusion}}


def started(host: Host, name: str, event: str, payload: Mapping[str, Any], **more: str) -> JobRun:
    run = host.start(f"modelref-{name}.yml", event, payload, **{"actor": "arthur", **more})
    assert run is not None
    return run


def push(host: Host, clone: Path, files: Mapping[str, bytes | None], branch: str = "intake/better") -> str:
    """Push a branch by hand; gives its commit."""
    carol = Contributor.cloning(host.remote, clone, name="Carol", email="carol@people.example")
    head = carol.commit(files)
    carol.git("push", "-q", "origin", f"+HEAD:refs/heads/{branch}")
    return head


def test_what_the_check_refuses_the_intake_refuses_too_whatever_it_is_told(host: Host, tmp_path: Path) -> None:
    evil = {".github/workflows/modelref-merge.yml": b"on: push\n", NEW: canonical("clip", clip())}
    head = push(host, tmp_path / "clone", evil)
    queue = World(host.remote).refs()["refs/heads/queue"]
    checked = started(host, "check", "push", {}, head=head)
    assert [step.code for step in checked.steps] == [0, 5]
    assert "modelref&#45;merge&#46;yml" in checked.summary
    assert "::error file=.github/workflows/modelref-merge.yml" in checked.steps[1].out
    assert host.start("modelref-intake.yml", "workflow_run", completed(head, "failure"), actor="carol") is None
    taken = started(host, "intake", "workflow_run", completed(head))
    assert [step.code for step in taken.steps] == [5]
    assert World(host.remote).refs()["refs/heads/queue"] == queue


@pytest.mark.long
def test_a_later_push_to_a_branch_takes_the_place_of_the_one_before(host: Host, tmp_path: Path) -> None:
    world = World(host.remote)
    for text in ("first", "second"):
        head = push(host, tmp_path / text, {NEW: canonical("clip", clip(description=text))})
        event, payload = "workflow_run", completed(head)
        if text == "second":
            event, payload = "workflow_dispatch", {"inputs": {"commit": head}}
        assert started(host, "intake", event, payload).ok
    (row,) = world.run("changes", "--status", "pending").ok().json["items"]
    assert (row["payload"]["description"], row["requested_username"]) == ("second", "carol#2")


def test_a_start_by_hand_takes_nothing_that_git_would_read_as_an_option(host: Host) -> None:
    bad = started(host, "intake", "workflow_dispatch", {"inputs": {"commit": "--upload-pack=touch pwned"}})
    assert [step.code for step in bad.steps] == [2]
    assert not list(host.work.rglob("pwned"))


def test_only_a_comment_on_a_pull_request_that_asks_for_it_starts_a_merge(host: Host) -> None:
    stranger = comment("/merge 1 T")
    stranger["comment"]["author_association"] = "CONTRIBUTOR"
    for payload in (comment("looks good"), comment("/merge 1 T", title="an issue"), comment("/mergers"), stranger):
        assert host.start("modelref-merge.yml", "issue_comment", payload, actor="arthur") is None


@pytest.mark.long
def test_who_is_no_approver_merges_nothing_and_no_text_reaches_a_shell(host: Host) -> None:
    world = World(host.remote)
    number = world.update("clip", "ViT-L/14", {"/description": "new"})
    title = '$(touch pwned) `touch pwned` "; touch pwned #'
    refs = world.refs()
    for actor in ("carol", "stranger"):
        refused = started(host, "merge", "issue_comment", comment(f"/merge {number} {title}"), actor=actor)
        assert [step.code for step in refused.steps] == [6]
        assert refused.summary.startswith("## Dataset: refused, nothing was changed\n")
    assert world.refs() == refs
    merged = started(host, "merge", "issue_comment", comment(f"/merge {number} {title}"))
    assert merged.ok, merged.said
    assert world.run("show", str(number)).ok().json["batch_title"] == title
    assert not list(host.work.rglob("pwned"))


@pytest.mark.long
def test_a_merge_is_started_by_hand_with_ids_and_a_title(host: Host) -> None:
    world = World(host.remote)
    number = world.update("clip", "ViT-L/14", {"/description": "new"})
    host.variables["MODELREF_ACTORS"] = "art-on-the-host = 3"
    inputs = {"ids": str(number), "title": "By hand", "acknowledged": False}
    merged = started(host, "merge", "workflow_dispatch", {"inputs": inputs}, actor="art-on-the-host")
    assert merged.ok, merged.said
    row = world.run("show", str(number)).ok().json
    assert (row["status"], row["batch_title"]) == ("applied", "By hand")
    assert row["applied_job_id"].startswith("people/models/actions/runs/")


@pytest.mark.long
def test_two_approvers_at_once_lose_nothing(host: Host) -> None:
    world = World(host.remote)
    numbers = [world.update("clip", "ViT-L/14", {"/description": "new"}), world.delete("gfpgan", "GFPGAN")]
    payloads = [comment(f"/merge {number} Batch {number}") for number in numbers]
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda payload: started(host, "merge", "issue_comment", payload), payloads))
    assert all(run.ok for run in runs), "\n".join(run.said for run in runs)
    assert {world.run("show", str(number)).ok().json["status"] for number in numbers} == {"applied"}
    assert world.run("verify").ok().json["ok"] is True


@pytest.mark.long
def test_where_signatures_are_required_the_services_key_signs(host: Host, tmp_path: Path) -> None:
    world = World(host.remote)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    number = world.update("clip", "ViT-L/14", {"/description": "new"})
    line = (tmp_path / "key.pub").read_text(encoding="utf-8").strip()
    text = world.git("show", "main:modelref.toml").replace("require_signed = false", "require_signed = true")
    before, service, after = text.partition('id = "ci"')
    strict = before + service + after.replace("ssh_keys = []", f'ssh_keys = ["{line}"]', 1)
    world.pass_policy(replace_policy(world.context(), strict.encode()))
    unsigned = started(host, "merge", "issue_comment", comment(f"/merge {number} T"))
    assert [step.code for step in unsigned.steps] == [6]
    host.secrets["MODELREF_SIGNING_KEY"] = (tmp_path / "key").read_text(encoding="utf-8")
    signed = started(host, "merge", "issue_comment", comment(f"/merge {number} T"))
    assert signed.ok, signed.said
    assert "gpgsig -----BEGIN SSH SIGNATURE-----" in world.git("cat-file", "commit", "queue")
