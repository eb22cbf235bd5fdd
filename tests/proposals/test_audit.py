from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.proposals import audit
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.audit import AuditFold, payload
from modelref_git.proposals.events import Approval, Event, Proposal
from tests.cli.shapes import AUDIT_BATCH_FIELDS, AUDIT_CHANGE_FIELDS, AUDIT_EVENT_FIELDS

CAROL, ARTHUR, OLIVIA = Actor("2", "carol"), Actor("3", "arthur"), Actor("1", "olivia")


def proposal(name: str, blob: str = "b", base_blob: str | None = None) -> Proposal:
    return Proposal("create", "clip", name, CAROL, None, "c" * 40, "0" * 40, base_blob, blob)


class Log:
    """A log in memory: numbers and times are counted, and everything goes into one fold."""

    def __init__(self, wanted: Any = None) -> None:
        self.fold = AuditFold(wanted)
        self.events: list[Event] = []

    def add(self, action: str, *change_ids: int, actor: Actor = ARTHUR, **fields: Any) -> Event:
        first = self.events[-1].last_id + 1 if self.events else 1
        event = Event(action, actor, first, 100 + first, change_ids=change_ids, **fields)
        self.events.append(event)
        self.fold.add(event)
        return event

    def enqueue(self, *change_ids: int) -> Event:
        return self.add("enqueue", *change_ids, actor=CAROL, proposals=tuple(proposal(f"m{n}") for n in change_ids))

    def approve(self, batch_id: int, *change_ids: int, title: str = "June", actor: Actor = ARTHUR) -> Event:
        bound = tuple(Approval(number, None, "b") for number in change_ids)
        return self.add("approve", *change_ids, actor=actor, batch_id=batch_id, title=title, approvals=bound)

    def change(self, number: int) -> dict[str, Any]:
        return self.fold.changes[number].as_json()

    def batch(self, number: int) -> dict[str, Any]:
        return self.fold.batches[number].as_json()

    def counts(self, number: int) -> tuple[int, int, int, int]:
        row = self.batch(number)
        kinds = ("approved", "rejected", "applied", "total")
        approved, rejected, applied, total = (row[f"{kind}_change_count"] for kind in kinds)
        return approved, rejected, applied, total


@pytest.fixture
def log() -> Log:
    return Log()


# --- payloads --------------------------------------------------------------------------------------------------------


def test_the_payload_of_each_action_has_the_fields_that_clients_know_in_their_order(log: Log) -> None:
    about = proposal("m")
    enqueue = Event("enqueue", CAROL, 1, 0, change_ids=(4,), proposals=(about,))
    assert list(payload(enqueue, 4, about)) == ["action", "change_id", "operation", "category", "model"]
    approve = Event("approve", ARTHUR, 1, 0, change_ids=(4,), batch_id=2, title="June")
    assert payload(approve, 4, None) == {"action": "approve", "change_id": 4, "batch_id": 2, "batch_title": "June"}
    reject = Event("reject", ARTHUR, 1, 0, change_ids=(4,), title="June", reason="no")
    assert list(payload(reject, 4, None)) == ["action", "change_id", "batch_title", "reason"]
    apply = Event("apply", ARTHUR, 1, 0, change_ids=(4,), batch_id=2, title="June", job_id="J", main="f" * 40)
    assert list(payload(apply, 4, None)) == ["action", "change_id", "batch_id", "job_id", "main"]
    split = Event("batch_split", ARTHUR, 1, 0, batch_id=2, new_batch_id=3, reassigned=(5, 6))
    assert payload(split, None, None) == {
        "action": "batch_split",
        "original_batch_id": 2,
        "new_batch_id": 3,
        "reassigned_change_ids": [5, 6],
        "reason": "partial_apply",
    }
    purge = Event("purge", ARTHUR, 1, 0, change_ids=(4,))
    assert payload(purge, 4, about) == {
        "action": "purge",
        "change_id": 4,
        "category": "clip",
        "model": "m",
        "requested_by": "2",
        "purged_by_username": "arthur#3",
    }


