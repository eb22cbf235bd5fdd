from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelref_git.operations.answers import find_change
from modelref_git.operations.hold import hold
from modelref_git.operations.review import review_changes
from modelref_git.proposals.queue import Change
from tests.support.http import Wire, wire
from tests.support.pages import Pages, sent_by, signed_in, text_of
from tests.support.world import ARTHUR, OWNER, World, clip

FORM = "/ui/queue"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with two live records, two rivals (3 open ids from 5 on), a held change and a lone create."""
    path = tmp_path_factory.mktemp("queue") / "world"
    world = World.make(path)
    world.apply(world.approve(*(world.create("clip", f"m{number}", clip(f"m{number}")) for number in (1, 2))))
    world.update("clip", "m1", {"/description": "one"})
    world.update("clip", "m1", {"/description": "another"})
    held = world.update("clip", "m2", {"/description": "held back"})
    hold(world.context(ARTHUR), [held], reason="not <b>yet</b>")
    world.create("clip", "<script>alert(1)</script>", clip("<script>alert(1)</script>"), note="<i>please</i>")
    return path


@pytest.fixture
def http(template: Path, tmp_path: Path) -> Iterator[Wire]:
    import shutil

    shutil.copytree(template, tmp_path / "world", symlinks=True)
    with wire(World(tmp_path / "world")) as served:
        yield served


def change(http: Wire, number: int) -> Change:
    return find_change(http.world.context().view().queue, number)


def chosen(page: str, choices: dict[int, str], **typed: str) -> list[tuple[str, str]]:
    """The form over the queue as somebody sends it who made *choices* and typed the rest."""
    names = {f"choice-{number}": word for number, word in choices.items()} | {
        name.replace("_", "-"): word for name, word in typed.items()
    }
    rows = [(name, value) for name, value in sent_by(page, FORM) if name not in names]
    return [*rows, *names.items()]


def row_of(page: str, number: int) -> str:
    return text_of(page.partition(f'data-change-id="{number}"')[2].partition("</tr>")[0])


def test_each_change_is_marked_with_what_stands_against_it_before_anyone_clicks(http: Wire) -> None:
    page = signed_in(http, "arthur").get("/ui/queue").text
    assert "conflicts with 6" in row_of(page, 5)
    assert "1 rival" in row_of(page, 5)
    assert "held by arthur#3: not <b>yet</b>" in row_of(page, 7)
    assert "Let go" in row_of(page, 7)
    assert "Approve" not in row_of(page, 7)
    assert "critical" in row_of(page, 8)
    assert "1 approval missing" in row_of(page, 8)
    assert "<script>alert" not in page
    assert "4 changes open" in text_of(page)


def test_one_form_approves_rejects_holds_and_lets_go_in_one_step(http: Wire) -> None:
    arthur = signed_in(http, "arthur")
    before = http.world.git("rev-parse", "queue").strip()
    sent = chosen(
        arthur.get(FORM).text,
        {5: "approve", 6: "reject", 7: "unhold", 8: "hold"},
        title="June",
        reason="later",
        reason_6="a rival",
    )
    answer = arthur.post(FORM, sent)
    assert (answer.status_code, answer.headers["location"]) == (303, FORM)
    assert (change(http, 5).status, change(http, 5).batch_title) == ("approved", "June")
    assert (change(http, 6).status, change(http, 6).reject_reason) == ("rejected", "a rival")
    assert not change(http, 7).is_held
    assert change(http, 8).hold_reason == "later"
    page = text_of(arthur.get(FORM).text)
    assert "Done: 1 approved as batch 4, “June”; 1 rejected; 1 held; 1 let go. Next: preview and apply batch 4." in page
    assert "Preview and apply" in page
    assert http.world.git("rev-list", "--first-parent", "--count", f"{before}..queue").strip() == "4"


def test_who_comes_second_is_told_who_was_first_and_what_is_left_and_nothing_is_half_done(http: Wire) -> None:
    arthur = signed_in(http, "arthur")
    sent = chosen(arthur.get(FORM).text, {6: "approve", 8: "approve"}, title="Mine")
    review_changes(http.world.context(OWNER), [], [6], title=None, reason="no <b>thanks</b>")
    answer = arthur.post(FORM, sent)
    assert answer.status_code == 409
    said = text_of(answer.text)
    assert "Somebody was first" in said
    assert "olivia#1 rejected it: no <b>thanks</b>" in said
    assert change(http, 8).status == "pending"
    again = arthur.post(FORM, sent_by(answer.text, FORM))
    assert again.status_code == 303
    assert (change(http, 8).status, change(http, 8).batch_title) == ("approved", "Mine")


@pytest.mark.long
def test_what_proposes_other_content_than_was_seen_is_not_decided(http: Wire) -> None:
    from modelref_git.operations.rebase import propose_rebase

    arthur = signed_in(http, "arthur")
    for choice in ("approve", "reject", "hold"):
        sent = chosen(arthur.get(FORM).text, {8: choice}, title="Mine", reason="why")
        carol = http.world.context("carol#2")
        propose_rebase(carol, 8, settings=[("/description", f"seen by nobody who would {choice} it")])
        answer = arthur.post(FORM, sent)
        assert answer.status_code == 409
        assert "carol#2's proposal was changed, and proposes other content now" in text_of(answer.text)
        assert (change(http, 8).status, change(http, 8).is_held) == ("pending", False)


@pytest.mark.long
def test_a_refused_form_comes_back_with_what_was_typed_and_what_is_wrong_on_top(http: Wire) -> None:
    arthur = signed_in(http, "arthur")
    page = arthur.get(FORM).text
    answer = arthur.post(FORM, chosen(page, {5: "approve", 6: "reject"}, reason_6="a <rival>"))
    assert answer.status_code == 422
    assert "a title is needed" in text_of(answer.text)
    back = dict(sent_by(answer.text, FORM))
    assert (back["choice-5"], back["choice-6"], back["reason-6"]) == ("approve", "reject", "a <rival>")
    assert "a reason is needed" in text_of(arthur.post(FORM, chosen(page, {6: "reject"})).text)
    assert "nothing is decided yet" in text_of(arthur.post(FORM, chosen(page, {})).text)
    # Rivals that conflict with each other do not go into one batch.
    answer = arthur.post(FORM, chosen(page, {5: "approve", 6: "approve"}, title="Both"))
    assert answer.status_code == 409
    assert "conflicts with change 5" in text_of(answer.text)
    assert change(http, 5).status == "pending"


@pytest.mark.long
@pytest.mark.parametrize(
    "rows",
    [
        [("choice-8", "approve"), ("title", "unseen")],
        [("choice-8", "approve"), ("seen", "8@nonsense"), ("title", "t")],
        [("choice-8", "purge"), ("seen", f"8@{'0' * 40}")],
        [("choice-0", "approve"), ("choice-99999999999999", "reject"), ("reason", "r")],
    ],
    ids=["not seen", "seen nonsense", "no such choice", "no such change"],
)
def test_a_form_that_is_none_of_ours_is_refused_and_does_nothing(http: Wire, rows: list[tuple[str, str]]) -> None:
    before = http.world.git("rev-parse", "queue")
    assert signed_in(http, "arthur").post(FORM, rows).status_code == 422
    assert http.world.git("rev-parse", "queue") == before


@pytest.mark.long
def test_a_change_of_the_policy_is_neither_listed_nor_decided_here(http: Wire) -> None:
    arthur = signed_in(http, "arthur")
    assert 'data-change-id="1"' not in arthur.get("/ui/queue?statuses=applied").text
    sent = [("choice-1", "reject"), ("seen", f"1@{'0' * 40}"), ("reason", "r")]
    assert arthur.post(FORM, sent).status_code in (404, 409)


@pytest.mark.long
def test_each_role_sees_what_it_may_do_and_no_more(http: Wire) -> None:
    for who in ("carol", "nina"):
        visitor = signed_in(http, who)
        page = visitor.get(FORM).text
        assert "5" in text_of(page)
        assert 'type="radio"' not in page
        assert 'id="decision"' not in page
        assert visitor.post(FORM, [("choice-5", "approve")]).status_code == 403
    nobody = Pages(http)
    answer = nobody.get("/ui/queue?statuses=pending")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/ui/sign-in?next=%2Fui%2Fqueue%3Fstatuses%3Dpending",
    )


@pytest.mark.long
def test_the_filters_are_those_of_the_api_and_stay_when_something_is_decided(http: Wire) -> None:
    arthur = signed_in(http, "arthur")

    def shown(query: str) -> list[int]:
        return [int(number) for number in re.findall(r'data-change-id="(\d+)"', arthur.get(f"/ui/queue?{query}").text)]

    assert shown("") == [5, 6, 7, 8]
    assert shown("statuses=applied&batch_id=") == [3, 4]
    assert shown("statuses=applied&statuses=pending") == [3, 4, 5, 6, 7, 8]
    assert shown("model_name=M1") == [5, 6]
    assert shown("requested_by=carol%232&categories=clip") == [5, 6, 7, 8]
    assert shown("requested_by=1") == []
    assert shown("statuses=applied&batch_id=3") == [3, 4]
    assert shown("after=6") == [7, 8]
    for query in ("statuses=odd", "categories=odd", "batch_id=x", "after=-1", f"model_name={'x' * 201}"):
        assert arthur.get(f"/ui/queue?{query}").status_code == 422
    where = "/ui/queue?model_name=m1&after=5"
    sent = [(name, value) for name, value in sent_by(arthur.get(where).text, where) if name != "choice-6"]
    answer = arthur.post(where, [*sent, ("choice-6", "reject"), ("reason", "r")])
    assert (answer.status_code, answer.headers["location"]) == (303, where)


@pytest.mark.long
def test_a_long_queue_is_read_page_by_page_from_where_one_is(http: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelref_git.pages.views.queue.PAGE", 2)
    arthur = signed_in(http, "arthur")
    first = arthur.get(FORM).text
    assert 'rel="next" href="/ui/queue?after=6"' in first
    assert 'rel="prev"' not in first
    last = arthur.get("/ui/queue?after=6").text
    assert 'data-change-id="8"' in last
    assert 'rel="next"' not in last
    assert 'rel="prev" href="/ui/queue"' in last


@pytest.mark.long
def test_a_replica_has_no_queue(http: Wire) -> None:
    with wire(http.world, read_only=True) as replica:
        arthur = signed_in(replica, "arthur")
        assert [arthur.get(f"/ui/{path}").status_code for path in ("queue", "changes/5", "batches")] == [503] * 3
