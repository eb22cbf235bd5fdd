from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import IntegrityFailure
from modelref_git.proposals import trailers
from modelref_git.proposals.actors import Actor
from modelref_git.proposals.events import ACTIONS, ADMINISTRATIVE, Approval, Event, Proposal, batch_message, decode
from modelref_git.proposals.request_key import RequestKey

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


def some(of: st.SearchStrategy[tuple[int, ...]] = numbers) -> st.SearchStrategy[tuple[int, ...]]:
    return st.just(()) | of


@st.composite
def proposals(draw: st.DrawFn) -> Proposal:
    return Proposal("create", "clip", draw(titles), CAROL, None, draw(oids), draw(oids), None, draw(oids))


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Any event: each has what its action calls for, and may have whatever else an event can say."""
    action = draw(st.sampled_from(ACTIONS))
    ids = () if action in (*ADMINISTRATIVE, "batch_split") else draw(numbers)
    waived = tuple((number, "name.url") for number in ids[:1])
    event = Event(
        action,
        draw(actors()),
        draw(st.integers(1, 10**9)),
        7,
        genesis=draw(st.none() | oids),
        change_ids=ids,
        acknowledged=draw(st.booleans()),
        sole=draw(some()),
        batch_id=draw(st.none() | st.integers(1, 99)),
        new_batch_id=draw(st.none() | st.integers(1, 99)),
        reassigned=draw(some()),
        returned=draw(some()),
        superseded_by=draw(st.none() | st.integers(1, 99)),
        title=draw(st.none() | titles),
        reason=draw(st.none() | titles),
        job_id=draw(st.none() | titles),
        intake=draw(st.none() | oids),
        source=draw(st.none() | titles),
        merges=tuple(draw(st.lists(oids, max_size=3))),
        main=draw(st.none() | oids),
        stranger=draw(st.none() | oids),
        attested_by=draw(st.none() | actors()),
        note=draw(st.none() | titles),
        flags=tuple(sorted(draw(st.sets(titles.filter(str.strip), max_size=3)))),
        route=draw(st.none() | titles.filter(str.strip)),
        request=draw(st.none() | st.builds(RequestKey.of, st.text(), st.text(), st.binary())),
    )
    if action in ("enqueue", "rebase"):
        event = replace(event, proposals=tuple(draw(proposals()) for _ in ids), waived=waived)
    if action == "approve":
        bound = tuple(Approval(n, draw(st.none() | oids), draw(st.none() | oids)) for n in ids)
        event = replace(event, approvals=bound)
    if action in ("init", "import", "layout"):
        event = replace(event, headline="something")
    if action == "import":
        event = replace(event, waived=((0, "name.whitespace"), (0, "*")))
    return event


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
    assert found.count("Sole-Approver") == len(event.sole)
    assert found.count("Attested-By") == (event.attested_by is not None)
    assert [value for key, value in rows if key == "Flag"] == list(event.flags)
    assert found.count("Route") == (event.route is not None)
    assert found.count("Request-Key") == (event.request is not None)
    assert found.count("Ack-Critical") == event.acknowledged


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


@pytest.mark.parametrize(
    ("event", "subject"),
    [
        (
            Event("approve", CAROL, 1, 0, change_ids=(3, 4), batch_id=7, title="June"),
            'approve: 2 changes as batch 7 "June"',
        ),
        (Event("approve", CAROL, 1, 0, change_ids=(3,)), "approve: change 3, more approvals needed"),
        (
            Event("batch_split", CAROL, 1, 0, batch_id=7, title="June", new_batch_id=8, reassigned=(4, 5)),
            'batch_split: the rest of batch 7 "June" is batch 8 (2 left)',
        ),
        (
            Event("batch_split", CAROL, 1, 0, batch_id=7, title="June", returned=(4, 5)),
            'batch_split: of batch 7 "June" nothing is left to apply',
        ),
        (Event("supersede", CAROL, 1, 0, change_ids=(3,), superseded_by=9), "supersede: change 3 by change 9"),
        (Event("withdraw", CAROL, 1, 0, change_ids=(3,), reason="a typo"), 'withdraw: change 3: "a typo"'),
        (Event("withdraw", CAROL, 1, 0, change_ids=(3,)), "withdraw: change 3"),
        (Event("hold", CAROL, 1, 0, change_ids=(3, 4), reason="wait"), 'hold: 2 changes: "wait"'),
        (Event("purge", CAROL, 1, 0, change_ids=(3, 4)), "purge: 2 changes"),
        (Event("adopt", CAROL, 1, 0, stranger="7" * 40, reason="a fix"), f'adopt: {"7" * 40}: "a fix"'),
    ],
)
def test_a_subject_says_in_words_what_happened(event: Event, subject: str) -> None:
    assert event.message().partition("\n")[0] == subject


def test_a_proposal_of_an_import_says_so() -> None:
    proposal = Proposal("create", "clip", "a", CAROL, None, "c" * 40, "b" * 40, None, "1" * 40, origin="import")
    assert ("Origin", "import") in trailers.read(proposal.message())


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


PLAIN = Event(
    "enqueue", CAROL, 1, 7, change_ids=(1,), proposals=(Proposal("", "", "", CAROL, None, "c" * 40, "", None, None),)
)


def test_an_event_without_the_words_of_a_service_is_written_as_before() -> None:
    found = {key for key, _ in trailers.read(PLAIN.message())}
    assert found == {"Event", "Event-Id", "Change-Id", "Proposal", "Actor"}


@pytest.mark.parametrize(
    "line",
    [
        "Flag: b\nFlag: a",
        "Flag: a\nFlag: a",
        'Flag: ""',
        'Flag: " "',
        'Route: ""',
        f"Request-Key: {'a' * 32}",
        f"Request-Key: {'a' * 32} {'b' * 15}",
        f"Request-Key: {'a' * 32} {'b' * 16} c",
        f"Request-Key: {'A' * 32} {'b' * 16}",
        f"Request-Key: {'a' * 31}g {'b' * 16}",
    ],
)
def test_bad_words_of_a_service_are_no_event(line: str) -> None:
    text = PLAIN.message().replace("Actor: ", f"{line}\nActor: ")
    with pytest.raises(IntegrityFailure):
        decode("0" * 40, text, 7)
