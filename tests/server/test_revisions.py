from __future__ import annotations

import re

import pytest

from modelref_git.errors import NotFound
from modelref_git.server import revisions
from modelref_git.server.revisions import PLAIN, commit_at, snapshot_at
from tests.support.world import World, clip


@pytest.mark.parametrize("text", ["main", "v1.0", "abcd", "main~3", "HEAD^2~1", "a/b-c", "refs/heads/main", "v1~", "0"])
def test_plain_revisions_are_taken(text: str) -> None:
    assert re.fullmatch(PLAIN, text)


@pytest.mark.parametrize(
    "text",
    [
        ":/x",
        "main@{1}",
        "a..b",
        "-x",
        "main:foo",
        "^main",
        "main^{tree}",
        "",
        "a b",
        "x/",
        "\u00e9",
        "x.",
        ".x",
        "/x",
        "a//b",
    ],
)
def test_other_words_of_git_are_not(text: str) -> None:
    assert not re.fullmatch(PLAIN, text)


def test_a_revision_is_a_commit_that_went_into_the_live_dataset(world: World) -> None:
    ctx = world.context(None)
    older = world.git("rev-parse", "main").strip()
    number = world.create("clip", "new", clip("new"))
    assert commit_at(ctx, None) is None
    assert commit_at(ctx, older[:8]) == older
    for at in (f"proposals/{number}", "queue", "nope"):
        with pytest.raises(NotFound):
            commit_at(ctx, at)
    world.apply(world.approve(number))
    then, now = snapshot_at(ctx, "main~1"), snapshot_at(ctx, "main")
    assert (then.main, then.head) == (older, "")
    assert then.trees["clip"] != now.trees["clip"]
    assert then.trees["blip"] == now.trees["blip"]


def test_only_so_many_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "_KEPT_AT_MOST", 1)
    for at in ("main", "main~1", "main"):
        assert snapshot_at(world.context(None), at).trees["clip"]
        assert len(revisions._SNAPSHOTS) == 1
