from __future__ import annotations

from pathlib import Path
from typing import Any

from modelref_git.operations.hold import hold
from modelref_git.operations.policy_settings import set_policy
from tests.support.http import Q1, Q2, Wire, wire
from tests.support.http_states import every_state
from tests.support.world import ARTHUR, World, clip


def queue(world: World, *names: str) -> list[int]:
    """Propose a create for each name, by Carol; gives the change ids."""
    return [world.create("clip", name, clip(name)) for name in names]


def applied(answer: Any) -> list[int]:
    """The ids that an apply applied."""
    assert answer.status_code == 200, answer.text
    return [row["change_id"] for row in answer.json()["applied"]]


def status(http: Wire, number: int) -> str:
    """A change's status."""
    return str(http.get(f"{Q2}/changes/{number}").json()["status"])


def test_one_change_is_applied_and_the_rest_is_a_batch_of_its_own(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    first, second = queue(world, "a", "b")
    batch = world.approve(first, second)
    with wire(world) as http:
        answer = http.post(f"{Q1}/changes/{first}/apply", {"job_id": " J "}, "arthur")
        body = answer.json()
        assert answer.status_code == 200
        assert list(body) == [
            "record",
            "batch_split_occurred",
            "batch_split_original_batch_id",
            "batch_split_new_batch_id",
            "batch_split_reassigned_count",
        ]
        assert list(body.values())[1:] == [True, batch, batch + 1, 1]
        assert (body["record"]["applied_by"], body["record"]["applied_job_id"]) == ("3", "J")
        assert None not in body["record"].values(), "nulls are left out"
        again = http.post(f"{Q2}/changes/{first}/apply", {"job_id": "J"}, "arthur")
        assert again.json() == {"record": body["record"], "batch_split_occurred": False}
        last = http.post(f"{Q2}/changes/{second}/apply", {"job_id": "  "}, "arthur").json()
        assert (last["batch_split_occurred"], "applied_job_id" in last["record"]) == (False, False)


def test_an_apply_of_one_is_refused_in_the_words_that_clients_know(tmp_path: Path) -> None:
    states = every_state(tmp_path / "w")
    ids = states.changes
    head = states.world.refs()["refs/heads/main"]
    table: list[tuple[Any, Any, int, str]] = [
        (999, {}, 404, "Change 999 not found."),
        (1, {}, 404, "Change 1 not found."),
        (ids["pending"], {}, 400, f"Change {ids['pending']} is not approved (status=pending)."),
        (ids["rejected"], {}, 400, f"Change {ids['rejected']} is not approved (status=rejected)."),
        (ids["applied"], {}, 400, f"Change {ids['applied']} is not approved (status=applied)."),
        (ids["applied"], {"job_id": "another"}, 400, f"Change {ids['applied']} is not approved (status=applied)."),
        (ids["approved"], {"job_id": "job-1"}, 400, "the job id 'job-1' has applied other changes before"),
        (ids["approved"], {"job_id": "x" * 121}, 422, ""),
        (ids["approved"], None, 422, ""),
        ("x", {}, 422, ""),
    ]
    with wire(states.world) as http:
        for number, body, wanted, text in table:
            answer = http.post(f"{Q2}/changes/{number}/apply", body, "arthur")
            assert (number, answer.status_code) == (number, wanted)
            assert wanted == 422 or answer.json()["detail"] == text
        hold(states.world.context(ARTHUR), [ids["approved"]], reason="wait")
        held = http.post(f"{Q2}/changes/{ids['approved']}/apply", {}, "arthur")
        assert (held.status_code, held.json()["detail"]) == (400, f"change {ids['approved']} is held by arthur#3: wait")
    assert states.world.refs()["refs/heads/main"] == head


def failure(number: int, error: str, kind: str, code: str) -> dict[str, Any]:
    """The body of an apply that failed for a change; what its reason says more is left out."""
    return {
        "applied": [],
        "failed_change_id": number,
        "failed_error": error,
        "failed_error_type": f"PendingChange{kind}Error",
        "batch_split_occurred": False,
        "reason": {"code": code},
    }


def test_an_apply_of_several_is_refused_in_the_words_that_clients_know(tmp_path: Path) -> None:
    states = every_state(tmp_path / "w")
    ids = states.changes
    good, applied_one, pending = ids["approved"], ids["applied"], ids["pending"]
    head = states.world.refs()["refs/heads/main"]
    several = f"Found batch IDs: [{states.applied_batch}, {states.open_batch}]"
    state = ("State", "state")
    table: list[tuple[dict[str, Any], int, Any]] = [
        ({}, 422, "missing"),
        ({"change_ids": []}, 422, "too_short"),
        ({"change_ids": [3, 0]}, 422, "value_error"),
        ({"change_ids": [3], "job_id": "x" * 121}, 422, "string_too_long"),
        ({"change_ids": [good, 999]}, 404, "Change 999 not found"),
        ({"change_ids": [good, 1]}, 404, "Change 1 not found"),
        ({"change_ids": [pending, 999]}, 404, "Change 999 not found"),
        ({"change_ids": [good, pending]}, 400, "Cannot apply changes that have not been approved in a batch"),
        ({"change_ids": [good, applied_one]}, 400, f"All changes must belong to the same batch. {several}"),
        (
            {"change_ids": [applied_one]},
            400,
            failure(applied_one, f"Change {applied_one} is not approved (status=applied).", *state),
        ),
        (
            {"change_ids": [good, pending, 999], "allow_mixed_batch": True},
            400,
            failure(pending, f"Change {pending} is not approved (status=pending).", *state),
        ),
        (
            {"change_ids": [good, 999, pending], "allow_mixed_batch": True},
            404,
            failure(999, "Change 999 not found.", "NotFound", "not_found"),
        ),
        (
            {"change_ids": [good], "job_id": "job-1"},
            400,
            failure(good, "the job id 'job-1' has applied other changes before", *state),
        ),
    ]
    with wire(states.world) as http:
        for body, wanted, told in table:
            answer = http.post(f"{Q2}/apply", body, "arthur")
            assert (body, answer.status_code) == (body, wanted)
            if wanted == 422:
                assert [row["type"] for row in answer.json()["detail"]] == [told]
            elif isinstance(told, str):
                assert answer.json()["detail"] == told
            else:
                assert answer.json() == told, "and no detail"
        assert http.post(f"{Q2}/apply?change_ids={good}", None, "arthur").json()["detail"][0]["loc"] == ["body"]
        assert status(http, good) == "approved"
    assert states.world.refs()["refs/heads/main"] == head


def test_a_held_member_and_a_conflict_fail_with_the_change_that_they_are_about(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    first, second = queue(world, "a", "b")
    batch = world.approve(first, second)
    hold(world.context(ARTHUR), [second], reason="wait")
    with wire(world) as http:
        for path, body in (("/apply", {"change_ids": [first, second]}), (f"/apply_batch/{batch}", None)):
            answer = http.post(Q2 + path, body, "arthur")
            told = failure(second, f"change {second} is held by arthur#3: wait", "State", "state")
            assert (answer.status_code, answer.json()) == (400, told)
        assert status(http, first) == "approved"


def test_a_merge_that_fails_is_told_with_its_conflicts_and_a_strange_main_stops_every_apply(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    gone = world.delete("clip", "ViT-L/14")
    (other,) = queue(world, "a")
    batch = world.approve(gone, other)
    world.git("rm", "-q", "dataset/clip/ViT-L%2F14.json")
    world.git("-c", "user.name=x", "-c", "user.email=x@people.example", "commit", "-qm", "by hand")
    with wire(world) as http:
        strange = http.post(f"{Q2}/apply", {"change_ids": [other, gone]}, "arthur")
        assert strange.status_code == 503
        assert strange.json() == failure(other, strange.json()["failed_error"], "Backend", "integrity")
        assert strange.headers["retry-after"]
        one = http.post(f"{Q2}/changes/{other}/apply", {}, "arthur")
        assert (one.status_code, one.json()["detail"]) == (503, strange.json()["failed_error"])
        world.run("adopt", "main", "--reason", "R").ok()
        for path, given in (("/apply", {"change_ids": [other, gone]}), (f"/apply_batch/{batch}", None)):
            answer = http.post(Q2 + path, given, "arthur")
            assert answer.status_code == 409
            body = answer.json()
            [conflict] = body["reason"].pop("details")
            assert body == failure(gone, body["failed_error"], "State", "conflict")
            assert (conflict["change_id"], conflict["model_name"], conflict["path"]) == (gone, "ViT-L/14", "")
        single = http.post(f"{Q2}/changes/{gone}/apply", {}, "arthur")
        assert (single.status_code, single.json()["reason"]["code"]) == (409, "conflict")
        assert applied(http.post(f"{Q2}/apply", {"change_ids": [other]}, "arthur")) == [other]


def test_a_batch_is_applied_once_and_has_nothing_left_then(tmp_path: Path) -> None:
    states = every_state(tmp_path / "w")
    world, batch = states.world, states.open_batch
    members = [states.changes["approved"], states.changes["approved too"]]
    policy = world.approve(int(set_policy(world.context(), [("ack_critical", True)])["change_id"]), title="policy")
    with wire(world) as http:

        def apply(number: int, query: str = "", prefix: str = Q2) -> Any:
            return http.post(f"{prefix}/apply_batch/{number}{query}", None, "arthur")

        for number in (77, 10**30, -1, policy):
            assert (apply(number).status_code, apply(number).json()["detail"]) == (
                404,
                f"No changes found for batch {number}",
            )
        assert apply(batch, "?job_id=" + "x" * 121).status_code == 422
        assert applied(apply(batch, "?job_id=%20J%20", Q1)) == members
        assert apply(batch).json() == {"applied": [], "batch_split_occurred": False}
        assert applied(apply(batch, "?job_id=J")) == members
        assert apply(batch, "?job_id=other").json() == {"applied": [], "batch_split_occurred": False}
        one, two = queue(world, "one", "two")
        body = {"batch_title": "t", "approved_ids": [one], "rejected_ids": [two], "reject_reason": "no"}
        mixed = http.post(f"{Q2}/batches", body, "arthur").json()["batch_id"]
        assert applied(apply(mixed)) == [one]
        nothing = (404, f"No approved changes found in batch {mixed}")
        assert (apply(mixed).status_code, apply(mixed).json()["detail"]) == nothing
        left = world.approve(*queue(world, "three"))
        http.post(f"{Q2}/changes/{two + 1}/withdraw", None, "carol")
        assert (apply(left).status_code, apply(left).json()["detail"]) == (
            404,
            f"No approved changes found in batch {left}",
        )


def test_an_apply_that_is_sent_twice_under_one_name_answers_the_same(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    first, second, third, fourth = queue(world, "a", "b", "c", "d")
    batch = world.approve(first, second, third, fourth)
    with wire(world) as http:
        for path, body in (
            (f"/changes/{first}/apply", {}),
            ("/apply", {"change_ids": [third, second]}),
            (f"/apply_batch/{batch + 2}", None),
        ):
            named = {"Idempotency-Key": path}
            once, again = (http.post(Q2 + path, body, "arthur", headers=named) for _ in range(2))
            assert (once.status_code, again.status_code, again.json()) == (200, 200, once.json())
            other = http.post(f"{Q2}/apply", {"change_ids": [first]}, "arthur", headers=named)
            assert (other.status_code, "another request" in other.json()["detail"]) == (422, True)
            assert http.post(Q2 + path, body, "arthur").json() != once.json(), "without its name it is another request"
        assert [status(http, number) for number in (first, second, third, fourth)] == ["applied"] * 4
        applies = [event for event in world.events() if event["action"] == "apply"][2:]
        assert [event["payload"]["batch_id"] for event in applies] == [batch, batch + 1, batch + 1, batch + 2]


def test_a_turn_that_does_not_come_is_no_failure_of_a_change(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    (number,) = queue(world, "a")
    batch = world.approve(number)
    with wire(world, write_wait=0.0) as http:
        for path, body in (("/apply", {"change_ids": [number]}), (f"/apply_batch/{batch}", None)):
            answer = http.post(Q2 + path, body, "arthur")
            assert (answer.status_code, answer.json()["reason"]["code"]) == (503, "busy")
            assert answer.headers["retry-after"]
        assert status(http, number) == "approved"


def test_an_apply_that_the_policy_forbids_is_refused_with_the_rules(tmp_path: Path) -> None:
    world = World.make(tmp_path / "w")
    (number,) = queue(world, "a")
    world.approve(number)
    world.pass_policy(set_policy(world.context(), [("ack_critical", True)]))
    with wire(world) as http:
        answer = http.post(f"{Q2}/apply", {"change_ids": [number]}, "arthur")
        assert answer.status_code == 403
        assert [row["change_id"] for row in answer.json()["reason"]["details"]] == [number]
