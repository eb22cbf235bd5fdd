"""Attacks by flags: somebody is made more than they are by words that nobody vouches for, or that count for nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelref_git.proposals import events
from modelref_git.proposals.actors import Actor
from modelref_git.store.state import StoredQueue
from tests.attacks.forging import Forger, bent_change, passed
from tests.attacks.judge import caught, findings
from tests.support.guests import GWEN, ROBOT, TESS, open_house
from tests.support.world import ARTHUR, CAROL, OWNER, clip

ATTESTED: dict[str, Any] = {"attested_by": Actor.parse(ROBOT), "flags": ("moderator",)}
AS_TRUSTED: dict[str, Any] = {**ATTESTED, "flags": ("trusted",)}


@pytest.fixture
def house(tmp_path: Path) -> Forger:
    """Somebody with a shell on a repository where a change of Carol's waits."""
    world = open_house(tmp_path / "house.git")
    world.create("clip", "waits", clip("waits"))
    found = Forger(world.path)
    found.trusted = found.head
    return found


def waiting(house: Forger) -> int:
    return house.queue.header.last_change_id


def test_a_guest_whom_a_service_vouches_for_is_honest(house: Forger) -> None:
    house.approve([waiting(house)], actor=GWEN, **ATTESTED)
    house.enqueue(house.proposal("create", "clip", "x", clip("x"), requestor=TESS), actor=TESS, **AS_TRUSTED)
    assert findings(house) == []


@pytest.mark.parametrize("service", [None, ARTHUR, OWNER, "eve#666", GWEN])
def test_flags_that_no_service_attests(house: Forger, service: str | None) -> None:
    said = {**ATTESTED, "attested_by": Actor.parse(service) if service is not None else None}
    bad = house.approve([waiting(house)], actor=GWEN, **said)
    found = caught(house, "role.flags", bad, also=("role.approver", "role.service"))
    assert {"role.flags", "role.approver"} <= {row["rule"] for row in found}


def test_flags_that_a_member_gives_themselves(house: Forger) -> None:
    bad = house.event(events.HOLD, CAROL, change_ids=(waiting(house),), reason="R", flags=("moderator",))
    caught(house, "role.flags", bad, also=("role.approver",))


@pytest.mark.parametrize("flags", [("trusted",), ("unheard of",), ("approver",), ()])
def test_flags_that_the_policy_does_not_map_to_the_role(house: Forger, flags: tuple[str, ...]) -> None:
    said = {**ATTESTED, "flags": flags}
    bad = house.event(events.HOLD, GWEN, change_ids=(waiting(house),), reason="R", **said)
    caught(house, "role.approver", bad)


def test_flags_that_were_mapped_later(house: Forger) -> None:
    bad = house.event(events.HOLD, GWEN, change_ids=(waiting(house),), reason="R", **{**ATTESTED, "flags": ("king",)})
    settings = house.read(f"{house.main}:modelref.toml").replace(b"moderator =", b'king = ["approver"]\nmoderator =')
    passed(house, house.tree(house.main, {"modelref.toml": settings}))
    caught(house, "role.approver", bad)


def test_a_guest_who_approves_their_own_proposal(house: Forger) -> None:
    house.enqueue(house.proposal("create", "clip", "x", clip("x"), requestor=GWEN), actor=GWEN, **ATTESTED)
    assert findings(house) == []
    bad = house.approve([waiting(house)], actor=GWEN, **ATTESTED)
    caught(house, "review.two_people", bad, also=("review.complete",))


def test_a_guest_who_claims_to_be_a_sole_approver(house: Forger) -> None:
    house.enqueue(house.proposal("create", "clip", "x", clip("x"), requestor=GWEN), actor=GWEN, **ATTESTED)
    number = waiting(house)
    bad = house.approve([number], actor=GWEN, sole=(number,), **ATTESTED)
    caught(house, "review.sole", bad, also=("review.two_people", "review.complete"))


