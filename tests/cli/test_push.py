from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.clean import assert_clean
from tests.support.clones import FIRST, gate_before, keep_offline, outbox_refs, server_and_clones
from tests.support.transports import cutting, repositories
from tests.support.transports.fixtures import Transport
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

MAIN = "refs/heads/main"
QUEUE = "refs/heads/queue"

Clones = tuple[World, World, World]


@pytest.fixture
def clones(tmp_path: Path) -> Clones:
    server, (one, two) = server_and_clones(tmp_path, "one", "two")
    return server, one, two


def propose(world: World, name: str) -> list[str]:
    """The words of a command that proposes a record."""
    file = world.path.parent / f"{name}.json"
    file.write_text('{"description": "d", "config": {"download": []}}')
    return ["propose", "create", "clip", str(file), "--name", name]


def requests(server: World) -> list[str]:
    """The names of what was asked for, from the log, in its order."""
    rows = [row["payload"] for row in server.events("--action", "enqueue")]
    assert [row["change_id"] for row in rows] == list(range(1, len(rows) + 1))
    return [row["model"] for row in rows[FIRST - 1 :]]


def test_what_changes_something_pushes_by_itself_and_push_has_nothing_to_send(
    transport: Transport, clones: Clones
) -> None:
    server, one, _ = clones
    one.git("config", "remote.origin.url", transport.url(server.path))
    assert one.run(*propose(one, "a"), actor=CAROL).ok().json["change_id"] == FIRST
    batch = one.run("approve", str(FIRST), "--title", "T", actor=ARTHUR).ok().json["batch_id"]
    one.run("apply", "--batch", str(batch), actor=ARTHUR).ok()
    refs = server.refs()
    assert one.run("push").ok().json == {"main": refs[MAIN], "queue": refs[QUEUE], "sent": []}
    assert one.say("push").ok().out == b"nothing to send\n"
    assert set(refs) == {MAIN, QUEUE}
    assert (one.refs()[MAIN], one.refs()[QUEUE]) == (refs[MAIN], refs[QUEUE])
    assert_clean(server.path)


def test_push_tells_what_it_sent_and_the_numbers(clones: Clones) -> None:
    server, one, _ = clones
    keep_offline(one, "a")
    server.create("clip", "z", clip("z"))
    dry = one.run("push", "--dry-run", actor=CAROL).ok().json
    assert dry["dry_run"] is True
    assert dry["changes"] == [{"provisional": FIRST, "change_id": FIRST + 1}]
    assert len(outbox_refs(one)) == 1
    answer = one.run("push", actor=CAROL).ok()
    refs = server.refs()
    assert answer.json == {
        "main": refs[MAIN],
        "queue": refs[QUEUE],
        "sent": [QUEUE, f"refs/heads/proposals/{FIRST + 1}"],
        "changes": [{"provisional": FIRST, "change_id": FIRST + 1}],
    }
    assert answer.err == b""
    assert outbox_refs(one) == []


def test_people_are_told_the_numbers_too(clones: Clones) -> None:
    _, one, _ = clones
    keep_offline(one, "a")
    said = one.say("push", actor=CAROL).ok().out.decode().splitlines()
    assert said == [f"unsent {FIRST} is change {FIRST}", "sent queue", f"sent proposals/{FIRST}"]


def other_writes(two: World, name: str) -> list[str]:
    """The command with which another clone proposes."""
    checkout = str(Path(__file__).parents[2])
    code = f"import sys; sys.path.insert(0, {checkout!r}); from modelref_git.__main__ import main; sys.exit(main())"
    return [sys.executable, "-c", code, "-C", str(two.path), "--actor", CAROL, *propose(two, name)]


@pytest.mark.parametrize("point", [cutting.first, cutting.between])
def test_a_race_that_is_lost_is_run_again_from_the_new_state(clones: Clones, point: object) -> None:
    server, one, two = clones
    gate_before(one).expect(point(other_writes(two, "theirs")))  # type: ignore[operator]
    answer = one.run(*propose(one, "mine"), actor=CAROL).ok()
    assert answer.json["change_id"] == FIRST + 1
    assert requests(server) == ["theirs", "mine"]
    assert one.refs()[QUEUE] == server.refs()[QUEUE]
    assert_clean(server.path)


def test_what_somebody_else_did_meanwhile_is_told_as_it_is(clones: Clones) -> None:
    _, one, two = clones
    number = one.create("clip", "a", clip("a"))
    two.run("pull").ok()
    one.apply(one.approve(number))
    answer = two.run("withdraw", str(number), actor=CAROL)
    assert (answer.code, answer.out, answer.error["code"]) == (7, b"", "state")
    again = two.run(*propose(two, "a"), actor=CAROL)
    assert (again.code, again.out, again.error["code"]) == (4, b"", "conflict")


def test_a_lost_answer_is_a_yes(clones: Clones) -> None:
    server, one, _ = clones
    gate_before(one).expect(cutting.after())
    answer = one.run(*propose(one, "a"), actor=CAROL).ok()
    assert answer.json["change_id"] == FIRST
    assert requests(server) == ["a"]


