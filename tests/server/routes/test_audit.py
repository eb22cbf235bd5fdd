from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelref_git.operations.policy_settings import set_policy
from modelref_git.server.wire.audit import (
    PendingQueueAuditBatchDetail,
    PendingQueueAuditBatchPage,
    PendingQueueAuditBatchSummary,
    PendingQueueAuditChange,
    PendingQueueAuditCurrentResponse,
    PendingQueueAuditEvent,
)
from modelref_git.server.wire.diffs import BatchNetChangeResponse, ModelNetChange
from tests.support.http import Q1, Q2, Wire, wire
from tests.support.http_states import LIVE, States, every_state

VIEWS = ("/current", "/batches", "/batches/3", "/batches/3/net_changes")


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> States:
    made = every_state(tmp_path_factory.mktemp("audit") / "w")
    made.changes["policy"] = int(set_policy(made.world.context(), [("ack_critical", True)])["change_id"])
    return made


@pytest.fixture(scope="module")
def http(states: States) -> Iterator[Wire]:
    with wire(states.world) as served:
        yield served


def view(http: Wire, path: str, prefix: str = Q2) -> Any:
    """What one of the views answers."""
    answer = http.get(f"{prefix}/audit{path}", "nina")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_waits_is_listed_newest_first_with_its_events(http: Wire, states: States) -> None:
    page = view(http, "/current")
    PendingQueueAuditCurrentResponse.model_validate(page)
    assert list(page) == list(PendingQueueAuditCurrentResponse.model_fields)
    ids = [states.changes[name] for name in ("pending", "delete", "update", "held")]
    assert [row["change_id"] for row in page["pending_changes"]] == ids
    assert (page["domain"], page["total_pending"]) == ("v2", 4)
    row = page["pending_changes"][0]
    assert list(row) == list(PendingQueueAuditChange.model_fields)
    assert (row["requested_by"], row["status"], row["approved_by"]) == ("2", "pending", None)
    assert [list(event) for event in row["events"]] == [list(PendingQueueAuditEvent.model_fields)]
    event = row["events"][0]
    assert (event["action"], event["logical_user_id"]) == ("enqueue", "2")
    assert list(event["payload"].items())[:5] == [
        ("action", "enqueue"),
        ("change_id", ids[0]),
        ("operation", "create"),
        ("category", "clip"),
        ("model", "pending-model"),
    ]


def test_batches_are_listed_newest_first_from_a_cursor_on_and_never_those_of_the_policy(
    http: Wire, states: States
) -> None:
    page = view(http, "/batches", Q1)
    PendingQueueAuditBatchPage.model_validate(page)
    assert list(page) == list(PendingQueueAuditBatchPage.model_fields)
    numbers = [row["batch_id"] for row in page["batches"]]
    assert numbers == [states.open_batch, states.applied_batch]
    assert page["next_cursor"] is None
    assert list(page["batches"][0]) == list(PendingQueueAuditBatchSummary.model_fields)
    answer = http.get(f"{Q2}/audit/batches?limit=1")
    assert [row["batch_id"] for row in answer.json()["batches"]] == numbers[:1]
    assert answer.json()["next_cursor"] == numbers[0]
    assert answer.headers["link"] == (
        f'<{Q2}/audit/batches?limit=1>; rel="first", <{Q2}/audit/batches?limit=1&cursor={numbers[0]}>; rel="next"'
    )
    rest = view(http, f"/batches?limit=1&cursor={numbers[0]}")
    assert ([row["batch_id"] for row in rest["batches"]], rest["next_cursor"]) == (numbers[1:], None)
    assert view(http, "/batches?cursor=1")["batches"] == []
    assert view(http, f"/batches?cursor={10**30}") == page


