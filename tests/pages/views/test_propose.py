from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.errors import NotFound
from modelref_git.operations.drafting import Request
from modelref_git.operations.rehearsal import Rehearsal, rehearse
from modelref_git.pages.forms.editing import Editing, begun
from modelref_git.pages.forms.imported import Row
from modelref_git.pages.views.propose import (
    conflict_rows,
    delete_view,
    form_view,
    new_record,
    plan,
    start_view,
)
from modelref_git.pages.views.rebase import rebase_view
from tests.support.world import CAROL, World, clip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "world")


def test_the_form_of_a_record_shows_all_of_it_but_the_stamps_and_puts_faults_to_their_fields(world: World) -> None:
    ctx = world.context(CAROL)
    schema = ctx.dataset().schema("clip")
    assert new_record(schema) == {"config": {"download": [{}]}}
    record = clip(" x ", metadata={"created_at": 1})
    editing = begun("create", "clip", schema, record=record)
    assert "metadata" not in editing.record
    plain = form_view(ctx, editing)
    assert plain["told"] == []
    assert "metadata" not in [one.key for one in plain["fields"]]
    assert [one.key for one in plain["aside"]] == ["record_type", "model_classification"]
    tried = rehearse(ctx, Request("create", "clip", None, editing.record))
    values = form_view(ctx, editing, tried=tried)
    assert [(one.path, one.rule) for one in values["told"]] == [("/name", "name.whitespace")]
    assert values["told"][0].id == next(one.id for one in values["fields"] if one.key == "name")
    assert [(one["id"], one["is_on"]) for one in values["waivers"]] == [("name.whitespace", False)]
    assert form_view(ctx, editing, tried=Rehearsal())["is_checked"]


@pytest.mark.long
def test_where_one_begins_lists_ones_own_open_changes_alone(world: World) -> None:
    mine = world.create("clip", "a", clip("a"))
    world.create("clip", "b", clip("b"), actor="olivia#1")
    values = start_view(world.context(CAROL), ["clip", "blip"])
    assert values["categories"] == ["blip", "clip"]
    assert [row["change_id"] for row in values["own"]] == [mine]


@pytest.mark.long
def test_a_plan_says_of_each_record_what_would_become_of_it(world: World) -> None:
    live = world.run("get", "clip", "ViT-L/14").ok().json
    rows = [
        Row(1, None, "clip", "new", clip("new")),
        Row(2, None, "clip", "ViT-L/14", live),
        Row(3, None, "clip", "ViT-L/14", {**live, "description": "Other"}),
        Row(4, "delete", "clip", "coca_ViT-L-14"),
        Row(5, None, "nothing", "x", {"name": "x"}),
        Row(6, None, "clip", "a\\b", {"name": "a\\b"}),
    ]
    planned = plan(world.context(CAROL), rows, (), "why")
    assert [one.outcome for one in planned] == ["create", "unchanged", "update", "delete", "error", "error"]
    assert planned[2].changes == 1
    assert planned[0].request is not None
    assert planned[0].request.note == "why"
    assert all(one.problems for one in planned[4:])


@pytest.mark.long
def test_what_is_not_there_has_no_page(world: World) -> None:
    ctx = world.context(CAROL)
    with pytest.raises(NotFound):
        delete_view(ctx, "clip", "nothing")
    with pytest.raises(NotFound):
        form_view(ctx, Editing("create", "nothing"))
    for number in (1, 99):  # the first is one of the policy
        with pytest.raises(NotFound):
            rebase_view(ctx, number, "2", {})


def test_a_conflict_is_shown_once_with_the_choice_that_was_made_for_it() -> None:
    detail = {"path": "/config/download/-", "base": None, "ours": {"a": 1}, "theirs": {"a": 2}}
    rows = conflict_rows([detail, detail], {"/config/download/-": ("other", "3")})
    assert [(row["label"], row["side"], row["value"]) for row in rows] == [("config › download › -", "other", "3")]
    assert conflict_rows([{**detail, "theirs": "text"}])[0]["value"] == "text"
