"""A dataset of a format that this version does not know stops every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import Event
from modelref_git.store import layout
from modelref_git.store.log import Step
from modelref_git.store.trees import TreeEditor
from tests.support.world import World


@pytest.fixture
def newer(world: World) -> World:
    """A dataset repository as a later version would leave it."""

    def decide(step: Step) -> None:
        dataset = step.dataset()
        editor = TreeEditor(step.objects, dataset.tree)
        data = dataset.config_bytes.replace(b"format = 1", b"format = 2")
        editor.put(layout.CONFIG, step.objects.add("blob", data))
        actor = Actor("1", "olivia")
        main = step.commit(editor.write(), [step.main], step.author(actor), "import: newer\n\nActor: olivia#1\n")
        step.append(Event("import", actor, 0, 0, main=main, headline="newer"), keeps=[main])

    world.context().write(decide)
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
