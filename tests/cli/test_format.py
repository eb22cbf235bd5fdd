"""A dataset of a format that this version does not know stops every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.world import World


@pytest.fixture
def newer(world: World) -> World:
    """A dataset repository as a later version would leave it."""

    world.rewrite_config(b"format = 1", b"format = 2")
    return world


@pytest.mark.parametrize(
    "words",
    [
        ("categories",),
        ("ls", "clip"),
        ("get", "clip", "ViT-L/14"),
        ("log", "clip", "ViT-L/14"),
        ("diff-revs", "main", "main"),
        ("export", "out"),
        ("import", "dataset"),
        ("propose", "delete", "clip", "ViT-L/14"),
        ("changes",),
        ("show", "1"),
        ("diff", "1"),
        ("approve", "1", "--title", "T"),
        ("reject", "1", "--reason", "R"),
        ("apply", "1"),
        ("audit", "events"),
        ("whoami",),
        ("member", "list"),
        ("member", "add", "x#9", "--email", "x@people.example"),
        ("category", "list"),
        ("gc",),
        ("doctor",),
    ],
)
def test_every_command_answers_9_and_names_the_format(newer: World, words: tuple[str, ...], tmp_path: Path) -> None:
    before = newer.refs()
    words = tuple(str(tmp_path / word) if word in ("out", "dataset") else word for word in words)
    answer = newer.run(*words)
    assert (answer.code, answer.error["code"]) == (9, "integrity")
    assert "format 2" in (answer.out + answer.err).decode()
    assert answer.out == b"" or words == ("doctor",)
    assert newer.refs() == before
