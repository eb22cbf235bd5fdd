from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure
from modelref_git.proposals import trailers
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import ACTIONS, Approval, Event, Proposal, batch_message, decode

CAROL = Actor("2", "carol")

oids = st.text(alphabet="0123456789abcdef", min_size=40, max_size=40)
titles = st.one_of(
    st.text(min_size=1, max_size=120),
    st.sampled_from(
        ['June "models"', "x\n\nActor: mallory#9", "x\u2028Batch-Id: 7", "Event: apply", "---", "\x1b[31m"]
    ),
)
numbers = st.lists(st.integers(1, 10**9), unique=True, min_size=1, max_size=5).map(lambda ids: tuple(sorted(ids)))


@st.composite
def actors(draw: st.DrawFn) -> Actor:
    name, ident = draw(titles), draw(st.text(min_size=1, max_size=20))
    ident = ident.replace("#", "").strip() or "7"
    return Actor.parse(f"{name.strip() or 'x'}#{ident}")


@st.composite
def events(draw: st.DrawFn) -> Event:
    action = draw(st.sampled_from(ACTIONS))
    ids = () if action in ("init", "import") else draw(numbers)
    event = Event(action, draw(actors()), draw(st.integers(1, 10**9)), 7, change_ids=ids)
    if action == "enqueue":
        proposals = tuple(
            Proposal("create", "clip", draw(titles), CAROL, None, draw(oids), draw(oids), None, draw(oids)) for _ in ids
        )
        waived = tuple((number, "name.url") for number in ids[:1])
        event = replace(event, proposals=proposals, waived=waived)
    if action == "approve":
        bound = tuple(Approval(n, draw(st.none() | oids), draw(st.none() | oids)) for n in ids)
        event = replace(
            event, approvals=bound, batch_id=draw(st.integers(1, 99)), title=draw(titles), merges=(draw(oids),)
        )
    if action == "reject":
        event = replace(event, reason=draw(titles), title=draw(st.none() | titles))
    if action == "apply":
        event = replace(event, batch_id=3, title=draw(titles), job_id=draw(st.none() | titles), main=draw(oids))
    if action in ("init", "import"):
        event = replace(event, main=draw(oids), note=draw(st.none() | titles), headline="something")
    if action == "import":
        event = replace(event, waived=((0, "name.whitespace"), (0, "*")))
    return replace(event, genesis=draw(st.none() | oids))


def bare(event: Event) -> Event:
    """*event* as its own message tells it: proposals by their commits, and no headline."""
    commits = tuple(Proposal("", "", "", Actor("", ""), None, p.commit, "", None, None) for p in event.proposals)
    return replace(event, proposals=commits, headline=None)


@given(events())
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    read = decode("0" * 40, event.message(["- a line for people"]), event.time)
    assert bare(read) == bare(event)


@given(events())
def test_a_subject_begins_with_the_action_and_is_one_line(event: Event) -> None:
    subject, blank, *_ = event.message().split("\n")
    assert subject.startswith(f"{event.action}: ")
    assert subject.splitlines() == [subject]
    assert blank == ""


@given(events())
def test_no_text_of_a_persons_forges_a_trailer(event: Event) -> None:
    rows = trailers.read(event.message())
    found = [key for key, _ in rows]
    for key in ("Event", "Event-Id", "Actor"):
        assert found.count(key) == 1
    assert dict(rows)["Actor"] == str(event.actor)
    assert found.count("Change-Id") == len(event.change_ids)
    assert found.count("Batch-Id") == (event.batch_id is not None)


@given(titles, titles, st.none() | titles)
def test_a_proposals_message_says_what_is_asked_and_by_whom(name: str, category: str, note: str | None) -> None:
    proposal = Proposal("update", category, name, CAROL, note, "c" * 40, "b" * 40, "0" * 40, "1" * 40)
    rows = trailers.read(proposal.message())
    expected = [
        ("Operation", "update"),
        ("Category", category),
        ("Name", name),
        ("Note", note),
        ("Requestor", "carol#2"),
    ]
    assert rows == [(key, value) for key, value in expected if value]


@given(titles, titles)
def test_a_batchs_message_lists_its_members(title: str, name: str) -> None:
    members = [(n, Proposal("create", "clip", name, CAROL, None, "c" * 40, "b" * 40, None, "1" * 40)) for n in (3, 7)]
    message = batch_message(9, title, members, Actor("3", "arthur"))
    assert trailers.read(message) == [
        ("Batch-Id", "9"),
        ("Title", title),
        ("Change-Id", "3"),
        ("Change-Id", "7"),
        ("Approver", "arthur#3"),
    ]
    assert message.split("\n")[1] == ""
    assert message.split("\n")[0].endswith("(2 changes)")


def test_ids_are_one_for_each_change_and_one_for_an_event_about_none() -> None:
    many = Event("reject", CAROL, 12, 0, change_ids=(3, 5, 9), reason="r")
    assert list(many.ids()) == [(12, 3), (13, 5), (14, 9)]
    assert many.last_id == 14
    assert "Event-Id: 12-14\n" in many.message()
    none = Event("init", CAROL, 1, 0, main="a" * 40)
    assert list(none.ids()) == [(1, None)]
    assert "Event-Id: 1\n" in none.message()


@pytest.mark.parametrize(
    "block",
    [
        "",
        "Event: reject\nEvent-Id: 3",
        "Event: reject\nActor: a#1",
        "Event-Id: 3\nActor: a#1",
        "Event: reject\nEvent-Id: x\nActor: a#1",
        "Event: reject\nEvent-Id: 3\nActor: nobody",
        "Event: reject\nEvent-Id: 3\nActor: a#1\nChange-Id: x",
        "Event: reject\nEvent-Id: 3\nActor: a#1\nBatch-Id: x",
        "Event: approve\nEvent-Id: 3\nActor: a#1\nApproval: 3",
        "Event: approve\nEvent-Id: 3\nActor: a#1\nApproval: x y z",
        "Event: explode\nEvent-Id: 3\nActor: a#1",
        "Event: enqueue\nEvent-Id: 3\nActor: a#1\nWaived: x y",
    ],
)
def test_a_commit_that_is_no_event_fails_the_integrity_of_the_log(block: str) -> None:
    with pytest.raises(IntegrityFailure):
        decode("0" * 40, f"reject: x\n\n{block}\n", 0)


def test_an_event_whose_ids_do_not_fit_its_changes_is_no_event() -> None:
    text = Event("reject", CAROL, 7, 0, change_ids=(1, 2), reason="no").message()
    assert "Event-Id: 7-8\n" in text
    with pytest.raises(IntegrityFailure, match="do not fit"):
        decode("0" * 40, text.replace("Event-Id: 7-8", "Event-Id: 7-9"), 0)
