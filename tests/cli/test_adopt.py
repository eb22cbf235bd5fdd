from __future__ import annotations

import json

import pytest

from tests.cli.shapes import is_oid
from tests.support.clean import assert_clean
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

FILE = "dataset/clip/ViT-L%2F14.json"
ME = ("-c", "user.name=stranger", "-c", "user.email=stranger@people.example")


def stray(world: World, text: str = "by hand", *, email: str = "stranger@people.example") -> str:
    """A commit of other hands on ``main`` that changes a description; gives its id."""
    path = world.path / FILE
    record = json.loads(path.read_text())
    record["description"] = text
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    world.git("-c", "user.name=stranger", "-c", f"user.email={email}", "commit", "-qam", "by hand")
    return world.git("rev-parse", "main").strip()


@pytest.mark.parametrize("word", ["adopt", "disown"])
def test_the_answer_is_the_event_and_main(world: World, word: str) -> None:
    oid = stray(world)
    assert world.run("status").ok().json["drift"] == oid
    answer = world.run(word, oid, "--reason", "R").ok().json
    assert list(answer) == ["event_id", "main"]
    assert is_oid(answer["main"])
    assert answer["main"] == world.git("rev-parse", "main").strip()
    assert answer["event_id"] == world.events()[-1]["event_id"]
    assert world.run("status").ok().json["drift"] is None
    assert_clean(world.path)


def test_what_is_adopted_is_live_and_the_log_goes_on_from_it(world: World) -> None:
    oid = stray(world)
    batch = world.approve(world.create("clip", "a", clip("a")))
    refused = world.run("apply", "--batch", str(batch), actor=ARTHUR)
    assert (refused.code, refused.error["code"]) == (9, "integrity")
    assert f"modelref-git adopt {oid}" in refused.error["message"]
    assert f"modelref-git disown {oid}" in refused.error["message"]
    assert world.run("adopt", "main", "--reason", "R").ok().json["main"] == oid
    assert world.run("get", "clip", "ViT-L/14").ok().json["description"] == "by hand"
    world.apply(batch)
    assert world.run("get", "clip", "ViT-L/14").ok().json["description"] == "by hand"
    assert_clean(world.path)


def test_what_is_disowned_is_undone_and_is_a_fast_forward_for_all(world: World) -> None:
    before = world.files()
    logs = world.run("status").ok().json["main"]
    oid = stray(world)
    head = world.run("disown", "main", "--reason", "R").ok().json["main"]
    assert world.files() == before
    for one in (oid, logs):
        world.git("merge-base", "--is-ancestor", one, head)
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    assert_clean(world.path)


def test_a_conflict_with_what_was_adopted_is_found_when_the_batch_is_applied(world: World) -> None:
    batch = world.approve(world.update("clip", "ViT-L/14", {"/description": "queued"}))
    world.run("adopt", stray(world), "--reason", "R").ok()
    before = world.refs()
    answer = world.run("apply", "--batch", str(batch), actor=ARTHUR)
    assert (answer.code, answer.error["details"][0]["path"]) == (4, "/description")
    assert world.refs() == before
    world.run("propose", "rebase", "3", "--take", "mine", actor=CAROL).ok()
    world.apply(world.approve(3))
    assert world.run("get", "clip", "ViT-L/14").ok().json["description"] == "queued"
    assert_clean(world.path)


def test_whoever_made_the_commits_does_not_adopt_them_alone(world: World) -> None:
    oid = stray(world, email="olivia@people.example")
    before = world.refs()
    answer = world.run("adopt", oid, "--reason", "R")
    assert (answer.code, {row["rule"] for row in answer.error["details"]}) == (6, {"review.two_people"})
    assert world.refs() == before
    assert world.run("adopt", oid, "--reason", "R", actor=ARTHUR).ok().json["main"] == oid
    assert_clean(world.path)


