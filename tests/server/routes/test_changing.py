from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelref_git.operations.policy_settings import set_policy
from modelref_git.server.routes import changing
from tests.support.http import Q1, Q2, Wire, wire
from tests.support.http_states import every_state
from tests.support.world import World

NAME = "ViT-L/14"


def row(http: Wire, number: int) -> dict[str, Any]:
    """A change as it is now."""
    found: dict[str, Any] = http.get(f"{Q2}/changes/{number}").json()
    return found


def rivals(world: World) -> tuple[int, int]:
    """Two proposals of Carol's that edit one field; the first is live by now."""
    one, other = (world.update("clip", NAME, {"/description": text}) for text in ("One.", "Other."))
    world.apply(world.approve(one))
    return one, other


@pytest.mark.parametrize(
    ("how", "description"),
    [
        ({"take": "mine"}, "Other."),
        ({"set": {"/description": "Both."}}, "Both."),
        ({"take": "theirs", "set": {"/version": "9"}}, "One."),
    ],
)
def test_a_conflict_is_settled_by_its_requestor(tmp_path: Path, how: dict[str, Any], description: str) -> None:
    world = World.make(tmp_path / "w")
    _, number = rivals(world)
    with wire(world) as http:
        path = f"{Q2}/changes/{number}/rebase"
        stuck = http.post(path, {}, "carol")
        assert (stuck.status_code, stuck.json()["reason"]["details"][0]["path"]) == (409, "/description")
        assert http.post(path, how, "arthur").status_code == 403, "an edit is for who asked"
        answer = http.post(path, how, "carol", headers={"Idempotency-Key": "k"})
        assert answer.status_code == 200
        assert answer.json()["payload"]["description"] == description
        assert None not in answer.json().values()
        again = http.post(path, how, "carol", headers={"Idempotency-Key": "k"})
        assert again.json() == answer.json()
        assert [event["action"] for event in world.events("--change", str(number))] == ["enqueue", "rebase"]


def test_a_change_is_stopped_let_go_and_taken_back(tmp_path: Path) -> None:
    states = every_state(tmp_path / "w")
    number, held = states.changes["pending"], states.changes["held"]
    with wire(states.world) as http:

        def act(verb: str, who: str, body: Any = None, change: int = number) -> tuple[int, Any]:
            answer = http.post(f"{Q1}/changes/{change}/{verb}", body, who)
            return answer.status_code, answer.json()

        for body in ({}, {"reason": ""}, {"reason": " "}, {"reason": "x" * 501}, None):
            assert act("hold", "arthur", body)[0] == 422
        assert act("unhold", "arthur") == (
            400,
            {"detail": f"change {number} is not held", "reason": {"code": "state"}},
        )
        status, record = act("hold", "arthur", {"reason": " wait "})
        assert (status, record) == (200, row(http, number))
        blockers = http.get(f"{Q2}/changes/{number}/status", "nina").json()["blockers"]
        assert blockers[0] == {"rule": "hold", "message": "held by arthur#3: wait"}
        assert act("hold", "arthur", {"reason": "again"})[0] == 400
        assert act("unhold", "arthur", None, held)[0] == 200
        assert act("withdraw", "arthur")[0] == 403, "it is Carol's"
        status, record = act("withdraw", "carol", {"reason": "a better one comes"})
        assert (status, record["status"], record["reject_reason"]) == (200, "rejected", "withdrawn: a better one comes")
        assert record == row(http, number)
        assert act("withdraw", "carol")[0] == 400
        assert act("withdraw", "carol", None, held)[1]["reject_reason"] == "withdrawn"


def test_what_is_sent_twice_is_done_once(tmp_path: Path) -> None:
    states = every_state(tmp_path / "w")
    number = states.changes["pending"]
    with wire(states.world) as http:
        for verb, who, body in (
            ("hold", "arthur", {"reason": "r"}),
            ("unhold", "arthur", None),
            ("withdraw", "carol", None),
        ):
            path, named = f"{Q2}/changes/{number}/{verb}", {"Idempotency-Key": verb}
            once, again = (http.post(path, body, who, headers=named) for _ in range(2))
            assert (once.status_code, again.status_code, again.json()) == (200, 200, once.json())
            assert http.post(path, body, who).status_code == 400, "without its name it is another request"


