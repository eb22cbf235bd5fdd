from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelref_git.operations.changes import Filters
from modelref_git.operations.policy_settings import set_policy
from modelref_git.operations.purge import purge_changes
from modelref_git.server.wire.changes import PendingChangeRecord
from modelref_git.store import state
from tests.support.http import Q1, Q2, Wire, wire
from tests.support.http_states import LIVE, States, every_state
from tests.support.world import World

FIELDS = list(PendingChangeRecord.model_fields)


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> States:
    made = every_state(tmp_path_factory.mktemp("queue") / "w")
    # One more change of the policy, which waits: no page, no total and no view may show it.
    made.changes["policy"] = int(set_policy(made.world.context(), [("ack_critical", True)])["change_id"])
    return made


@pytest.fixture(scope="module")
def http(states: States) -> Iterator[Wire]:
    with wire(states.world) as served:
        yield served


def ids(http: Wire, query: str = "", *, path: str = "/changes", who: str = "nina") -> list[int]:
    """The change ids of a page; its total must be that of all pages."""
    page = http.get(f"{Q2}{path}?{query}", who).json()
    assert list(page) == ["items", "total", "offset", "limit"]
    return [row["change_id"] for row in page["items"]]


def named(states: States, *words: str) -> list[int]:
    """The ids of the changes in these states, ascending."""
    return sorted(states.changes[word] for word in words)


OPEN = ("held", "update", "delete", "pending")
ALL = ("applied", "applied too", "rejected", "withdrawn", *OPEN, "approved", "approved too")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ALL),
        ("limit=500", ALL),
        ("statuses=pending", OPEN),
        ("statuses=approved", ("approved", "approved too")),
        ("statuses=applied", ("applied", "applied too")),
        ("statuses=rejected", ("rejected", "withdrawn")),
        ("statuses=applying", ()),
        ("statuses=rejected&statuses=pending", ("rejected", "withdrawn", *OPEN)),
        ("statuses=applied&statuses=rejected", ("applied", "applied too", "rejected", "withdrawn")),
        ("categories=clip", ALL),
        ("categories=blip", ()),
        ("categories=blip&categories=clip&statuses=applied", ("applied", "applied too")),
        ("model_name=%20APPROVED%20", ("approved", "approved too")),
        ("model_name=%20%20", ALL),
        ("requested_by=2", ALL),
        ("requested_by=1", ()),
        ("requested_by=1&requested_by=%202%20", ALL),
        ("requested_by=%20&requested_by=", ALL),
        ("model_name=vit-h", ("applied", "update")),
        ("model_name=vit-h&statuses=pending&categories=clip&requested_by=2", ("update",)),
        ("batch_id=77", ()),
        (f"batch_id={10**30}", ()),
        ("unknown=1", ALL),
    ],
)
def test_filters_hold_together_and_the_total_counts_all_matches(
    http: Wire, states: States, query: str, found: tuple[str, ...]
) -> None:
    wanted = named(states, *found)
    for prefix, limit, start in ((Q1, 50, 0), (Q2, 3, 1), (Q2, 1, 9)):
        page = http.get(
            f"{prefix}/changes?{query}" + (f"&limit={limit}&offset={start}" if start else ""), "nina"
        ).json()
        assert [row["change_id"] for row in page["items"]] == wanted[start : start + limit]
        assert page["total"] == len(wanted)


def test_a_batch_filters(http: Wire, states: States) -> None:
    assert ids(http, f"batch_id={states.applied_batch}") == named(states, "applied", "applied too")
    assert ids(http, f"batch_id={states.open_batch}&model_name=too") == named(states, "approved too")
    assert ids(http, f"batch_id={states.open_batch}&statuses=applied") == []


def test_my_changes_are_the_callers_own_whatever_is_asked_for(http: Wire, states: States) -> None:
    assert ids(http, path="/my_changes", who="carol") == named(states, *ALL)
    assert ids(http, "statuses=approved&categories=clip", path="/my_changes", who="carol") == named(
        states, "approved", "approved too"
    )
    assert ids(http, "requested_by=2", path="/my_changes", who="arthur") == []
    assert http.get(f"{Q1}/my_changes", "nina").status_code == 403


