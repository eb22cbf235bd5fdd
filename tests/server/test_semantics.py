"""The edge cases of the queue that its first implementation asserts, over HTTP: one test a row, by its number.

Rows that are asserted elsewhere, or cannot be seen over HTTP, are in `ELSEWHERE`, each with the reason. The same rows
are asserted of the library in `tests/queue_semantics`.

Two deviations are on purpose. D1: an apply that is repeated with the job id that applied it gives the same records.
D2: an apply is all or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from tests.support.http import Q1, Q2, V1, V2, Wire, wire
from tests.support.world import World, clip

ELSEWHERE = {
    **dict.fromkeys(range(18, 31), "reservations and the files of the first implementation: there are none here"),
    **dict.fromkeys((17, 39, 40, 41), "of its library: the states and values do not exist, or no route takes them"),
    **dict.fromkeys((35, 36, 37, 38, 45), "of its library: nothing can fail between writing and marking (D3)"),
    **dict.fromkeys((42, 43), "of its library: no copy is kept that an apply could leave behind"),
    **dict.fromkeys(range(66, 74), "tests/server/test_callers, tests/server/auth: keys, lists and AI-Horde"),
    **dict.fromkeys(range(75, 84), "tests/server/routes: the writing and reading routes"),
    **dict.fromkeys((85, 86, 87, 88), "tests/server/routes: beta records, and the older client"),
    92: "tests/server/routes/test_audit: the domain is the canonical format unless another is named",
    94: "of its library's log of records: tests/queue_semantics",
    95: "of its library's log: there are no segments here",
    96: "tests/queue_semantics: random operations are replayed",
    97: "of its library: the wire has no list of events",
}
TESTED: set[int] = set()
"""The rows that the tests here are of."""

_Test = TypeVar("_Test", bound=Callable[..., None])


def rows(*numbers: int) -> Callable[[_Test], _Test]:
    """What a test is of."""
    TESTED.update(numbers)
    return lambda test: test


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.make(tmp_path_factory.mktemp("semantics") / "w")


@pytest.fixture
def http(world: World) -> Iterator[Wire]:
    with wire(world) as served:
        yield served


def queue(http: Wire, *names: str, who: str = "carol") -> list[int]:
    """Propose a create for each name; gives the change ids."""
    answers = [http.post(f"{V2}/clip", clip(name), who) for name in names]
    assert {answer.status_code for answer in answers} <= {202}
    return [answer.json()["change_id"] for answer in answers]


def listed(http: Wire, query: str = "", path: str = "/changes", who: str = "arthur") -> tuple[list[int], int]:
    """The ids of a page, and its total."""
    page = http.get(f"{Q2}{path}?{query}", who).json()
    return [row["change_id"] for row in page["items"]], page["total"]


def show(http: Wire, number: int) -> dict[str, Any]:
    """One change."""
    row: dict[str, Any] = http.get(f"{Q2}/changes/{number}").json()
    return row


def status(http: Wire, *numbers: int) -> list[str]:
    """The statuses of changes."""
    return [show(http, number)["status"] for number in numbers]


def approve(http: Wire, *numbers: int, **more: Any) -> dict[str, Any]:
    """Approve as a batch; gives the result."""
    answer = http.post(f"{Q2}/batches", {"batch_title": "June", "approved_ids": numbers, **more}, "arthur")
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def apply(http: Wire, *numbers: int, **more: Any) -> tuple[int, dict[str, Any]]:
    """Apply several; gives status and body."""
    answer = http.post(f"{Q2}/apply", {"change_ids": numbers, **more}, "arthur")
    return answer.status_code, answer.json()


def apply_batch(http: Wire, number: int) -> tuple[int, dict[str, Any]]:
    """Apply a batch; gives status and body."""
    answer = http.post(f"{Q2}/apply_batch/{number}", None, "arthur")
    return answer.status_code, answer.json()


def ids(rows: list[dict[str, Any]]) -> list[int]:
    """The ids of records."""
    return [row["change_id"] for row in rows]


def live(http: Wire, name: str) -> bool:
    """Whether a record is live."""
    return http.get(f"{V2}/clip/model/{name}", None).status_code == 200


@rows(*range(1, 12))
def test_changes_are_listed_and_read(http: Wire) -> None:
    first, second, third = queue(http, "filter_pending", "filter_second", "x1")
    other = http.delete(f"{V2}/gfpgan/model/GFPGAN", "carol").json()["change_id"]
    own = queue(http, "of_arthur", who="arthur")[0]
    approve(http, first)
    assert listed(http) == ([first, second, third, other, own], 5), "row 1"
    assert listed(http, "statuses=approved") == ([first], 1), "row 2"
    assert listed(http, "categories=gfpgan") == ([other], 1), "row 3"
    assert listed(http, "model_name=second") == ([second], 1), "row 4"
    assert listed(http, "offset=1&limit=1") == ([second], 5), "row 5"
    assert listed(http, "categories=clip&statuses=approved&model_name=filter") == ([first], 1), "row 6"
    assert listed(http, "categories=clip&limit=1&offset=1") == ([second], 4), "row 7"
    for prefix in (Q1, Q2):
        page = http.get(f"{prefix}/my_changes", "arthur").json()
        assert (ids(page["items"]), page["total"]) == ([own], 1), "row 8"
    assert listed(http, "statuses=approved", "/my_changes", "carol") == ([first], 1), "row 9"
    record = show(http, second)
    assert (record["change_id"], record["model_name"]) == (second, "filter_second"), "row 10"
    assert http.get(f"{Q2}/diffs?change_ids={first}").json()["total"] == 1, "row 11"
    assert http.get(f"{Q2}/changes/diffs").status_code == 422, "row 11"


@rows(12, 13, 14, 15, 58)
def test_changes_are_approved_and_rejected(http: Wire) -> None:
    first, second, third, fourth, fifth = queue(http, "a", "b", "c", "d", "e")
    for number in (14, 15):
        refused = http.post(f"{Q2}/batches", {"batch_title": "t", "rejected_ids": [first]}, "arthur")
        assert (number, refused.status_code) == (number, 422)
    alone = approve(http, rejected_ids=[third], reject_reason="no")
    assert (alone["batch_id"], show(http, third)["batch_id"]) == (None, None), "row 15"
    result = approve(http, first, rejected_ids=[second], reject_reason="a copy")
    assert (ids(result["approved"]), ids(result["rejected"]), result["batch_id"]) == ([first], [second], 3), (
        "rows 12 and 15"
    )
    assert (show(http, second)["rejected_by"], show(http, second)["reject_reason"]) == ("3", "a copy"), "row 12"
    assert (status(http, first, second), show(http, first)["batch_id"]) == (["approved", "rejected"], 3), "row 12"
    told = http.get(f"{Q2}/audit/batches/3").json()["changes"]
    actions = [[event["action"] for event in row["events"]] for row in told]
    assert actions == [["enqueue", "approve"], ["enqueue", "reject"]], "row 13"
    assert approve(http, fourth)["batch_id"] == 3, "row 58"
    assert apply(http, first)[0] == 200
    rest = show(http, fourth)["batch_id"]
    assert approve(http, fifth)["batch_id"] == rest == 4, "row 58"
    assert apply_batch(http, rest)[0] == 200
    assert approve(http, *queue(http, "f"))["batch_id"] == 5, "row 58"


@rows(31, 49, 50, 32, 34, 33, 51, 52, 53)
def test_several_are_applied_together_or_not_at_all(http: Wire) -> None:
    name = "ViT-L/14"
    update = http.put(f"{V2}/clip/model/{name}", clip(name), "carol").json()["change_id"]
    delete = http.delete(f"{V2}/gfpgan/model/GFPGAN", "carol").json()["change_id"]
    first, second, pending, held = queue(http, "a", "b", "c", "d")
    approve(http, update, delete)
    code, body = apply(http, delete, update)
    assert (code, ids(body["applied"])) == (200, [delete, update]), "row 31"
    approve(http, first, second, held)
    assert apply(http, pending)[1]["detail"] == "Cannot apply changes that have not been approved in a batch", "row 53"
    code, body = apply(http, 999, allow_mixed_batch=True)
    assert (code, body["applied"], body["failed_error_type"]) == (404, [], "PendingChangeNotFoundError"), "row 33"
    code, body = apply(http, first, pending, allow_mixed_batch=True)
    assert (code, body["applied"], body["failed_change_id"]) == (400, [], pending), "rows 32 and 50"
    assert body["failed_error_type"] == "PendingChangeStateError", "row 32"
    assert status(http, first, pending) == ["approved", "pending"], "rows 32 and 50"
    http.post(f"{Q2}/changes/{held}/hold", {"reason": "wait"}, "arthur")
    code, body = apply(http, first, held)
    assert (code, body["applied"], body["failed_change_id"]) == (400, [], held), "row 34"
    assert status(http, first, held) == ["approved", "approved"], "row 34"
    code, body = apply(http, second, first)
    assert (code, ids(body["applied"])) == (200, [second, first]), "row 49"
    assert not {key for key in body if key.startswith("failed")}, "row 49"
    one, other = queue(http, "e", "f")
    approve(http, one)
    code, body = apply(http, one, first)
    assert (code, "same batch" in body["detail"]) == (400, True), "row 51"
    code, body = apply(http, one, first, allow_mixed_batch=True)
    assert (code, body["failed_change_id"]) == (400, first), "row 52"
    assert status(http, one, other) == ["approved", "pending"]


@rows(16, 44, 46, 47, 48)
def test_one_is_applied_under_a_job(http: Wire) -> None:
    number, pending = queue(http, "a", "b")
    approve(http, number)
    refused = http.post(f"{Q2}/changes/{pending}/apply", {}, "arthur")
    assert (refused.status_code, "approved" in refused.json()["detail"]) == (400, True), "row 47"
    assert status(http, pending) == ["pending"], "row 47"
    done = http.post(f"{Q1}/changes/{number}/apply", {"job_id": "J"}, "arthur").json()["record"]
    assert (done["status"], done["applied_by"], done["applied_job_id"]) == ("applied", "3", "J"), (16, 44, 46)
    assert live(http, "a"), "row 46"
    again = http.post(f"{Q2}/changes/{number}/apply", {"job_id": "J"}, "arthur")
    assert (again.status_code, again.json()["record"]) == (200, done), "row 48, D1"
    assert http.post(f"{Q2}/changes/{number}/apply", {}, "arthur").status_code == 400, "row 48, D1"


@rows(54, 55, 56, 57, 59, 60)
def test_batches_are_applied_whole_or_split_once(http: Wire) -> None:
    three = queue(http, "a", "b", "c")
    whole = approve(http, *three)["batch_id"]
    code, body = apply_batch(http, whole)
    assert (code, ids(body["applied"]), body["batch_split_occurred"]) == (200, three, False), "row 54"
    assert apply_batch(http, whole) == (200, {"applied": [], "batch_split_occurred": False}), "row 60"
    first, second = queue(http, "d", "e")
    batch = approve(http, first, second)["batch_id"]
    split = http.post(f"{Q2}/changes/{first}/apply", {}, "arthur").json()
    assert split["batch_split_occurred"], "row 55"
    assert (split["batch_split_original_batch_id"], split["batch_split_reassigned_count"]) == (batch, 1), "row 55"
    assert split["batch_split_new_batch_id"] != batch, "row 55"
    assert apply_batch(http, batch) == (200, {"applied": [], "batch_split_occurred": False}), "row 56"
    assert ids(apply_batch(http, split["batch_split_new_batch_id"])[1]["applied"]) == [second], "row 57"
    code, body = apply_batch(http, 99)
    assert (code, body["detail"]) == (404, "No changes found for batch 99"), "row 59"


@rows(61, 62, 63, 64, 65)
def test_a_purge_and_the_roles(http: Wire) -> None:
    (carols,), (arthurs,) = queue(http, "a"), queue(http, "b", who="arthur")

    def purge(**body: Any) -> Any:
        return http.post(f"{Q2}/purge", body, "arthur")

    assert purge(requested_by=["2"], dry_run=True).json() == {
        "removed_count": 1,
        "removed_change_ids": [carols],
        "dry_run": True,
    }, "row 62"
    assert status(http, carols) == ["pending"], "row 62"
    assert purge(requested_by=["2"]).json()["removed_change_ids"] == [carols], "row 61"
    assert http.get(f"{Q2}/changes/{carols}").status_code == 404, "row 61"
    assert status(http, arthurs) == ["pending"], "row 61"
    assert purge().status_code == 422, "row 63"
    assert http.get(f"{Q2}/changes", "nina").status_code == 200, "row 64"
    refused = http.post(f"{Q2}/batches", {"batch_title": "t", "approved_ids": [arthurs]}, "nina")
    assert (refused.status_code, "approver" in refused.json()["detail"]) == (403, True), "row 64"
    assert http.get(f"{Q1}/changes").json() == http.get(f"{Q2}/changes").json(), "row 65"


@rows(74, 84, 89, 90, 91, 93)
def test_what_is_queued_leaves_what_is_live_and_is_told_by_the_views(http: Wire) -> None:
    name = "ViT-L/14"
    before = http.get(f"{V2}/clip", None).content
    first, second, third = queue(http, "a", "b", "c")
    http.delete(f"{V2}/clip/model/{name}", "carol")
    update = http.put(f"{V2}/clip/model/{name}", clip(name), "carol").json()["change_id"]
    batch = approve(http, first, second)["batch_id"]
    assert http.get(f"{V2}/clip", None).content == before, "row 74"
    assert http.get(f"{V1}/clip", None).status_code == 200, "row 74"
    page = http.get(f"{Q2}/diffs?change_ids={first}&change_ids=999").json()
    assert (page["total"], ids(page["diffs"])) == (2, [first]), "row 89"
    assert page["errors"] == [{"change_id": 999, "error": "Change not found", "error_type": "NotFound"}], "row 89"
    current = http.get(f"{Q1}/changes/{update}/diff").json()["current_state"]
    assert current == http.get(f"{V2}/clip/model/{name}", None).json(), "row 90"
    split = http.post(f"{Q2}/changes/{first}/apply", {}, "arthur").json()["batch_split_new_batch_id"]
    old, new = (http.get(f"{Q2}/audit/batches/{number}").json() for number in (batch, split))
    assert [(row["change_id"], row["status"]) for row in old["changes"]] == [(first, "applied")], "rows 91 and 93"
    assert (old["approved_change_count"], old["applied_change_count"]) == (1, 1), "rows 91 and 93"
    assert [(row["change_id"], row["status"]) for row in new["changes"]] == [(second, "approved")], "row 93"
    waiting = http.get(f"{Q2}/audit/current").json()["pending_changes"]
    assert third in ids(waiting), "row 91"
    assert not {first, second} & set(ids(waiting)), "row 91"
    beta = http.get(f"{V2}/clip/pending", "nina").json()
    assert sorted(beta) == sorted([name, "b", "c"]), "row 84"


def test_every_row_has_a_test_or_a_reason() -> None:
    assert TESTED | set(ELSEWHERE) == set(range(1, 98))
    assert not TESTED & set(ELSEWHERE)