def test_flags_in_the_state_that_the_event_does_not_say(house: Forger) -> None:
    number = waiting(house)
    plain = house.change(number)

    def flagged(queue: StoredQueue) -> None:
        change = queue.change(number)
        assert change is not None
        given = tuple(replace(one, flags=("moderator",)) for one in change.approvals)
        bent_change(number, approvals=given)(queue)

    bad = house.approve([number], actor=ARTHUR, after=flagged)
    caught(house, "queue.state", bad)
    assert plain.approvals == ()


def test_an_approval_whose_flags_the_state_leaves_out(house: Forger) -> None:
    number = waiting(house)

    def bare(queue: StoredQueue) -> None:
        change = queue.change(number)
        assert change is not None
        bent_change(number, approvals=tuple(replace(one, flags=()) for one in change.approvals))(queue)

    caught(house, "queue.state", house.approve([number], actor=GWEN, after=bare, **ATTESTED), also=("review.complete",))


def test_a_route_that_the_event_does_not_say(house: Forger) -> None:
    number = waiting(house) + 1
    commit = house.proposal("create", "clip", "x", clip("x"))
    bad = house.enqueue(commit, after=bent_change(number, request_metadata={"route": "create_v2_clip"}))
    caught(house, "queue.state", bad)


def test_a_route_in_an_event_that_proposes_nothing(house: Forger) -> None:
    bad = house.event(events.HOLD, ARTHUR, change_ids=(waiting(house),), reason="R", route="hold_pending_change")
    caught(house, "queue.says", bad)


@pytest.mark.parametrize("line", ["Flag: b\nFlag: a", "Flag: a\nFlag: a", "Request-Key: x", 'Route: ""'])
def test_bad_words_of_a_service_are_no_event(house: Forger, line: str) -> None:
    def message(text: str) -> str:
        return text.replace("Actor: ", f"{line}\nActor: ")

    bad = house.event(events.HOLD, ARTHUR, change_ids=(waiting(house),), reason="R", message=message)
    caught(house, "queue.event", bad)


def test_a_request_key_that_stands_twice(house: Forger) -> None:
    line = f"Request-Key: {'a' * 32} {'b' * 16}\n"

    def message(text: str) -> str:
        return text.replace("Actor: ", f"{line}{line}Actor: ")

    bad = house.event(events.HOLD, ARTHUR, change_ids=(waiting(house),), reason="R", message=message)
    caught(house, "queue.trailers", bad)


def test_an_apply_of_what_a_guest_approved_after_the_mapping_went(house: Forger) -> None:
    number = waiting(house)
    house.approve([number], actor=GWEN, **ATTESTED)
    settings = house.read(f"{house.main}:modelref.toml").replace(b'moderator = ["approver"]', b"moderator = []")
    passed(house, house.tree(house.main, {"modelref.toml": settings}))
    assert findings(house) == []
    change = house.change(number)
    assert change.batch_id is not None
    merge = house.merge(house.main, [change], change.batch_id, approver=GWEN)
    said = {"change_ids": (number,), "batch_id": change.batch_id, "merges": (merge,), "main": merge}
    caught(house, "review.approvals", house.event(events.APPLY, OWNER, **said))


def test_an_adoption_by_flags_that_nobody_attests(house: Forger) -> None:
    path = house.dataset().path("clip", "ViT-L/14")
    data = house.read(f"main:{path}").replace(b'"description": "', b'"description": "by hand ')
    stranger = house.commit(house.tree("main", {path: data}), [house.main], "by hand\n")
    house.point("refs/heads/main", stranger)
    bad = house.event(
        events.ADOPT, GWEN, stranger=stranger, main=stranger, reason="R", headline="x", flags=("moderator",)
    )
    rules = {row["rule"] for row in findings(house) if row["commit"] == bad}
    assert {"role.flags", "role.administrator", "role.approver"} <= rules
