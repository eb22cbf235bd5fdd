from __future__ import annotations

import json
from typing import Any

import pytest

from modelref_git.operations.webhooks import message
from modelref_git.operations.webhooks.message import message_of, new_secret, ping, signature
from modelref_git.operations.webhooks.registry import Cursor
from modelref_git.store.index import Index
from tests.support.webhooks import propose, propose_at_once
from tests.support.world import ARTHUR, CAROL, START, World

pytestmark = pytest.mark.usefixtures("no_syncing")


def messages(world: World, after: int = 0) -> list[Any]:
    """All that a receiver is sent that was told up to *after*."""
    view, found = world.context().view(), []
    with Index(view) as index:
        while (step := index.next_step(after)) is not None:
            found.append(message_of(view, step, after=after))
            after = found[-1].reaches.event_id
    return found


def data(one: Any) -> Any:
    return json.loads(one.body)["data"]


def test_a_signature_is_that_of_the_specification() -> None:
    # The values that its libraries are tested with.
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_are_long_and_each_is_another() -> None:
    made = {new_secret() for _ in range(10)}
    assert len(made) == 10
    assert all(len(secret) == len("whsec_") + 44 for secret in made)


def test_a_request_tells_of_the_events_of_one_commit_as_the_audit_does(empty_world: World) -> None:
    empty_world.add_category("thing")
    start = empty_world.context().view().queue.header.last_event_id
    one, two = propose(empty_world, "one", "two")
    batch = empty_world.approve(one, two)
    empty_world.apply(batch)
    found = messages(empty_world, start)
    rows = empty_world.events()[start:]
    assert [row for one in found for row in data(one)["events"]] == rows
    assert [json.loads(one.body)["type"] for one in found] == [
        *("queue.enqueue", "queue.enqueue", "queue.approve", "queue.apply")
    ]
    approve = json.loads(found[2].body)
    assert approve["timestamp"] == "2025-06-15T15:06:40Z"
    genesis = empty_world.git("rev-list", "--first-parent", "queue").split()[-1]
    told = approve["data"]
    assert (told["repository"], told["commit"], told["actor"]) == (genesis, rows[2]["commit"], ARTHUR)
    assert (told["action"], told["batch_id"], told["event_ids"]) == ("approve", batch, [start + 3, start + 4])
    expected = {"change_id": one, "category": "thing", "model_name": "one", "operation": "create"}
    expected |= {"status": "approved", "requested_by": "2", "requested_username": CAROL}
    expected |= {"batch_id": batch, "batch_title": "June models"}
    assert told["changes"][0] == expected
    assert [row["model_name"] for row in told["changes"]] == ["one", "two"]
    assert data(found[3])["main"] == empty_world.refs()["refs/heads/main"]
    assert found[2].message_id == f"{told['commit']}-{start + 3}"
    assert found[2].reaches == Cursor(start + 4, told["commit"])


def test_a_request_is_the_same_whatever_happens_later(empty_world: World) -> None:
    empty_world.add_category("thing")
    (one,) = propose(empty_world, "one")
    before = messages(empty_world)
    batch = empty_world.approve(one)
    empty_world.apply(batch)
    empty_world.run("purge", "--all", "--yes").ok()
    after = messages(empty_world)
    assert after[: len(before)] == before
    assert data(after[-1])["changes"][-1]["model_name"] == "one", "also of what is purged the names are told"


def test_events_without_records_are_told_too(empty_world: World) -> None:
    found = messages(empty_world)
    assert json.loads(found[0].body)["type"] == "queue.init"
    assert data(found[0])["repository"] == data(found[-1])["repository"]
    assert data(found[0])["changes"] == []
    assert {row["category"] for one in found for row in data(one)["changes"]} == {"policy"}


def test_many_events_of_one_commit_come_in_parts_with_the_same_borders_for_all(
    empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message, "MOST_EVENTS", 4)
    start = empty_world.context().view().queue.header.last_event_id
    propose_at_once(empty_world, 10)
    sizes = [[number - start for number in data(one)["event_ids"]] for one in messages(empty_world, start)]
    assert sizes == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    whole = {one.message_id: one for one in messages(empty_world, start)}
    assert len(whole) == 3
    late = messages(empty_world, start + 2)
    assert [number - start for number in data(late[0])["event_ids"]] == [3, 4]
    assert [whole.get(one.message_id) for one in late] == [None, *list(whole.values())[1:]]
    assert [row["change_id"] for row in data(late[0])["changes"]] == [
        row["payload"]["change_id"] for row in data(late[0])["events"]
    ]


def test_fifty_events_stay_small(empty_world: World) -> None:
    start = empty_world.context().view().queue.header.last_event_id
    propose_at_once(empty_world, 50, title="some_model_")
    (one,) = messages(empty_world, start)
    assert len(one.body) < 30_000


def test_headers_are_those_of_the_specification_and_the_time_is_that_of_the_attempt() -> None:
    made = ping("ab" * 20, "a1b2c3d4e5f6", START)
    secret = new_secret()
    assert made.headers(secret, START + 9) == {
        "Content-Type": "application/json",
        "webhook-id": made.message_id,
        "webhook-timestamp": str(START + 9),
        "webhook-signature": signature(secret, made.message_id, START + 9, made.body),
    }
    assert json.loads(made.body) == {
        "type": "ping",
        "timestamp": "2025-06-15T15:06:40Z",
        "data": {"repository": "ab" * 20, "webhook_id": "a1b2c3d4e5f6"},
    }