def test_the_payloads_of_our_own_actions_say_what_matters() -> None:
    about = proposal("m")
    rebase = Event("rebase", CAROL, 1, 0, change_ids=(4,), proposals=(about,))
    assert payload(rebase, 4, about)["model"] == "m"
    assert payload(Event("supersede", CAROL, 1, 0, change_ids=(4,), superseded_by=5), 4, None) == {
        "action": "supersede",
        "change_id": 4,
        "superseded_by": 5,
    }
    assert payload(Event("hold", ARTHUR, 1, 0, change_ids=(4,), reason="wait"), 4, None)["reason"] == "wait"
    left = Event("withdraw", CAROL, 1, 0, change_ids=(4,), returned=(6,), attested_by=OLIVIA)
    assert payload(left, 4, None) == {
        "action": "withdraw",
        "change_id": 4,
        "returned_change_ids": [6],
        "attested_by": "olivia#1",
    }
    alone = Event("approve", OLIVIA, 1, 0, change_ids=(4,), sole=True, acknowledged=True)
    assert payload(alone, 4, None).items() >= {"ack_critical": True, "sole_approver": True}.items()
    waived = Event("enqueue", CAROL, 1, 0, change_ids=(4, 5), waived=((4, "name.url"),), proposals=(about, about))
    assert payload(waived, 4, about)["waived"] == ["name.url"]
    assert "waived" not in payload(waived, 5, about)


# --- the fold --------------------------------------------------------------------------------------------------------


def test_a_change_is_told_from_enqueue_to_apply(log: Log) -> None:
    log.enqueue(1)
    assert list(log.change(1)) == AUDIT_CHANGE_FIELDS
    assert log.change(1).items() >= {
        "status": "pending", "operation": "create", "category": "clip", "model_name": "m1",
        "requested_by": "2", "requested_at": 101, "approved_by": None, "batch_id": None,
    }.items()  # fmt: skip
    log.approve(1, 1)
    log.add("apply", 1, actor=OLIVIA, batch_id=1, job_id="J", main="f" * 40)
    assert log.change(1).items() >= {
        "status": "applied", "approved_by": "3", "approved_at": 102, "batch_id": 1, "batch_title": "June",
        "applied_by": "1", "applied_at": 103, "applied_job_id": "J",
    }.items()  # fmt: skip
    events = log.change(1)["events"]
    assert [row["action"] for row in events] == ["enqueue", "approve", "apply"]
    assert [row["event_id"] for row in events] == [1, 2, 3]
    assert all(list(row) == AUDIT_EVENT_FIELDS for row in events)


def test_a_batch_keeps_its_first_approver_and_its_last_title(log: Log) -> None:
    log.enqueue(1, 2, 3)
    log.approve(1, 1, title="first")
    log.approve(1, 2, title="last", actor=OLIVIA)
    log.add("reject", 3, batch_id=1, title="last", reason="no")
    assert list(log.batch(1)) == AUDIT_BATCH_FIELDS
    assert log.batch(1) == {
        "batch_id": 1, "batch_title": "last", "approved_by": "3", "approved_at": 104, "applied_at": None,
        "approved_change_count": 2, "rejected_change_count": 1, "applied_change_count": 0, "total_change_count": 3,
        "last_event_id": 6,
    }  # fmt: skip
    assert [story.change_id for story in log.fold.members(log.fold.batches[1])] == [1, 2, 3]


def test_who_rejects_stands_in_for_the_approver_of_a_batch_that_has_none(log: Log) -> None:
    log.enqueue(1)
    log.add("reject", 1, batch_id=1, title="T", reason="no")
    assert (log.batch(1)["approved_by"], log.batch(1)["approved_at"]) == ("3", None)


def test_a_split_carries_title_and_approver_over(log: Log) -> None:
    log.enqueue(1, 2)
    log.approve(10, 1, 2)
    log.add("apply", 1, batch_id=10, main="f" * 40)
    log.add("batch_split", actor=OLIVIA, batch_id=10, new_batch_id=11, reassigned=(2,))
    assert log.counts(10) == (1, 0, 1, 1)
    assert log.counts(11) == (1, 0, 0, 1)
    old, new = log.batch(10), log.batch(11)
    assert [new[key] for key in ("batch_title", "approved_by", "approved_at")] == ["June", "3", old["approved_at"]]
    assert old["last_event_id"] == new["last_event_id"] == 6
    assert (log.change(1)["batch_id"], log.change(2)["batch_id"]) == (10, 11)
    assert [row["action"] for row in log.change(2)["events"]] == ["enqueue", "approve", "batch_split"]
    assert [row["action"] for row in log.change(1)["events"]] == ["enqueue", "approve", "apply"]


