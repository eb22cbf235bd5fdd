from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx import ASGITransport, AsyncClient, Response

from modelref_git.operations.keys import create_key, revoke_key
from modelref_git.server.auth.horde import HordeProvider
from modelref_git.server.auth.interface import AuthTimeout
from modelref_git.server.service import SIGN_INS_A_MINUTE
from tests.support.http import Wire, wire
from tests.support.pages import ORIGIN, Pages, signed_in, text_of
from tests.support.world import World

FORM = {"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}


def _sign_in(http: Wire, cookie: str = "", **fields: str) -> Response:
    headers = {**FORM, **({"cookie": cookie} if cookie else {})}
    http.client.cookies.clear()
    answer = http.ask("POST", "/ui/sign-in", None, headers, content=urlencode(fields).encode())
    http.client.cookies.clear()
    return answer


def _cookie(answer: Response) -> str:
    return str(answer.headers["set-cookie"].partition(";")[0])


def test_whoever_signs_in_goes_on_where_they_were_and_signs_out_for_good(world: World) -> None:
    with wire(world) as http:
        led = Pages(http).get("/ui/members?skip=0")
        assert (led.status_code, led.headers["location"]) == (303, "/ui/sign-in?next=%2Fui%2Fmembers%3Fskip%3D0")
        answer = _sign_in(http, key="carol", next="/ui/members?skip=0")
        assert (answer.status_code, answer.headers["location"]) == (303, "/ui/members?skip=0")
        carol = Pages(http, _cookie(answer))
        assert carol.get("/ui/members").status_code == 200
        gone = carol.post("/ui/sign-out")
        assert (gone.status_code, gone.headers["location"]) == (303, "/ui/")
        assert gone.headers["clear-site-data"] == '"cache", "storage"'
        assert 'modelref_session=""' in gone.headers["set-cookie"]
        assert carol.get("/ui/members").status_code == 303, "the old cookie opens nothing"


@pytest.mark.long
@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/ui/",
        "//evil.example/ui/",
        "/\\evil.example",
        "/ui/\\evil.example",
        "/ui/../../evil",
        "/ui/..//evil.example",
        "/uix",
        "javascript:alert(1)",
        "/ui/\r\nset-cookie: x=1",
        "/ui/é",
        "/ui/" + "x" * 2_000,
        "",
    ],
)
def test_nobody_is_led_away_from_here(world_http: Wire, address: str) -> None:
    answer = _sign_in(world_http, key="carol", next=address)
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/")
    page = Pages(world_http, _cookie(answer)).get(f"/ui/sign-in?{urlencode({'next': address})}")
    assert (page.status_code, page.headers["location"]) == (303, "/ui/")


@pytest.fixture(scope="module")
def world_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with wire(World.make(tmp_path_factory.mktemp("signing") / "w")) as http:
        yield http


@pytest.mark.long
def test_below_another_root_everything_stays_there(world_http: Wire) -> None:
    headers = {**FORM, "accept": "text/html"}
    body = urlencode({"key": "carol", "next": "/api/ui/audit"}).encode()
    answer = world_http.ask("POST", "/api/ui/sign-in", None, headers, content=body)
    assert answer.headers["location"] == "/api/ui/audit"
    world_http.client.cookies.clear()
    led = world_http.ask("GET", "/api/ui/audit", None)
    assert led.headers["location"] == "/api/ui/sign-in?next=%2Fapi%2Fui%2Faudit"


@pytest.mark.long
def test_a_token_that_somebody_else_set_is_never_taken_over(world_http: Wire) -> None:
    planted = "A" * 43
    answer = _sign_in(world_http, cookie=f"modelref_session={planted}", key="carol")
    assert planted not in answer.headers["set-cookie"]
    assert Pages(world_http, f"modelref_session={planted}").get("/ui/members").status_code == 303


@pytest.mark.long
def test_signing_in_ends_the_session_that_was(world_http: Wire) -> None:
    carol = signed_in(world_http, "carol")
    answer = _sign_in(world_http, cookie=carol.cookie, key="arthur")
    assert "arthur#3" in Pages(world_http, _cookie(answer)).get("/ui/").text
    assert carol.get("/ui/members").status_code == 303


