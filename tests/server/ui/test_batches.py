from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelref_git.operations.answers import find_change
from tests.support.http import Wire, wire
from tests.support.pages import Pages, sent_by, signed_in, text_of
from tests.support.world import World, clip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with an applied batch 3 of m1 and m2, and an open one 4 of an update, a delete and a create."""
    path = tmp_path_factory.mktemp("batches") / "world"
    world = World.make(path)
    world.apply(world.approve(*(world.create("clip", name, clip(name)) for name in ("m1", "m2")), title="<First>"))
    changes = [
        world.update("clip", "m1", {"/description": "better"}),
        world.delete("clip", "m2"),
        world.create("clip", "m3", clip("m3")),
    ]
    world.approve(*changes, title="Second")
    return path


@pytest.fixture
def http(template: Path, tmp_path: Path) -> Iterator[Wire]:
    shutil.copytree(template, tmp_path / "world", symlinks=True)
    with wire(World(tmp_path / "world")) as served:
        yield served


def statuses(http: Wire) -> list[str]:
    queue = http.world.context().view().queue
    return [find_change(queue, number).status for number in (5, 6, 7)]


def apply_form(visitor: Pages, query: str = "") -> list[tuple[str, str]]:
    return sent_by(visitor.get(f"/ui/batches/4{query}").text, "/apply")


def test_a_batch_is_applied_as_its_preview_showed_it(http: Wire) -> None:
    arthur = signed_in(http, "arthur")
    said = text_of(arthur.get("/ui/batches/4").text)
    assert "clip 4 +1 ~1 −1 4" in said
    assert "The whole batch." in said
    assert arthur.post("/ui/batches/4/apply", apply_form(arthur)).status_code == 303
    assert statuses(http) == ["applied"] * 3
    said = text_of(arthur.get("/ui/batches/4").text)
    assert "3 changes of batch 4 went live." in said
    assert "+ 1 added ~ 1 changed − 1 removed" in said


def test_what_moved_on_since_the_preview_is_looked_at_again_before_it_is_applied(http: Wire) -> None:
    arthur = signed_in(http, "arthur")
    rows = apply_form(arthur)
    late = http.world.create("clip", "m4", clip("m4"))
    http.world.approve(late, title="Third")
    answer = arthur.post("/ui/batches/4/apply", rows)
    assert answer.status_code == 409
    assert "batch 4 is not what you looked at any more" in text_of(answer.text)
    assert statuses(http) == ["approved"] * 3
    assert arthur.post("/ui/batches/4/apply", sent_by(answer.text, "/apply")).status_code == 303


@pytest.mark.long
def test_a_part_is_applied_alone_and_the_rest_becomes_a_batch_of_its_own(http: Wire) -> None:
    arthur = signed_in(http, "arthur")
    page = arthur.get("/ui/batches/4?preview=1&change_ids=7").text
    assert "Of the batch change 7; the rest becomes batch 5." in text_of(page)
    assert "clip 4 +1 – – 5" in text_of(page)
    assert arthur.post("/ui/batches/4/apply", sent_by(page, "/apply")).status_code == 303
    assert statuses(http) == ["approved", "approved", "applied"]
    assert "The rest is batch 5 now." in text_of(arthur.get("/ui/batches/4").text)
    assert statuses(http)[0] == "approved"


@pytest.mark.long
def test_somebody_elses_apply_is_told_and_nothing_is_done_twice(http: Wire) -> None:
    arthur = signed_in(http, "arthur")
    whole, part = apply_form(arthur), apply_form(arthur, "?change_ids=5")
    http.world.apply(4, actor="olivia#1")
    before = http.world.git("rev-parse", "queue")
    for rows in (whole, part):
        answer = arthur.post("/ui/batches/4/apply", rows)
        assert answer.status_code == 409
        assert "Applied olivia#1" in text_of(answer.text)
    assert http.world.git("rev-parse", "queue") == before


@pytest.mark.long
def test_an_applied_batch_is_taken_back_by_a_proposal_that_was_shown_before(http: Wire) -> None:
    carol = signed_in(http, "carol")
    page = carol.get("/ui/batches/3?revert=1").text
    assert "delete clip m1 delete clip m2" in text_of(page)
    answer = carol.post("/ui/batches/3/revert", [*sent_by(page, "/revert"), ("title", "wrong <b>ones</b>")])
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/queue")
    queue = http.world.context().view().queue
    assert [(find_change(queue, n).operation, find_change(queue, n).notes) for n in (8, 9)] == [
        ("delete", "wrong <b>ones</b>")
    ] * 2
    assert "Proposed: 8, 9." in text_of(carol.get("/ui/queue").text)


@pytest.mark.long
def test_what_cannot_be_taken_back_is_told(http: Wire) -> None:
    http.world.apply(4)
    later = http.world.update("clip", "m1", {"/description": "later still"})
    http.world.apply(http.world.approve(later))
    carol = signed_in(http, "carol")
    page = carol.get("/ui/batches/4?revert=1").text
    assert "Left out, as it was changed again since" in text_of(page)
    assert f'by <a href="/ui/changes/{later}">' in page
    assert carol.post("/ui/batches/9/revert").status_code == 404
    answer = carol.post("/ui/batches/5/revert", [("title", "x" * 600)])
    assert answer.status_code in (303, 422)


@pytest.mark.long
def test_a_member_that_is_held_stops_the_apply_and_the_preview_says_so(http: Wire) -> None:
    from modelref_git.operations.hold import hold

    arthur = signed_in(http, "arthur")
    rows = apply_form(arthur)
    hold(http.world.context("arthur#3"), [6], reason="wait")
    said = text_of(arthur.get("/ui/batches/4").text)
    assert "It cannot be applied as it is: change 6 is held by arthur#3: wait" in said
    answer = arthur.post("/ui/batches/4/apply", rows)
    assert answer.status_code == 409
    assert statuses(http) == ["approved"] * 3


@pytest.mark.long
def test_each_role_sees_what_it_may_do_and_no_more(http: Wire) -> None:
    carol, nina = signed_in(http, "carol"), signed_in(http, "nina")
    for visitor in (carol, nina):
        page = visitor.get("/ui/batches/4").text
        assert "/ui/batches/4/apply" not in page
        assert "change_ids" not in page
        assert visitor.post("/ui/batches/4/apply", [("main", "0" * 40)]).status_code == 403
    assert "Take it back" not in nina.get("/ui/batches/3").text
    assert nina.post("/ui/batches/3/revert").status_code == 403
    assert Pages(http).get("/ui/batches/3").status_code == 303
    assert signed_in(http, "arthur").post("/ui/batches/4/apply").status_code == 422


@pytest.mark.long
def test_the_list_has_every_batch_of_records_newest_first_and_goes_on_from_a_cursor(
    http: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    nina = signed_in(http, "nina")
    page = nina.get("/ui/batches").text
    assert page.index("/ui/batches/4") < page.index("/ui/batches/3")
    assert "/ui/batches/1" not in page  # one of the policy
    assert "&lt;First&gt;" in page
    assert nina.get("/ui/batches?cursor=x").status_code == 422
    assert 'href="/ui/batches/4"' not in nina.get("/ui/batches?cursor=4").text
    assert [nina.get(f"/ui/batches/{number}").status_code for number in (1, 99, -1, 10**17)] == [404] * 4
    with wire(http.world, audit=False) as quiet:
        assert signed_in(quiet, "nina").get("/ui/batches").status_code == 503


@pytest.mark.long
def test_a_large_batch_shows_some_of_its_members_and_its_preview_when_asked(
    http: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelref_git.pages.views.batch.PAGE", 2)
    monkeypatch.setattr("modelref_git.pages.views.batch.batch_view.__kwdefaults__", {"after": 0, "limit": 2})
    arthur = signed_in(http, "arthur")
    page = arthur.get("/ui/batches/4").text
    assert 'data-change-id="7"' not in page
    assert 'href="/ui/batches/4?after=6"' in page
    assert "What main will be" not in page
    assert "What main will be" in arthur.get("/ui/batches/4?preview=1").text
    assert 'data-change-id="7"' in arthur.get("/ui/batches/4?after=6").text
