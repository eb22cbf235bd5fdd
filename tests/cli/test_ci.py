"""``ci`` as a CI sees it: what its environment says, what comes out, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modelref_git.cli.ci_run import SUMMARY_AT_MOST, CiRun, split_ids
from tests.support.branches import branch, canonical
from tests.support.calls import Answer
from tests.support.world import ARTHUR, CAROL, World, clip

EDITED = "dataset/clip/ViT-L%2F14.json"
NEW = "dataset/clip/ViT-X%2F16.json"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "dataset", bare=True)


@pytest.fixture
def summary(tmp_path: Path) -> Path:
    return tmp_path / "summary.md"


def environment(summary: Path, event: Mapping[str, Any] | None = None, actor: str = "arthur") -> dict[str, str]:
    """What a host says to a run."""
    payload = summary.with_name("event.json")
    payload.write_text(json.dumps(event or {}), encoding="utf-8")
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": actor,
        "GITHUB_EVENT_PATH": str(payload),
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_REPOSITORY": "people/models",
        "GITHUB_RUN_ID": "4711",
        "MODELREF_ACTORS": "*",
    }


def comment(body: str) -> dict[str, Any]:
    return {"action": "created", "issue": {"number": 1}, "comment": {"id": 5, "body": body}}


def run_as_host(world: World, env: Mapping[str, str], *words: str) -> Answer:
    return world.run("ci", *words, actor=None, env=env)


def describe(world: World, text: str = "new") -> int:
    return world.update("clip", "ViT-L/14", {"/description": text})


# --- ci check ---


def test_the_answer_is_that_of_check_and_more(world: World) -> None:
    branch(world, {NEW: canonical("clip", clip())})
    answer = world.run("ci", "check", "work").ok().json
    assert list(answer) == ["ok", "findings", "head", "base", "main", "changes", "admitted", "unseen"]
    assert answer["ok"] is True
    (row,) = answer["changes"]
    assert (row["operation"], row["category"], row["model_name"], row["merge"]) == (
        "create",
        "clip",
        "ViT-X/16",
        "clean",
    )


def test_an_error_exits_with_5_and_the_report_is_there(world: World) -> None:
    branch(world, {"README.md": b"x\n"})
    answer = world.run("ci", "check", "work")
    assert answer.code == 5
    assert [row["rule"] for row in answer.json["findings"]] == ["intake.foreign_file"]
    assert answer.error["code"] == "invalid"
    assert [row["rule"] for row in answer.error["details"]] == ["intake.foreign_file"]


def test_for_people_each_record_and_each_fault_has_a_line(world: World) -> None:
    rival = describe(world)
    record = json.loads(world.git("show", f"main:{EDITED}"))
    files = {EDITED: canonical("clip", {**record, "description": "other"}), "README.md": b"x\n"}
    branch(world, files)
    answer = world.say("ci", "check", "work")
    assert answer.code == 5
    first, *others = answer.out.decode().splitlines()
    assert first == f"update clip ViT-L/14: overlaps (rival {rival}), {CAROL}"
    assert any(line.startswith("README.md:1: error: ") for line in others)


def test_on_a_host_faults_are_annotations(world: World, summary: Path) -> None:
    branch(world, {NEW: b'{\n  "name": "a",\n  "name": "b"\n}\n'})
    words = ["ci", "check", "work"]
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment(summary).items():
            patch.setenv(key, value)
        answer = world.say(*words)
    assert answer.code == 5
    line = next(line for line in answer.out.decode().splitlines() if line.startswith("::error "))
    assert line.startswith("::error file=dataset/clip/ViT-X%252F16.json,line=3,col=3,title=json.duplicate_key::")


def test_the_summary_is_appended_and_names_what_stops_it(world: World, summary: Path) -> None:
    summary.write_text("before\n", encoding="utf-8")
    branch(world, {NEW: canonical("clip", clip()), "README.md": b"x\n"})
    assert run_as_host(world, environment(summary), "check", "work").code == 5
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("before\n## Dataset check: 1 error: this cannot be taken as it is\n")
    assert "| **error** | <code>README&#46;md&#58;1</code> |" in text
    assert "### create <code>clip</code> <code>ViT&#45;X&#47;16</code>" in text
    assert '! + config.download: [{"file_name": "x.pt"' in text


def test_without_a_word_it_is_the_commit_of_the_event(world: World, summary: Path) -> None:
    made = branch(world, {NEW: canonical("clip", clip())})
    for event in ({"pull_request": {"head": {"sha": made}}}, {"workflow_run": {"head_sha": made}}):
        answer = run_as_host(world, environment(summary, event), "check").ok()
        assert answer.json["head"] == made
    assert world.run("ci", "check", env={"CI_COMMIT_SHA": made}).ok().json["head"] == made


def test_without_an_event_it_is_head(world: World) -> None:
    made = branch(world, {NEW: canonical("clip", clip())})
    world.git("symbolic-ref", "HEAD", "refs/heads/work")
    assert world.run("ci", "check").ok().json["head"] == made


def test_a_range_has_a_beginning_and_may_leave_out_its_end(world: World) -> None:
    first = branch(world, {NEW: canonical("clip", clip())})
    second = branch(world, {EDITED: None}, name="more", base="work")
    world.git("symbolic-ref", "HEAD", "refs/heads/more")
    assert len(world.run("ci", "check", "..more").ok().json["changes"]) == 2
    assert len(world.run("ci", "check", f"{first}..").ok().json["changes"]) == 1
    assert world.run("ci", "check", f"{first}..{second}").ok().json["base"] == first
    assert world.run("ci", "check", "main...more").code == 2


def test_in_a_checkout_the_open_proposals_are_seen_once_the_remote_is_named(world: World, tmp_path: Path) -> None:
    describe(world)
    record = json.loads(world.git("show", f"main:{EDITED}"))
    made = branch(world, {EDITED: canonical("clip", {**record, "description": "other"})})
    world.git("clone", "-q", str(world.path), str(tmp_path / "checkout"))
    checkout = World(tmp_path / "checkout")
    checkout.git("checkout", "-q", "--detach", made)
    checkout.git("branch", "-q", "-D", "main")
    blind = checkout.run("ci", "check").ok().json
    assert (blind["head"], blind["changes"][0]["rivals"], len(blind["unseen"])) == (made, [], 1)
    checkout.git("config", "modelref.remote", "origin")
    seeing = checkout.run("ci", "check").ok().json
    assert (len(seeing["changes"][0]["rivals"]), seeing["unseen"]) == (1, [])


def test_a_refusal_is_told_where_the_host_shows_it(world: World, summary: Path) -> None:
    answer = run_as_host(world, environment(summary), "check", "nowhere")
    assert answer.code == 3
    assert answer.error["code"] == "not_found"
    assert summary.read_text(encoding="utf-8").startswith("## Dataset: refused, nothing was changed\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_ACTIONS", "true")
        said = world.say("ci", "check", "nowhere")
    assert said.out == b""
    assert said.err.decode().startswith("::error::there is no revision 'nowhere'\n")


def test_a_summary_that_cannot_be_written_stops_nothing(world: World, tmp_path: Path) -> None:
    branch(world, {NEW: canonical("clip", clip())})
    answer = world.run("ci", "check", "work", env={"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "where")})
    assert answer.code == 0
    assert answer.json["ok"] is True


def test_a_summary_has_an_end(summary: Path) -> None:
    run = CiRun({"GITHUB_STEP_SUMMARY": str(summary)}, {})
    run.summarise(["x" * 400_000 + "\n"] * 4)
    text = summary.read_text(encoding="utf-8")
    assert len(text.encode()) <= SUMMARY_AT_MOST
    assert text.count("x") == 800_000
    assert text.endswith("There is more, which does not fit here.\n")


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b"\xff", b"[" * 100_000])
def test_an_event_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "event.json"
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_EVENT_PATH", str(path))
        run = CiRun.here()
        assert (run.head, run.label, run.request()) == (None, None, None)
        patch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "absent"))
        assert CiRun.here().event == {}


@pytest.mark.parametrize("sha", [7, None, "--upload-pack=x", "main", "A" * 40, ["a" * 40]])
def test_a_head_that_is_no_commit_id_is_none(sha: Any) -> None:
    assert CiRun({}, {"pull_request": {"head": {"sha": sha}}}).head is None


# --- ci merge ---


def test_ids_are_merged_under_their_title(world: World) -> None:
    first, second = describe(world), world.create("clip", "ViT-X/16", clip())
    answer = world.run("ci", "merge", "--ids", f"{first},{second}", "--title", "June", actor=ARTHUR).ok().json
    assert list(answer) == ["approved", "applied", "waiting"]
    assert [row["change_id"] for row in answer["applied"]["applied"]] == [first, second]
    assert answer["approved"]["batch_title"] == "June"


def test_whoever_started_the_run_approves(world: World, summary: Path) -> None:
    number = describe(world)
    answer = run_as_host(world, environment(summary, actor="ARTHUR"), "merge", "--ids", str(number)).ok().json
    (row,) = answer["applied"]["applied"]
    assert (row["approved_username"], row["applied_job_id"]) == (ARTHUR, "people/models/actions/runs/4711")
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("## Dataset: merged\n")
    assert f"| {number} | <code>update</code> | <code>clip</code> |" in text


def test_whoever_starts_a_run_again_is_the_one_who_asks(world: World, summary: Path) -> None:
    number = describe(world)
    env = {**environment(summary, actor="arthur"), "GITHUB_TRIGGERING_ACTOR": "carol"}
    assert run_as_host(world, env, "merge", "--ids", str(number)).code == 6
    assert world.run("show", str(number)).ok().json["status"] == "pending"


def test_a_mapping_says_who_a_login_is(world: World, summary: Path) -> None:
    number = describe(world)
    env = {**environment(summary, actor="the-real-art"), "MODELREF_ACTORS": "the-real-art = 3\n"}
    assert run_as_host(world, {**env, "MODELREF_ACTORS": ""}, "merge", "--ids", str(number)).code == 6
    run_as_host(world, env, "merge", "--ids", str(number)).ok()


def test_a_comment_names_the_changes_and_the_title(world: World, summary: Path) -> None:
    number = describe(world)
    blob = world.git("rev-parse", f"proposals/{number}:{EDITED}").strip()
    env = environment(summary, comment(f"/merge #{number}@{blob} June `models` $(id)\r\nThanks!"))
    answer = run_as_host(world, env, "merge").ok().json
    assert answer["approved"]["batch_title"] == "June `models` $(id)"


def test_the_inputs_of_a_workflow_name_them_too(world: World, summary: Path) -> None:
    number = describe(world)
    env = environment(summary, {"inputs": {"ids": f" {number} ", "title": "By hand", "acknowledged": "true"}})
    assert run_as_host(world, env, "merge").ok().json["approved"]["batch_title"] == "By hand"


@pytest.mark.parametrize("body", ["/merge", "/merge June models", "please /merge 3", "/merged 3", "3"])
def test_a_comment_without_changes_merges_nothing(world: World, summary: Path, body: str) -> None:
    describe(world)
    refs = world.refs()
    answer = run_as_host(world, environment(summary, comment(body)), "merge")
    assert (answer.code, answer.error["code"]) == (2, "usage")
    assert world.refs() == refs


def test_an_id_that_is_none_is_never_passed_over(world: World, summary: Path) -> None:
    number = describe(world)
    env = environment(summary, comment(f"/merge {number} 4@abc June"))
    assert run_as_host(world, env, "merge").code == 2
    assert world.run("ci", "merge", "--ids", f"{number} x", "--title", "T", actor=ARTHUR).code == 2
    assert world.run("show", str(number)).ok().json["status"] == "pending"


def test_other_content_than_was_seen_is_not_merged(world: World, summary: Path) -> None:
    number = describe(world)
    env = environment(summary, comment(f"/merge {number}@{'0' * 40} T"))
    answer = run_as_host(world, env, "merge")
    assert (answer.code, answer.error["code"]) == (4, "conflict")
    assert "refused" in summary.read_text(encoding="utf-8")


def test_what_waits_is_told(world: World, summary: Path) -> None:
    world.rewrite_config(b"approvals = 1", b"approvals = 2")
    number = describe(world)
    answer = run_as_host(world, environment(summary), "merge", "--ids", str(number)).ok().json
    assert (answer["applied"], answer["waiting"][0]["change_id"]) == (None, number)
    assert summary.read_text(encoding="utf-8").startswith("## Dataset: approved, not merged yet\n")
    said = world.say("ci", "merge", "--ids", str(number), actor="olivia#1").ok()
    assert f"change {number}: " in said.out.decode()


def test_a_label_merges_the_pull_request_that_it_was_given_to(world: World, summary: Path) -> None:
    world.run_policy("member", "add", "ci#ci", "--email", "ci@people.example", "--role", "service")
    made = branch(world, {NEW: canonical("clip", clip())})
    event = {"action": "labeled", "label": {"name": "approved"}, "pull_request": {"head": {"sha": made}}}
    env = environment(summary, event, actor="olivia")
    assert run_as_host(world, env, "merge", "--label", "other").code == 2
    event["action"] = "unlabeled"
    assert run_as_host(world, environment(summary, event), "merge", "--label", "approved").code == 2
    event["action"] = "labeled"
    answer = run_as_host(world, environment(summary, event), "merge", "--label", "approved").ok().json
    assert [row["model_name"] for row in answer["applied"]["applied"]] == ["ViT-X/16"]


def test_ids_and_a_label_are_not_both_given(world: World) -> None:
    assert world.run("ci", "merge", "--ids", "1", "--label", "x", actor=ARTHUR).code == 2


def test_a_dry_run_merges_nothing(world: World) -> None:
    number = describe(world)
    refs = world.refs()
    answer = world.run("ci", "merge", "--ids", str(number), "--dry-run", actor=ARTHUR).ok().json
    assert answer["dry_run"] is True
    assert world.refs() == refs


@pytest.mark.parametrize(
    ("text", "ids"), [("3 4", ("3", "4")), ("#3,4, 5@a", ("3", "4", "5@a")), (" \n", ()), ("3\t4\n5", ("3", "4", "5"))]
)
def test_ids_stand_between_commas_and_spaces(text: str, ids: tuple[str, ...]) -> None:
    assert split_ids(text) == ids
