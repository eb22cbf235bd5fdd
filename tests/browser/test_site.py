"""A static site from a plain file server, in a browser: the search finds, links lead on, everybody can use it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelref_git.operations.import_options import ImportOptions
from modelref_git.operations.import_records import import_source
from tests.support.browser import NARROW, is_too_wide, violations, visiting
from tests.support.world import World, clip

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.long


class Quiet(SimpleHTTPRequestHandler):
    """A file server that says nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder over HTTP, below a path of its own as on a shared host; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder.parent)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{folder.name}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Path:
    """The site of the real image models, with a batch on top."""
    folder = tmp_path_factory.mktemp("real")
    world = World.make(folder / "world", bare=True, empty=True)
    import_source(world.context(), real_data / "image-legacy", ImportOptions())
    world.apply(world.approve(world.create("clip", "<b>bold</b>", clip("<b>bold</b>")), title="<i>one</i>"))
    world.run("site", str(folder / "models site")).ok()
    return folder / "models site"


def test_the_search_finds_a_record_of_the_real_dataset(browser: Browser, site: Path) -> None:
    with served(site) as url, visiting(browser, url, base_url=url) as page:
        page.goto("index.html")
        page.click("nav >> text=Search")
        page.fill("#q", "anything diffusion")
        page.wait_for_selector("#results tbody tr")
        page.click("#results tbody tr:has-text('Anything Diffusion') a")
        page.wait_for_url("**/records/image_generation/**")
        assert "Anything Diffusion" in page.inner_text("h1")
        page.click("text=History")
        page.wait_for_url("**/histories/**")
        # The search can be linked to, shows names as they are, and says so when there is nothing.
        page.goto("search.html?q=bold&category=clip")
        page.wait_for_selector("#results tbody tr")
        assert page.inner_text("#results tbody td >> nth=0") == "<b>bold</b>"
        page.fill("#q", "there is no such thing")
        page.wait_for_selector("#count:has-text('0 records')")


def test_without_javascript_everything_but_the_search_is_there(browser: Browser, site: Path) -> None:
    with served(site) as url, visiting(browser, url, base_url=url, java_script_enabled=False) as page:
        page.goto("search.html")
        assert "The search needs JavaScript" in page.inner_text("main")
        page.goto("index.html")
        page.click("nav >> text=Dataset")
        page.click("main a:has-text('image_generation')")
        page.click("main table a >> nth=0")
        assert page.locator("h1").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(browser: Browser, site: Path, scheme: str) -> None:
    kinds = ("index.html", "search.html", "dataset/index.html", "dataset/image_generation/index.html")
    some = [next((site / place).glob("*.html")) for place in ("records/image_generation", "histories/clip", "commits")]
    paths = [*kinds, "batches/index.html", "batches/3.html", *(str(path.relative_to(site)) for path in some)]
    screen = {"width": NARROW, "height": 740}
    with served(site) as url, visiting(browser, url, base_url=url, color_scheme=scheme, viewport=screen) as page:
        found: list[str] = []
        for path in paths:
            page.goto(path.replace("%", "%25"))
            found += violations(page)
            assert not is_too_wide(page), path
        assert not found