def test_a_split_of_which_nothing_is_left_makes_no_batch(log: Log) -> None:
    log.enqueue(1, 2)
    log.approve(10, 1, 2)
    log.add("apply", 1, batch_id=10, main="f" * 40)
    log.add("batch_split", batch_id=10, returned=(2,))
    assert list(log.fold.batches) == [10]
    assert log.counts(10) == (1, 0, 1, 1)
    assert (log.change(2)["status"], log.change(2)["batch_id"], log.change(2)["approved_by"]) == ("pending", None, None)


def test_one_approval_of_several_leaves_the_change_pending(log: Log) -> None:
    log.enqueue(1)
    log.add("approve", 1, approvals=(Approval(1, None, "b"),))
    assert (log.change(1)["status"], log.change(1)["approved_by"]) == ("pending", None)
    assert log.fold.batches == {}
    assert len(log.change(1)["events"]) == 2


@pytest.mark.parametrize(
    ("action", "fields", "reason"),
    [
        ("withdraw", {}, "withdrawn"),
        ("withdraw", {"reason": "mistake"}, "withdrawn: mistake"),
        ("supersede", {"superseded_by": 9}, "superseded by change 9"),
        ("reject", {"reason": "no"}, "no"),
    ],
)
def test_an_approved_change_that_is_closed_leaves_its_batch(
    log: Log, action: str, fields: dict[str, Any], reason: str
) -> None:
    log.enqueue(1, 2, 3)
    log.approve(1, 1, 2, 3)
    log.add(action, 1, actor=CAROL, returned=(3,), **fields)
    assert log.change(1).items() >= {
        "status": "rejected", "rejected_by": "2", "reject_reason": reason, "batch_id": None, "approved_by": None,
    }.items()  # fmt: skip
    assert log.change(3)["status"] == "pending", "it no longer merged"
    assert [row["action"] for row in log.change(3)["events"]] == ["enqueue", "approve", action]
    assert log.counts(1) == (1, 0, 0, 1)
    assert log.batch(1)["last_event_id"] == 7


def test_a_rebase_keeps_the_approval_of_the_same_content_and_voids_that_of_another(log: Log) -> None:
    log.enqueue(1, 2)
    log.approve(1, 1, 2)
    log.add("rebase", 1, actor=CAROL, proposals=(proposal("m1"),))
    assert (log.change(1)["status"], log.counts(1)) == ("approved", (2, 0, 0, 2))
    log.add("rebase", 2, actor=CAROL, proposals=(proposal("m2", blob="other"),))
    assert (log.change(2)["status"], log.change(2)["batch_id"], log.counts(1)) == ("pending", None, (1, 0, 0, 1))
    assert log.change(2)["requested_at"] == 101, "the request is as old as it was"


def test_hold_and_unhold_are_noted_and_change_nothing_else(log: Log) -> None:
    log.enqueue(1)
    log.add("hold", 1, reason="wait")
    log.add("unhold", 1)
    assert log.change(1)["status"] == "pending"
    assert [row["action"] for row in log.change(1)["events"]] == ["enqueue", "hold", "unhold"]


def test_a_purged_change_is_still_told_of_but_waits_no_more(log: Log) -> None:
    log.enqueue(1, 2, 3)
    log.approve(1, 2, 3)
    log.add("apply", 3, batch_id=1, main="f" * 40)
    log.add("batch_split", batch_id=1, new_batch_id=2, reassigned=(2,))
    log.add("purge", 1, 2, 3)
    assert all(log.fold.changes[number].is_purged for number in (1, 2, 3))
    assert log.change(1)["status"] == "pending"
    assert log.counts(1) == (1, 0, 1, 1), "what was applied stays"
    assert log.counts(2) == (0, 0, 0, 0), "what was not has left its batch"
    assert log.change(2)["events"][-1]["payload"]["model"] == "m2"


