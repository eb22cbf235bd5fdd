from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.http import V2, Wire, wire
from tests.support.world import World

WELCOME = "Welcome to the Horde Model Reference API. See `/api/docs` for interactive documentation."


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with wire(World.make(tmp_path_factory.mktemp("service") / "w")) as served:
        yield served


@pytest.mark.parametrize("prefix", ["", "/api"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", {"message": WELCOME}),
        (
            "/heartbeat",
            {
                "status": "ok",
                "ai_horde": {"degraded": False, "consecutive_failures": 0, "seconds_until_retry": None},
            },
        ),
        ("/replicate_mode", {"replicate_mode": "PRIMARY", "canonical_format": "v2", "writable": True}),
    ],
)
def test_the_service_tells_of_itself_without_a_key(http: Wire, prefix: str, path: str, body: Any) -> None:
    answer = http.get(prefix + path, None)
    assert (answer.status_code, answer.json()) == (200, body)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        ({"read_only": True}, {"replicate_mode": "REPLICA", "canonical_format": "v2", "writable": False}),
        (
            {"canonical_format": "legacy"},
            {"replicate_mode": "PRIMARY", "canonical_format": "legacy", "writable": True},
        ),
    ],
)
def test_the_mode_is_what_the_settings_say(http: Wire, settings: dict[str, Any], mode: dict[str, Any]) -> None:
    with wire(http.world, **settings) as other:
        assert other.get("/replicate_mode", None).json() == mode


@pytest.mark.parametrize(
    ("who", "status", "body"),
    [
        (
            "olivia",
            200,
            {
                "user_id": "1",
                "username": "olivia#1",
                "roles": ["approver", "requestor"],
                "is_approver": True,
                "is_requestor": True,
            },
        ),
        (
            "carol",
            200,
            {
                "user_id": "2",
                "username": "carol#2",
                "roles": ["requestor"],
                "is_approver": False,
                "is_requestor": True,
            },
        ),
        (
            "nina",
            200,
            {"user_id": "9", "username": "nina#9", "roles": [], "is_approver": False, "is_requestor": False},
        ),
        ("somebody's", 401, {"detail": "Invalid API key", "reason": {"code": "unauthenticated"}}),
        (None, 401, {"detail": "Not authenticated", "reason": {"code": "unauthenticated"}}),
    ],
)
def test_whoever_has_a_key_is_told_their_roles(http: Wire, who: str | None, status: int, body: Any) -> None:
    answer = http.get(f"{V2}/me/roles", who)
    assert (answer.status_code, answer.json()) == (status, body)
    assert ("www-authenticate" in answer.headers) is (who is None)


@pytest.mark.parametrize(
    "headers", [{"ApiKey": "carol"}, {"authorization": "Bearer carol"}, {"AUTHORIZATION": "bearer  carol "}]
)
def test_a_key_comes_in_either_header(http: Wire, headers: dict[str, str]) -> None:
    assert http.get(f"{V2}/me/roles", None, headers=headers).json()["user_id"] == "2"


@pytest.mark.parametrize("headers", [{"apikey": ""}, {"authorization": "Basic carol"}, {"authorization": "Bearer "}])
def test_an_empty_key_is_none(http: Wire, headers: dict[str, str]) -> None:
    answer = http.get(f"{V2}/me/roles?apikey=carol", None, headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (401, "Not authenticated")
    assert answer.headers["www-authenticate"] == "APIKey"


def test_a_path_that_is_none(http: Wire) -> None:
    answer = http.get("/nothing/here", None)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "DELETE"])
def test_a_method_that_a_route_has_not(http: Wire, method: str) -> None:
    answer = http.ask(method, "/heartbeat", None)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert method == "HEAD" or answer.json() == {"detail": "Method Not Allowed"}


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_a_slash_at_the_end_leads_to_the_path_without_it(http: Wire, prefix: str) -> None:
    answer = http.get(f"{prefix}/heartbeat/", None)
    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["location"] == f"http://models.test{prefix}/heartbeat"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/api/docs"])
def test_there_are_pages_to_read_the_interface_on(http: Wire, path: str) -> None:
    assert "text/html" in http.get(path, None).headers["content-type"]


def test_the_interface_is_described_in_openapi(http: Wire) -> None:
    document = http.get("/openapi.json", None).json()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/api"}]
    assert http.get("/api/openapi.json", None).json() == document
