from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.http import wire
from tests.support.page_forms import buttons_in, form_in
from tests.support.pages import signed_in, text_of
from tests.support.world import World

DELETE = "/ui/propose/delete"
REBASE = "/ui/propose/rebase"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "world")


@pytest.mark.long
def test_a_delete_is_proposed_of_the_record_that_was_shown_and_of_no_other(world: World) -> None:
    with wire(world) as http:
        carol = signed_in(http, "carol")
        page = carol.get(f"{DELETE}?category=clip&name=ViT-L%2F14")
        assert "Propose to delete ViT-L/14" in text_of(page.text)
        rows = [*form_in(page.text, DELETE), ("note", "It is old.")]
        world.apply(world.approve(world.update("clip", "ViT-L/14", {"/description": "Newer"})))
        stale = carol.post(DELETE, rows)
        assert stale.status_code == 409
        assert "has changed since" in text_of(stale.text)
        assert "It is old." in stale.text
        done = carol.post(DELETE, [*form_in(stale.text, DELETE)])
        assert done.headers["location"] == "/ui/changes/4"
        assert carol.get(f"{DELETE}?category=clip&name=nothing").status_code == 404
    change = world.run("show", "4").ok().json
    assert (change["operation"], change["notes"]) == ("delete", "It is old.")


@pytest.mark.long
def test_a_conflict_is_settled_field_by_field_by_its_requestor_alone(world: World) -> None:
    edits = {
        "/description": "Mine",
        "/version": "mine",
        "/config/download/0/file_url": "https://models.example/mine.pt",
    }
    number = world.update("clip", "ViT-L/14", edits)
    path = f"{REBASE}?change={number}"
    with wire(world) as http:
        carol = signed_in(http, "carol")
        assert "It merges" in text_of(carol.get(path).text)
        theirs = world.update("clip", "ViT-L/14", {"/description": "Theirs", "/version": "theirs"})
        world.apply(world.approve(theirs))
        olivia = signed_in(http, "olivia")
        assert "Only carol#2 may choose" in text_of(olivia.get(path).text)
        page = carol.get(path)
        rows = form_in(page.text, REBASE)
        assert {name for name, _ in rows if name.startswith("value:")} == {"value:/description", "value:/version"}
        half = carol.post(REBASE, [*rows, ("side:/description", "mine")])
        assert half.status_code == 409
        assert 'name="side:/description" value="mine" checked' in half.text
        done = carol.post(REBASE, [*rows, ("side:/description", "mine"), ("side:/version", "theirs")])
        assert done.headers["location"] == f"/ui/changes/{number}"
        late = carol.post(REBASE, [*rows, ("side:/description", "theirs"), ("side:/version", "mine")])
        assert late.status_code == 409
        assert "has changed since" in text_of(late.text)
        assert carol.get(f"{REBASE}?change=1").status_code == 404
        assert carol.get(f"{REBASE}?change=999").status_code == 404
    record = world.run("show", str(number)).ok().json["payload"]
    assert (record["description"], record["version"]) == ("Mine", "theirs")
    assert record["config"]["download"][0]["file_url"] == "https://models.example/mine.pt"


@pytest.mark.long
def test_a_value_that_was_typed_settles_a_conflict_and_a_removal_is_one_side_like_any_other(world: World) -> None:
    world.apply(world.approve(world.update("clip", "ViT-L/14", {"/version": "1", "/pretrained_name": "openai"})))
    number = world.update("clip", "ViT-L/14", {"/description": "Mine"})
    answer = world.run(
        "propose", "update", "clip", "ViT-L/14", "--unset", "/version", "--set", "/pretrained_name=mine",
        actor="carol#2",
    )  # fmt: skip
    number = answer.ok().json["change_id"]
    theirs = world.update("clip", "ViT-L/14", {"/version": "2", "/pretrained_name": "theirs"})
    world.apply(world.approve(theirs))
    with wire(world) as http:
        carol = signed_in(http, "carol")
        rows = form_in(carol.get(f"{REBASE}?change={number}").text, REBASE)
        kept = [row for row in rows if not row[0].startswith("value:")]
        chosen = [("side:/version", "mine"), ("side:/pretrained_name", "other"), ("value:/pretrained_name", "laion")]
        assert carol.post(REBASE, [*kept, *chosen]).status_code == 303
    record = world.run("show", str(number)).ok().json["payload"]
    assert "version" not in record
    assert record["pretrained_name"] == "laion"


@pytest.mark.long
def test_a_record_that_is_gone_is_a_conflict_of_the_whole(world: World) -> None:
    number = world.update("clip", "ViT-L/14", {"/description": "Mine"})
    world.apply(world.approve(world.delete("clip", "ViT-L/14")))
    with wire(world) as http:
        carol = signed_in(http, "carol")
        page = carol.get(f"{REBASE}?change={number}")
        assert "the whole record" in text_of(page.text)
        assert buttons_in(page.text)
        rows = form_in(page.text, REBASE)
        assert carol.post(REBASE, [*rows, ("side:", "mine")]).status_code == 303
    assert world.run("show", str(number)).ok().json["operation"] == "create"