def test_a_record_has_every_field_in_the_order_of_the_wire(http: Wire, states: States) -> None:
    number = states.changes["applied"]
    for row in (http.get(f"{Q1}/changes/{number}").json(), http.get(f"{Q2}/changes").json()["items"][0]):
        assert list(row) == FIELDS
        assert (row["change_id"], row["model_name"], row["status"]) == (number, LIVE, "applied")
        assert (row["applied_by"], row["applied_job_id"], row["notes"]) == ("3", "job-1", None)


@pytest.mark.parametrize("number", ["1", "policy", "purged", "0", "-1", "999", str(10**40)])
@pytest.mark.parametrize("below", ["", "/diff", "/status"])
def test_what_is_no_change_of_a_record_is_not_found(http: Wire, states: States, number: str, below: str) -> None:
    answer = http.get(f"{Q2}/changes/{states.changes.get(number, number)}{below}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Change not found")


def test_differences_are_answered_in_the_order_asked_for(http: Wire, states: States) -> None:
    update, delete = states.changes["update"], states.changes["delete"]
    asked = [delete, 999, update, -3, delete, 1]
    page = http.get(f"{Q2}/diffs?" + "&".join(f"change_ids={number}" for number in asked)).json()
    assert [row["change_id"] for row in page["diffs"]] == [delete, update, delete]
    assert page["total"] == len(asked)
    assert page["errors"] == [
        {"change_id": number, "error": "Change not found", "error_type": "NotFound"} for number in (999, -3, 1)
    ]
    one = http.get(f"{Q1}/changes/{update}/diff").json()
    assert one == page["diffs"][1]
    assert (one["net_operation"], one["is_critical"], one["fields_modified"]) == ("modified", False, ["description"])
    assert one["field_diffs"] == [
        {
            "field_path": "description",
            "old_value": "An encoder of pictures and words.",
            "new_value": "Another encoder.",
            "change_type": "modified",
        }
    ]
    assert page["diffs"][0]["net_operation"] == "deleted"


@pytest.mark.parametrize(
    ("path", "kind", "loc"),
    [
        ("/changes?statuses=PENDING", "enum", ["query", "statuses", 0]),
        ("/changes?categories=clip&categories=policy", "enum", ["query", "categories", 1]),
        ("/changes?batch_id=0", "greater_than_equal", ["query", "batch_id"]),
        ("/changes?model_name=", "string_too_short", ["query", "model_name"]),
        (f"/changes?model_name={'x' * 201}", "string_too_long", ["query", "model_name"]),
        ("/changes?limit=0", "greater_than_equal", ["query", "limit"]),
        ("/changes?limit=501", "less_than_equal", ["query", "limit"]),
        ("/changes?offset=-1", "greater_than_equal", ["query", "offset"]),
        ("/my_changes?limit=501", "less_than_equal", ["query", "limit"]),
        ("/changes/x", "int_parsing", ["path", "change_id"]),
        ("/diffs", "missing", ["query", "change_ids"]),
        ("/diffs?" + "change_ids=1&" * 101, "too_long", ["query", "change_ids"]),
    ],
)
def test_what_has_not_the_right_shape_is_refused_before_the_key_is_looked_at(
    http: Wire, path: str, kind: str, loc: list[Any]
) -> None:
    answer = http.get(Q2 + path, "nobody's")
    assert answer.status_code == 422
    assert [(row["type"], row["loc"]) for row in answer.json()["detail"]] == [(kind, loc)]
    assert http.get(Q2 + path, None).json()["detail"] == "Not authenticated"


READS = ("/changes", "/my_changes", "/changes/4", "/changes/4/diff", "/diffs?change_ids=4", "/conflicts")


@pytest.mark.parametrize("path", READS)
def test_reads_take_a_key_that_is_somebodys(http: Wire, path: str) -> None:
    absent, wrong = http.get(Q1 + path, None), http.get(Q1 + path, "nobody's")
    assert (absent.status_code, absent.json()["detail"]) == (401, "Not authenticated")
    assert absent.headers["www-authenticate"] == "APIKey"
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "Invalid API key")


