from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from modelref_git.errors import IntegrityFailure
from modelref_git.operations.exchange import pull, push
from modelref_git.store import layout, remote
from modelref_git.store.remote import FRESH_SECONDS
from tests.support.clones import server_and_clones
from tests.support.world import World, clip


@pytest.fixture
def server_and_one(tmp_path: Path) -> tuple[World, World]:
    server, (one,) = server_and_clones(tmp_path, "one")
    return server, one


def there_of(world: World) -> remote.Remote:
    there = remote.of(world.store)
    assert there is not None
    return there


def test_a_log_that_was_rolled_back_is_refused_and_what_was_seen_stays(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    server.create("clip", "a", clip("a"))
    pull(one.context())
    seen = one.refs()
    server.git("update-ref", "refs/heads/queue", "queue~1")
    for act in (lambda: pull(one.context()), lambda: push(one.context())):
        with pytest.raises(IntegrityFailure, match="rewritten"):
            act()
    assert one.refs()["refs/remotes/origin/queue"] == seen["refs/remotes/origin/queue"]
    assert one.run("changes").ok().json["total"] == 3, "the last good state is still read"
    one.git("fetch", "-q")
    assert one.run("changes").code == 9
    assert [row["rule"] for row in one.run("verify").json["findings"]] == ["queue.rewritten"]


def test_a_log_that_is_gone_is_refused(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    server.git("update-ref", "-d", "refs/heads/queue")
    with pytest.raises(IntegrityFailure, match="is gone"):
        pull(one.context())
    assert one.run("changes").ok()


def test_a_fetch_brings_what_the_log_needs_and_takes_away_branches_that_are_gone(
    server_and_one: tuple[World, World],
) -> None:
    server, one = server_and_one
    number = server.create("clip", "a", clip("a"))
    server.git("branch", "elsewhere", "main")
    assert there_of(one).fetch()
    assert f"refs/remotes/origin/proposals/{number}" in one.refs()
    assert "refs/remotes/origin/elsewhere" not in one.refs()
    assert not there_of(one).fetch(), "nothing is new"
    server.apply(server.approve(number))
    assert there_of(one).fetch()
    assert f"refs/remotes/origin/proposals/{number}" not in one.refs()


def test_the_remote_was_heard_lately_only_for_a_while(server_and_one: tuple[World, World]) -> None:
    _, one = server_and_one
    there = there_of(one)
    there.fetch()
    assert there.heard_lately()
    heard = one.path / ".git/modelref/cache/heard"
    for age in (FRESH_SECONDS + 1, -3600):  # a clock that was set back makes nobody trust the future
        os.utime(heard, (time.time() - age, time.time() - age))
        assert not there.heard_lately()
    heard.unlink()
    assert not there.heard_lately()


def test_to_ask_moves_no_ref_and_brings_the_objects(server_and_one: tuple[World, World]) -> None:
    server, one = server_and_one
    server.create("clip", "a", clip("a"))
    before = one.refs()
    head = there_of(one).ask()
    assert head == server.refs()[layout.QUEUE]
    assert one.refs() == before
    assert one.store.has(head or "")


def test_where_no_remote_is_named_refs_count_here(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w.git", bare=True)
    assert remote.of(world.store) is None
    assert world.store.counted(layout.QUEUE) == layout.QUEUE
