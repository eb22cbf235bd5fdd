"""Attacks through proposals: what they touch, what they say, and when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelref_git.proposals import events
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import Proposal
from modelref_git.records import codec
from modelref_git.store.log import read_proposal
from tests.attacks.forging import Forger, record_at
from tests.attacks.judge import caught, findings
from tests.attacks.story import CREATED, PENDING, world_change
from tests.support.world import ARTHUR, CAROL, World, clip


def test_a_proposal_that_touches_two_records(forger: Forger) -> None:
    more = {forger.dataset().path("clip", "ViT-L/14"): None}
    bad = forger.proposal("create", "clip", "fine", clip("fine"), more=more)
    forger.enqueue(bad)
    found = caught(forger, "proposal.scope", bad)
    assert found[0]["change_id"] == forger.queue.header.last_change_id


def test_a_proposal_that_touches_the_policy_beside_its_record(forger: Forger) -> None:
    settings = forger.read("main:modelref.toml").replace(b'roles = ["requestor"]', b'roles = ["approver"]')
    bad = forger.proposal("create", "clip", "fine", clip("fine"), more={"modelref.toml": settings})
    forger.enqueue(bad)
    caught(forger, "proposal.scope", bad)


def test_a_change_of_policy_that_touches_a_record(forger: Forger) -> None:
    settings = forger.read("main:modelref.toml") + b"# hello\n"
    path = forger.dataset().path("clip", "ViT-L/14")
    tree = forger.tree("main", {"modelref.toml": settings, path: None})
    blank = Proposal("update", "policy", "modelref.toml", Actor.parse(CAROL), None, "", forger.main, None, None)
    bad = forger.commit(tree, [forger.main], blank.message())
    forger.enqueue(bad)
    caught(forger, "proposal.scope", bad)


def test_a_proposal_with_two_parents(forger: Forger) -> None:
    good = forger.proposal("create", "clip", "fine", clip("fine"))
    text = forger.git("log", "-1", "--format=%B", good) + "\n"
    bad = forger.commit(good, [forger.main, forger.change(world_change(World(forger.path), PENDING[0])).commit], text)
    blank = replace(read_proposal(forger.store, good), commit=bad)
    tree = forger.state(
        events.Event(
            events.ENQUEUE,
            Actor.parse(CAROL),
            forger.queue.header.last_event_id + 1,
            forger.now,
            genesis="x",
            change_ids=(forger.queue.header.last_change_id + 1,),
            proposals=(replace(blank, commit=good),),
        )
    )
    event = forger.event(
        events.ENQUEUE,
        CAROL,
        change_ids=(forger.queue.header.last_change_id + 1,),
        proposals=(blank,),
        tree=tree,
    )
    assert event in {row["commit"] for row in findings(forger)}


def test_a_proposal_against_a_commit_that_never_was_main(forger: Forger) -> None:
    stranger = forger.commit(forger.tree("main", {"notes.txt": b"x"}), [forger.main], "x\n")
    bad = forger.proposal("create", "clip", "fine", clip("fine"), base=stranger)
    forger.enqueue(bad)
    caught(forger, "proposal.base", bad)


def test_a_proposal_on_top_of_another_proposal(forger: Forger) -> None:
    below = forger.change(world_change(World(forger.path), PENDING[0])).commit
    bad = forger.proposal("create", "clip", "fine", clip("fine"), base=below)
    forger.enqueue(bad)
    caught(forger, "proposal.base", bad)


@pytest.mark.parametrize("operation", ["update", "delete", "replace"])
def test_an_operation_that_the_commit_does_not_do(forger: Forger, operation: str) -> None:
    bad = forger.proposal(operation, "clip", "fine", clip("fine"))
    forger.enqueue(bad)
    caught(forger, "proposal.operation", bad, also=("proposal.stamps",))


def test_a_name_that_no_rule_allows_and_nobody_waived(forger: Forger) -> None:
    bad = forger.proposal("create", "clip", "fine ", clip("fine "))
    forger.enqueue(bad)
    caught(forger, "proposal.quality", bad)


def test_a_name_that_somebody_waived_the_rule_for(forger: Forger) -> None:
    number = forger.queue.header.last_change_id + 1
    proposal = forger.proposal("create", "clip", "fine ", clip("fine "))
    forger.enqueue(proposal, waived=((number, "name.whitespace"),))
    assert findings(forger) == []


def test_a_body_that_bears_another_name_than_its_key(forger: Forger) -> None:
    bad = forger.proposal("create", "clip", "fine", clip("other"))
    forger.enqueue(bad)
    caught(forger, "proposal.quality", bad)


def test_a_record_that_is_not_canonical(forger: Forger) -> None:
    good = forger.proposal("create", "clip", "fine", clip("fine"))
    path = forger.dataset().path("clip", "fine")
    data = forger.read(f"{good}:{path}").replace(b"\n", b"\n ", 1)
    bad = forger.proposal("create", "clip", "fine", data)
    forger.enqueue(bad)
    caught(forger, "proposal.record", bad)


def test_a_record_that_its_schema_refuses(forger: Forger) -> None:
    bad = forger.proposal("create", "clip", "fine", {**clip("fine"), "config": 7})
    forger.enqueue(bad)
    caught(forger, "proposal.record", bad)


@pytest.mark.parametrize("stamp", ["created_by", "updated_by", "created_at", "updated_at"])
def test_a_forged_stamp_of_a_new_record(forger: Forger, stamp: str) -> None:
    now = forger.now
    stamps = {"created_at": now, "updated_at": now, "created_by": CAROL, "updated_by": CAROL}
    stamps[stamp] = "olivia#1" if stamp.endswith("by") else now - 1
    bad = forger.proposal("create", "clip", "fine", {**clip("fine"), "metadata": stamps}, stamp=False)
    forger.enqueue(bad)
    caught(forger, "proposal.stamps", bad)


@pytest.mark.parametrize("stamp", ["created_by", "created_at"])
def test_an_update_that_rewrites_who_created_the_record(forger: Forger, stamp: str) -> None:
    record = record_at(forger, "clip", CREATED)
    record["metadata"][stamp] = "olivia#1" if stamp.endswith("by") else 1
    bad = forger.proposal("update", "clip", CREATED, {**record, "description": "new"})
    forger.enqueue(bad)
    caught(forger, "proposal.stamps", bad)


def test_a_changed_remainder(forger: Forger) -> None:
    record = record_at(forger, "clip", CREATED)
    bad = forger.proposal("update", "clip", CREATED, {**record, "_legacy": {"rank": 7}})
    forger.enqueue(bad)
    caught(forger, "proposal.remainder", bad)


def test_a_remainder_that_comes_with_a_create(forger: Forger) -> None:
    bad = forger.proposal("create", "clip", "fine", {**clip("fine"), "_legacy": {"rank": 7}})
    forger.enqueue(bad)
    caught(forger, "proposal.remainder", bad)


def test_a_rebase_that_calls_itself_an_import(forger: Forger) -> None:
    number = world_change(World(forger.path), PENDING[0])
    change = forger.change(number)
    record = codec.decode(forger.read(change.blob or ""))
    bad = forger.proposal("create", "clip", PENDING[0], {**record, "_legacy": {"rank": 7}}, origin="import")
    blank = read_proposal(forger.store, bad)
    forger.event(events.REBASE, CAROL, change_ids=(number,), proposals=(blank,))
    caught(forger, "proposal.words", bad)


def test_a_proposal_from_the_future(forger: Forger) -> None:
    bad = forger.proposal("create", "clip", "fine", clip("fine"), dated=forger.now + 601)
    forger.enqueue(bad)
    caught(forger, "proposal.date", bad)
    good = Forger(forger.path)
    assert [row["rule"] for row in findings(good)] == ["proposal.date"]


def test_a_clock_that_is_a_little_ahead_is_none(forger: Forger) -> None:
    forger.enqueue(forger.proposal("create", "clip", "fine", clip("fine"), dated=forger.now + 600))
    assert findings(forger) == []


def test_a_proposal_that_names_two_requestors(forger: Forger) -> None:
    good = forger.proposal("create", "clip", "fine", clip("fine"))
    text = (
        forger.git("log", "-1", "--format=%B", good).replace("Requestor: ", "Requestor: olivia#1\nRequestor: ") + "\n"
    )
    bad = forger.commit(good, [forger.main], text)
    forger.enqueue(bad)
    caught(forger, "proposal.words", bad)


def test_an_edit_by_an_approver_that_poses_as_a_rebase(forger: Forger) -> None:
    number = world_change(World(forger.path), PENDING[0])
    record = {**codec.decode(forger.read(forger.change(number).blob or "")), "description": "arthur likes it better"}
    bad = forger.proposal("create", "clip", PENDING[0], record)
    event = forger.event(events.REBASE, ARTHUR, change_ids=(number,), proposals=(read_proposal(forger.store, bad),))
    found = caught(forger, "role.owner", event)
    assert found[0]["change_id"] == number


def test_a_file_that_is_a_link(forger: Forger) -> None:
    good = forger.proposal("create", "clip", "fine", clip("fine"))
    path = forger.dataset().path("clip", "fine")
    index = {"GIT_INDEX_FILE": str(forger.path / "i")}
    forger.git("read-tree", good, env=index)
    blob = forger.git("rev-parse", f"{good}:{path}")
    forger.git("update-index", "--cacheinfo", f"120000,{blob},{path}", env=index)
    text = forger.git("log", "-1", "--format=%B", good) + "\n"
    bad = forger.commit(forger.git("write-tree", env=index), [forger.main], text)
    forger.enqueue(bad)
    caught(forger, "proposal.record", bad)