@pytest.mark.parametrize("path", READS)
def test_who_has_the_newest_is_not_sent_it_again(http: Wire, path: str) -> None:
    first = http.get(Q2 + path, "carol")
    assert first.status_code == 200
    assert first.headers["etag"].startswith('W/"')
    assert first.headers["cache-control"] == "private, no-cache"
    again = http.get(Q2 + path, "carol", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])


def test_another_callers_own_changes_are_another_answer(http: Wire) -> None:
    carol = http.get(f"{Q2}/my_changes", "carol").headers["etag"]
    assert http.get(f"{Q2}/my_changes", "arthur", headers={"If-None-Match": carol}).status_code == 200


def test_a_new_event_makes_another_tag(states: States, tmp_path: Path) -> None:
    own = every_state(tmp_path / "w")
    with wire(own.world) as http:
        before = http.get(f"{Q2}/changes").headers["etag"]
        number = own.world.delete("clip", LIVE)
        after = http.get(f"{Q2}/changes", headers={"If-None-Match": before})
        assert (after.status_code, after.json()["items"][-1]["change_id"]) == (200, number)
        assert after.headers["etag"] != before
    assert states.world.path != own.world.path


def links(header: str) -> dict[str, str]:
    """The targets of a ``Link`` by their relations."""
    return {rel: target for target, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', header)}


def test_links_lead_through_all_pages_and_back(http: Wire, states: States) -> None:
    start = f"/api{Q2}/changes?categories=clip&statuses=pending&statuses=approved&statuses=applied&limit=3&model_name=o"
    wanted = ids(http, start.partition("?")[2].replace("limit=3", "limit=500"))
    assert len(wanted) > 3
    seen: list[int] = []
    target: str | None = start
    while target is not None:
        answer = http.get(target)
        seen += [row["change_id"] for row in answer.json()["items"]]
        found = links(answer.headers["link"])
        target = found.get("next")
    assert seen == wanted
    first = http.get(found["first"]).json()
    assert [row["change_id"] for row in first["items"]] == wanted[:3]
    assert "prev" not in links(http.get(found["first"]).headers["link"])
    assert http.get(found["last"]).json() == answer.json()
    assert http.get(found["prev"]).json()["offset"] == answer.json()["offset"] - 3


@pytest.mark.parametrize("offset", [0, 5, 10**30])
def test_links_of_an_empty_list_lead_to_its_one_page(http: Wire, offset: int) -> None:
    found = links(http.get(f"{Q2}/changes?categories=blip&offset={offset}").headers["link"])
    assert found.pop("prev", None) == (f"{Q2}/changes?categories=blip&offset=0&limit=50" if offset else None)
    assert set(found.values()) == {f"{Q2}/changes?categories=blip&offset=0&limit=50"}


TAKES_NOTHING = "Only PRIMARY instances can queue model changes."
NO_QUEUE = "Pending queue is disabled or unsupported on this deployment."
WRITES: dict[str, Any] = {
    "/batches": {"batch_title": "t", "approved_ids": [4]},
    "/purge": {"purge_all": True},
    "/changes/4/apply": {},
    "/apply": {"change_ids": [4]},
    "/apply_batch/1": None,
    "/changes/4/rebase": None,
    "/changes/4/withdraw": None,
    "/changes/4/hold": {"reason": "r"},
    "/changes/4/unhold": None,
    "/batches/3/revert": None,
}
AUDIT = ("/audit/current", "/audit/batches", "/audit/batches/3", "/audit/batches/3/net_changes")
SHOWN = ("/changes/4", "/changes/4/diff", "/diffs?change_ids=4", "/changes/4/status", "/conflicts", "/verify", *AUDIT)


@pytest.mark.parametrize(
    ("settings", "shown", "taken"),
    [({"read_only": True}, NO_QUEUE, TAKES_NOTHING), ({"queue": False}, NO_QUEUE, NO_QUEUE)],
    ids=["replica", "no queue"],
)
def test_a_deployment_without_a_queue_says_so_to_who_may_ask(
    states: States, settings: dict[str, bool], shown: str, taken: str
) -> None:
    asked = [("GET", path, None, shown) for path in SHOWN]
    asked += [("GET", path, None, taken) for path in ("/changes", "/my_changes")]
    asked += [("POST", path, body, taken) for path, body in WRITES.items()]
    with wire(states.world, **settings) as http:
        for number, (method, path, body, text) in enumerate(asked):
            target = (Q1, Q2)[number % 2] + path
            answer = http.ask(method, target, "arthur", json=body)
            assert (path, answer.status_code) == (path, 503)
            assert answer.json()["detail"].endswith(text)
            assert answer.headers["retry-after"]
            assert http.ask(method, target, "nobody's", json=body).status_code == 401, "the key is looked at before"


@pytest.mark.parametrize("path", WRITES)
def test_a_write_wants_its_key_its_shape_and_its_role_in_this_order(http: Wire, path: str) -> None:
    body = WRITES[path]
    is_json = {"content-type": "application/json"}
    if body is not None:
        assert http.ask("POST", Q2 + path, None, is_json, content=b"{").json()["detail"][0]["type"] == "json_invalid"
        assert http.post(Q2 + path, [], "nobody's").status_code == 422
        assert http.post(Q2 + path, [], None).status_code == 401
    long_name = {"Idempotency-Key": "k" * 256}
    assert http.post(Q2 + path, body, "nobody's", headers=long_name).status_code == 422
    assert http.post(Q2 + path, body, "nobody's").json()["detail"] == "Invalid API key"
    refused = http.post(Q2 + path, body, "nina")
    own = path.endswith(("rebase", "withdraw", "revert"))
    wanted = f"You are not on the pending queue {'requestor' if own else 'approver'} list."
    assert (refused.status_code, refused.json()["detail"]) == (403, wanted)
    assert own or http.post(Q2 + path, body, "carol").status_code == 403


@pytest.mark.parametrize(
    "query",
    ["limit=2", "limit=2&offset=3", "categories=clip&limit=2", "model_name=o&limit=2", "statuses=pending&limit=2"],
)
def test_only_the_changes_of_the_page_are_read(
    http: Wire, states: States, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    http.get(f"{Q2}/changes")  # the index has been made
    read: list[int] = []
    find = state.StoredQueue.change

    def counted(queue: state.StoredQueue, number: int) -> Any:
        read.append(number)
        return find(queue, number)

    monkeypatch.setattr(state.StoredQueue, "change", counted)
    page = http.get(f"{Q2}/changes?{query}").json()
    policies = {1, 2, states.changes["policy"]}
    assert sorted(set(read) - policies) == [row["change_id"] for row in page["items"]]


def test_a_change_of_the_policy_is_on_no_page_whatever_becomes_of_it(tmp_path: Path) -> None:
    world = every_state(tmp_path / "w").world
    with wire(world) as http:
        before = http.get(f"{Q2}/changes").json()
        applied = int(set_policy(world.context(), [("ack_critical", True)])["change_id"])
        assert http.get(f"{Q2}/changes").json() == before, "pending"
        world.approve(applied, title="policy")
        assert http.get(f"{Q2}/changes").json() == before, "approved"
        world.let_anybody_review()
        assert http.get(f"{Q2}/changes").json() == before, "one applied, one still approved"
        purge_changes(world.context(), Filters(categories=("policy",)))
        assert http.get(f"{Q2}/changes").json() == before, "all of them purged"
        assert http.get(f"{Q2}/changes?statuses=applied").json()["total"] == 2


def test_a_category_of_the_datasets_own_is_one_to_filter_by(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    world.add_category("voices")
    number = world.create("voices", "a voice", {"name": "a voice"})
    with wire(world) as http:
        assert ids(http, "categories=voices") == [number]
        assert ids(http, "categories=clip") == []
        assert http.get(f"{Q2}/changes/{number}").json()["category"] == "voices"
        assert http.get(f"{Q2}/changes/{number}/diff").json()["net_operation"] == "added"
        body = {"batch_title": "t", "approved_ids": [number]}
        assert http.post(f"{Q2}/batches", body, "arthur").status_code == 200
        assert http.post(f"{Q2}/purge", {"categories": ["voices"]}, "arthur").json()["removed_count"] == 1
