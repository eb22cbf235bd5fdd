"""In whose name a CI acts."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.errors import Forbidden, Invalid
from modelref_git.operations.ci.merge import merge_changes
from modelref_git.operations.ci.people import act_for, member_of_login
from modelref_git.operations.review import Pick
from modelref_git.proposals.actors import Member
from modelref_git.proposals.config import DatasetConfig
from tests.support.world import World


def member(ident: str, name: str, *roles: str) -> Member:
    return Member(ident, name, (), (), roles or ("approver",))


PEOPLE = DatasetConfig(
    members=(member("3", "Arthur"), member("7", "ann"), member("8", "Ann"), member("ci", "bot", "service"))
)


def test_a_login_is_whom_the_mapping_says_whatever_its_case() -> None:
    mapping = "# who is who\nThe-Art = 3 # his account\n\n ANN=8\n"
    assert member_of_login(PEOPLE, "the-ART", mapping) == "3"
    assert member_of_login(PEOPLE, "ann", mapping) == "8"


def test_nobody_is_a_member_by_a_name_alone() -> None:
    for mapping in ("", "ann = 8"):
        with pytest.raises(Forbidden) as caught:
            member_of_login(PEOPLE, "Arthur", mapping)
        assert "MODELREF_ACTORS" in (caught.value.hint or "")


def test_names_are_logins_where_the_mapping_says_so() -> None:
    assert member_of_login(PEOPLE, "arthur", "*") == "3"
    assert member_of_login(PEOPLE, "arthur", "*\narthur = 7") == "7"


@pytest.mark.parametrize("login", ["nobody", "ann", "bot", "", "*"])
def test_nobody_two_and_a_service_are_nobody(login: str) -> None:
    with pytest.raises(Forbidden):
        member_of_login(PEOPLE, login, "* # all of them")


@pytest.mark.parametrize("mapping", ["arthur", "arthur =", "= 3", "a = 1\nA = 2", "*\n*", "**"])
def test_a_mapping_that_says_nothing_is_refused(mapping: str) -> None:
    with pytest.raises(Invalid):
        member_of_login(PEOPLE, "arthur", mapping)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World.make(tmp_path / "dataset", bare=True)
    world.run_policy("member", "add", "ci#ci", "--email", "ci@people.example", "--role", "service")
    return world


def test_the_service_writes_in_the_name_of_whoever_started_the_run(world: World) -> None:
    number = world.update("clip", "ViT-L/14", {"/description": "new"})
    ctx = world.context(None)
    act_for(ctx, "ARTHUR", "*")
    merge_changes(ctx, [Pick(number)], title="T")
    message = world.git("log", "-1", "--format=%B", "queue")
    assert "\nActor: arthur#3\n" in message
    assert "\nAttested-By: ci#ci\n" in message
    assert world.run("verify").ok().json["ok"] is True


def test_an_actor_who_is_named_comes_before_the_login(world: World) -> None:
    ctx = world.context("arthur#3")
    act_for(ctx, "olivia", "*")
    assert (ctx.claim, ctx.service) == ("arthur#3", "ci")


def test_whoever_types_the_command_writes_their_own_events(world: World) -> None:
    ctx = world.context("arthur#3")
    act_for(ctx, None, "")
    assert (ctx.claim, ctx.service) == ("arthur#3", None)


def test_without_a_service_member_nobody_attests(tmp_path: Path) -> None:
    ctx = World.make(tmp_path / "plain").context(None)
    act_for(ctx, "arthur", "arthur=3")
    assert (ctx.claim, ctx.service) == ("3", None)


def test_a_service_that_is_none_attests_nothing(world: World) -> None:
    number = world.update("clip", "ViT-L/14", {"/description": "new"})
    ctx = world.context(None)
    act_for(ctx, "arthur", "*", service="2")
    with pytest.raises(Forbidden, match="no service"):
        merge_changes(ctx, [Pick(number)], title="T")
