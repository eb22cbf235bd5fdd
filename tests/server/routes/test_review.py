from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelref_git.operations.policy_settings import set_policy
from tests.support.http import Q1, Q2, Wire, wire
from tests.support.http_states import LIVE, every_state
from tests.support.world import OWNER, World, clip

T = {"batch_title": "t"}


def queue(world: World, *names: str) -> list[int]:
    """Propose a create for each name, by Carol; gives the change ids."""
    return [world.create("clip", name, clip(name)) for name in names]


def row(http: Wire, number: int) -> dict[str, Any]:
    """A change as it is now."""
    found: dict[str, Any] = http.get(f"{Q2}/changes/{number}").json()
    return found


def test_a_review_is_refused_in_the_words_that_clients_know(tmp_path: Path) -> None:
    states = every_state(tmp_path / "w")
    ids = {**states.changes, "policy": int(set_policy(states.world.context(), [("ack_critical", True)])["change_id"])}
    head = states.world.refs()
    title = [{"type": "string_too_short", "loc": ["body", "batch_title"]}]
    table: list[tuple[dict[str, Any], int, Any]] = [
        (T, 422, "Value error, Provide at least one approved or rejected change id."),
        ({**T, "approved_ids": [0, -4], "rejected_ids": None}, 422, "Value error, Provide at least one"),
        ({**T, "approved_ids": [3, 1, 2], "rejected_ids": [2, 1], "reject_reason": "r"}, 422, "rejected: [1, 2]"),
        ({**T, "rejected_ids": [3]}, 422, "Value error, reject_reason is required when rejecting changes."),
        ({**T, "rejected_ids": [3], "reject_reason": "  "}, 422, "Value error, reject_reason is required"),
        ({"batch_title": " ", "approved_ids": [3]}, 422, "Value error, batch_title must not be blank."),
        ({"batch_title": "", "approved_ids": [3]}, 422, title),
        ({"batch_title": "x" * 121, "approved_ids": [3]}, 422, [{"type": "string_too_long"}]),
        ({**T, "rejected_ids": [3], "reject_reason": "x" * 501}, 422, [{"type": "string_too_long"}]),
        ({"approved_ids": [3]}, 422, [{"type": "missing", "loc": ["body", "batch_title"], "msg": "Field required"}]),
        ({**T, "approved_ids": ["x"]}, 422, [{"type": "int_parsing", "loc": ["body", "approved_ids", 0]}]),
        ({**T, "approved_ids": [999]}, 400, "Change 999 does not exist."),
        ({**T, "approved_ids": [10**30]}, 400, f"Change {10**30} does not exist."),
        ({**T, "rejected_ids": [ids["policy"]], "reject_reason": "r"}, 400, f"Change {ids['policy']} does not exist."),
        ({**T, "approved_ids": [ids["purged"]]}, 400, f"Change {ids['purged']} does not exist."),
        ({**T, "approved_ids": [ids["approved"]]}, 400, f"Change {ids['approved']} is not pending (status=approved)."),
        ({**T, "approved_ids": [ids["rejected"]]}, 400, "is not pending (status=rejected)."),
        ({**T, "rejected_ids": [ids["applied"]], "reject_reason": "r"}, 400, "is not pending (status=applied)."),
        ({**T, "approved_ids": [ids["held"]]}, 400, f"change {ids['held']} is held by arthur#3: until"),
    ]
    with wire(states.world) as http:
        for body, status, wanted in table:
            answer = http.post(f"{Q1}/batches", body, "arthur")
            assert (body, answer.status_code) == (body, status)
            detail = answer.json()["detail"]
            if isinstance(wanted, list):
                assert [wanted[0].items() <= one.items() for one in detail] == [True]
            elif status == 422:
                assert [(one["type"], wanted in one["msg"]) for one in detail] == [("value_error", True)]
                assert detail[0]["ctx"] == {"error": {}}
            else:
                assert wanted in detail
                assert answer.json()["reason"]["code"] in ("state", "not_found")
    assert states.world.refs() == head, "nothing was changed"


