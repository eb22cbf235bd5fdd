from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from modelref_git.operations.feed import read_feed
from modelref_git.operations.read import diff_revisions
from modelref_git.operations.record_log import record_log
from modelref_git.server.wire import history as shapes
from tests.support.http import V2, Wire, wire
from tests.support.world import World, clip

NAME = "a/b c"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World.make(tmp_path_factory.mktemp("history") / "w")
    world.apply(world.approve(world.create("clip", NAME, clip(NAME)), world.create("clip", "other", clip("other"))))
    world.apply(world.approve(world.update("clip", NAME, {"/description": "Another."})))
    world.apply(world.approve(world.delete("clip", "other")))
    return world


@pytest.fixture(scope="module")
def http(world: World) -> Iterator[Wire]:
    with wire(world) as served:
        yield served


def fits(shape: type[BaseModel], rows: list[Any]) -> bool:
    return all(shape.model_validate(row).model_dump(mode="json").keys() == row.keys() for row in rows)


def test_the_history_of_a_record_is_that_of_the_command_line(http: Wire, world: World) -> None:
    rows = http.get(f"{V2}/clip/history", None, params={"name": NAME}).json()
    assert rows == record_log(world.context(), "clip", NAME)
    assert [row["operation"] for row in rows] == ["update", "create"]
    assert fits(shapes.HistoryEntry, rows)
    earlier = http.get(f"{V2}/clip/history", None, params={"name": NAME, "at": "main~2"}).json()
    assert earlier == rows[1:]


def test_blame_names_the_change_behind_each_field(http: Wire) -> None:
    rows = http.get(f"/api{V2}/clip/blame", None, params={"name": NAME}).json()
    assert fits(shapes.BlameEntry, rows)
    behind = {row["path"]: row["change_id"] for row in rows}
    assert (behind["/description"], behind["/name"]) == (5, 3)
    gone = http.get(f"{V2}/clip/blame", None, params={"name": "other"})
    assert (gone.status_code, gone.json()["reason"]) == (404, {"code": "not_found"})
    there = http.get(f"{V2}/clip/blame", None, params={"name": "other", "at": "main~1"})
    assert there.status_code == 200


@pytest.mark.parametrize("route", ["history", "blame"])
@pytest.mark.parametrize(
    ("query", "category", "status"),
    [
        ({"name": "nobody"}, "clip", 404),
        ({"name": NAME}, "nothing", 404),
        ({"name": NAME, "at": "nowhere"}, "clip", 404),
        ({"name": NAME, "at": "queue"}, "clip", 404),
        ({"name": NAME, "at": ":/create"}, "clip", 422),
        ({"name": ""}, "clip", 422),
        ({}, "clip", 422),
    ],
)
def test_what_is_not_there_is_not_found(
    http: Wire, route: str, query: dict[str, str], category: str, status: int
) -> None:
    answer = http.get(f"{V2}/{category}/{route}", None, params=query)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str if status == 404 else list)


@pytest.mark.parametrize(
    "path",
    ["clip/history?name=a/b%20c", "clip/blame?name=a/b%20c&at=main~1", "feed", "feed?since=1", "diff?from=main~2"],
)
def test_what_a_caller_has_is_not_sent_again(http: Wire, path: str) -> None:
    first = http.get(f"{V2}/{path}", None)
    assert first.status_code == 200
    again = http.get(f"{V2}/{path}", None, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = http.get(f"{V2}/{path}", None, headers={"If-None-Match": 'W/"0"'})
    assert other.content == first.content


def test_a_new_event_has_a_new_tag(tmp_path: Any) -> None:
    world = World.make(tmp_path / "w")
    with wire(world) as http:
        tags = {path: http.get(f"{V2}/{path}", None).headers["etag"] for path in ("feed", "diff?from=main")}
        world.apply(world.approve(world.create("clip", "new", clip("new"))))
        for path, tag in tags.items():
            answer = http.get(f"{V2}/{path}", None, headers={"If-None-Match": tag})
            assert answer.status_code == 200
            assert answer.headers["etag"] != tag


def test_the_pages_of_the_feed_are_the_feed(http: Wire, world: World) -> None:
    path, rows = f"{V2}/feed?limit=17", []
    for _ in range(10):
        answer = http.get(path, None)
        page = answer.json()
        rows += page["items"]
        assert page["has_more"] == ("next" in answer.links)
        if not page["has_more"]:
            break
        path = answer.links["next"]["url"]
        assert f"since={page['next'].replace(':', '%3A')}" in path
    assert rows == list(read_feed(world.context()))
    assert fits(shapes.FeedItem, rows)
    assert http.get(f"{V2}/feed?since={page['next']}", None).json() == {
        "items": [],
        "next": page["next"],
        "has_more": False,
    }


def test_the_feed_comes_in_lines_to_who_takes_lines(http: Wire) -> None:
    page = http.get(f"{V2}/feed?limit=5", None)
    lines = http.get(f"{V2}/feed?limit=5", None, headers={"Accept": "application/x-ndjson"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == page.json()["items"]
    assert lines.links == page.links
    assert lines.headers["etag"] != page.headers["etag"]
    assert "Accept" in lines.headers["vary"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("since=99", 404),
        ("since=0:99", 404),
        ("since=proposals/3", 404),
        ("since=:x", 422),
        ("since=main:modelref.toml", 422),
        ("limit=0", 422),
        ("limit=1001", 422),
    ],
)
def test_the_feed_has_no_such_point(http: Wire, query: str, status: int) -> None:
    assert http.get(f"{V2}/feed?{query}", None).status_code == status


def test_a_commit_that_is_not_of_main_is_no_point_of_the_feed(http: Wire, world: World) -> None:
    number = world.create("clip", "open", clip("open"))
    commit = world.refs()[f"refs/heads/proposals/{number}"]
    for path in ("feed", "feed/events"):
        answer = http.get(f"{V2}/{path}?since={commit}", None)
        assert answer.status_code == 404
        assert commit in answer.json()["detail"]


def test_two_revisions_differ_page_by_page(http: Wire, world: World) -> None:
    whole = diff_revisions(world.context(), "main~3", "main")
    answer = http.get(f"{V2}/diff?from=main~3&limit=1", None)
    assert answer.json() == {"items": whole, "total": 1, "offset": 0, "limit": 1, "has_more": False}
    assert fits(shapes.RecordDifference, whole)
    before = diff_revisions(world.context(), "main~3", "main~1")
    pages = [http.get(f"{V2}/diff?from=main~3&to=main~1&limit=1", None)]
    pages.append(http.get(pages[0].links["next"]["url"], None))
    assert [page.json()["items"] for page in pages] == [before[:1], before[1:]]
    assert [page.json()["has_more"] for page in pages] == [True, False]
    none = http.get(f"{V2}/diff?from=main~3&category=gfpgan", None).json()
    assert (none["items"], none["total"]) == ([], 0)


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 422), ("from=nowhere", 404), ("from=queue", 404), ("from=main&to=x", 404), ("from=main&category=x", 404)],
)
def test_a_difference_takes_two_revisions_of_the_dataset(http: Wire, query: str, status: int) -> None:
    assert http.get(f"{V2}/diff?{query}", None).status_code == status


def test_fixed_paths_are_no_categories(http: Wire) -> None:
    paths = http.get("/openapi.json", None).json()["paths"]
    found = {path: paths[f"{V2}/{path}"]["get"]["operationId"] for path in ("feed", "feed/events", "diff")}
    assert found == {"feed": "read_v2_feed", "feed/events": "read_v2_feed_events", "diff": "read_v2_diff"}
