"""Who may do what: the tables of levels and of answers, with the keys of a file and with those of AI-Horde."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.proposals.actors import Member
from modelref_git.proposals.config import DatasetConfig, Policy
from modelref_git.server.callers import grants
from tests.support.http import Q2, V2, key_file, wire
from tests.support.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.make(tmp_path_factory.mktemp("callers") / "w")


@pytest.mark.parametrize(
    ("config", "proposes", "approves"),
    [
        (DatasetConfig(), False, False),
        (DatasetConfig(members=(Member("1", "o", roles=("service",)),)), False, False),
        (DatasetConfig(members=(Member("1", "o", roles=("requestor",)),)), True, False),
        (DatasetConfig(members=(Member("1", "o", roles=("approver:clip",)),)), True, True),
        (DatasetConfig(policy=Policy(flag_roles={"moderator": ("approver",)})), True, True),
        (DatasetConfig(policy=Policy(flag_roles={"trusted": ("requestor",)})), True, False),
    ],
)
def test_a_list_that_is_empty_lets_nobody_in(config: DatasetConfig, proposes: bool, approves: bool) -> None:
    assert (grants(config, "requestor", "approver"), grants(config, "approver")) == (proposes, approves)


def test_who_is_on_no_list_is_told_which(world: World) -> None:
    with wire(world) as http:
        for path, method, text in (
            (f"{Q2}/my_changes", "GET", "You are not on the pending queue requestor list."),
            (f"{Q2}/apply_batch/1", "POST", "You are not on the pending queue approver list."),
        ):
            answer = http.ask(method, path, "nina")
            assert (answer.status_code, answer.json()["detail"]) == (403, text)


def test_a_key_that_is_added_to_the_file_counts_at_once(world: World, tmp_path: Path) -> None:
    path = key_file(tmp_path / "keys.json", {"one": "carol#2"})
    with wire(world, auth_file=path) as http:
        assert http.get(f"{V2}/me/roles", "two").status_code == 401
        key_file(path, {"one": "carol#2", "two": "arthur#3"})
        assert http.get(f"{V2}/me/roles", "two").json()["user_id"] == "3"
