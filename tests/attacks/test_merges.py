"""Attacks on batches: merges that are not what their members give, and applies that are not the batch."""

from __future__ import annotations

from modelref_git.proposals import events
from modelref_git.records import codec
from tests.attacks.forging import Forger
from tests.attacks.judge import caught, findings
from tests.attacks.story import APPROVED, PENDING, world_change
from tests.support.calls import call
from tests.support.world import ARTHUR, CAROL, World, clip


def waiting(forger: Forger, *names: str) -> list[int]:
    """The numbers of changes that wait."""
    return [world_change(World(forger.path), name) for name in names or PENDING[:1]]


def opened(forger: Forger) -> tuple[int, str]:
    """The open batch and its merge."""
    number = forger.queue.header.open_batch
    batch = forger.queue.batch(number or 0)
    assert batch is not None
    return batch.batch_id, batch.head


def test_a_record_that_slips_in_with_a_merge(forger: Forger) -> None:
    numbers = waiting(forger)
    batch_id, onto = opened(forger)
    path = forger.dataset().path("clip", "ViT-L/14")
    data = forger.read(f"main:{path}").replace(b"models.example", b"evil.example").replace(b"https://", b"http://", 1)
    bad = forger.merge(onto, [forger.change(n) for n in numbers], batch_id, more={path: data})
    forger.approve(numbers, merge=bad)
    caught(forger, "merge.tree", bad)
    forger.event(
        events.APPLY,
        ARTHUR,
        change_ids=tuple(sorted([*numbers, *waiting(forger, APPROVED)])),
        batch_id=batch_id,
        main=bad,
    )
    caught(forger, "merge.tree", bad)
    replayed = call("-C", str(forger.path), "--json", "audit", "replay", "--dataset")
    assert replayed.code == 9
    assert [(row["commit"], row["model_name"]) for row in replayed.json["differences"]] == [(bad, "ViT-L/14")]


def test_a_policy_that_slips_in_with_a_merge(forger: Forger) -> None:
    numbers = waiting(forger)
    batch_id, onto = opened(forger)
    settings = forger.read("main:modelref.toml").replace(b'roles = ["requestor"]', b'roles = ["approver"]')
    bad = forger.merge(onto, [forger.change(n) for n in numbers], batch_id, more={"modelref.toml": settings})
    forger.approve(numbers, merge=bad)
    caught(forger, "merge.tree", bad)


def test_a_merge_that_leaves_a_change_out(forger: Forger) -> None:
    numbers = waiting(forger, *PENDING[:2])
    batch_id, onto = opened(forger)
    bad = forger.merge(onto, [forger.change(numbers[0])], batch_id)
    event = forger.approve(numbers, merge=bad)
    caught(forger, "merge.parents", event)


def test_a_merge_that_names_a_proposal_twice(forger: Forger) -> None:
    numbers = waiting(forger)
    batch_id, onto = opened(forger)
    commit = forger.change(numbers[0]).commit
    bad = forger.merge(onto, [forger.change(numbers[0])], batch_id, parents=[onto, commit, commit])
    forger.approve(numbers, merge=bad)
    caught(forger, "merge.parents", bad, also=("merge.words",))


def test_a_merge_with_a_proposal_that_nobody_approved(forger: Forger) -> None:
    numbers = waiting(forger)
    batch_id, onto = opened(forger)
    members = [forger.change(number) for number in waiting(forger, *PENDING[:2])]
    bad = forger.merge(onto, members, batch_id)
    forger.approve(numbers, merge=bad)
    caught(forger, "merge.parents", bad, also=("merge.words",))


def test_a_merge_in_another_order(forger: Forger) -> None:
    numbers = waiting(forger, *PENDING[:2])
    batch_id, onto = opened(forger)
    members = [forger.change(number) for number in numbers]
    parents = [onto, *(change.commit for change in members[::-1])]
    bad = forger.merge(onto, members, batch_id, parents=parents)
    forger.approve(numbers, merge=bad)
    caught(forger, "merge.parents", bad, also=("merge.words",))


def test_a_merge_onto_something_else(forger: Forger) -> None:
    numbers = waiting(forger)
    batch_id, _ = opened(forger)
    bad = forger.merge(forger.main, [forger.change(n) for n in numbers], batch_id)
    forger.approve(numbers, merge=bad)
    caught(forger, "merge.parents", bad)


def test_a_merge_that_names_other_changes(forger: Forger) -> None:
    numbers = waiting(forger)
    batch_id, onto = opened(forger)
    good = forger.merge(onto, [forger.change(n) for n in numbers], batch_id)
    text = forger.git("log", "-1", "--format=%B", good).replace(f"Change-Id: {numbers[0]}", "Change-Id: 1") + "\n"
    bad = forger.commit(good, [onto, forger.change(numbers[0]).commit], text)
    forger.approve(numbers, merge=bad)
    caught(forger, "merge.words", bad)


def test_a_merge_that_names_another_approver(forger: Forger) -> None:
    numbers = waiting(forger)
    batch_id, onto = opened(forger)
    bad = forger.merge(onto, [forger.change(n) for n in numbers], batch_id, approver="olivia#1")
    forger.approve(numbers, merge=bad)
    caught(forger, "merge.words", bad)


