from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelref_git.server.ui import start
from modelref_git.server.ui.page import HEADERS
from tests.support.http import Wire, wire
from tests.support.pages import Pages, signed_in, text_of
from tests.support.world import World


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with wire(World.make(tmp_path_factory.mktemp("page") / "w")) as served:
        yield served


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/ui/nothing", 404),
        ("GET", "/api/ui/nothing/at/all", 404),
        ("GET", "/ui/static/nothing.css", 404),
        ("GET", "/ui/policy/changes/x", 422),
        ("GET", "/ui/policy/changes/1", 303),
        ("GET", "/ui/sign-in?next=" + "x" * 65_400, 431),
        ("POST", "/ui/audit", 405),
        ("POST", "/ui/", 405),
        ("DELETE", "/ui/sign-in", 405),
        ("PUT", "/ui/nothing", 404),
        ("POST", "/ui/sign-in", 403),
    ],
)
def test_what_goes_wrong_is_a_page_too(http: Wire, method: str, path: str, status: int) -> None:
    answer = http.ask(method, path, None, {"x": "x" * 500})
    assert answer.status_code == status
    for name, value in HEADERS.items():
        assert answer.headers[name].startswith(value), name  # what compresses it adds to Vary
    assert answer.headers["x-content-type-options"] == "nosniff"
    if status != 303:
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert '<html lang="en">' in answer.text
    if status == 405:
        assert answer.headers["allow"] in ("GET", "GET, POST")


@pytest.mark.long
def test_a_form_that_is_too_large_is_refused_on_a_page(http: Wire) -> None:
    carol = signed_in(http, "carol")
    answer = carol.post("/ui/keys", {"label": "x" * 1_100_000})
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith("text/html")
    assert "1048576" in answer.text


def test_a_fault_of_ours_is_a_page_without_a_trace_of_it(
    http: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_given: object) -> None:
        raise RuntimeError("the secret word")

    monkeypatch.setattr(start, "_counts", fail)
    answer = Pages(http).get("/ui/")
    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith("text/html")
    assert "secret word" not in answer.text
    assert "Something is wrong with this service" in text_of(answer.text)
    assert "the secret word" in caplog.text, "whoever runs it finds it"


def test_a_notice_is_told_by_one_page(http: Wire) -> None:
    carol = signed_in(http, "carol")
    service = http.client._transport.app.state.service  # type: ignore[attr-defined]
    session = service.sessions.find(carol.cookie.partition("=")[2])
    service.sessions.tell(session, "It is <done>.")
    assert "It is &lt;done&gt;." in carol.get("/ui/audit").text
    assert "done" not in carol.get("/ui/audit").text.partition("<main")[2].partition("<h1")[0]


@pytest.mark.long
def test_pages_of_origins_that_may_ask_the_api_cannot_read_ours(world: World) -> None:
    headers = {"origin": "https://front.example"}
    with wire(world, cors_origins=("https://front.example",)) as http:
        assert "access-control-allow-origin" in http.ask("GET", "/heartbeat", None, headers).headers
        for path in ("/ui/", "/api/ui/", "/ui/audit", "/ui/static/style.css"):
            answer = http.ask("GET", path, None, headers)
            assert not [name for name in answer.headers if name.startswith("access-control")], path
        asked = http.ask("OPTIONS", "/ui/", None, {**headers, "access-control-request-method": "POST"})
        assert not [name for name in asked.headers if name.startswith("access-control")]


@pytest.mark.long
def test_without_pages_there_are_none_and_the_root_is_json_for_all(world: World) -> None:
    with wire(world, pages=False) as http:
        for path in ("/ui/", "/ui/sign-in", "/ui/static/style.css"):
            assert http.ask("GET", path, None).status_code == 404
        answer = http.ask("GET", "/", None, {"accept": "text/html"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html", True),
        ("TEXT/HTML; charset=utf-8", True),
        ("application/json, text/html", True),
        ("text/html;q=0.5", True),
        ("*/*", False),
        ("text/*", False),
        ("", False),
        (None, False),
        ("application/json", False),
        ("text/html;q=0", False),
        ("text/html;q=0.0, */*", False),
        ("text/html;q=0.5, application/json", False),
        ("text/html;q=x", False),
        ("text/htmlx", False),
    ],
)
def test_the_root_leads_whoever_asks_for_html_and_nobody_else(http: Wire, accept: str | None, html: bool) -> None:
    for prefix in ("", "/api"):
        headers = {} if accept is None else {"accept": accept}
        answer = http.ask("GET", f"{prefix}/", None, headers)
        assert "Accept" in answer.headers["vary"]
        if html:
            assert (answer.status_code, answer.headers["location"]) == (307, f"{prefix}/ui/")
        else:
            assert answer.status_code == 200
            assert "message" in answer.json()
