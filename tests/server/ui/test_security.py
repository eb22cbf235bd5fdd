"""What pages must not let happen, tried on every route; and each line about them in ``docs/security.md``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from httpx import Response
from starlette.routing import Route

from modelref_git.server.settings import Settings
from modelref_git.server.ui import PARTS
from modelref_git.server.ui.page import HEADERS, POLICY
from tests.support.calls import CHECKOUT
from tests.support.hostile import FILLED_IN, MALLORY, MARK, NAME, Hostile, evil, hostile, look
from tests.support.http import KEYS, Wire, key_file, wire
from tests.support.pages import ORIGIN, Pages, signed_in

HEADS: Final = ("on the pages", "comes to")
OF_A_KIND: Final = 8
"""So many pages of one route with the same parameters are looked at, and as many again that name what is hostile."""

FORM: Final = {"content-type": "application/x-www-form-urlencoded", "origin": ORIGIN, "accept": "text/html"}


def _routes(method: str) -> list[Route]:
    made = [route for part in PARTS for route in part(Settings()).routes]
    return [route for route in made if isinstance(route, Route) and method in (route.methods or ())]


GETS: Final = _routes("GET")
POSTS: Final = [route.path for route in _routes("POST")]

NO_SESSION: Final = {"/sign-in"}
"""Forms of those who are not signed in yet."""
EVERYBODYS: Final = {"/sign-in", "/sign-out"}
"""Forms of whoever has a key."""
FILES: Final = {"/static/{name}", "/pictures/{sha256}", "/pictures/{sha256}/thumbnail"}
"""What pages show, and no page links to."""

_RECORD: Final = urlencode({"category": "clip", "name": NAME})
BEGINNINGS: Final = [
    "/ui/propose/create?category=clip",
    "/ui/propose/create?category=zoo",
    *(f"/ui/propose/{operation}?{_RECORD}" for operation in ("update", "delete")),
]
"""Pages for requestors; they are found from others too."""
DRAFTS: Final = "/ui/propose/"
"""Forms that a browser keeps until whoever fills them in signs out, so that nothing typed is lost."""


@dataclass(slots=True)
class Scene:
    """The hostile world, served."""

    http: Wire
    there: Hostile
    visited: dict[str, Response] = field(default_factory=dict)

    def filled(self, path: str) -> str:
        """A path of forms about something that is there."""
        return (
            path.replace("{change_id}", str(self.there.changes["pending"]))
            .replace("{batch_id}", "1")
            .replace("{choice}", "approve")
            .replace("{category}", "clip")
        )

    def post(self, path: str, visitor: Pages, fields: dict[str, str], **headers: str) -> Response:
        """One form as it is, without a proof of its own."""
        self.http.client.cookies.clear()
        sent = {**FORM, **headers, **({"cookie": visitor.cookie} if visitor.cookie else {})}
        sent = {name: value for name, value in sent.items() if value}
        body = urlencode(fields).encode()
        return self.http.ask("POST", f"/ui{self.filled(path)}", None, sent, content=body)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("hostile")
    there = hostile(folder / "w.git")
    keys = key_file(folder / "keys.json", {**KEYS, "mallory": MALLORY})
    with wire(there.world, auth=("file", "keys"), auth_file=keys) as http:
        yield Scene(http, there)


@pytest.fixture(scope="module")
def visited(scene: Scene) -> dict[str, Response]:
    """Every kind of page that somebody who may see all finds by following links; nothing changes by that."""
    before = scene.there.world.refs()
    arthur = signed_in(scene.http, "arthur")
    newest = max(scene.there.changes.values())
    always = ["/ui/", *BEGINNINGS, *(f"/ui/changes/{number}" for number in range(1, newest + 1))]
    waiting, found, kinds = [*always], scene.visited, Counter[Any]()
    while waiting:
        address = waiting.pop(0)
        if address in found or (kinds[_kind(address)] >= OF_A_KIND and address not in always):
            continue
        kinds[_kind(address)] += 1
        found[address] = answer = arthur.get(address)
        if answer.headers.get("content-type", "").startswith("text/html"):
            waiting += _ways(answer.text, address)
    assert scene.there.world.refs() == before, "looking changes nothing"
    return found


def _kind(address: str) -> tuple[str, frozenset[str], bool]:
    place = urlsplit(address)
    path = place.path.removeprefix("/ui")
    route = next((route.path for route in GETS if route.path_regex.match(path)), path)
    return route, frozenset(parse_qs(place.query)), MARK in address


def _ways(page: str, address: str) -> Iterator[str]:
    for link in look(page).links:
        place = urlsplit(link)
        path = place.path or urlsplit(address).path
        if not place.scheme and path.startswith("/ui/"):
            yield path + (f"?{place.query}" if place.query else "")


Check: TypeAlias = Callable[[Scene], None]
CHECKS: Final[dict[str, Check]] = {}


def line(told: str) -> Callable[[Check], Check]:
    """Have a check be that of one line of the page."""

    def add(check: Check) -> Check:
        assert told not in CHECKS
        CHECKS[told] = check
        return check

    return add


# --- all pages -------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_every_page_that_is_there_is_looked_at(visited: dict[str, Response]) -> None:
    paths = [urlsplit(address).path.removeprefix("/ui") for address in visited]
    missed = [route.path for route in GETS if not any(route.path_regex.match(path) for path in paths)]
    # Who is signed in is led on from there.
    assert set(missed) <= FILES | {"/sign-in"}


@pytest.mark.long
def test_what_people_wrote_is_text_on_every_page(scene: Scene, visited: dict[str, Response]) -> None:
    pages = dict(visited)
    for who in ("mallory", "carol", "nina"):
        visitor = signed_in(scene.http, who)
        pages |= {f"{who} {address}": visitor.get(address) for address in list(visited)}
    shown = ""
    for address, answer in pages.items():
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        seen = look(answer.text)
        assert not seen.faults, (address, seen.faults)
        assert FILLED_IN not in answer.text, address
        shown += seen.text
    for place in scene.there.places:
        assert evil(place) in shown, f"no page shows what was written as {place}"


@pytest.mark.long
def test_every_page_has_the_headers_of_a_private_page(visited: dict[str, Response]) -> None:
    for address, answer in visited.items():
        assert answer.status_code in (200, 303, 404, 409, 422), address
        assert answer.headers["x-content-type-options"] == "nosniff", address
        if answer.headers.get("content-type", "").startswith("text/html") or answer.status_code == 303:
            for name, value in HEADERS.items():
                kept = name == "Cache-Control" and address.startswith(DRAFTS) and answer.status_code == 200
                assert answer.headers[name].startswith("private" if kept else value), (address, name)


def test_the_policy_of_content_lets_nothing_inline_in() -> None:
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["img-src"] == "'self'"
    assert rules["form-action"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert "unsafe" not in POLICY
    assert "data:" not in POLICY
    assert "*" not in POLICY


# --- all forms -------------------------------------------------------------------------------------------------------


@line("a form without the proof of its page, or with that of another session")
def _(scene: Scene) -> None:
    arthur, olivia = signed_in(scene.http, "arthur"), signed_in(scene.http, "olivia")
    for path in POSTS:
        if path in NO_SESSION:
            continue
        for proof in (None, "", "x" * 96, olivia.csrf()):
            answer = scene.post(path, arthur, {} if proof is None else {"csrf": proof})
            assert answer.status_code == 403, (path, proof, answer.text)


@line("a form that a page of another origin sends, or that does not say where it comes from")
def _(scene: Scene) -> None:
    arthur = signed_in(scene.http, "arthur")
    proof = arthur.csrf()
    for path in POSTS:
        for headers in (
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"origin": ""},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ):
            answer = scene.post(path, arthur, {"csrf": proof, "key": "arthur"}, **headers)
            assert answer.status_code == 403, (path, headers)
            assert "set-cookie" not in answer.headers


@line("a form of somebody who did not sign in")
def _(scene: Scene) -> None:
    for path in POSTS:
        if path not in NO_SESSION:
            answer = scene.post(path, Pages(scene.http), {})
            assert answer.status_code == 303, path
            assert answer.headers["location"] == "/ui/sign-in"


@line("a form of somebody with a good key who is no member")
def _(scene: Scene) -> None:
    nina = signed_in(scene.http, "nina")
    for path in POSTS:
        if path not in EVERYBODYS:
            answer = scene.post(path, nina, {"csrf": nina.csrf(), "operation": "create"})
            assert answer.status_code == 403, path


@line("a form of a requestor that is an approver's")
def _(scene: Scene) -> None:
    carol = signed_in(scene.http, "carol")
    theirs = ("/members", "/member", "/policy", "/queue", "/batches")
    for path in POSTS:
        if path.startswith(theirs) and not path.endswith(("/withdraw", "/revert")):
            assert scene.post(path, carol, {"csrf": carol.csrf()}).status_code == 403, path


@line("a request that only looks")
def _(scene: Scene) -> None:
    arthur = signed_in(scene.http, "arthur")
    for route in GETS:
        arthur.get(f"/ui{scene.filled(route.path)}")
    for path in POSTS:
        answer = arthur.get(f"/ui{scene.filled(path)}?csrf={arthur.csrf()}")
        assert answer.status_code != 303 or path in EVERYBODYS, path


# --- sessions --------------------------------------------------------------------------------------------------------


@line("a session whose token somebody else chose, or knew before")
def _(scene: Scene) -> None:
    for planted in ("A" * 43, "x", "", "é", '"; drop table sessions; --'):
        visitor = Pages(scene.http, f"modelref_session={planted}".encode("ascii", "replace").decode())
        answer = scene.post("/sign-in", visitor, {"key": "carol"})
        token = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
        assert len(token) == 43
        assert token != planted
        assert visitor.get("/ui/members").status_code == 303


@line("a private page after signing out")
def _(scene: Scene) -> None:
    carol = signed_in(scene.http, "carol")
    page = carol.get("/ui/members")
    assert page.headers["cache-control"] == "private, no-store"
    assert "Cookie" in page.headers["vary"]
    gone = carol.post("/ui/sign-out")
    assert (gone.status_code, gone.headers["clear-site-data"]) == (303, '"cache", "storage"')
    assert carol.get("/ui/members").status_code == 303


@line("a key in a cookie, a query or a header instead of a session")
def _(scene: Scene) -> None:
    for headers in ({"cookie": "modelref_session=arthur; apikey=arthur"}, {"apikey": "arthur"}):
        scene.http.client.cookies.clear()
        answer = scene.http.ask("GET", "/ui/members?apikey=arthur&key=arthur", None, headers)
        assert answer.status_code == 303
        body = urlencode({"csrf": "x"}).encode()
        sent = scene.http.ask("POST", "/ui/members", None, {**FORM, **headers}, content=body)
        assert sent.headers.get("location") == "/ui/sign-in"


# --- other ways in ---------------------------------------------------------------------------------------------------


@line("a page in a frame of another")
def _(scene: Scene) -> None:
    for address in ("/ui/", "/ui/sign-in", "/ui/nothing"):
        answer = Pages(scene.http).get(address)
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"


_PATHS: Final = (
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/base.html",
    "..\\..\\base.html",
    "..%5c..%5cbase.html",
    "....//base.html",
    "%00style.css",
    "style.css%00",
    "style.css/",
    "/style.css",
    "STYLE.CSS",
    "style.css.bak",
    "%ef%bc%8e%ef%bc%8e/style.css",
    "%ff%fe",
    "%F0%9F%92%A9",
    "%",
    "%zz",
    "__init__.py",
    "x" * 8_000,
)


@line("a path that tries to leave its folder")
def _(scene: Scene) -> None:
    arthur = signed_in(scene.http, "arthur")
    for trick in _PATHS:
        for folder in ("static", "pictures", "policy/schemas", "changes", "batches", "commits"):
            answer = arthur.get(f"/ui/{folder}/{trick}")
            assert answer.status_code in (303, 307, 404, 405, 422), (folder, trick)
            assert "root:" not in answer.text
            assert "{% " not in answer.text


@line("a way on after signing in that leads elsewhere")
def _(scene: Scene) -> None:
    for address in (
        "//evil.example",
        "https://evil.example/ui/",
        "/\\evil.example",
        "/ui/..//evil.example",
        "/ui\r\nX: y",
    ):
        answer = scene.post("/sign-in", Pages(scene.http), {"key": "carol", "next": address})
        assert answer.headers["location"] == "/ui/"


@line("a form with more fields than any of ours, or that is none")
def _(scene: Scene) -> None:
    arthur = signed_in(scene.http, "arthur")
    many = "&".join(["a=b"] * 6_000).encode()
    for kind, body in (
        ("application/x-www-form-urlencoded", many),
        ("application/x-www-form-urlencoded", b"\xff\xfe"),
        ("application/x-www-form-urlencoded", b"name=%ff"),
        ("application/json", b"{}"),
        ("text/plain", b"csrf=x"),
    ):
        headers = {**FORM, "content-type": kind, "cookie": arthur.cookie}
        answer = scene.http.ask("POST", "/ui/members", None, headers, content=body)
        assert answer.status_code == 422, (kind, body[:20])


# --- the page --------------------------------------------------------------------------------------------------------


def _lines() -> list[tuple[str, str]]:
    found, inside = [], False
    for text in (CHECKOUT / "docs" / "security.md").read_text(encoding="utf-8").splitlines():
        cells = tuple(cell.strip() for cell in text.strip("|").split("|")) if text.startswith("|") else ()
        if cells == HEADS:
            inside = True
        elif not cells:
            inside = False
        elif inside and set(cells[0]) != {"-"}:
            found.append((cells[0], cells[1]))
    return found


def test_every_line_about_the_pages_is_tried_and_no_other() -> None:
    assert sorted(told for told, _ in _lines()) == sorted(CHECKS)


@pytest.mark.long
@pytest.mark.parametrize("told", [told for told, _ in _lines()])
def test_what_is_told_of_the_pages_is_so_and_nothing_is_changed(scene: Scene, told: str) -> None:
    before: Any = scene.there.world.refs()
    CHECKS[told](scene)
    assert scene.there.world.refs() == before
