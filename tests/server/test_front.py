from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelref_git.server.catalogue import stable_id
from modelref_git.server.front import ACCESS
from modelref_git.server.uploads import LARGEST
from tests.support.http import V2, wire
from tests.support.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.make(tmp_path_factory.mktemp("front") / "w")


def test_who_asks_too_often_is_told_when_to_come_again(world: World) -> None:
    with wire(world, rate_limit=3) as http:
        assert [http.get("/heartbeat", None).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = http.get("/heartbeat", None)
        assert int(refused.headers["retry-after"]) > 0
        assert refused.json()["reason"] == {"code": "rate"}
        assert http.get("/heartbeat").status_code == 200, "a key is counted by itself"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(world: World, chunked: bool) -> None:
    async def pieces():  # type: ignore[no-untyped-def]
        for _ in range(30):
            yield b"[" * 1000

    with wire(world, max_body=20_000) as http:
        body = pieces() if chunked else b"[" * 30_000
        answer = http.ask("POST", f"{V2}/clip/add", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 413, answer.text
        assert "20000 bytes" in answer.json()["detail"]


def test_the_access_log_is_a_line_of_json_without_key_or_query(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with wire(world, access_log=True) as http:
        ACCESS.addHandler(caplog.handler)
        try:
            http.get(f"{V2}/me/roles?apikey=olivia")
            http.get("/nothing", headers={"authorization": "Bearer olivia"})
        finally:
            ACCESS.removeHandler(caplog.handler)
    rows = [json.loads(record.message) for record in caplog.records]
    assert [(row["method"], row["path"], row["status"], row["user"]) for row in rows] == [
        ("GET", f"{V2}/me/roles", 200, "1"),
        ("GET", "/nothing", 404, None),
    ]
    assert all(row["bytes"] > 0 and row["ms"] > 0 and row["time"] > 0 for row in rows)
    assert "olivia" not in caplog.text


def test_what_is_counted_bears_the_names_of_routes_and_never_what_callers_wrote(world: World) -> None:
    with wire(world) as http:
        http.get("/heartbeat")
        http.get("/api/heartbeat")
        http.get("/somebody/wrote/this")
        told = http.get("/metrics", None).text
    assert 'modelref_requests_total{method="GET",route="/heartbeat",status="200"} 2.0' in told
    assert 'route="none",status="404"' in told
    assert "somebody" not in told
    assert "modelref_last_event_id " in told
    assert 'modelref_changes{status="applied"} 2.0' in told


def test_a_browser_is_not_to_guess_what_an_answer_is(world: World) -> None:
    with wire(world) as http:
        assert http.get("/heartbeat").headers["x-content-type-options"] == "nosniff"


def test_a_page_of_an_origin_that_is_listed_may_ask(world: World) -> None:
    preflight = {"access-control-request-method": "POST", "access-control-request-headers": "apikey"}
    with wire(world, cors_origins=("https://pages.example",)) as http:
        there = http.ask("OPTIONS", f"{V2}/clip", None, headers={"origin": "https://pages.example", **preflight})
        assert there.status_code == 200
        assert there.headers["access-control-allow-origin"] == "https://pages.example"
        assert there.headers["access-control-allow-credentials"] == "true"
        other = http.ask("OPTIONS", f"{V2}/clip", None, headers={"origin": "https://other.example", **preflight})
        assert "access-control-allow-origin" not in other.headers


def test_without_origins_no_page_of_another_may_ask(world: World, tmp_path: Path) -> None:
    with wire(world) as http:
        answer = http.ask("OPTIONS", "/heartbeat", None, headers={"origin": "https://pages.example"})
        assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
        assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("path", ["/models/1/images", "/v1/models/1/images", "/api/v1/models/1/images"])
def test_a_larger_body_is_taken_only_where_a_picture_is_sent_and_read_only_of_who_may(world: World, path: str) -> None:
    given = 0

    async def pieces():  # type: ignore[no-untyped-def]
        nonlocal given
        for _ in range(1_000):
            given += 100_000
            yield b"[" * 100_000

    kind = {"content-type": "multipart/form-data; boundary=a"}
    with wire(world, max_body=20_000) as http:
        number = stable_id("clip", "ViT-L/14")
        image = path.replace("/1/", f"/{number}/")
        for who, status in ((None, 401), ("nobody", 401), ("nina", 403)):
            given = 0
            assert http.ask("POST", image, who, content=pieces(), headers=kind).status_code == status
            assert given <= 100_000, "the body was read before the caller was looked at"
        assert http.ask("POST", path, content=b"[" * 30_000, headers=kind).status_code == 404
        told = {**kind, "content-length": str(LARGEST + 1)}
        assert http.ask("POST", image, None, content=b"", headers=told).status_code == 413
        for method, other in (("PATCH", f"{image}/1"), ("PUT", image), ("POST", f"{image}/1"), ("POST", f"{image}x")):
            assert http.ask(method, other, content=b"[" * 30_000, headers=kind).status_code == 413, (method, other)