def test_ids_are_taken_once_ascending_and_as_text_too(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    first, second, third = queue(world, "a", "b", "c")
    body = {"batch_title": "  June ", "approved_ids": [second, str(first), second, -1], "rejected_ids": [third]}
    with wire(world) as http:
        answer = http.post(f"{Q2}/batches", {**body, "reject_reason": " no "}, "arthur")
        assert answer.status_code == 200
        result = answer.json()
        assert list(result) == ["batch_id", "batch_title", "approved", "rejected"]
        assert (result["batch_id"], result["batch_title"]) == (3, "June")
        assert [one["change_id"] for one in result["approved"]] == [first, second]
        assert [(one["change_id"], one["reject_reason"], one["batch_id"]) for one in result["rejected"]] == [
            (third, "no", 3)
        ]
        assert result["approved"][0] == row(http, first)
        assert result["approved"][0]["applied_at"] is None, "nulls are there"


def test_policy_and_merge_refuse_with_their_own_statuses_and_reasons(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    own = world.create("clip", "mine", clip("mine"), actor=OWNER)
    one, other = (world.update("clip", "ViT-L/14", {"/description": text}) for text in ("One.", "Other."))
    with wire(world) as http:
        alone = http.post(f"{Q2}/batches", {**T, "approved_ids": [own]}, "olivia")
        assert (alone.status_code, alone.json()["reason"]["code"]) == (403, "forbidden")
        assert alone.json()["reason"]["details"][0]["rule"] == "review.two_people"
        clash = http.post(f"{Q2}/batches", {**T, "approved_ids": [one, other]}, "arthur")
        assert clash.status_code == 409
        assert clash.json()["reason"]["details"][0]["path"] == "/description"
        assert [row(http, number)["status"] for number in (own, one, other)] == ["pending"] * 3


def test_an_approved_change_is_rejected_out_of_its_batch(tmp_path: Path) -> None:
    states = every_state(tmp_path / "w")
    number, stays = states.changes["approved"], states.changes["approved too"]
    with wire(states.world) as http:
        body = {**T, "rejected_ids": [number], "reject_reason": "after all"}
        assert http.post(f"{Q2}/batches", body, "arthur").status_code == 200
        assert [row(http, one)["status"] for one in (number, stays)] == ["rejected", "approved"]


def test_critical_fields_may_need_a_second_look(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    world.pass_policy(set_policy(world.context(), [("ack_critical", True)]))
    (number,) = queue(world, "a")
    with wire(world) as http:
        body = {**T, "approved_ids": [number]}
        assert http.post(f"{Q2}/batches", body, "arthur").status_code == 403
        assert http.post(f"{Q2}/batches", {**body, "ack_critical": True}, "arthur").status_code == 200


def test_a_review_and_a_purge_that_are_sent_twice_are_done_once(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    first, second = queue(world, "a", "b")
    body = {**T, "approved_ids": [first], "rejected_ids": [second], "reject_reason": "no"}
    named = {"Idempotency-Key": "review-1"}
    with wire(world) as http:
        answers = [http.post(f"{Q2}/batches", body, "arthur", headers=named) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        other = http.post(f"{Q2}/batches", {**body, "reject_reason": "yes"}, "arthur", headers=named)
        assert (other.status_code, "another request" in other.json()["detail"]) == (422, True)
        assert http.post(f"{Q2}/batches", body, "olivia", headers=named).status_code == 400, "her own request"
        purges = [http.post(f"{Q2}/purge", {"purge_all": True}, "arthur", headers={"Idempotency-Key": "p"})]
        world.create("clip", "later", clip("later"))
        purges.append(http.post(f"{Q2}/purge", {"purge_all": True}, "arthur", headers={"Idempotency-Key": "p"}))
        assert purges[0].json() == purges[1].json()
        assert purges[0].json() == {"removed_count": 2, "removed_change_ids": [first, second], "dry_run": False}


def test_a_purge_takes_what_its_filters_hold_for_and_never_a_change_of_the_policy(tmp_path: Path) -> None:
    states = every_state(tmp_path / "w")
    ids = states.changes
    policy = int(set_policy(states.world.context(), [("ack_critical", True)])["change_id"])
    with wire(states.world) as http:
        empty: tuple[dict[str, Any], ...] = (
            {},
            {"statuses": [], "model_name": " ", "requested_by": [" "]},
            {"purge_all": False},
        )
        for body in empty:
            answer = http.post(f"{Q2}/purge", body, "arthur")
            wanted = "Value error, Provide at least one filter or set purge_all=true to clear the entire queue."
            assert (answer.status_code, answer.json()["detail"][0]["msg"]) == (422, wanted)
        shapes: list[tuple[dict[str, Any], str]] = [
            ({"statuses": ["gone"]}, "enum"),
            ({"categories": ["policy"]}, "enum"),
            ({"model_name": "x" * 201}, "string_too_long"),
        ]
        for body, kind in shapes:
            answer = http.post(f"{Q2}/purge", body, "arthur")
            assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, kind)

        def purge(**body: Any) -> list[int]:
            result = http.post(f"{Q1}/purge", body, "arthur").json()
            assert list(result) == ["removed_count", "removed_change_ids", "dry_run"]
            assert (result["removed_count"], result["dry_run"]) == (
                len(result["removed_change_ids"]),
                body.get("dry_run", False),
            )
            return list(result["removed_change_ids"])

        everything = [one["change_id"] for one in http.get(f"{Q2}/changes").json()["items"]]
        assert purge(purge_all=True, dry_run=True) == everything
        assert purge(model_name=" VIT-h ", dry_run=True) == sorted([ids["applied"], ids["update"]])
        assert http.get(f"{Q2}/changes/{ids['applied']}").json()["model_name"] == LIVE, "dry runs take nothing"
        assert purge(statuses=["applying"]) == []
        assert purge(categories=["blip"], purge_all=True) == [], "filters win"
        assert purge(statuses=["rejected"], purge_all=True) == sorted([ids["rejected"], ids["withdrawn"]])
        assert http.get(f"{Q2}/changes/{ids['rejected']}").status_code == 404
        assert purge(requested_by=[" 7 ", ""]) == []
        rest = [one for one in everything if one not in (ids["rejected"], ids["withdrawn"])]
        assert purge(requested_by=["2"]) == rest
        assert purge(purge_all=True) == []
    queue_now = states.world.context().view().queue
    assert [queue_now.change(number) is not None for number in (1, 2, policy)] == [True] * 3


@pytest.mark.parametrize("body", [{"content": b"{}", "headers": {"content-type": "text/plain"}}, {}])
def test_a_body_that_is_no_json_object_is_refused(tmp_path: Path, body: Any) -> None:
    with wire(World.make(tmp_path / "w")) as http:
        answer = http.ask("POST", f"{Q2}/purge", "arthur", **body)
        kind = "model_attributes_type" if body else "missing"
        assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, kind)
        assert answer.json()["detail"][0]["loc"] == ["body"]
