from __future__ import annotations

import pytest

from modelref_git.errors import NotFound
from modelref_git.operations.members import change_roles
from modelref_git.operations.policy_queue import (
    PolicyMoved,
    as_seen,
    content_in_force,
    last_policy_changes,
    open_policy_changes,
    policy_change,
)
from modelref_git.operations.policy_settings import set_policy
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip


def test_a_step_on_another_policy_than_the_one_that_was_seen_is_refused(world: World) -> None:
    seen = content_in_force(world.context())
    world.pass_policy(change_roles(world.context(), "2", ["+approver:clip"]))
    refs = world.refs()
    with pytest.raises(PolicyMoved) as caught:
        set_policy(as_seen(world.context(), seen), [("replica_max_age", 60)])
    assert "change the roles of carol#2: +approver:clip, applied by arthur#3" in caught.value.message
    assert world.refs() == refs
    now = content_in_force(world.context())
    assert "change_id" in set_policy(as_seen(world.context(), now), [("replica_max_age", 60)])


def test_a_change_of_the_policy_is_told_with_what_each_may_do(world: World) -> None:
    number = set_policy(world.context(), [("replica_max_age", 60)])["change_id"]

    def steps(actor: str | None) -> set[str]:
        return set(policy_change(world.context(actor), number)["steps"])

    told = policy_change(world.context(), number)
    assert [file["path"] for file in told["files"]] == ["modelref.toml"]
    assert [line for line in told["files"][0]["lines"] if line[0] in "+-"] == [
        "-replica_max_age = 604800",
        "+replica_max_age = 60",
    ]
    assert "approve" not in steps(OWNER)
    assert {"reject", "withdraw"} <= steps(OWNER)
    assert steps(ARTHUR) == {"approve", "reject"}
    assert steps(CAROL) == set()
    assert [row["change_id"] for row in open_policy_changes(world.context())] == [number]
    world.approve(number, title="policy")
    assert {"apply", "reject"} <= steps(ARTHUR)
    told = policy_change(world.context(ARTHUR), number)
    assert told["head"] is not None
    world.apply(told["record"]["batch_id"])
    assert steps(ARTHUR) == set()
    assert "+replica_max_age = 60" in policy_change(world.context(), number)["files"][0]["lines"], "what it did"
    assert open_policy_changes(world.context()) == []
    assert [row["change_id"] for row in last_policy_changes(world.context())] == [number, 2, 1]


def test_a_change_of_a_record_is_none_of_the_policy(world: World) -> None:
    number = world.create("clip", "one", clip("one"))
    for wanted in (number, 99):
        with pytest.raises(NotFound):
            policy_change(world.context(), wanted)