@pytest.mark.long
@pytest.mark.parametrize(
    ("key", "told"), [("nobody", "This key is nobody's"), ("", "Enter your API key"), (" ", "Enter")]
)
def test_a_key_that_is_nobodys_opens_nothing_and_is_not_repeated(world_http: Wire, key: str, told: str) -> None:
    answer = _sign_in(world_http, key=key, next="/ui/audit")
    assert answer.status_code == 401
    assert told in text_of(answer.text)
    assert "set-cookie" not in answer.headers
    assert not key.strip() or key not in answer.text.replace("is nobody", "")
    assert 'value="/ui/audit"' in answer.text


@pytest.mark.long
def test_a_cookie_is_closed_to_scripts_and_over_https_to_everything_else(world: World) -> None:
    with wire(world) as http:
        plain = _sign_in(http, key="carol").headers["set-cookie"]
        assert plain.startswith("modelref_session=")
        assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(plain.split("; "))
        assert "Secure" not in plain
        assert "Domain" not in plain
        transport = ASGITransport(http.client._transport.app)  # type: ignore[attr-defined]
        safe = AsyncClient(transport=transport, base_url="https://models.test")
        try:
            body = urlencode({"key": "carol"}).encode()
            headers = {**FORM, "origin": "https://models.test"}
            cookie = http.run(safe.post("/ui/sign-in", headers=headers, content=body)).headers["set-cookie"]
        finally:
            http.run(safe.aclose())
        assert cookie.startswith("__Host-modelref_session=")
        assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        token = cookie.partition("=")[2].partition(";")[0]
        assert Pages(http, f"modelref_session={token}").get("/ui/members").status_code == 200
        assert Pages(http, f"__Host-modelref_session={token}").get("/ui/members").status_code == 303, "not over http"


@pytest.mark.long
def test_a_key_that_is_revoked_signs_out_at_once(world: World) -> None:
    made = create_key(world.context(), "2")
    with wire(world, auth=("keys",)) as http:
        carol = signed_in(http, made["key"])
        assert carol.get("/ui/members").status_code == 200
        revoke_key(world.context(), made["key_id"])
        assert carol.get("/ui/members").status_code == 303


@pytest.mark.long
def test_wrong_keys_are_bounded_by_address_and_right_ones_are_not(world: World) -> None:
    with wire(world) as http:
        for _ in range(SIGN_INS_A_MINUTE + 3):
            assert _sign_in(http, key="carol").status_code == 303
        statuses = [_sign_in(http, key="wrong").status_code for _ in range(SIGN_INS_A_MINUTE)]
        assert statuses == [401] * SIGN_INS_A_MINUTE
        refused = _sign_in(http, key="carol", next="/ui/audit")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["content-type"].startswith("text/html")
        assert 'value="/ui/audit"' in refused.text


@contextmanager
def _away(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    asked: list[str] = []

    def silent(_self: HordeProvider, token: str, **_more: Any) -> None:
        asked.append(token)
        raise AuthTimeout

    with monkeypatch.context() as patched:
        patched.setattr(HordeProvider, "identify", silent)
        yield asked


@pytest.mark.long
def test_while_nobody_can_say_whose_a_key_is_pages_say_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with wire(world, auth=("horde",)) as http, _away(monkeypatch) as asked:
        answer = _sign_in(http, key="annskey0123456789abcdef", next="/ui/audit")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "Auth service timed out" in answer.text
        assert 'value="/ui/audit"' in answer.text
        service = http.client._transport.app.state.service  # type: ignore[attr-defined]
        token = service.sessions.open("annskey0123456789abcdef", "12").token
        asked.clear()
        page = Pages(http, f"modelref_session={token}").get("/ui/audit")
        assert page.status_code == 503
        assert page.headers["retry-after"]
        assert "You are still signed in" in page.text
        assert len(asked) == 1, "whoever has to wait waits once"