def test_administrative_events_are_no_affair_of_any_change(log: Log) -> None:
    log.add("init", main="f" * 40)
    log.add("import", main="e" * 40)
    assert (log.fold.changes, log.fold.batches) == ({}, {})


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["enqueue", "approve", "reject", "withdraw", "hold", "rebase", "apply", "purge", "one approval"]
        ),
        st.integers(0, 10**6),
    ),
    max_size=40,
)


def played(steps: list[tuple[str, int]]) -> list[Event]:
    """Events of a queue that is used in any order that makes sense, without the changes' content."""
    log = Log()
    last_batch = 0
    for action, pick in steps:
        stories = log.fold.changes.values()
        alive = [story for story in stories if not story.is_purged]
        pending = [story.change_id for story in alive if story.status == "pending"]
        approved = [story.change_id for story in alive if story.status == "approved"]
        batch = max((story.batch_id or 0 for story in alive if story.status == "approved"), default=0)
        some = [number for place, number in enumerate(pending) if pick >> place & 1]
        match action:
            case "enqueue":
                first = len(log.fold.changes) + 1
                log.enqueue(*range(first, first + 1 + pick % 3))
            case "approve" if some:
                last_batch = max(last_batch, batch or last_batch + 1)
                log.approve(batch or last_batch, *some, title=f"t{pick}")
            case "one approval" if some:
                log.add("approve", *some, approvals=tuple(Approval(number, None, "b") for number in some))
            case "reject" | "withdraw" | "hold" | "purge" if some:
                log.add(action, *some, reason="why")
            case "reject" | "withdraw" | "purge" if approved:
                log.add(action, approved[pick % len(approved)], reason="why")
            case "rebase" if pending or approved:
                number = sorted(pending + approved)[pick % len(pending + approved)]
                log.add("rebase", number, proposals=(proposal(f"m{number}", blob="b" if pick % 2 else f"{pick}"),))
            case "apply" if approved:
                part = [number for place, number in enumerate(approved) if pick >> place & 1] or approved
                log.add("apply", *part, batch_id=batch, main="f" * 40)
                rest = tuple(number for number in approved if number not in part)
                if rest:
                    last_batch += 1
                    log.add("batch_split", batch_id=batch, new_batch_id=last_batch, reassigned=rest)
    return log.events


@given(_STEPS)
def test_a_fold_of_some_changes_tells_of_them_what_the_whole_fold_tells(steps: list[tuple[str, int]]) -> None:
    told = played(steps)
    whole = AuditFold()
    for event in told:
        whole.add(event)
    for number, batch in whole.batches.items():
        # All that were ever in the batch, or in one that it was split off, as the index finds them.
        line = {number}
        for event in reversed(told):
            if event.new_batch_id in line and event.batch_id is not None:
                line.add(event.batch_id)
        wanted = {c for event in told if event.batch_id in line for c in event.change_ids}
        wanted |= {c for event in told if event.new_batch_id in line for c in event.reassigned}
        part = AuditFold(wanted)
        for event in told:
            if event.batch_id in line or event.new_batch_id in line or wanted & {
                *event.change_ids, *event.reassigned, *event.returned
            }:  # fmt: skip
                part.add(event)
        assert set(part.changes) == wanted
        assert [story.as_json() for story in part.changes.values()] == [
            story.as_json() for story in whole.changes.values() if story.change_id in wanted
        ]
        assert part.batches[number].as_json() == batch.as_json()


@given(_STEPS)
def test_each_change_stands_in_the_batch_that_it_names_and_in_no_other(steps: list[tuple[str, int]]) -> None:
    fold = AuditFold()
    for event in played(steps):
        fold.add(event)
    for story in fold.changes.values():
        inside = {number for number, batch in fold.batches.items() if story.change_id in batch.approved}
        is_member = story.status == "applied" or (story.status == "approved" and not story.is_purged)
        assert inside == ({story.batch_id} if is_member else set())
        assert {n for n, batch in fold.batches.items() if story.change_id in batch.applied} == (
            {story.batch_id} if story.status == "applied" else set()
        )
        assert [row["event_id"] for row in story.events] == sorted({row["event_id"] for row in story.events})


def test_the_domain_is_that_of_the_records() -> None:
    assert audit.DOMAIN == "v2"
