"""The page on HTTP: its requests are answered as it says, and its routes are those of the service."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from modelref_git.records.categories import CATEGORIES
from tests.docs.session import CHECKOUT
from tests.support.http import Wire, wire
from tests.support.world import World

PAGE = (CHECKOUT / "docs" / "http.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with wire(World.make(tmp_path_factory.mktemp("http") / "w")) as served:
        yield served


def test_every_request_is_answered_as_the_page_says(http: Wire) -> None:
    requests = re.findall(r"^GET (\S+) → (\d+)$", PAGE, re.MULTILINE)
    assert len(requests) >= 30
    answers = {path: http.get(path, None).status_code for path, _ in requests}
    assert answers == {path: int(status) for path, status in requests}


def test_every_route_that_is_named_is_there(http: Wire) -> None:
    routes = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path))
        for path, rows in http.get("/openapi.json", None).json()["paths"].items()
        for method in rows
    }
    # Where clients have a route for each category, the page names them all by one.
    routes |= {(method, path.replace("/clip", "/{}")) for method, path in routes}
    named = {
        (method, re.sub(r"\{\w+\}", "{}", path.partition("?")[0]))
        for method, path in re.findall(r"`(GET|POST|PUT|DELETE) (/[^`…]+)`", PAGE)
    }
    assert len(named) > 40
    missing = {one for one in named if not any(one[0] == verb and path.endswith(one[1]) for verb, path in routes)}
    missing -= _LEGACY
    # What is no part of the document is there all the same.
    assert all(http.get(path, None).status_code == 200 for _, path in missing), missing


_LEGACY = {(method, "/model_references/v1/{}") for method in ("POST", "PUT")} | {
    ("DELETE", "/model_references/v1/{}/model/{}")
}
"""The writes of v1, which are there where the older format is canonical."""


def test_the_statuses_of_the_page_are_all_that_reads_answer(http: Wire) -> None:
    listed = set(re.findall(r"^\| (\d{3}) \|", PAGE, re.MULTILINE)) | {"200", "307"}
    for path, rows in http.get("/openapi.json", None).json()["paths"].items():
        if path.startswith("/model_references/v2/{model_category_name}") and "get" in rows:
            assert set(rows["get"]["responses"]) <= listed, path


def test_the_numbers_of_the_page_are_right() -> None:
    assert "the fifteen that clients know" in PAGE
    assert len(CATEGORIES) == 15
