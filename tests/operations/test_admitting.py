from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelref_git.errors import Conflict, Forbidden, Invalid, ModelrefError, NotFound
from modelref_git.operations.admitting import admitted
from modelref_git.operations.drafting import Draft, Request, draft
from modelref_git.operations.propose import enqueue
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import Proposal
from modelref_git.records import codec
from modelref_git.store.log import read_proposal
from modelref_git.store.objects import Commit
from modelref_git.store.step import Step
from modelref_git.store.trees import TreeEditor
from modelref_git.store.writing import write
from tests.support.clean import assert_clean
from tests.support.world import CAROL, World, clip

Bend = Callable[[Step, Proposal, Commit], str]
"""Makes another commit of an honest one, held by the step."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "world.git", bare=True)


def made_elsewhere(world: World, request: Request, bend: Bend | None = None, actor: str = CAROL) -> str:
    """The commit of a proposal that nobody has enqueued."""
    made: list[str] = []

    def decide(step: Step) -> None:
        dataset = step.dataset()
        proposal = draft(step, dataset, world.context(actor).person(dataset.config), request).proposal
        commit = step.objects.read_commit(proposal.commit)
        made.append(proposal.commit if bend is None else bend(step, proposal, commit))
        world.store.write(step.objects)

    write(world.store, decide, clock=world.clock)
    return made[-1]


def admit(world: World, commit: str, *, actor: str = CAROL, allow: tuple[str, ...] = (), keep: bool = True) -> Draft:
    """Take the proposal in, and enqueue it."""
    context = world.context(actor)

    def decide(step: Step) -> Draft:
        dataset = step.dataset()
        person = context.person(dataset.config)
        found = admitted(step, dataset, person, read_proposal(step.store, commit), allow)
        if keep:
            enqueue(step, person, [found])
        return found

    return context.write(decide)


def edited(step: Step, commit: Commit, edit: Callable[[TreeEditor], None], **more: object) -> str:
    editor = TreeEditor(step.objects, commit.tree)
    edit(editor)
    return step.objects.add_commit(replace(commit, tree=editor.write(), **more))  # type: ignore[arg-type] # members


NEW = Request("create", "clip", "a", clip("a"))
PATH = "dataset/clip/a.json"


def test_an_honest_commit_goes_into_the_queue_as_it_is(world: World) -> None:
    commit = made_elsewhere(world, NEW)
    world.clock.tick(3600)
    admit(world, commit)
    assert world.refs()["refs/heads/proposals/3"] == commit
    assert_clean(world.path)


def test_it_may_be_made_against_an_older_main(world: World) -> None:
    commit = made_elsewhere(world, Request("delete", "clip", "ViT-L/14"))
    number = world.create("clip", "b", clip("b"))
    world.apply(world.approve(number))
    admit(world, commit)
    world.apply(world.approve(number + 1))
    assert_clean(world.path)


def _rewritten(change: Callable[[dict[str, object]], None]) -> Bend:
    def bend(step: Step, proposal: Proposal, commit: Commit) -> str:
        record = codec.decode(step.objects.read_blob(proposal.blob or ""))
        change(record)
        blob = step.objects.add("blob", codec.dumps(record).encode())
        return edited(step, commit, lambda editor: editor.put(PATH, blob))

    return bend


def _stamp(record: dict[str, object]) -> None:
    record["metadata"] = {**record["metadata"], "created_by": "arthur#3"}  # type: ignore[dict-item] # an object


def _second(step: Step, proposal: Proposal, commit: Commit) -> str:
    return edited(step, commit, lambda editor: editor.put("dataset/clip/b.json", proposal.blob or ""))


def _schema(step: Step, proposal: Proposal, commit: Commit) -> str:
    return edited(step, commit, lambda editor: editor.remove("schemas/clip.schema.json"))


def _spaced(step: Step, proposal: Proposal, commit: Commit) -> str:
    blob = step.objects.add("blob", step.objects.read_blob(proposal.blob or "") + b"\n")
    return edited(step, commit, lambda editor: editor.put(PATH, blob))


def _dated(step: Step, proposal: Proposal, commit: Commit) -> str:
    later = replace(commit.committer, time=commit.committer.time + 3600)
    return step.objects.add_commit(replace(commit, committer=later))


def _for_another(step: Step, proposal: Proposal, commit: Commit) -> str:
    forged = replace(proposal, requestor=Actor("3", "arthur"))
    return step.objects.add_commit(replace(commit, message=forged.message()))


def _as_delete(step: Step, proposal: Proposal, commit: Commit) -> str:
    forged = replace(proposal, operation="delete")
    return step.objects.add_commit(replace(commit, message=forged.message()))


def _on_a_stranger(step: Step, proposal: Proposal, commit: Commit) -> str:
    stranger = step.objects.add_commit(replace(step.store.read_commit(step.main), id="", message="by hand\n"))
    return step.objects.add_commit(replace(commit, parents=(stranger,)))


def _twice(step: Step, proposal: Proposal, commit: Commit) -> str:
    return step.objects.add_commit(replace(commit, message=commit.message + "Operation: create\n"))


@pytest.mark.parametrize(
    ("bend", "rule"),
    [
        (_second, "proposal.scope"),
        (_schema, "proposal.scope"),
        (_spaced, "proposal.record"),
        (_dated, "proposal.date"),
        (_for_another, "proposal.stamps"),
        (_as_delete, "proposal.operation"),
        (_on_a_stranger, "proposal.base"),
        (_twice, "proposal.words"),
        (_rewritten(_stamp), "proposal.stamps"),
        (_rewritten(lambda record: record.update(_legacy={"x": 1})), "proposal.remainder"),
        (_rewritten(lambda record: record.update(config=7)), "type"),
    ],
)
def test_a_commit_that_verify_would_not_believe_is_refused_by_the_same_rule(
    world: World, bend: Bend, rule: str
) -> None:
    commit = made_elsewhere(world, NEW, bend)
    before = world.refs()
    with pytest.raises(Invalid) as caught:
        admit(world, commit)
    assert rule in {row["rule"].rpartition(".")[2] if rule == "type" else row["rule"] for row in caught.value.details}
    assert "change 3" not in str(caught.value), "it has no number yet"
    assert world.refs() == before


@pytest.mark.parametrize(
    ("name", "kind"), [("https://example.test/a", Invalid), ("a ", Invalid)], ids=["address", "space"]
)
def test_rules_of_quality_refuse_unless_they_are_waived(world: World, name: str, kind: type[ModelrefError]) -> None:
    commit = made_elsewhere(world, Request("create", "clip", name, clip(name), allow=("*",)))
    with pytest.raises(kind):
        admit(world, commit)
    admit(world, commit, allow=("*",))
    assert_clean(world.path)


def test_what_the_dataset_of_today_refuses_is_refused(world: World) -> None:
    create, delete = made_elsewhere(world, NEW), made_elsewhere(world, Request("delete", "clip", "ViT-L/14"))
    alike = made_elsewhere(world, Request("create", "clip", "A", clip("A")))
    world.clock.tick()
    world.apply(world.approve(world.create("clip", "a", clip("a"))))
    world.apply(world.approve(world.delete("clip", "ViT-L/14")))
    with pytest.raises(Conflict, match="has a record 'a' already"):
        admit(world, create)
    with pytest.raises(Conflict, match="letter case"):
        admit(world, alike)
    with pytest.raises(NotFound):
        admit(world, delete)


def test_whoever_may_not_propose_brings_nothing(world: World) -> None:
    with pytest.raises(Forbidden):
        admit(world, made_elsewhere(world, NEW), actor="nobody#9")


def test_a_change_of_the_policy_is_never_brought_as_a_commit(world: World) -> None:
    policy = world.run("member", "add", "eve#9", "--email", "eve@people.example").ok().json
    number = policy.get("change_id")
    commit = world.refs()[f"refs/heads/proposals/{number}"]
    with pytest.raises(Invalid, match="proposed by a command"):
        admit(world, commit)
