from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clones import server_and_clones
from tests.support.transports.proxy import closed_port
from tests.support.transports.smart_http import HttpServer
from tests.support.world import World, clip

MAIN = "refs/heads/main"
QUEUE = "refs/heads/queue"


@pytest.fixture
def server_and_one(tmp_path: Path) -> tuple[World, World]:
    server, (one,) = server_and_clones(tmp_path, "one")
    return server, one


def test_every_branch_is_brought_and_the_local_ones_come_along(
    http: HttpServer, server_and_one: tuple[World, World]
) -> None:
    server, one = server_and_one
    one.git("config", "remote.origin.url", http.url(server.path))
    server.apply(server.approve(server.create("clip", "a", clip("a"))))
    server.create("clip", "b", clip("b"))
    server.git("branch", "topic", "main")
    answer = one.run("pull").ok()
    there, here = server.refs(), one.refs()
    assert answer.json == {"main": there[MAIN], "queue": there[QUEUE], "sent": []}
    assert answer.err == b""
    assert {ref: here[ref.replace("heads", "remotes/origin", 1)] for ref in there} == there
    assert (here[MAIN], here[QUEUE]) == (there[MAIN], there[QUEUE])
    assert one.run("get", "clip", "a").ok().json == server.run("get", "clip", "a").ok().json
    assert one.git("status", "--porcelain") == ""
    assert one.run("pull").ok().json == answer.json


def test_people_are_told_where_the_branches_are(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    refs = server.refs()
    assert one.say("pull").ok().out.decode() == f"main is at {refs[MAIN][:10]}, queue at {refs[QUEUE][:10]}\n"


def test_a_dry_run_moves_no_ref(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    server.apply(server.approve(server.create("clip", "a", clip("a"))))
    before = one.refs()
    answer = one.run("pull", "--dry-run").ok().json
    assert answer["dry_run"] is True
    assert (answer["main"], answer["queue"]) == (server.refs()[MAIN], server.refs()[QUEUE])
    assert one.refs() == before


def test_a_log_that_was_rewritten_is_an_integrity_fault_and_changes_nothing(
    server_and_one: tuple[World, World],
) -> None:
    server, one = server_and_one
    server.create("clip", "a", clip("a"))
    one.run("pull").ok()
    before = one.refs()
    server.git("update-ref", QUEUE, f"{QUEUE}~1")
    server.clock.tick()
    server.create("clip", "another", clip("another"))
    for words in (["pull"], ["push"], ["propose", "delete", "clip", "ViT-L/14"]):
        (one.store.local_dir / "cache" / "heard").unlink(missing_ok=True)
        answer = one.run(*words)
        assert (answer.code, answer.out, answer.error["code"]) == (9, b"", "integrity"), words
        assert "rewritten" in answer.error["message"]
        assert {ref: oid for ref, oid in one.refs().items() if ref.endswith(("main", "queue"))} == {
            ref: oid for ref, oid in before.items() if ref.endswith(("main", "queue"))
        }


def test_a_log_that_is_gone_is_an_integrity_fault(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    server.git("update-ref", "-d", QUEUE)
    answer = one.run("pull")
    assert (answer.code, answer.out) == (9, b"")


def test_a_main_with_commits_of_ones_own_is_left_and_told(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    one.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--allow-empty", "-q", "-m", "mine")
    mine = one.refs()[MAIN]
    server.apply(server.approve(server.create("clip", "a", clip("a"))))
    answer = one.say("pull").ok()
    assert "commits that the remote's has not" in answer.err.decode()
    assert one.refs()[MAIN] == mine
    assert one.run("get", "clip", "a").ok(), "readers answer from the log"


def test_a_remote_that_does_not_answer_or_refuses_is_the_remotes_affair(
    http: HttpServer, server_and_one: tuple[World, World]
) -> None:
    server, one = server_and_one
    before = one.refs()
    for status, words in ((None, "did not answer"), (403, "let nobody in"), (404, "no repository"), (503, "503")):
        one.git("config", "remote.origin.url", http.url(server.path, port=None if status else closed_port()))
        http.door(server.path).status = status
        answer = one.run("pull")
        assert (answer.code, answer.out, answer.error["code"]) == (8, b"", "remote")
        assert words in answer.error["message"]
    assert one.refs() == before


def test_without_a_remote_the_message_says_how_to_have_one(tmp_path: Path) -> None:
    world = World.make(tmp_path / "alone")
    for word in ("pull", "push"):
        answer = world.run(word)
        assert (answer.code, answer.error["code"]) == (8, "remote")
        assert "git config modelref.remote origin" in answer.error["message"]
