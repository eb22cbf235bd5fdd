"""The form that proposes, in a real browser: markup that is typed stays text, and pictures go along."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.browser import visiting
from tests.support.http_live import Live, live
from tests.support.pictures import painted, saved
from tests.support.world import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.long

MARKUP: Final = "</textarea>\"'><img src=x onerror=window.ran=1><script>window.ran=1</script>"
CLIP: Final = "/ui/propose/update?category=clip&name=ViT-L/14"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Live]:
    with live(World.make(tmp_path / "world")) as served:
        yield served


def assert_text(page: Page) -> None:
    """Nothing that was typed is part of the page."""
    assert page.evaluate("window.ran") is None
    assert page.locator('img[src="x"], script:not([src])').count() == 0


def test_markup_that_is_typed_everywhere_runs_nowhere(browser: Browser, service: Live) -> None:
    with visiting(browser, service.url, "carol") as page:
        page.goto(f"{service.url}/ui/propose/create?category=clip")
        for one in page.locator("#proposal input:not([type]), #proposal textarea").all():
            if one.is_visible():
                one.fill(MARKUP)
        page.wait_for_selector("#live:has-text('to mend')")
        assert_text(page)
        page.click('.bottom button[value="propose"]')
        page.wait_for_selector("#faults")
        assert_text(page)

        page.goto(f"{service.url}/ui/propose/create?category=clip")
        assert page.locator("#draft").is_visible()
        page.fill('input[name="f:/name"]', MARKUP)
        page.fill('textarea[name="f:/description"]', MARKUP)
        page.fill('input[name="f:/config/download/0/file_name"]', "a.pt")
        page.fill('input[name="f:/config/download/0/file_url"]', "https://models.example/a.pt")
        page.fill("#note", MARKUP)
        page.click('.bottom button[value="preview"]')
        page.wait_for_selector("button:has-text('Propose it')")
        assert_text(page)
        page.click("button[value=propose]")
        page.wait_for_url("**/ui/changes/3")
        assert MARKUP in page.inner_text("main")
        assert_text(page)
    with visiting(browser, service.url, "arthur") as page:
        for path in ("queue", "changes/3", "audit", ""):
            page.goto(f"{service.url}/ui/{path}")
            assert_text(page)
    assert service.world.run("show", "3").ok().json["model_name"] == MARKUP


def test_pictures_go_along_with_the_form_and_are_stored_with_the_change(browser: Browser, service: Live) -> None:
    with visiting(browser, service.url, "carol") as page:
        page.goto(service.url + CLIP)
        files = [
            {"name": f"{number}.png", "mimeType": "image/png", "buffer": saved(painted(64 + number, 48))}
            for number in range(2)
        ]
        page.set_input_files("#picture-files", files)  # type: ignore[arg-type]
        page.click("button[value=upload]")
        rows = page.locator('fieldset[data-path="/pictures"] > .row')
        rows.nth(1).wait_for()
        assert "sent along, and stored when you propose" in rows.nth(0).inner_text()
        page.fill('textarea[name="f:/pictures/0/prompt"]', MARKUP)
        page.click('button[value="drop /pictures/1"]')
        rows.nth(1).wait_for(state="detached")
        page.click('.bottom button[value="preview"]')
        page.click("button[value=propose]")
        page.wait_for_url("**/ui/changes/3")
        assert_text(page)
        shown = page.locator("img[src*=pictures]").first
        shown.scroll_into_view_if_needed()
        page.wait_for_function("one => one.complete && one.naturalWidth > 0", arg=shown.element_handle())
    proposed = service.world.run("show", "3").ok().json["payload"]["pictures"]
    assert [(one["width"], one["prompt"]) for one in proposed] == [(64, MARKUP)]
    assert service.world.run("verify").ok().json["ok"] is True


def test_what_is_no_picture_is_refused_beside_the_form(browser: Browser, service: Live) -> None:
    with visiting(browser, service.url, "carol") as page:
        page.goto(service.url + CLIP)
        page.fill('textarea[name="f:/description"]', "Kept")
        page.set_input_files("#picture-files", {"name": "a.png", "mimeType": "image/png", "buffer": b"<svg onload=x>"})
        page.click("button[value=upload]")
        page.wait_for_selector("#faults")
        assert page.input_value('textarea[name="f:/description"]') == "Kept"
        assert page.locator('fieldset[data-path="/pictures"] > .row').count() == 0
