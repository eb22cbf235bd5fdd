from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from modelref_git.errors import IntegrityFailure, RemoteFailure
from modelref_git.operations.drafting import Request
from modelref_git.operations.exchange import pull, push
from modelref_git.operations.propose import editing, propose_create, propose_update
from tests.support.clean import assert_clean
from tests.support.clones import FIRST, gate_before, keep_offline, offline, outbox_refs, server_and_clones
from tests.support.transports.cutting import after, before
from tests.support.world import CAROL, World, clip


@pytest.fixture
def server_and_one(tmp_path: Path) -> tuple[World, World]:
    server, (one,) = server_and_clones(tmp_path, "one")
    return server, one


def test_what_is_proposed_offline_waits_and_push_gives_it_its_number(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    before_refs = server.refs()
    first, second = keep_offline(one, "a"), keep_offline(one, "b")
    assert (first, second) == (FIRST, FIRST + 1)
    assert server.refs() == before_refs
    assert len(outbox_refs(one)) == 2
    commits = [one.git("rev-parse", f"refs/modelref/outbox/{n}^2").strip() for n in (first, second)]
    server.create("clip", "z", clip("z"))
    answer, faults = push(one.context(CAROL))
    assert faults == []
    assert answer["changes"] == [{"provisional": 3, "change_id": 4}, {"provisional": 4, "change_id": 5}]
    assert answer["sent"] == ["refs/heads/queue", "refs/heads/proposals/4", "refs/heads/proposals/5"]
    assert answer["queue"] == server.refs()["refs/heads/queue"]
    assert outbox_refs(one) == []
    assert [server.refs()[f"refs/heads/proposals/{n}"] for n in (4, 5)] == commits, "the commits are the very same"
    assert_clean(server.path)


def test_a_waiver_given_offline_holds_when_it_is_sent(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    name = "https://example.test/a"
    rule = "name.url"
    request = Request("create", "clip", name, clip(name), allow=(rule,))
    propose_create(offline(one), request)
    answer, faults = push(one.context(CAROL))
    assert not faults
    number = answer["changes"][0]["change_id"]
    assert rule in server.git("log", "-1", "--format=%B", "queue")
    assert server.run("show", str(number)).ok()
    assert_clean(server.path)


def test_what_today_refuses_stays_and_the_rest_goes(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    keep_offline(one, "a")
    keep_offline(one, "b")
    one.clock.tick()  # in the same second the very same commit would come of it
    number = server.create("clip", "a", clip("a"))
    server.apply(server.approve(number))
    answer, faults = push(one.context(CAROL))
    assert [(fault["provisional"], fault["code"], fault["model_name"]) for fault in faults] == [(3, "conflict", "a")]
    assert [row["provisional"] for row in answer["changes"]] == [4]
    assert outbox_refs(one) == ["refs/modelref/outbox/3"]
    again, faults = push(one.context(CAROL))
    assert (again["sent"], len(faults)) == ([], 1)
    shown = one.run("push", actor=CAROL)
    assert shown.code == 4
    assert shown.json["changes"] == []


def test_an_update_made_offline_is_merged_with_what_was_applied_meanwhile(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    request = Request("update", "clip", "ViT-L/14")
    propose_update(offline(one), request, edit=editing([("/description", "mine")], []))
    number = server.update("clip", "ViT-L/14", {"/homepage": "https://theirs.example/"})
    server.apply(server.approve(number))
    answer, faults = push(one.context(CAROL))
    assert not faults
    sent = answer["changes"][0]["change_id"]
    assert server.run("status", str(sent)).ok().json["merge"] == "merged"
    assert_clean(server.path)


def test_a_push_that_was_cut_off_while_it_sent_sends_nothing_twice(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    keep_offline(one, "a")
    pull(one.context(CAROL))
    refs = {ref: oid for ref, oid in one.refs().items() if ref.startswith("refs/modelref/outbox/")}
    push(one.context(CAROL))
    for ref, oid in refs.items():  # as if the power had failed before the outbox was emptied
        one.git("update-ref", ref, oid)
    answer, faults = push(one.context(CAROL))
    assert not faults
    assert answer["changes"] == [{"provisional": FIRST, "change_id": FIRST}]
    assert outbox_refs(one) == []
    assert server.run("changes", "--category", "clip").ok().json["total"] == 1


def test_a_lost_answer_does_not_send_the_outbox_twice(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    keep_offline(one, "a")
    gate = gate_before(one)
    gate.expect(after())
    answer, faults = push(one.context(CAROL))
    assert (gate.left, faults, len(answer["changes"])) == (0, [], 1)
    assert server.run("changes", "--category", "clip").ok().json["total"] == 1


def test_pull_brings_every_branch_and_leaves_local_commits_alone(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    server.git("branch", "elsewhere", "main")
    number = server.create("clip", "a", clip("a"))
    server.apply(server.approve(number))
    (one.path / "note").write_text("mine")
    one.git("add", "note")
    one.git("-c", "user.name=x", "-c", "user.email=x@x.example", "commit", "-qm", "mine")
    mine = one.refs()["refs/heads/main"]
    answer = pull(one.context())
    assert answer == {
        "main": server.refs()["refs/heads/main"],
        "queue": server.refs()["refs/heads/queue"],
        "sent": [],
    }
    assert one.refs()["refs/remotes/origin/elsewhere"]
    assert one.refs()["refs/heads/main"] == mine
    assert any("commits that the remote's has not" in warning for warning in one.warnings)
    assert one.run("get", "clip", "a").ok(), "what counts is the remote's"


def test_push_makes_a_dataset_of_an_empty_repository(tmp_path: Path) -> None:
    world = World.make(tmp_path / "mine")
    number = world.create("clip", "a", clip("a"))
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "host.git")], check=True)
    world.git("remote", "add", "origin", str(tmp_path / "host.git"))
    world.git("config", "modelref.remote", "origin")
    planned, _ = push(world.context(dry_run=True))
    assert planned["sent"] == ["refs/heads/queue", "refs/heads/main"]
    answer, _ = push(world.context())
    assert answer["sent"] == ["refs/heads/queue", "refs/heads/main", f"refs/heads/proposals/{number}"]
    server = World(tmp_path / "host.git")
    assert_clean(server.path)
    assert world.create("clip", "b", clip("b")) == number + 1
    assert push(world.context())[0]["sent"] == []


def test_a_log_of_another_dataset_is_not_pushed_over(tmp_path: Path) -> None:
    world = World.make(tmp_path / "mine")
    other = World.make(tmp_path / "other.git", bare=True)
    world.create("clip", "a", clip("a"))
    other.create("clip", "b", clip("b"))
    world.git("remote", "add", "origin", str(other.path))
    world.git("config", "modelref.remote", "origin")
    there = other.refs()
    with pytest.raises(IntegrityFailure):
        push(world.context())
    assert other.refs() == there


def test_without_a_remote_push_and_pull_say_how_to_get_one(tmp_path: Path) -> None:
    world = World.make(tmp_path / "mine")
    for words in (("push",), ("pull",)):
        answer = world.run(*words)
        assert answer.code == 8
        assert b"git remote add origin" in answer.err


def test_no_network_is_told_as_such_and_nothing_is_lost(server_and_one: tuple[World, World]) -> None:
    _, one = server_and_one
    one.git("config", "remote.origin.url", "http://127.0.0.1:1/x.git")
    (one.path / ".git/modelref/cache/heard").unlink(missing_ok=True)
    with pytest.raises(RemoteFailure, match="did not answer"):
        one.create("clip", "a", clip("a"))
    assert keep_offline(one, "a") == FIRST
    with pytest.raises(RemoteFailure):
        push(one.context(CAROL))
    assert len(outbox_refs(one)) == 1


def test_doctor_brings_the_remotes_branches_to_where_the_log_says(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    number = one.create("clip", "a", clip("a"))
    server.git("update-ref", "-d", f"refs/heads/proposals/{number}")
    pull(one.context())
    assert [row["code"] for row in one.run("doctor").json["findings"]] == ["behind"]
    assert one.run("doctor", "--repair").ok()
    assert f"refs/heads/proposals/{number}" in server.refs()
    assert one.run("doctor").ok().json == {"findings": []}


def test_a_remote_that_breaks_off_again_and_again_is_given_up(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    gate = gate_before(one)
    gate.expect(*[before()] * 9)
    there = server.refs()
    with pytest.raises(RemoteFailure, match="nothing was changed"):
        one.create("clip", "a", clip("a"))
    assert server.refs() == there
    gate.expect()
    assert one.create("clip", "a", clip("a")) == FIRST
