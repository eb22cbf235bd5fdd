from __future__ import annotations

from typing import Any

import pytest

from tests.cli.shapes import DIFF_FIELDS, with_nulls
from tests.support.world import ARTHUR, CAROL, World, clip


@pytest.fixture
def queue(world: World) -> World:
    """Changes 3 to 8: applied, pending, pending, pending by Arthur, rejected, approved."""
    world.apply(world.approve(world.create("clip", "Applied one", clip("Applied one"))))
    world.create("clip", "filter_pending", clip("filter_pending"))
    world.update("gfpgan", "GFPGAN", {"/description": "Mends faces."})
    world.create("clip", "Arthur's", clip("Arthur's"), actor=ARTHUR)
    refused = world.create("clip", "refused", clip("refused"))
    world.run("reject", str(refused), "--reason", "no", actor=ARTHUR).ok()
    world.approve(world.delete("clip", "ViT-L/14"), title="later")
    return world


def ids(page: dict[str, Any]) -> list[int]:
    return [item["change_id"] for item in page["items"]]


def test_changes_is_a_page_of_records_with_nulls_oldest_first(queue: World) -> None:
    page = queue.run("changes").ok().json
    assert list(page) == ["items", "total", "offset", "limit"]
    assert ids(page) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (page["total"], page["offset"], page["limit"]) == (8, 0, 50)
    assert all(with_nulls(item) for item in page["items"])
    assert [item["status"] for item in page["items"][2:]] == [
        *("applied", "pending", "pending", "pending", "rejected", "approved")
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--status", "pending"], [4, 5, 6]),
        (["--status", "rejected", "--status", "approved"], [7, 8]),
        (["--status", "applied"], [1, 2, 3]),
        (["--status", "applying"], []),
        (["--category", "clip"], [3, 4, 6, 7, 8]),
        (["--category", "gfpgan", "--category", "policy"], [1, 2, 5]),
        (["--batch", "3"], [3]),
        (["--batch", "99"], []),
        (["--model", "FILTER"], [4]),
        (["--model", " "], [1, 2, 3, 4, 5, 6, 7, 8]),
        (["--requested-by", "2"], [3, 4, 5, 7, 8]),
        (["--requested-by", "arthur#3", "--requested-by", "1"], [1, 2, 6]),
        (["--status", "pending", "--category", "clip", "--model", "filter"], [4]),
    ],
)
def test_every_filter_narrows_the_page_and_all_must_hold(queue: World, words: list[str], expected: list[int]) -> None:
    page = queue.run("changes", *words).ok().json
    assert ids(page) == expected
    assert page["total"] == len(expected)


def test_mine_is_the_callers_own_whatever_else_is_asked(queue: World) -> None:
    assert ids(queue.run("changes", "--mine", actor=CAROL).ok().json) == [3, 4, 5, 7, 8]
    assert ids(queue.run("changes", "--mine", "--status", "pending", actor=ARTHUR).ok().json) == [6]
    assert ids(queue.run("changes", "--mine", "--requested-by", "2", actor=ARTHUR).ok().json) in ([], [6])


def test_offset_and_limit_page_and_the_total_counts_all(queue: World) -> None:
    page = queue.run("changes", "--offset", "2", "--limit", "3").ok().json
    assert (ids(page), page["total"], page["offset"], page["limit"]) == ([3, 4, 5], 8, 2, 3)
    page = queue.run("changes", "--status", "rejected", "--offset", "1").ok().json
    assert (ids(page), page["total"]) == ([], 1)


@pytest.mark.parametrize("words", [(), ("--model", "a"), ("--status", "applied")])
def test_a_page_beyond_every_bound_is_empty_or_whole(queue: World, words: tuple[str, ...]) -> None:
    whole = queue.run("changes", *words).ok().json["items"]
    assert queue.run("changes", *words, "--limit", "9" * 30).ok().json["items"] == whole
    assert queue.run("changes", *words, "--offset", "9" * 30).ok().json["items"] == []


def test_a_status_that_is_none_is_a_usage_error(queue: World) -> None:
    answer = queue.run("changes", "--status", "PENDING")
    assert (answer.code, answer.out, answer.error["code"]) == (2, b"", "usage")


def test_show_is_one_pending_change_record(queue: World) -> None:
    row = queue.run("show", "3").ok().json
    assert with_nulls(row)
    assert row == queue.run("changes").ok().json["items"][2]
    assert (row["approved_by"], row["approved_username"], row["applied_username"]) == ("3", "arthur#3", "arthur#3")
    assert (row["batch_id"], row["batch_title"], row["rejected_by"]) == (3, "June models", None)


def test_show_of_a_number_that_is_none_is_not_found(queue: World) -> None:
    answer = queue.run("show", "99")
    assert (answer.code, answer.out) == (3, b"")
    assert "99" in answer.error["message"]
    assert answer.error["code"] == "not_found"
    assert queue.run("show", "x").code == 2


def test_diff_of_one_change_is_one_pending_change_diff(queue: World) -> None:
    row = queue.run("diff", "5").ok().json
    assert list(row) == DIFF_FIELDS
    assert row["net_operation"] == "modified"
    assert row["current_state"] == queue.run("get", "gfpgan", "GFPGAN").ok().json
    assert row["proposed_state"] == queue.run("show", "5").ok().json["payload"]
    old = row["current_state"]["description"]
    assert row["field_diffs"] == [
        {"field_path": "description", "old_value": old, "new_value": "Mends faces.", "change_type": "modified"}
    ]
    assert (row["fields_added"], row["fields_removed"], row["fields_modified"]) == ([], [], ["description"])
    assert row["is_critical"] is False


def test_diff_of_a_create_adds_and_of_a_delete_removes_every_field(queue: World) -> None:
    made = queue.run("diff", "4").ok().json
    assert (made["current_state"], made["net_operation"]) == (None, "added")
    assert made["is_critical"] is True, "it brings a download"
    assert {row["change_type"] for row in made["field_diffs"]} == {"added"}
    gone = queue.run("diff", "8").ok().json
    assert (gone["current_state"], gone["net_operation"]) == (gone["proposed_state"], "deleted")
    assert {row["change_type"] for row in gone["field_diffs"]} == {"removed"}
    assert gone["fields_removed"] == [row["field_path"] for row in gone["field_diffs"]]


def test_diff_of_several_is_a_page_in_the_order_asked_with_errors_beside(queue: World) -> None:
    page = queue.run("diff", "5", "99", "4", "5").ok().json
    assert list(page) == ["diffs", "total", "errors"]
    assert [row["change_id"] for row in page["diffs"]] == [5, 4, 5]
    assert page["total"] == 4
    assert page["errors"] == [{"change_id": 99, "error": "Change not found", "error_type": "NotFound"}]


def test_diff_of_nothing_that_exists_is_not_found(queue: World) -> None:
    for words in (("98",), ("98", "99")):
        answer = queue.run("diff", *words)
        assert (answer.code, answer.out, answer.error["code"]) == (3, b"", "not_found")


def test_diff_is_against_todays_main(queue: World) -> None:
    queue.run("reject", "8", "--reason", "stays", actor=ARTHUR).ok()
    queue.apply(queue.approve(5))
    row = queue.run("diff", "5").ok().json
    assert (row["net_operation"], row["field_diffs"]) == ("unchanged", [])