def test_a_reject_whose_new_batch_holds_less_than_its_members(forger: Forger) -> None:
    world = World(forger.path)
    world.clock.now = forger.now
    world.approve(*waiting(forger, *PENDING), title="three")
    batch_id, _ = opened(forger)
    numbers = waiting(forger, *PENDING)
    rest = sorted([*numbers[1:], *waiting(forger, APPROVED)])
    bad = forger.merge(forger.main, [forger.change(n) for n in rest], batch_id, more=_without(forger, PENDING[2]))
    forger.event(events.REJECT, ARTHUR, change_ids=(numbers[0],), reason="R", merges=(bad,))
    caught(forger, "merge.tree", bad)


def test_a_reject_that_leaves_the_batch_without_a_merge(forger: Forger) -> None:
    world = World(forger.path)
    world.clock.now = forger.now
    number = waiting(forger)[0]
    world.approve(number, title="more")
    # No state follows from such an event, so the forger leaves the one before in place.
    tree = forger.store.read_commit(forger.head).tree
    bad = forger.event(events.REJECT, ARTHUR, change_ids=(number,), reason="R", tree=tree)
    caught(forger, "queue.possible", bad, also=("merge.parents", "queue.numbers", "queue.state"))


def test_a_withdrawal_that_takes_the_approval_of_others_along(forger: Forger) -> None:
    world = World(forger.path)
    world.clock.now = forger.now
    numbers = waiting(forger, *PENDING[:2])
    world.approve(*numbers, title="more")
    batch_id, _ = opened(forger)
    rest = [forger.change(number) for number in waiting(forger, APPROVED)]
    merge = forger.merge(forger.main, rest, batch_id)
    bad = forger.event(events.WITHDRAW, CAROL, change_ids=(numbers[0],), returned=(numbers[1],), merges=(merge,))
    assert caught(forger, "merge.returned", bad)[0]["change_id"] == numbers[1]


def test_look_alikes_that_a_merge_brings_together(forger: Forger) -> None:
    numbers = [forger.queue.header.last_change_id + n for n in (1, 2)]
    forger.enqueue(*(forger.proposal("create", "clip", name, clip(name)) for name in ("Twin", "twin")))
    batch_id, onto = opened(forger)
    bad = forger.merge(onto, [forger.change(n) for n in numbers], batch_id)
    forger.approve(numbers, merge=bad)
    caught(forger, "merge.tree", bad)


def test_an_apply_of_something_else_than_the_batch(forger: Forger) -> None:
    batch_id, onto = opened(forger)
    numbers = waiting(forger, APPROVED)
    dataset = forger.dataset()
    bad = forger.commit(forger.tree(onto, {dataset.path("clip", "ViT-L/14"): None}), [onto], "batch\n")
    forger.event(events.APPLY, ARTHUR, change_ids=tuple(numbers), batch_id=batch_id, main=bad)
    caught(forger, "apply.batch", bad)


def test_an_apply_that_undoes_what_came_to_main_since(forger: Forger) -> None:
    world = World(forger.path)
    world.clock.now = forger.now
    batch_id, head = opened(forger)
    world.add_category("colours")
    numbers = waiting(forger, APPROVED)
    bad = forger.event(events.APPLY, ARTHUR, change_ids=tuple(numbers), batch_id=batch_id, main=head)
    caught(forger, "apply.batch", bad)


def test_an_apply_of_a_part_with_the_merge_of_the_whole(forger: Forger) -> None:
    world = World(forger.path)
    world.clock.now = forger.now
    number = waiting(forger)[0]
    world.approve(number, title="more")
    batch_id, head = opened(forger)
    bad = forger.event(events.APPLY, ARTHUR, change_ids=(number,), batch_id=batch_id, main=head)
    caught(forger, "apply.batch", bad)


def test_an_apply_that_changes_a_record_on_the_way(forger: Forger) -> None:
    batch_id, _ = opened(forger)
    numbers = waiting(forger, APPROVED)
    change = forger.change(numbers[0])
    path = forger.dataset().path("clip", APPROVED)
    record = {**codec.decode(forger.read(change.blob or "")), "description": "evil"}
    data = codec.encode(record, forger.dataset().schema("clip").order)
    bad = forger.merge(forger.main, [change], batch_id, more={path: data})
    forger.event(events.APPLY, ARTHUR, change_ids=tuple(numbers), batch_id=batch_id, merges=(bad,), main=bad)
    caught(forger, "merge.tree", bad)


def test_a_merge_made_anew_without_need_is_no_fault(forger: Forger) -> None:
    batch_id, _ = opened(forger)
    numbers = waiting(forger, APPROVED)
    merge = forger.merge(forger.main, [forger.change(numbers[0])], batch_id)
    forger.event(events.APPLY, ARTHUR, change_ids=tuple(numbers), batch_id=batch_id, merges=(merge,), main=merge)
    assert findings(forger) == []


def _without(forger: Forger, name: str) -> dict[str, None]:
    return {forger.dataset().path("clip", name): None}