def test_one_batch_has_its_changes_and_what_it_did(http: Wire, states: States) -> None:
    number = states.applied_batch
    detail = view(http, f"/batches/{number}")
    PendingQueueAuditBatchDetail.model_validate(detail)
    assert list(detail) == list(PendingQueueAuditBatchDetail.model_fields)
    assert (detail["approved_change_count"], detail["applied_change_count"], detail["total_change_count"]) == (2, 2, 2)
    assert [row["status"] for row in detail["changes"]] == ["applied", "applied"]
    assert [event["action"] for event in detail["changes"][0]["events"]] == ["enqueue", "approve", "apply"]
    done = view(http, f"/batches/{number}/net_changes")
    BatchNetChangeResponse.model_validate(done)
    assert list(done) == list(BatchNetChangeResponse.model_fields)
    assert [(row["model_name"], row["net_operation"]) for row in done["model_changes"]] == [
        (LIVE, "added"),
        ("applied too-model", "added"),
    ]
    assert list(done["model_changes"][0]) == list(ModelNetChange.model_fields)
    assert (done["models_added"], done["has_critical_changes"]) == (2, True)
    waiting = view(http, f"/batches/{states.open_batch}/net_changes")
    assert (waiting["model_changes"], waiting["batch_title"]) == ([], "June models")


@pytest.mark.parametrize("number", [0, -1, 1, 2, 77, 10**30])
@pytest.mark.parametrize("below", ["", "/net_changes"])
def test_what_is_no_batch_of_records_is_not_found(http: Wire, number: int, below: str) -> None:
    answer = http.get(f"{Q2}/audit/batches/{number}{below}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Batch not found")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/batches/x", "int_parsing"),
        ("/batches?cursor=0", "greater_than_equal"),
        ("/batches?limit=51", "less_than_equal"),
        ("/batches?limit=0", "greater_than_equal"),
        ("/current?domain_override=V2", "literal_error"),
    ],
)
def test_what_has_not_the_right_shape_is_refused(http: Wire, path: str, kind: str) -> None:
    answer = http.get(f"{Q2}/audit{path}", "nobody's")
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, kind)


def test_the_domain_is_the_canonical_format_unless_another_is_named(states: States, http: Wire) -> None:
    with wire(states.world, canonical_format="legacy") as legacy:
        for path in ("/current", "/batches", f"/batches/{states.applied_batch}/net_changes"):
            assert view(legacy, path)["domain"] == "legacy"
            assert view(legacy, f"{path}?domain_override=v2")["domain"] == "v2"
            assert view(http, f"{path}?domain_override=legacy")["domain"] == "legacy"
        other = view(legacy, f"/batches/{states.applied_batch}?domain_override=v2")
        assert other == view(http, f"/batches/{states.applied_batch}")


def test_a_deployment_without_an_audit_says_so_before_it_looks_at_the_key(states: States) -> None:
    with wire(states.world, audit=False) as http:
        for path in VIEWS:
            answer = http.get(f"{Q1}/audit{path}", "nobody's")
            wanted = "Audit trail is disabled on this deployment."
            assert (answer.status_code, answer.json()["detail"]) == (503, wanted)
            assert http.get(f"{Q1}/audit{path}", None).status_code == 401, "but not before there is one"
        assert http.get(f"{Q1}/audit/batches?limit=0", "nobody's").status_code == 422
        assert http.get(f"{Q1}/changes").status_code == 200


@pytest.mark.parametrize("path", VIEWS)
def test_who_has_the_newest_is_not_sent_it_again(http: Wire, path: str) -> None:
    tag = http.get(f"{Q2}/audit{path}").headers["etag"]
    again = http.get(f"{Q2}/audit{path}", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["cache-control"]) == (304, b"", "private, no-cache")


def test_a_batch_of_the_policy_is_in_no_view(tmp_path: Path) -> None:
    world = every_state(tmp_path / "w").world
    with wire(world) as http:
        before = view(http, "/batches")
        number = world.approve(int(set_policy(world.context(), [("ack_critical", True)])["change_id"]), title="policy")
        assert view(http, "/batches") == before
        assert http.get(f"{Q2}/audit/batches/{number}").status_code == 404
        assert view(http, "/batches?limit=1")["batches"] == before["batches"][:1]
