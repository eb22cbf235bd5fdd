"""Every page for everybody: axe-core, narrow screens and the console, in both schemes, for each who may see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlencode, urlsplit

import pytest
from starlette.routing import Route

from modelref_git.operations.notes import note_add
from modelref_git.operations.pictures import Upload, image_add
from modelref_git.operations.revert import revert_batch
from modelref_git.operations.review import review_changes
from modelref_git.server.settings import Settings
from modelref_git.server.ui import PARTS
from tests.support.browser import NARROW, is_too_wide, violations, visiting
from tests.support.hostile import MALLORY, NAME, ZOO, hostile
from tests.support.http import KEYS, key_file
from tests.support.http_live import Live, live
from tests.support.pictures import painted, saved
from tests.support.world import ARTHUR, CAROL, OWNER, World, clip

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.long

LONG: Final = "a-name-" + "without-any-place-to-break-it-" * 5
OLD: Final = "ViT-L/14"
"""A record of every world."""
FILES: Final = {"/static/{name}", "/pictures/{sha256}", "/pictures/{sha256}/thumbnail"}
"""What answers no page."""

Who = Literal["nobody", "carol", "arthur"]
RANKS: Final[Mapping[Who, int]] = {"nobody": 0, "carol": 1, "arthur": 2}
KEY, APPROVER = 1, 2


@dataclass(frozen=True, slots=True)
class Example:
    """An address below ``/ui``, with its answer to those who may see it; others are told that they may not."""

    path: str
    least: int = 0
    status: int = 200


def _record(name: str, category: str = "clip", **more: str) -> str:
    return urlencode({"category": category, "name": name, **more})


def examples(numbers: Mapping[str, Any]) -> list[Example]:
    """All that is looked at; *numbers* are those of the rich world."""
    changes = [Example(f"/changes/{numbers[state]}", KEY) for state in STATES]
    batches = [Example(f"/batches/{number}", KEY) for number in (numbers["reverted"], numbers["open"])]
    return [
        Example("/"),
        Example("/sign-in"),
        Example("/sign-in?next=/ui/queue"),
        Example("/nowhere", status=404),
        Example("/queue", KEY),
        Example("/queue?statuses=rejected&statuses=applied&categories=clip", KEY),
        Example("/queue?model_name=there-is-none", KEY),
        Example("/queue?statuses=unheard-of", KEY, 422),
        *changes,
        Example(f"/changes/{numbers['long']}?whole=1", KEY),
        Example("/changes/999", KEY, 404),
        Example("/changes/x", status=422),
        Example("/batches", KEY),
        *batches,
        Example(f"/batches/{numbers['open']}?preview=1", KEY),
        Example(f"/batches/{numbers['open']}?preview=1&change_ids={numbers['part']}", KEY),
        Example(f"/batches/{numbers['reverted']}?revert=1", KEY),
        Example("/batches/999", KEY, 404),
        Example("/audit", KEY),
        Example("/audit?action=apply", KEY),
        Example("/audit?action=unheard-of", KEY, 422),
        Example("/dataset"),
        Example("/dataset?q=encoder"),
        Example("/dataset?q=there-is-none-such"),
        Example("/dataset?at=main~1"),
        Example("/dataset/clip"),
        Example("/dataset/image_generation?sort_by=name&nsfw=true&tags_any=anime"),
        Example(f"/dataset/{ZOO}"),
        Example("/dataset/unheard-of", status=404),
        *(Example(f"/record?{_record(name)}") for name in (NAME, LONG)),
        Example(f"/record?{_record(NAME, ZOO)}"),
        Example(f"/record?{_record('stable_diffusion', 'image_generation')}"),
        Example(f"/record?{_record('gone')}", status=404),
        Example("/record", status=422),
        Example(f"/record?{_record(NAME, at='main~1')}"),
        Example(f"/record/history?{_record(NAME)}"),
        Example(f"/record/history?{_record('gone')}", status=404),
        Example("/compare"),
        Example(f"/compare?old={numbers['first']}&new=main"),
        Example(f"/compare?{_record(NAME, other_name=LONG)}"),
        Example(f"/commits/{numbers['tip']}"),
        Example("/commits/" + "0" * 40, status=404),
        Example("/propose", KEY),
        Example("/propose/create?category=image_generation", KEY),
        Example(f"/propose/create?category={ZOO}", KEY),
        Example(f"/propose/update?{_record(NAME)}", KEY),
        Example(f"/propose/update?{_record(LONG)}", KEY),
        Example(f"/propose/update?{_record('gone')}", KEY, 404),
        Example(f"/propose/delete?{_record(LONG)}", KEY),
        Example("/members", KEY),
        Example("/member?id=2", KEY),
        Example("/member?id=999", KEY, 404),
        Example("/keys", KEY),
        Example("/policy", KEY),
        Example("/policy/settings", APPROVER),
        Example("/policy/text", APPROVER),
        Example("/policy/schemas/clip", KEY),
        Example(f"/policy/changes/{numbers['policy']}", KEY),
        Example(f"/propose/rebase?change={numbers['conflict']}", KEY),
    ]


STATES: Final = (
    "pending", "rejected", "held", "approved", "update", "rival", "delete", "conflict", "critical", "long", "pictured",
)  # fmt: skip


@dataclass(slots=True)
class Rich:
    """A service over a world in which everything is."""

    service: Live
    numbers: dict[str, Any]

    @property
    def world(self) -> World:
        """The world."""
        return self.service.world


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rich]:
    folder = tmp_path_factory.mktemp("rich")
    there = hostile(folder / "w.git")
    numbers = {**there.changes, **_enriched(there.world)}
    keys = key_file(folder / "keys.json", {**KEYS, "mallory": MALLORY})
    with live(there.world, auth=("file", "keys"), auth_file=keys) as service:
        yield Rich(service, numbers)


def _enriched(world: World) -> dict[str, Any]:
    """What the hostile world lacks: long words, conflicts, what is critical, a revert, pictures in the queue."""
    carol, words = world.context(CAROL), "unbroken" * 60
    first = world.git("rev-parse", "main").strip()
    long = world.create("clip", LONG, clip(LONG, description=f"{words}\n" * 3, homepage=f"https://{words}.example/"))
    conflict = world.update("clip", OLD, {"/description": "Mine"})
    theirs = world.update("clip", OLD, {"/description": "Theirs"}, actor=ARTHUR)
    applied = world.approve(long, theirs, title=words[:120], actor=OWNER)
    world.apply(applied)
    note_add(world.context(ARTHUR), "clip", LONG, words, team=True)
    note_add(carol, "clip", LONG, "Two\nlines")
    details = {"prompt": "A lake " * 60, "loras": [{"name": words, "strength": 0.5}], "nsfw_level": 2}
    shown = image_add(carol, "clip", LONG, [Upload(saved(painted(640, 480)), details)])
    source = "https://models.example/" + "deep/" * 60 + "x.pt"
    critical = world.update("clip", OLD, {"/config/download/0/file_url": source})
    revert_batch(carol, applied)
    parts = [world.create("clip", name, clip(name)) for name in ("approved one", "approved two")]
    return {
        "first": first,
        "tip": world.git("rev-parse", "main").strip(),
        "long": world.update("clip", LONG, {"/description": f"{words} " * 20, "/version": words}),
        "conflict": conflict,
        "critical": critical,
        "pictured": shown["change_id"],
        "reverted": applied,
        "part": parts[0],
        "open": world.approve(*parts, title="June models"),
    }


def test_every_route_that_answers_a_page_has_an_example() -> None:
    routes = [route for part in PARTS for route in part(Settings()).routes if isinstance(route, Route)]
    pages = [route for route in routes if "GET" in (route.methods or ())]
    paths = [urlsplit(example.path).path for example in examples(defaultdict(int))]
    missed = {route.path for route in pages if not any(route.path_regex.match(path) for path in paths)}
    assert missed == FILES


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", NARROW)])
@pytest.mark.parametrize("who", RANKS)
def test_everybody_can_use_every_page_on_every_screen(
    browser: Browser, rich: Rich, who: Who, scheme: Literal["light", "dark"], width: int
) -> None:
    url, faults = rich.service.url, []
    with _visitor(browser, url, who, scheme, width) as page:
        for example in examples(rich.numbers):
            answer = page.goto(f"{url}/ui{example.path}")
            assert answer is not None
            if who == "nobody" and example.least:
                assert urlsplit(page.url).path == "/ui/sign-in", example.path
                continue  # it is looked at as a page of its own
            status = example.status if RANKS[who] >= example.least else 403
            if answer.status != status:
                faults.append(f"{page.url}: {answer.status} instead of {status}")
            faults += _faults(page)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(("scheme", "width"), [("light", NARROW), ("dark", 1280)])
def test_everybody_can_use_a_form_that_was_refused(
    browser: Browser, rich: Rich, scheme: Literal["light", "dark"], width: int
) -> None:
    faults: list[str] = []
    with _visitor(browser, rich.service.url, "nobody", scheme, width) as page:
        for _ in _refused(page, rich):
            assert page.locator("[role=alert]").count(), page.url
            faults += _faults(page)
    assert not faults, "\n".join(faults)


def _refused(page: Page, rich: Rich) -> Iterator[None]:
    """Go through the forms that are refused, one page after another."""
    url, world = f"{rich.service.url}/ui", rich.world

    def send(path: str, form: str, **fields: str) -> None:
        page.goto(f"{url}/{path}")
        _unfold(page)
        place = page.locator(form).first
        place.evaluate("one => { one.noValidate = true; }")
        for name, value in fields.items():
            place.locator(f"[name={name}]").first.fill(value)
        with page.expect_navigation() as answer:
            # As the browser's own checks would not let it through.
            place.evaluate("one => HTMLFormElement.prototype.submit.call(one)")
        assert answer.value.status >= 400, path

    def click(button: str) -> None:
        with page.expect_navigation() as answer:
            page.click(button)
        assert answer.value.status >= 400, page.url

    send("sign-in", "main form", key="nonsense")
    yield
    page.goto(f"{url}/sign-in")
    page.get_by_label("API key").fill("arthur")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/")
    send("queue", "#decide")
    yield
    raced = world.create("clip", f"raced-{LONG}", clip(f"raced-{LONG}"))
    page.goto(f"{url}/queue?model_name=raced")
    page.check(f'input[name="choice-{raced}"][value="approve"]')
    page.fill("#title", "T")
    reject(world, raced)
    click("#submit")
    yield
    send(f"changes/{rich.numbers['pending']}", "form[action$=reject]")
    yield
    page.goto(f"{url}/batches/{rich.numbers['open']}?preview=1")
    world.approve(world.create("clip", f"late-{raced}", clip(f"late-{raced}")))
    click("#apply")
    yield
    record = f"record?{_record(NAME)}"
    send(record, "form[action$='notes/add']")
    yield
    send("members", "form[action$=members]", name="", id="")
    yield
    send("keys", "form[action$=keys]", days="never")
    yield
    send("policy", "form[action$=exceptions]", name="no-such", reason="")
    yield
    send("policy/text", "main form", text="nonsense = [")
    yield
    page.goto(f"{url}/propose/delete?{_record(LONG)}")
    page.locator("[name=blob]").evaluate("one => { one.value = '0'.repeat(40); }")
    click("main form button.danger")
    yield


def reject(world: World, number: int) -> None:
    """Have Olivia turn a change down."""
    review_changes(world.context(OWNER), (), [number], title=None, reason="a copy of another")


@contextmanager
def _visitor(browser: Browser, url: str, who: Who, scheme: Literal["light", "dark"], width: int) -> Iterator[Page]:
    given = None if who == "nobody" else who
    with visiting(browser, url, given, color_scheme=scheme, viewport={"width": width, "height": 900}) as page:
        yield page


def _unfold(page: Page) -> None:
    """Open what is folded up."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")


def _faults(page: Page) -> list[str]:
    _unfold(page)
    wide = [f"{page.url}: {page.viewport_size} is too narrow for it: {_widest(page)}"] if is_too_wide(page) else []
    return [*violations(page), *wide]


def _widest(page: Page) -> str:
    """The innermost element that reaches farthest to the right."""
    return str(
        page.evaluate(
            """() => Array.from(document.querySelectorAll("main *, header *, footer *"))
                .map(one => [one.getBoundingClientRect().right, one.outerHTML.slice(0, 200)])
                .sort((one, other) => one[0] - other[0]).pop().join(": ")"""
        )
    )
