from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.errors import Forbidden, NotFound
from modelref_git.operations.unsent import count_unsent, list_unsent, show_unsent, withdraw_unsent
from tests.support.clones import FIRST, keep_offline, offline, outbox_refs, server_and_clones
from tests.support.world import ARTHUR, CAROL, World, clip


@pytest.fixture
def server_and_one(tmp_path: Path) -> tuple[World, World]:
    server, (one,) = server_and_clones(tmp_path, "one")
    return server, one


def test_what_waits_is_listed_shown_and_taken_back_by_its_provisional_id(server_and_one: tuple[World, World]) -> None:
    _, one = server_and_one
    number = keep_offline(one, "a")
    page = list_unsent(offline(one))
    assert [(row["change_id"], row["model_name"], row["provisional"]) for row in page["items"]] == [(number, "a", True)]
    assert show_unsent(offline(one), number)["payload"]["name"] == "a"
    with pytest.raises(NotFound, match="provisional id 77"):
        withdraw_unsent(offline(one), [number, 77])
    assert len(outbox_refs(one)) == 1, "all or nothing"
    assert [row["status"] for row in withdraw_unsent(offline(one), [number])] == ["rejected"]
    assert outbox_refs(one) == []


def test_offline_all_else_is_refused_and_changes_nothing(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    number = one.create("clip", "a", clip("a"))
    here, there = one.refs(), server.refs()
    for words in (
        ("approve", str(number), "--title", "T"),
        ("reject", str(number), "--reason", "R"),
        ("apply", str(number)),
        ("hold", str(number), "--reason", "R"),
        ("propose", "rebase", str(number)),
        ("push",),
        ("pull",),
    ):
        assert one.run("--offline", *words).code == 8, words
    payload = ("--set", "/description=x", "--supersedes", str(number))
    assert one.run("--offline", "propose", "create", "clip", "--name", "b", *payload, actor=CAROL).code == 8
    assert (one.refs(), server.refs()) == (here, there)


def test_what_somebody_else_left_unsent_is_not_taken_back(server_and_one: tuple[World, World]) -> None:
    _, one = server_and_one
    number = keep_offline(one, "a")
    with pytest.raises(Forbidden, match="carol#2's"):
        withdraw_unsent(offline(one, ARTHUR), [number])
    assert len(outbox_refs(one)) == 1


def test_a_dry_run_keeps_nothing_and_takes_nothing_back(server_and_one: tuple[World, World]) -> None:
    _, one = server_and_one
    payload = ("propose", "create", "clip", "--name", "a", "--set", "/description=x", "--dry-run")
    answer = one.run("--offline", *payload, actor=CAROL).ok().json
    assert (answer["change_id"], answer["provisional"], answer["dry_run"]) == (FIRST, True, True)
    assert outbox_refs(one) == []
    number = keep_offline(one, "a")
    one.run("--offline", "withdraw", str(number), "--dry-run", actor=CAROL).ok()
    assert outbox_refs(one) == [f"refs/modelref/outbox/{number}"]


def test_status_tells_how_many_wait(server_and_one: tuple[World, World]) -> None:
    _, one = server_and_one
    keep_offline(one, "a")
    assert b"1 proposal not sent yet" in one.say("status").err
    assert count_unsent(one.context()) == 1


def test_without_a_remote_offline_changes_nothing(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w.git", bare=True)
    assert world.run("--offline", "propose", "delete", "clip", "ViT-L/14", actor=CAROL).ok().json["change_id"] == FIRST
    assert world.run("--offline", "changes").ok().json["total"] == FIRST