def test_an_adoption_needs_the_approvals_that_the_policy_asks_for(world: World) -> None:
    world.run_policy("member", "add", "bea#4", "--email", "b@people.example", "--role", "approver")
    world.run_policy("policy", "set", "approvals=2")
    logs = world.run("status").ok().json["main"]
    oid = stray(world)
    assert world.run("adopt", oid, "--reason", "R", actor=ARTHUR).ok().json["main"] == logs
    assert world.run("status").ok().json["drift"] == oid
    assert world.run("adopt", oid, "--reason", "R", actor=ARTHUR).code == 7
    assert world.run("adopt", oid, "--reason", "R", actor=OWNER).ok().json["main"] == oid
    assert_clean(world.path)


@pytest.mark.parametrize("word", ["adopt", "disown"])
@pytest.mark.parametrize(
    ("words", "actor", "code"),
    [
        (("main",), OWNER, 2),
        (("main", "--reason", " "), OWNER, 2),
        (("--reason", "R"), OWNER, 2),
        (("main", "--reason", "R"), CAROL, 6),
        (("main", "--reason", "R"), "9", 6),
        (("nothing", "--reason", "R"), OWNER, 3),
        (("main~1", "--reason", "R"), OWNER, 7),
    ],
)
def test_what_makes_no_sense_leaves_everything_as_it_was(
    world: World, word: str, words: tuple[str, ...], actor: str, code: int
) -> None:
    stray(world)
    before = world.refs(), world.objects()
    answer = world.run(word, *words, actor=actor)
    assert (answer.code, answer.out) == (code, b"")
    assert (world.refs(), world.objects()) == before


@pytest.mark.parametrize("word", ["adopt", "disown"])
def test_where_main_is_the_logs_there_is_nothing_to_do(world: World, word: str) -> None:
    assert world.run(word, "main", "--reason", "R").code == 7


def test_what_is_no_valid_dataset_is_not_adopted_and_can_be_disowned(world: World) -> None:
    for name, text in ((FILE, '{"name": "other"}\n'), ("README", "hello\n"), ("dataset/clip/x.json", "no json")):
        (world.path / name).write_text(text)
    world.git("add", ".")
    world.git(*ME, "commit", "-qm", "broken")
    oid = world.git("rev-parse", "main").strip()
    before = world.refs()
    answer = world.run("adopt", oid, "--reason", "R")
    assert (answer.code, answer.out) == (5, b"")
    assert [list(row) for row in answer.error["details"]] == [["path", "message", "rule"]] * 2
    assert [row["path"] for row in answer.error["details"]] == ["/clip/ViT-L/14", "/clip/x"]
    assert world.refs() == before
    world.run("disown", oid, "--reason", "R").ok()
    assert_clean(world.path)


def test_a_policy_of_other_hands_is_judged_by_the_one_before(world: World) -> None:
    path = world.path / "modelref.toml"
    path.write_text(path.read_text().replace("two_person_review = true", "two_person_review = false"))
    world.git("-c", "user.name=olivia", "-c", "user.email=olivia@people.example", "commit", "-qam", "by hand")
    assert world.run("adopt", "main", "--reason", "R").code == 6
    world.run("adopt", "main", "--reason", "R", actor=ARTHUR).ok()
    assert_clean(world.path)


def test_a_rewritten_main_is_disowned_and_loses_nothing(world: World) -> None:
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    files = world.files()
    world.git("reset", "-q", "--hard", "main~1")
    oid = stray(world)
    assert world.run("adopt", oid, "--reason", "R").code == 7
    world.run("disown", oid, "--reason", "R").ok()
    assert world.files() == files
    assert_clean(world.path)


@pytest.mark.parametrize("word", ["adopt", "disown"])
def test_a_dry_run_gives_the_same_answer_and_changes_nothing(world: World, word: str) -> None:
    oid = stray(world)
    before = world.refs(), world.objects()
    dry = world.run(word, oid, "--reason", "R", "--dry-run").ok().json
    assert (world.refs(), world.objects()) == before
    assert (list(dry), dry["dry_run"]) == (["event_id", "main", "dry_run"], True)
    assert world.run(word, oid, "--reason", "R").ok().json["event_id"] == dry["event_id"]
