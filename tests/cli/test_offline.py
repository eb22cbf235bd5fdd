from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.calls import Answer
from tests.support.clones import FIRST, outbox_refs, server_and_clones
from tests.support.transports.proxy import closed_port
from tests.support.world import ARTHUR, CAROL, World, clip


@pytest.fixture
def server_and_one(tmp_path: Path) -> tuple[World, World]:
    """A clone whose remote nobody can reach, until :func:`plug_in`."""
    server, (one,) = server_and_clones(tmp_path, "one")
    one.create("clip", "sent", clip("sent"))
    one.git("config", "remote.origin.url", f"http://127.0.0.1:{closed_port()}/none.git")
    return server, one


def plug_in(server: World, one: World) -> None:
    one.git("config", "remote.origin.url", str(server.path))


def offline(world: World, *words: str, actor: str = CAROL) -> Answer:
    return world.run("--offline", *words, actor=actor)


def proposal(world: World, name: str) -> list[str]:
    file = world.path.parent / "record.json"
    file.write_text('{"description": "d", "config": {"download": []}}')
    return ["propose", "create", "clip", str(file), "--name", name]


def test_each_kind_of_proposal_waits_under_a_provisional_id(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    before = server.refs()
    rows = [
        offline(one, *proposal(one, "a")).ok().json,
        offline(one, "propose", "update", "clip", "ViT-L/14", "--set", "/description=d").ok().json,
        offline(one, "propose", "delete", "clip", "ViT-L/14").ok().json,
    ]
    assert [row["change_id"] for row in rows] == [FIRST + 1, FIRST + 2, FIRST + 3]
    assert all(row["provisional"] is True and row["status"] == "pending" for row in rows)
    assert server.refs() == before
    assert len(outbox_refs(one)) == 3
    page = offline(one, "changes").ok().json
    assert [(row["change_id"], row["provisional"]) for row in page["items"]] == [
        (FIRST + number, True) for number in (1, 2, 3)
    ]


def test_bulk_waits_too(server_and_one: tuple[World, World]) -> None:
    _, one = server_and_one
    lines = b'{"operation": "delete", "category": "clip", "model_name": "ViT-L/14"}\n'
    answer = one.run("--offline", "propose", "bulk", "-", actor=CAROL, stdin=lines).ok()
    assert answer.json["change_ids"] == [FIRST + 1]
    assert len(outbox_refs(one)) == 1


def test_without_the_option_the_remote_is_asked_and_nothing_is_kept(server_and_one: tuple[World, World]) -> None:
    _, one = server_and_one
    (one.store.local_dir / "cache" / "heard").unlink()
    answer = one.run(*proposal(one, "a"), actor=CAROL)
    assert (answer.code, answer.out, answer.error["code"]) == (8, b"", "remote")
    assert outbox_refs(one) == []


def test_what_is_refused_with_a_remote_is_refused_without(server_and_one: tuple[World, World]) -> None:
    _, one = server_and_one
    assert offline(one, *proposal(one, "ViT-L/14")).code == 4
    assert offline(one, "propose", "update", "clip", "ViT-L/14", "--set", "/config=7").code == 5
    assert offline(one, "propose", "delete", "clip", "ViT-L/14", actor="nobody#99").code == 6
    assert outbox_refs(one) == []


CHANGES = [
    ["approve", str(FIRST), "--title", "T"],
    ["reject", str(FIRST), "--reason", "R"],
    ["apply", "--batch", "1"],
    ["hold", str(FIRST), "--reason", "R"],
    ["unhold", str(FIRST)],
    ["revert", "1"],
    ["purge", "--all", "--yes"],
    ["propose", "rebase", str(FIRST)],
    ["propose", "delete", "clip", "ViT-L/14", "--supersedes", str(FIRST)],
    ["member", "add", "dora#7", "--email", "dora@people.example"],
    ["adopt", "HEAD", "--reason", "R"],
    ["category", "layout", "clip", "--fan-out", "1"],
    ["push"],
    ["pull"],
]


@pytest.mark.parametrize("words", CHANGES, ids=lambda words: "-".join(words[:2]))
def test_all_else_that_changes_something_answers_8(server_and_one: tuple[World, World], words: list[str]) -> None:
    _, one = server_and_one
    before = one.refs()
    actor = CAROL if words[0] == "propose" else ARTHUR
    answer = offline(one, *words, actor=actor)
    assert (answer.code, answer.out, answer.error["code"]) == (8, b"", "remote"), answer.err
    assert one.refs() == before


def test_what_is_unsent_can_be_withdrawn_and_what_is_sent_cannot(server_and_one: tuple[World, World]) -> None:
    _, one = server_and_one
    number = offline(one, *proposal(one, "a")).ok().json["change_id"]
    sent = offline(one, "withdraw", str(FIRST))
    assert sent.code in (3, 8)
    assert "unsent" in sent.error["message"]
    (row,) = offline(one, "withdraw", str(number)).ok().json
    assert (row["change_id"], row["status"], row["provisional"]) == (number, "rejected", True)
    assert outbox_refs(one) == []


def test_reading_goes_on(server_and_one: tuple[World, World]) -> None:
    _, one = server_and_one
    offline(one, "get", "clip", "ViT-L/14").ok()
    one.run("show", str(FIRST)).ok()
    one.run("status").ok()
    one.run("verify").ok()


def test_push_sends_what_waits_and_a_fault_of_the_remote_leaves_it_waiting(
    server_and_one: tuple[World, World],
) -> None:
    server, one = server_and_one
    offline(one, *proposal(one, "a")).ok()
    answer = one.run("push", actor=CAROL)
    assert (answer.code, answer.out) == (8, b"")
    assert len(outbox_refs(one)) == 1
    plug_in(server, one)
    server.create("clip", "z", clip("z"))
    assert one.run("push", actor=CAROL).ok().json["changes"] == [{"provisional": FIRST + 1, "change_id": FIRST + 2}]
    assert outbox_refs(one) == []
    assert server.run("show", str(FIRST + 2)).ok().json["model_name"] == "a"


def test_where_no_remote_counts_the_option_makes_no_difference(tmp_path: Path) -> None:
    alone = World.make(tmp_path / "alone")
    answer = offline(alone, "propose", "delete", "clip", "ViT-L/14").ok()
    assert answer.json["change_id"] == FIRST
    assert "provisional" not in answer.json
    assert offline(alone, "approve", str(FIRST), "--title", "T", actor=ARTHUR).code == 0
