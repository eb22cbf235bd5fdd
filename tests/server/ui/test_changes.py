from __future__ import annotations

import shutil
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


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with a live record, and an update of it: change 4."""
    path = tmp_path_factory.mktemp("change") / "world"
    world = World.make(path)
    world.apply(world.approve(world.create("clip", "m1", clip("m1"))))
    world.update("clip", "m1", {"/description": "better <b>now</b>"})
    return path


@pytest.fixture
def http(template: Path, tmp_path: Path) -> Iterator[Wire]:
    shutil.copytree(template, tmp_path / "world", symlinks=True)
    with wire(World(tmp_path / "world")) as served:
        yield served


def change(http: Wire, number: int = 4) -> Change:
    return find_change(http.world.context().view().queue, number)


def send(visitor: Pages, action: str, **typed: str) -> tuple[int, str]:
    """The form of change 4 to *action* as somebody sends it who typed the rest; what it answers, and says."""
    where = f"/ui/changes/4/{action}"
    rows = [row for row in sent_by(visitor.get("/ui/changes/4").text, where) if row[0] not in typed]
    answer = visitor.post(where, [*rows, *typed.items()])
    return answer.status_code, text_of(answer.text)


def test_a_change_is_told_field_by_field_and_approved_as_it_was_seen(http: Wire) -> None:
    arthur = signed_in(http, "arthur")
    page = arthur.get("/ui/changes/4").text
    said = text_of(page)
    assert "description ~ changed An encoder of pictures and words. better <b>now</b> as when proposed" in said
    assert "<b>now" not in page
    assert f"modelref-git approve 4@{change(http).blob} --title TITLE" in said
    assert "enqueue" in said
    assert send(arthur, "approve", title="June")[0] == 303
    assert (change(http).status, change(http).batch_title) == ("approved", "June")
    assert "1 approved as batch 4" in text_of(arthur.get("/ui/changes/4").text)


def test_whoever_comes_second_is_told_who_was_first(http: Wire) -> None:
    arthur = signed_in(http, "arthur")
    rows = sent_by(arthur.get("/ui/changes/4").text, "/approve")
    review_changes(http.world.context(OWNER), [], [4], title=None, reason="no")
    answer = arthur.post("/ui/changes/4/approve", [*rows[:1], ("title", "June")])
    assert answer.status_code == 409
    assert "somebody was first: olivia#1 rejected it: no" in text_of(answer.text)
    assert "Rejected by olivia#1" in text_of(answer.text)


@pytest.mark.long
def test_an_approver_rejects_holds_and_lets_go(http: Wire) -> None:
    arthur = signed_in(http, "arthur")
    assert send(arthur, "hold", reason="wait")[0] == 303
    assert change(http).hold_reason == "wait"
    assert "/ui/changes/4/approve" not in arthur.get("/ui/changes/4").text
    assert send(arthur, "unhold")[0] == 303
    status, said = send(arthur, "reject", reason=" ")
    assert (status, change(http).status) == (422, "pending")
    assert "a reason is needed" in said
    assert send(arthur, "reject", reason="no")[0] == 303
    assert change(http).reject_reason == "no"
    page = arthur.get("/ui/changes/4").text
    assert "What you can do" not in page
    assert "Rejected by" in page


@pytest.mark.long
def test_its_requestor_takes_it_back_and_nobody_else(http: Wire) -> None:
    carol, arthur, nina = (signed_in(http, who) for who in ("carol", "arthur", "nina"))
    assert "/withdraw" not in arthur.get("/ui/changes/4").text
    assert "What you can do" not in nina.get("/ui/changes/4").text
    assert arthur.post("/ui/changes/4/withdraw").status_code == 403
    assert nina.post("/ui/changes/4/withdraw").status_code == 403
    page = carol.get("/ui/changes/4").text
    assert "/ui/propose/rebase?change=4" in page
    assert "/ui/changes/4/approve" not in page
    assert carol.post("/ui/changes/4/approve").status_code == 403
    assert send(carol, "withdraw", reason="thought better of it")[0] == 303
    assert (change(http).reject_reason or "").endswith("thought better of it")
    answer = carol.post("/ui/changes/4/withdraw")
    assert answer.status_code == 409
    assert "is withdrawn" not in text_of(answer.text).partition("to mend")[0]


@pytest.mark.long
def test_what_others_did_since_stands_in_the_third_column_and_conflicts_are_marked(http: Wire) -> None:
    world = http.world
    mine = world.update("clip", "m1", {"/homepage": "https://a.example", "/description": "mine", "/nsfw": True})
    theirs = world.update("clip", "m1", {"/description": "theirs", "/nsfw": True, "/tags": ["new"]})
    world.apply(world.approve(theirs))
    page = signed_in(http, "arthur").get(f"/ui/changes/{mine}").text
    said = text_of(page)
    assert "does not merge" in said
    assert f'both sides changed <code>/description</code>: see <a href="/ui/changes/{theirs}">' in page
    assert "nsfw + added critical not there true as proposed already" in said
    assert "homepage + added not there https://a.example as when proposed" in said
    assert "tags left alone by this change not there as it was + added" in said
    # Critical fields come first, then those in conflict.
    order = [page.index(f"<code>{name}</code><br>") for name in ("nsfw", "description", "homepage", "tags")]
    assert order == sorted(order)
    assert said.count("rival") >= 1


@pytest.mark.long
def test_a_long_value_is_cut_until_one_asks_for_all_of_it(http: Wire) -> None:
    number = http.world.create("clip", "long", clip("long", description="x" * 9_000 + "the end"))
    arthur = signed_in(http, "arthur")
    page = arthur.get(f"/ui/changes/{number}").text
    assert "5,007 characters more" in page
    assert "the end" not in page
    assert "the end" in arthur.get(f"/ui/changes/{number}?whole=1").text


@pytest.mark.long
def test_deletes_closed_changes_and_changes_of_the_policy_have_pages_too(http: Wire) -> None:
    number = http.world.delete("clip", "m1")
    arthur, nina = signed_in(http, "arthur"), signed_in(http, "nina")
    assert "− removed" in text_of(arthur.get(f"/ui/changes/{number}").text)
    assert "Applied by arthur#3" in text_of(nina.get("/ui/changes/3").text)
    page = arthur.get("/ui/changes/1")
    assert page.status_code == 200
    assert "What you can do" not in page.text
    assert [nina.get(f"/ui/changes/{path}").status_code for path in ("1", "99", "-1", "x")] == [404, 404, 404, 422]
    assert arthur.post("/ui/changes/1/reject", [("seen", f"1@{'0' * 40}"), ("reason", "r")]).status_code == 404
    assert arthur.post("/ui/changes/4/purge").status_code == 404
    about_another = [("seen", f"3@{'0' * 40}"), ("choice-3", "reject"), ("reason", "r")]
    assert arthur.post("/ui/changes/4/reject", about_another).status_code == 422


@pytest.mark.long
def test_its_history_is_left_out_where_the_audit_is_off(http: Wire) -> None:
    hold(http.world.context(ARTHUR), [4], reason="wait")
    assert "Its history" in signed_in(http, "carol").get("/ui/changes/4").text
    with wire(http.world, audit=False) as quiet:
        assert "Its history" not in signed_in(quiet, "carol").get("/ui/changes/4").text
