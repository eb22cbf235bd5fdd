"""Attacks on main and the other branches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelref_git.proposals import events
from modelref_git.proposals.actors import Actor
from modelref_git.records import codec
from tests.attacks.forging import Forger, passed, record_at
from tests.attacks.judge import caught, findings
from tests.attacks.story import PENDING, world_change
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

EMPTY_STATE = ""
"""The state before the first event."""


def by_hand(forger: Forger, onto: str | None = None, text: str = "evil") -> str:
    """A commit that somebody makes on main by hand."""
    record = {**record_at(forger, "voices", "alto"), "range": text}
    dataset = forger.dataset()
    data = codec.encode(record, dataset.schema("voices").order)
    parent = onto or forger.main
    return forger.commit(forger.tree(parent, {dataset.path("voices", "alto"): data}), [parent], "tidy up\n")


def test_a_hand_made_commit_on_main(forger: Forger) -> None:
    bad = by_hand(forger)
    forger.point("refs/heads/main", bad)
    found = caught(forger, "main.stranger", bad)
    assert found[0]["event_id"] is None


def test_each_of_several_hand_made_commits_is_named(forger: Forger) -> None:
    first = by_hand(forger)
    second = by_hand(forger, first, "again")
    forger.point("refs/heads/main", second)
    assert {row["commit"] for row in caught(forger, "main.stranger", first)} == {first, second}


def test_a_main_that_went_somewhere_else(forger: Forger) -> None:
    bad = by_hand(forger, forger.git("rev-parse", "main~3"))
    forger.point("refs/heads/main", bad)
    caught(forger, "main.stranger", bad)


def test_a_main_that_is_behind_is_no_finding(forger: Forger) -> None:
    forger.point("refs/heads/main", forger.git("rev-parse", "main~3"))
    assert findings(forger) == []


def test_a_branch_that_is_missing_is_no_finding(forger: Forger) -> None:
    number = world_change(World(forger.path), PENDING[0])
    forger.git("update-ref", "-d", f"refs/heads/proposals/{number}")
    assert findings(forger) == []


def test_a_moved_proposal_branch(forger: Forger) -> None:
    number = world_change(World(forger.path), PENDING[0])
    bad = forger.proposal("create", "clip", PENDING[0], clip(PENDING[0], description="evil"))
    forger.point(f"refs/heads/proposals/{number}", bad)
    assert caught(forger, "branch.moved", bad)[0]["change_id"] == number


def test_a_proposal_branch_at_the_proposal_of_another(forger: Forger) -> None:
    numbers = [world_change(World(forger.path), name) for name in PENDING[:2]]
    other = forger.change(numbers[1]).commit
    forger.point(f"refs/heads/proposals/{numbers[0]}", other)
    caught(forger, "branch.moved", other)


def test_a_proposal_branch_of_no_change(forger: Forger) -> None:
    bad = forger.proposal("create", "clip", "fine", clip("fine"))
    forger.point("refs/heads/proposals/9000", bad)
    caught(forger, "branch.moved", bad)


@pytest.mark.parametrize("name", ["proposals/x", "proposals/1/2", "batches/latest"])
def test_a_branch_whose_name_the_log_never_gives(forger: Forger, name: str) -> None:
    bad = by_hand(forger)
    forger.point(f"refs/heads/{name}", bad)
    caught(forger, "branch.moved", bad)


def test_a_moved_batch_branch(forger: Forger) -> None:
    number = forger.queue.header.open_batch
    bad = by_hand(forger)
    forger.point(f"refs/heads/batches/{number}", bad)
    caught(forger, "branch.moved", bad)


def test_an_import_into_a_category_that_has_records(forger: Forger) -> None:
    dataset = forger.dataset()
    tree = forger.tree("main", {dataset.path("voices", "soprano"): b'{\n  "name": "soprano"\n}\n'})
    caught(forger, "main.import", forger.administrative(events.IMPORT, tree))


def test_an_import_that_changes_the_policy(forger: Forger) -> None:
    settings = forger.read("main:modelref.toml").replace(b'roles = ["requestor"]', b'roles = ["approver"]')
    tree = forger.tree("main", {"modelref.toml": settings})
    caught(forger, "main.import", forger.administrative(events.IMPORT, tree))


def test_an_import_of_a_record_that_is_no_good(forger: Forger) -> None:
    world = World(forger.path)
    world.clock.now = forger.now
    world.add_category("colours")
    dataset = forger.dataset()
    tree = forger.tree("main", {dataset.path("colours", "red"): b'{"name": "red"}'})
    caught(forger, "main.import", forger.administrative(events.IMPORT, tree))


def test_an_import_of_look_alikes(forger: Forger) -> None:
    world = World(forger.path)
    world.clock.now = forger.now
    world.add_category("colours")
    dataset = forger.dataset()
    files = {dataset.path("colours", name): f'{{\n  "name": "{name}"\n}}\n'.encode() for name in ("Red", "red")}
    caught(forger, "main.import", forger.administrative(events.IMPORT, forger.tree(forger.main, files)))


def test_a_beginning_with_a_record_that_is_no_good(tmp_path: Path) -> None:
    forger = Forger(World.make(tmp_path / "dataset.git", bare=True).path)
    tree = forger.tree("main", {forger.dataset().path("clip", "ViT-L/14"): b"{}\n"})
    main = forger.commit(tree, [], "init: forged\n\nActor: olivia#1\n")
    event = events.Event(events.INIT, Actor.parse(OWNER), 1, forger.now, main=main)
    root = forger.commit(forger.state(event, tree=EMPTY_STATE), [], event.message())
    forger.point("refs/heads/queue", root)
    (forger.path / "modelref" / "cache" / "projected").unlink()
    caught(forger, "main.init", main, also=("main.stranger", "branch.moved"))


def test_a_new_schema_without_the_layout_that_it_calls_for(forger: Forger) -> None:
    path = "schemas/voices.schema.json"
    schema = json.loads(forger.read(f"main:{path}"))
    schema["properties"] = {"by": {}, "name": {}}  # alto has both, the name first
    bad = passed(forger, forger.tree("main", {path: json.dumps(schema, indent=2).encode() + b"\n"}))
    record = {**record_at(forger, "voices", "alto")}
    assert list(record)[:3] == ["name", "range", "by"]
    caught(forger, "main.form", bad)
    number = world_change(World(forger.path), PENDING[0])
    forger.event(events.HOLD, ARTHUR, change_ids=(number,), reason="R")
    caught(forger, "main.form", bad)


def test_a_layout_that_changes_a_value(forger: Forger) -> None:
    dataset = forger.dataset()
    record = {**record_at(forger, "voices", "bass"), "range": "evil"}
    data = codec.encode(record, dataset.schema("voices").order)
    tree = forger.tree("main", {dataset.path("voices", "bass"): data})
    caught(forger, "main.layout", forger.administrative(events.LAYOUT, tree))


def test_a_layout_that_loses_a_record(forger: Forger) -> None:
    tree = forger.tree("main", {forger.dataset().path("voices", "bass"): None})
    caught(forger, "main.layout", forger.administrative(events.LAYOUT, tree))


def test_a_layout_that_puts_a_record_where_nobody_looks(forger: Forger) -> None:
    path = forger.dataset().path("voices", "bass")
    blob = forger.git("rev-parse", f"main:{path}")
    tree = forger.tree("main", {path: None, "dataset/voices/bass.json": blob})
    caught(forger, "main.layout", forger.administrative(events.LAYOUT, tree))


def test_a_layout_that_does_not_stand_on_main(forger: Forger) -> None:
    main = forger.administrative(events.LAYOUT, "main^{tree}", parents=[forger.git("rev-parse", "main~2")])
    caught(forger, "main.parents", main)


def test_a_disown_that_keeps_something(forger: Forger) -> None:
    stranger = by_hand(forger)
    parents = [forger.main, stranger]
    main = forger.administrative(events.DISOWN, stranger, parents=parents, stranger=stranger, reason="R")
    caught(forger, "main.disown", main)


def test_a_disown_by_a_merge_of_something_else(forger: Forger) -> None:
    stranger = by_hand(forger)
    other = by_hand(forger, text="another")
    main = forger.administrative(
        events.DISOWN, "main^{tree}", parents=[forger.main, other], stranger=stranger, reason="R"
    )
    caught(forger, "main.parents", main)


def test_an_adoption_of_what_is_not_valid(forger: Forger) -> None:
    tree = forger.tree("main", {forger.dataset().path("voices", "alto"): b'{"name":"alto"}'})
    stranger = forger.commit(tree, [forger.main], "by hand\n")
    forger.event(events.ADOPT, OWNER, stranger=stranger, main=stranger, reason="R")
    caught(forger, "main.adopt", stranger)


def test_an_adoption_of_ones_own_commit(forger: Forger) -> None:
    dataset = forger.dataset()
    data = codec.encode({**record_at(forger, "voices", "alto"), "r": 1}, dataset.schema("voices").order)
    tree = forger.tree("main", {dataset.path("voices", "alto"): data})
    stranger = forger.commit(tree, [forger.main], "by hand\n", author="olivia <olivia@people.example>")
    bad = forger.event(events.ADOPT, OWNER, stranger=stranger, main=stranger, reason="R")
    caught(forger, "review.two_people", bad, also=("main.adopt",))


def test_an_adoption_that_steps_beside_main(forger: Forger) -> None:
    aside = by_hand(forger, forger.git("rev-parse", "main~3"))
    stranger = forger.commit(aside, [aside, forger.main], "merge\n")
    bad = stranger
    forger.event(events.ADOPT, OWNER, stranger=stranger, main=stranger, reason="R")
    caught(forger, "main.adopt", bad)


def test_an_adoption_by_somebody_who_only_proposes(forger: Forger) -> None:
    stranger = forger.commit(by_hand(forger), [forger.main], "by hand\n", author="x <x@people.example>")
    bad = forger.event(events.ADOPT, CAROL, stranger=stranger, main=stranger, reason="R")
    caught(forger, "role.administrator", bad, also=("role.approver", "main.adopt"))


def test_a_second_init(forger: Forger) -> None:
    main = forger.commit("main^{tree}", [], f"init: anew\n\nActor: {ARTHUR}\n")
    bad = forger.event(events.INIT, ARTHUR, main=main)
    caught(forger, "queue.first", bad, also=("main.parents", "main.stranger"))
