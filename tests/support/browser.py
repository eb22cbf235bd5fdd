"""A real Chromium, driven by Playwright: Debian's where there is one, else the one that Playwright installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

NARROW: Final = 360
"""Pixels that the narrowest screen is wide."""
RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""Of axe-core: what a page must not violate."""

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")

_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def _program() -> str | None:
    """The browser that the machine has; ``None`` for the one that Playwright installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser, closed at the end; each context of it is a visitor of its own."""
    from playwright.sync_api import sync_playwright  # the default tests do without it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=[*_OPTIONS])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, url: str, who: str | None = None, **options: Any) -> Iterator[Page]:
    """A visitor of the service at *url*, signed in with the key *who*; scripts that fail on the way are a fault."""
    context = browser.new_context(**{"reduced_motion": "reduce", "locale": "en-GB", **options})
    context.set_default_timeout(15_000)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    page.on("console", lambda line: faults.append(f"{page.url}: {line.text}") if _is_fault(line, page) else None)
    try:
        if who is not None:
            page.goto(f"{url}/ui/sign-in")
            page.get_by_label("API key").fill(who)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"{url}/ui/")
        yield page
        assert faults == []
    finally:
        context.close()


def _is_fault(line: ConsoleMessage, page: Page) -> bool:
    # A page that answers 404 is told of like a file that it lacks.
    return line.type == "error" and line.location.get("url") != page.url


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with *page*, a line for each of its elements."""
    from axe_playwright_python.sync_playwright import Axe

    asked = {"runOnly": {"type": "tag", "values": [*RULES]}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=asked).response["violations"]
    return [f"{page.url}: {rule['id']}: {node['html'][:300]}" for rule in found for node in rule["nodes"]]


def is_too_wide(page: Page) -> bool:
    """Whether one has to scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
