"""Pushes that arrive while nobody is told: sent twice by git itself, or taken when the client has long given up."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.operations.apply import apply_changes
from tests.support.clean import assert_clean
from tests.support.clones import FIRST, gate_before, server_and_clones
from tests.support.transports import cutting, repositories
from tests.support.transports.proxy import Cut, Proxy
from tests.support.transports.smart_http import HttpServer
from tests.support.world import ARTHUR, World, clip

QUEUE = "refs/heads/queue"


def actions(world: World, *, since: int) -> list[str]:
    """What happened after so many events."""
    return [row["action"] for row in world.events()][since:]


@pytest.mark.parametrize("late", [True, False])
def test_a_push_that_git_sends_again_after_a_broken_wire_is_one_change(
    http: HttpServer, tmp_path: Path, late: bool
) -> None:
    server, (one,) = server_and_clones(tmp_path, "one")
    url = http.url(server.path)
    http.door(server.path).late = late
    before, seen = server.refs()[QUEUE], len(server.events())
    wire = Proxy(http.port, lambda number: Cut(when=lambda: repositories.refs(server.path)[QUEUE] != before))
    try:
        one.git("config", "remote.origin.url", url.replace(str(http.port), str(wire.port)))
        one.run("pull").ok()
        wire.expect(Cut(when=lambda: repositories.refs(server.path)[QUEUE] != before))
        assert one.create("clip", "a", clip("a")) == FIRST
    finally:
        wire.close()
    assert wire.cut == 1
    assert actions(server, since=seen) == ["enqueue"]
    assert_clean(server.path)


def test_an_apply_that_arrives_after_it_was_tried_again_is_answered_with_yes(tmp_path: Path) -> None:
    server, (one,) = server_and_clones(tmp_path, "one")
    number = one.create("clip", "a", clip("a"))
    batch = one.approve(number)
    seen = len(server.events())
    # The first push is taken when the second one has begun, and the second one goes on when the first one is taken.
    wait = "n=0; while {}; do sleep 0.02; n=$((n+1)); [ $n -lt 1000 ] || exit 1; done\n"
    repositories.hook(
        server.path,
        "pre-receive",
        f"cat >/dev/null; before=$(cat {QUEUE})\n"
        "if mkdir first 2>/dev/null; then\n"
        f"{wait.format('[ ! -e second ]')}"
        "elif mkdir second 2>/dev/null; then\n"
        f"{wait.format(f'[ $(cat {QUEUE}) = $before ]')}"
        "fi\n",
    )
    gate_before(one).expect(cutting.leaving(server.path / "first"))
    answer = apply_changes(one.context(ARTHUR), (), batch_id=batch)
    assert (server.path / "second").exists()
    assert [row["change_id"] for row in answer["applied"]] == [number]
    assert actions(server, since=seen) == ["apply"]
    assert_clean(server.path)