def test_the_outlook_of_a_change_says_whose_turn_it_is(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    done, number = rivals(world)
    with wire(world) as http:
        outlook = http.get(f"{Q2}/changes/{number}/status", "nina").json()
        assert list(outlook) == ["change_id", "status", "merge", "blockers", "turn", "next"]
        assert (outlook["merge"], outlook["turn"]) == ("conflict", "requestor")
        assert outlook["blockers"][0]["conflicts"][0]["path"] == "/description"
        assert http.get(f"{Q2}/changes/{done}/status").json()["turn"] == "nobody"
        forecast = http.get(f"{Q2}/conflicts", "nina").json()
        wanted = {"change_ids": [number], "category": "clip", "model_name": NAME, "verdict": "conflict"}
        assert forecast == [{**wanted, "paths": ["/description"]}]
        assert http.get(f"{Q2}/conflicts?change_ids={number}").json() == forecast
        for missing in (999, 1):
            answer = http.get(f"{Q2}/conflicts?change_ids={missing}")
            assert (answer.status_code, answer.json()["detail"]) == (404, "Change not found")


def test_a_batch_is_taken_back_by_new_proposals(tmp_path: Path) -> None:
    states = every_state(tmp_path / "w")
    with wire(states.world) as http:
        path = f"{Q2}/batches/{states.applied_batch}/revert"
        once, again = (http.post(path, {"title": " undo "}, "carol", headers={"Idempotency-Key": "r"}) for _ in (1, 2))
        assert once.status_code == 200, once.text
        assert (once.json(), list(once.json())) == (again.json(), ["change_ids", "conflicts"])
        made = [row(http, number) for number in once.json()["change_ids"]]
        assert [(one["operation"], one["notes"]) for one in made] == [("delete", "undo")] * 2
        assert made[0]["request_metadata"] == {"route": "revert_applied_batch"}
        assert made[0]["requested_by"] == "2"
        open_one = http.post(f"{Q2}/batches/{states.open_batch}/revert", None, "carol")
        assert (open_one.status_code, open_one.json()["reason"]["code"]) == (400, "state")
        for number in (77, 10**30):
            missing = http.post(f"{Q2}/batches/{number}/revert", None, "carol")
            assert (missing.status_code, missing.json()["detail"]) == (404, "Batch not found")


@pytest.mark.parametrize("verb", ["rebase", "withdraw", "hold", "unhold"])
def test_what_is_no_change_of_a_record_is_not_found(tmp_path: Path, verb: str) -> None:
    states = every_state(tmp_path / "w")
    policy = int(set_policy(states.world.context(), [("ack_critical", True)])["change_id"])
    with wire(states.world) as http:
        for number in (999, policy, states.changes["purged"], 10**30, -1):
            answer = http.post(f"{Q2}/changes/{number}/{verb}", {"reason": "r"}, "olivia")
            assert (answer.status_code, answer.json()["detail"]) == (404, "Change not found")


@pytest.mark.parametrize(
    "body",
    [{"take": "both"}, {"set": ["/description"]}, {"set": {"description": "x"}}, {"set": {"/description": 5}}, []],
)
def test_a_rebase_that_makes_no_sense_is_refused(tmp_path: Path, body: Any) -> None:
    states = every_state(tmp_path / "w")
    number = states.changes["update"]
    with wire(states.world) as http:
        before = row(http, number)
        assert http.post(f"{Q2}/changes/{number}/rebase", body, "carol").status_code == 422
        assert row(http, number) == before


def test_the_history_is_verified_for_an_approver_one_at_a_time(tmp_path: Path) -> None:
    states = every_state(tmp_path / "w")
    with wire(states.world) as http:
        path = f"{Q2}/verify"
        assert http.get(path, "carol").status_code == 403
        report = http.get(path, "arthur").json()
        assert (report["ok"], report["findings"]) == (True, [])
        later = http.get(f"{path}?since={report['checked']['events'] - 2}", "arthur").json()
        assert (later["ok"], 0 < later["checked"]["events"] < 4) == (True, True)
        assert http.get(f"{path}?since=nowhere", "arthur").status_code == 404
        assert http.get(f"{path}?since=--all", "arthur").status_code == 422
        with changing.VERIFYING:
            busy = http.get(path, "arthur")
            assert (busy.status_code, busy.json()["reason"]["code"]) == (503, "busy")
            assert busy.headers["retry-after"]
        assert http.get(path, "arthur").json() == report
