"""Attacks on the queue log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelref_git.proposals import events
from modelref_git.proposals.queue import Batch
from modelref_git.store import layout
from modelref_git.store.state import StoredQueue
from tests.attacks.forging import Forger, bent_change, bent_header
from tests.attacks.judge import caught, findings
from tests.attacks.story import PENDING, world_change
from tests.support.calls import call
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip


def pending(forger: Forger, name: str = PENDING[0]) -> int:
    """The number of a change that waits."""
    return world_change(World(forger.path), name)


def open_batch(forger: Forger) -> Batch:
    """The open batch."""
    queue = forger.queue
    found = queue.batch(queue.header.open_batch or 0)
    assert found is not None
    return found


def test_the_untouched_repository_has_no_findings(forger: Forger) -> None:
    forger.trusted = None
    assert findings(forger) == []
    assert findings(forger, "--from", "20") == []
    assert findings(forger, "--from", forger.git("rev-parse", "queue~9")) == []
    answer = call("-C", str(forger.path), "--json", "audit", "replay").ok()
    assert answer.json == {"equal": True, "differences": []}


def test_what_the_forger_writes_is_honest_unless_it_lies(forger: Forger) -> None:
    record = forger.proposal("create", "clip", "fine", clip("fine"))
    forger.enqueue(record)
    forger.approve([pending(forger, "fine")])
    forger.event(events.HOLD, ARTHUR, change_ids=(pending(forger),), reason="why")
    assert findings(forger) == []


def test_a_skipped_event_id(forger: Forger) -> None:
    last = forger.queue.header.last_event_id
    bad = forger.event(
        *(events.HOLD, ARTHUR),
        change_ids=(pending(forger),),
        first_id=last + 2,
        before=bent_header(last_event_id=last + 1),
    )
    forger.event(events.UNHOLD, ARTHUR, change_ids=(pending(forger),))
    caught(forger, "queue.numbers", bad)


def test_a_repeated_event_id(forger: Forger) -> None:
    last = forger.queue.header.last_event_id
    bad = forger.event(
        *(events.HOLD, ARTHUR), change_ids=(pending(forger),), first_id=last, before=bent_header(last_event_id=last - 1)
    )
    caught(forger, "queue.numbers", bad)


@pytest.mark.parametrize("by", [-1, 1], ids=["repeated", "skipped"])
def test_a_change_id_that_does_not_follow(forger: Forger, by: int) -> None:
    last = forger.queue.header.last_change_id
    proposal = forger.proposal("create", "clip", "fine", clip("fine"))
    number = last + 1 + by
    bad = forger.enqueue(proposal, change_ids=(number,), before=bent_header(last_change_id=number - 1))
    found = caught(forger, "queue.numbers", bad, also=("branch.moved",))
    assert found[0]["event_id"] == forger.queue.header.last_event_id


def test_a_batch_id_that_is_skipped(forger: Forger) -> None:
    opened = open_batch(forger)
    forger.event(events.APPLY, ARTHUR, change_ids=opened.changes, batch_id=opened.batch_id, main=opened.head)
    member = forger.change(pending(forger))
    last = forger.queue.header.last_batch_id
    bad = forger.event(
        events.APPROVE,
        ARTHUR,
        change_ids=(member.change_id,),
        approvals=(events.Approval(member.change_id, member.base_blob, member.blob),),
        batch_id=last + 2,
        title="forged",
        merges=(forger.merge(forger.main, [member], last + 2),),
        before=bent_header(last_batch_id=last + 1),
    )
    caught(forger, "queue.numbers", bad)


def test_a_state_file_that_is_edited_without_an_event(forger: Forger) -> None:
    number = pending(forger)
    bad = forger.event(
        *(events.HOLD, ARTHUR),
        change_ids=(pending(forger, PENDING[1]),),
        after=bent_change(number, notes="nobody said this"),
    )
    forger.event(events.UNHOLD, ARTHUR, change_ids=(pending(forger, PENDING[1]),))
    caught(forger, "queue.state", bad)
    replayed = call("-C", str(forger.path), "--json", "audit", "replay", "--queue")
    assert replayed.code == 9
    path = layout.numbered_path("changes/pending", number)
    assert [row["path"] for row in replayed.json["differences"]] == [path]


def test_a_file_beside_those_of_the_state(forger: Forger) -> None:
    good = forger.event(events.HOLD, ARTHUR, change_ids=(pending(forger),), reason="why", push=False)
    tree = forger.tree(f"{good}^{{tree}}", {"notes.json": b"{}\n"})
    bad = forger.event(events.HOLD, ARTHUR, change_ids=(pending(forger),), reason="why", tree=tree)
    caught(forger, "queue.state", bad)


def test_a_commit_of_the_log_that_is_no_event(forger: Forger) -> None:
    bad = forger.commit("queue^{tree}", [forger.head], "tidy up\n")
    forger.point("refs/heads/queue", bad)
    caught(forger, "queue.event", bad)


def test_a_rewritten_log(forger: Forger) -> None:
    call("-C", str(forger.path), "--actor", ARTHUR, "hold", str(pending(forger)), "--reason", "R")
    seen = forger.head
    before = forger.git("rev-parse", "queue~1")
    forger.point("refs/heads/queue", before)
    forger.event(events.HOLD, OWNER, change_ids=(pending(forger, PENDING[1]),), reason="instead")
    caught(forger, "queue.rewritten", seen)
    caught(forger, "queue.rewritten", seen, "--from", "1")
    caught(forger, "queue.rewritten", seen, "--from", seen)
    (forger.path / "modelref" / "cache" / "projected").unlink()
    assert findings(forger) == []  # a clone that has not seen it cannot know
    caught(forger, "queue.rewritten", seen, "--from", seen)


def test_a_log_that_lost_its_last_events(forger: Forger) -> None:
    seen = forger.head
    (forger.path / "modelref" / "cache" / "projected").write_text(f"{seen}\n")
    forger.point("refs/heads/queue", forger.git("rev-parse", "queue~1"))
    caught(forger, "queue.rewritten", seen, "--from", "1", also=("branch.moved",))


def test_an_event_grafted_from_another_dataset(forger: Forger) -> None:
    bad = forger.event(events.HOLD, ARTHUR, change_ids=(pending(forger),), genesis="ab" * 20)
    caught(forger, "queue.genesis", bad)


def test_an_honest_event_of_another_dataset(forger: Forger, tmp_path: Path) -> None:
    other = Forger(World.make(tmp_path / "other.git", bare=True).path)
    number = pending(forger)
    bad = forger.event(events.HOLD, ARTHUR, change_ids=(number,), reason="R", genesis=other.git("rev-parse", "queue"))
    assert caught(forger, "queue.genesis", bad)[0]["event_id"] == forger.queue.header.last_event_id


def test_time_that_goes_back(forger: Forger) -> None:
    bad = forger.event(events.HOLD, ARTHUR, change_ids=(pending(forger),), time=forger.now - 1)
    caught(forger, "queue.time", bad)


def test_an_event_with_a_third_parent(forger: Forger) -> None:
    commits = [forger.change(pending(forger, name)).commit for name in PENDING[:2]]
    number = pending(forger)
    bad = forger.event(events.HOLD, ARTHUR, change_ids=(number,), push=False)
    text = forger.git("log", "-1", "--format=%B", bad) + "\n"
    bad = forger.commit(f"{bad}^{{tree}}", [forger.head, *commits], text, author="arthur <>")
    forger.point("refs/heads/queue", bad)
    caught(forger, "queue.parents", bad)


def test_an_event_that_does_not_keep_what_it_speaks_of(forger: Forger) -> None:
    proposal = forger.proposal("create", "clip", "fine", clip("fine"))
    caught(forger, "queue.parents", forger.enqueue(proposal, keeps=[]))


@pytest.mark.parametrize("lie", ["one less", "one more", "a file", "the order"])
def test_a_keep_chain_without_exactly_what_it_must_keep(forger: Forger, lie: str) -> None:
    commits = [forger.proposal("create", "clip", f"k {n}", clip(f"k {n}")) for n in range(3)]
    kept = {"one less": commits[:2], "one more": [*commits, forger.main], "the order": commits[::-1]}.get(lie, commits)
    if lie == "a file":
        tree = forger.tree("main^{tree}", {})
        keep = forger.commit(tree, commits, "keep\n")
        kept = [keep]
    caught(forger, "queue.parents", forger.enqueue(*commits, keeps=kept))


def test_an_event_that_slips_a_main_along(forger: Forger) -> None:
    dataset = forger.dataset()
    tree = forger.tree("main", {dataset.path("clip", "ViT-L/14"): None})
    gone = forger.commit(tree, [forger.main], "tidy\n")
    bad = forger.event(events.HOLD, ARTHUR, change_ids=(pending(forger),), main=gone)
    caught(forger, "queue.says", bad)


def test_trailers_that_say_a_thing_twice(forger: Forger) -> None:
    number = pending(forger)

    def doubled(text: str) -> str:
        return text.replace(f"Change-Id: {number}\n", f"Actor: {CAROL}\nChange-Id: {number}\n")

    bad = forger.event(events.HOLD, ARTHUR, change_ids=(number,), message=doubled)
    caught(forger, "queue.trailers", bad)


def test_trailers_forged_through_a_title_are_text(forger: Forger) -> None:
    world = World(forger.path)
    world.clock.now = forger.now
    world.approve(pending(forger), title="T\n\nEvent: purge\nActor: olivia#1")
    assert findings(forger) == []


def test_a_reason_whose_line_breaks_were_not_quoted(forger: Forger) -> None:
    number = pending(forger)

    def broken(text: str) -> str:
        return text.replace("Reason: good\n", f"Reason: good\nChange-Id: {pending(forger, PENDING[1])}\n")

    bad = forger.event(events.REJECT, ARTHUR, change_ids=(number,), reason="good", message=broken)
    # Read as it stands, it is about two changes, and has one number.
    caught(forger, "queue.event", bad)


def test_a_subject_that_tells_another_story(forger: Forger) -> None:
    def told(text: str) -> str:
        return text.replace("reject: ", "approve: ", 1)

    bad = forger.event(events.REJECT, ARTHUR, change_ids=(pending(forger),), reason="R", message=told)
    caught(forger, "queue.trailers", bad)


def test_an_actor_under_the_name_of_another(forger: Forger) -> None:
    bad = forger.event(events.HOLD, "olivia#3", change_ids=(pending(forger),))
    caught(forger, "queue.actor", bad)


def test_an_apply_without_approval(forger: Forger) -> None:
    number = pending(forger)
    batch = open_batch(forger)
    merge = forger.merge(forger.main, [forger.change(number)], batch.batch_id)

    def pretend(queue: StoredQueue) -> None:
        bent_change(number, status="approved", batch_id=batch.batch_id)(queue)
        queue.put_batch(replace(batch, changes=(*batch.changes, number)))

    said = {"batch_id": batch.batch_id, "title": batch.title, "merges": (merge,), "main": merge}
    bad = forger.event(events.APPLY, ARTHUR, change_ids=(number,), before=pretend, **said)
    caught(forger, "queue.possible", bad)


def test_an_approval_of_other_content(forger: Forger) -> None:
    number = pending(forger)
    change = forger.change(number)
    other = forger.blob(b'{"name": "other"}\n')
    bound = (events.Approval(number, change.base_blob, other),)
    pretend, back = bent_change(number, blob=other), bent_change(number, blob=change.blob)
    bad = forger.approve([number], approvals=bound, before=pretend, after=back)
    caught(forger, "queue.possible", bad)


def test_a_held_change_that_is_approved_all_the_same(forger: Forger) -> None:
    number = pending(forger)
    forger.event(events.HOLD, ARTHUR, change_ids=(number,), reason="R")
    change = forger.change(number)
    held = {key: getattr(change, key) for key in ("held_by", "held_username", "held_at", "hold_reason")}
    bad = forger.approve([number], before=bent_change(number, **dict.fromkeys(held)), after=bent_change(number, **held))
    caught(forger, "queue.possible", bad)


def test_a_purge_that_frees_a_number(forger: Forger) -> None:
    last = forger.queue.header.last_change_id
    freed = bent_header(last_change_id=last - 1)
    bad = forger.event(events.PURGE, ARTHUR, change_ids=(pending(forger, PENDING[2]),), after=freed)
    caught(forger, "queue.state", bad)


def test_a_split_that_forgets_a_change(forger: Forger) -> None:
    world = World(forger.path)
    world.clock.now = forger.now
    numbers = [pending(forger, name) for name in PENDING]
    world.approve(*numbers, title="three")
    batch = open_batch(forger)
    said: dict[str, Any] = {"batch_id": batch.batch_id, "title": batch.title}
    part = forger.merge(forger.main, [forger.change(numbers[0])], batch.batch_id, title=batch.title)
    forger.event(events.APPLY, ARTHUR, change_ids=(numbers[0],), merges=(part,), main=part, **said)
    rest = tuple(number for number in batch.changes if number not in numbers[:2])
    number = batch.batch_id + 1
    merge = forger.merge(part, [forger.change(member) for member in rest], number, title=batch.title)
    bad = forger.event(*(events.BATCH_SPLIT, ARTHUR), new_batch_id=number, reassigned=rest, merges=(merge,), **said)
    caught(forger, "queue.split", bad)