def test_a_remote_that_breaks_off_every_time_is_a_fault_of_the_remote(clones: Clones) -> None:
    server, one, _ = clones
    gate = gate_before(one)
    gate.expect(*[cutting.within(100)] * 50)
    before = server.refs()
    answer = one.run(*propose(one, "a"), actor=CAROL)
    assert (answer.code, answer.out, answer.error["code"]) == (8, b"", "remote")
    assert "broke off" in answer.error["message"]
    assert server.refs() == before
    gate.expect()
    assert one.run(*propose(one, "a"), actor=CAROL).ok().json["change_id"] == FIRST


def test_a_refusal_is_told_in_the_hosts_words_and_changes_nothing(clones: Clones) -> None:
    server, one, _ = clones
    repositories.protect(server.path, "queue", words="GH006: {} is protected")
    before = server.refs(), one.refs()
    answer = one.run(*propose(one, "a"), actor=CAROL)
    assert (answer.code, answer.out, answer.error["code"]) == (8, b"", "remote")
    assert "GH006: queue is protected" in answer.error["message"]
    assert "--intake" in answer.error["message"]
    assert (server.refs(), one.refs()) == before


def test_a_protected_main_stops_an_apply_and_nothing_else(clones: Clones) -> None:
    server, one, _ = clones
    number = one.create("clip", "a", clip("a"))
    batch = one.approve(number)
    repositories.protect(server.path, "main")
    before = server.refs()
    answer = one.run("apply", "--batch", str(batch), actor=ARTHUR)
    assert (answer.code, answer.out) == (8, b"")
    assert "main is protected" in answer.error["message"]
    assert server.refs() == before
    one.run(*propose(one, "b"), actor=CAROL).ok()


def test_a_host_without_atomic_pushes_takes_all_the_same(clones: Clones) -> None:
    server, one, _ = clones
    repositories.refuse_atomic(server.path)
    number = one.run(*propose(one, "a"), actor=CAROL).ok().json["change_id"]
    batch = one.run("approve", str(number), "--title", "T", actor=ARTHUR).ok().json["batch_id"]
    one.run("apply", "--batch", str(batch), actor=ARTHUR).ok()
    assert set(server.refs()) == {MAIN, QUEUE}
    assert server.run("get", "clip", "a").ok()
    assert_clean(server.path)


def test_without_atomic_pushes_a_log_that_is_refused_takes_nothing_with_it(clones: Clones) -> None:
    server, one, _ = clones
    batch = one.approve(one.create("clip", "a", clip("a")))
    repositories.refuse_atomic(server.path)
    repositories.refuse_refs(server.path, QUEUE)
    before = server.refs()
    answer = one.run("apply", "--batch", str(batch), actor=ARTHUR)
    assert (answer.code, answer.error["code"]) == (8, "remote")
    assert server.refs() == before


def test_without_atomic_pushes_a_main_that_is_refused_follows_later(clones: Clones) -> None:
    server, one, two = clones
    batch = one.approve(one.create("clip", "a", clip("a")))
    repositories.refuse_atomic(server.path)
    repositories.refuse_refs(server.path, MAIN, words="not today")
    answer = one.say("apply", "--batch", str(batch), actor=ARTHUR).ok()
    assert "not today" in answer.err.decode()
    assert server.run("get", "clip", "a").ok(), "the log counts"
    (server.path / "hooks" / "update").unlink()
    two.run(*propose(two, "b"), actor=CAROL).ok()
    assert server.git("ls-tree", "-r", "--name-only", MAIN, "dataset/clip").count("a.json") == 1


def test_a_name_that_a_stranger_holds_is_skipped_and_told(clones: Clones) -> None:
    server, one, _ = clones
    server.git("branch", f"proposals/{FIRST}", MAIN)
    held = server.refs()[f"refs/heads/proposals/{FIRST}"]
    answer = one.say(*propose(one, "a"), actor=CAROL).ok()
    assert f"proposals/{FIRST} is at {held}" in answer.err.decode()
    assert server.refs()[f"refs/heads/proposals/{FIRST}"] == held
    one.run("approve", str(FIRST), "--title", "T", actor=ARTHUR).ok()
    assert server.run("show", str(FIRST)).ok().json["status"] == "approved"


def test_main_that_other_hands_moved_stops_what_moves_main_and_nothing_else(clones: Clones) -> None:
    server, one, _ = clones
    batch = one.approve(one.create("clip", "a", clip("a")))
    who = ("-c", "user.name=x", "-c", "user.email=x@people.example")
    stranger = server.git(*who, "commit-tree", f"{MAIN}^{{tree}}", "-p", MAIN, "-m", "by hand").strip()
    server.git("update-ref", MAIN, stranger)
    answer = one.run("apply", "--batch", str(batch), actor=ARTHUR)
    assert (answer.code, answer.error["code"]) == (9, "integrity")
    assert "adopt" in answer.error["message"]
    assert server.refs()[MAIN] == stranger
    one.run(*propose(one, "b"), actor=CAROL).ok()
    one.run("disown", stranger, "--reason", "by mistake", actor=OWNER).ok()
    one.run("apply", "--batch", str(batch), actor=ARTHUR).ok()
    assert server.run("get", "clip", "a").ok()
