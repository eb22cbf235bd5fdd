"""Proposing in a real browser: as one types, after a reload, without a script, by dropping a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import is_too_wide, violations
from tests.support.http_live import Live, live
from tests.support.pictures import painted, saved
from tests.support.world import World, clip

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.long

CLIP = "/ui/propose/update?category=clip&name=ViT-L/14"
DESCRIPTION = 'textarea[name="f:/description"]'


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path / "world")


@contextmanager
def visitor(browser: Browser, service: Live, who: str = "carol", **options: Any) -> Iterator[Page]:
    """A page of somebody who signed in; faults of scripts, and what the policy blocks, are faults of the test."""
    context = browser.new_context(reduced_motion="reduce", **options)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if "Content Security" in line.text else None)
    try:
        page.goto(f"{service.url}/ui/sign-in")
        page.fill("#key", who)
        page.click("main button")
        yield page
        assert faults == []
    finally:
        context.close()


def assert_for_everybody(page: Page) -> None:
    assert violations(page) == []
    assert not is_too_wide(page)


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1280)])
def test_everybody_can_use_every_page_that_proposes(browser: Browser, world: World, scheme: Any, width: int) -> None:
    number = world.update("clip", "ViT-L/14", {"/description": "Mine", "/version": "mine"})
    with (
        live(world) as service,
        visitor(browser, service, color_scheme=scheme, viewport={"width": width, "height": 900}) as page,
    ):
        page.goto(service.url + CLIP)
        page.fill(DESCRIPTION, "Mine, too")
        world.apply(world.approve(world.update("clip", "ViT-L/14", {"/description": "Theirs", "/version": "2"})))
        page.click("button[value=preview]")
        assert "was changed meanwhile" in page.inner_text("h1")
        assert_for_everybody(page)
        for path in ("", "/create?category=image_generation", f"/rebase?change={number}"):
            page.goto(f"{service.url}/ui/propose{path}")
            assert_for_everybody(page)
        page.goto(f"{service.url}/ui/propose/delete?category=clip&name=ViT-L/14")
        assert_for_everybody(page)
        page.goto(f"{service.url}/ui/propose/create?category=image_generation")
        page.fill('input[name="f:/name"]', "https://x.example/y")
        page.click("button[value=propose]")
        assert_for_everybody(page)
        page.goto(service.url + CLIP)
        picture = {"name": "a.png", "mimeType": "image/png", "buffer": saved(painted(64, 48))}
        page.set_input_files("#picture-files", picture)
        page.click("button[value=upload]")
        page.fill(DESCRIPTION, "Another")
        page.wait_for_selector("#live:has-text('would change')")
        assert_for_everybody(page)
        page.click("button[value=preview]")
        assert_for_everybody(page)
        page.click("button[value=fields]")
        page.click("button[value=json]")
        assert_for_everybody(page)
        page.goto(f"{service.url}/ui/propose")
        page.fill("#import-text", json.dumps([clip("a"), {"name": "b", "config": 1}]))
        page.select_option("#import-category", "clip")
        page.click("button[value=preview]")
        assert "error 1" in page.inner_text("main")
        assert_for_everybody(page)


def test_what_is_wrong_is_said_beside_its_field_as_one_types_and_goes_when_it_is_mended(
    browser: Browser, world: World
) -> None:
    with live(world) as service, visitor(browser, service) as page:
        page.goto(service.url + CLIP)
        size = page.locator('input[name="f:/size_on_disk_bytes"]')
        size.fill("big")
        page.wait_for_selector('input[name="f:/size_on_disk_bytes"][aria-invalid="true"]')
        line = page.locator("#" + str(size.get_attribute("aria-describedby")).split()[-1])
        assert "Write a number" in line.inner_text()
        assert "1 thing to mend" in page.inner_text("#live")
        size.fill("12")
        page.wait_for_selector("#live:has-text('1 field would change')")
        assert size.get_attribute("aria-invalid") is None
        assert page.locator("[data-live]").count() == 0


def test_a_draft_survives_a_reload_is_offered_and_is_gone_once_it_is_proposed(browser: Browser, world: World) -> None:
    with live(world) as service, visitor(browser, service) as page:
        page.goto(service.url + CLIP)
        assert page.locator("#draft").is_hidden()
        page.click('button[value="add /config/download"]')
        page.fill('input[name="f:/config/download/1/file_name"]', "second.pt")
        page.fill(DESCRIPTION, "A draft </textarea>")
        while "A draft" not in page.evaluate("Object.values(localStorage).join()"):
            page.wait_for_timeout(50)
        kept = page.evaluate("JSON.stringify(localStorage)")
        csrf = page.locator("#proposal input[name=csrf]").input_value()
        assert csrf not in kept
        assert "carol#2" not in kept

        page.goto(service.url + CLIP)
        assert page.input_value(DESCRIPTION) != "A draft </textarea>"
        assert page.locator("#draft").is_visible()
        page.click("[data-restore]")
        page.wait_for_selector('input[name="f:/config/download/1/file_name"]')
        assert page.input_value(DESCRIPTION) == "A draft </textarea>"
        assert page.input_value('input[name="f:/config/download/1/file_name"]') == "second.pt"

        page.fill('input[name="f:/config/download/1/file_url"]', "https://models.example/second.pt")
        page.click("button[value=preview]")
        page.click("button[value=propose]")
        page.wait_for_url("**/ui/changes/3")
        page.goto(service.url + CLIP)
        assert page.locator("#draft").is_hidden()
        assert page.evaluate("localStorage.length") == 0
    assert world.run("show", "3").ok().json["payload"]["description"] == "A draft </textarea>"


def test_going_back_finds_what_was_typed(browser: Browser, world: World) -> None:
    with live(world) as service, visitor(browser, service) as page:
        page.goto(service.url + CLIP)
        page.fill(DESCRIPTION, "Typed and left")
        page.goto(f"{service.url}/ui/")
        page.go_back()
        assert page.input_value(DESCRIPTION) == "Typed and left"


def test_without_a_script_rows_come_and_go_and_the_record_is_proposed(browser: Browser, world: World) -> None:
    with live(world) as service, visitor(browser, service, java_script_enabled=False) as page:
        page.goto(f"{service.url}/ui/propose")
        page.locator("#create-category").select_option("clip")
        page.get_by_role("button", name="Fill in the form").click()
        page.fill('input[name="f:/name"]', "New/clip")
        page.fill(DESCRIPTION, "Two\nlines")
        page.fill('input[name="f:/config/download/0/file_name"]', "a.pt")
        page.fill('input[name="f:/config/download/0/file_url"]', "https://models.example/a.pt")
        page.click('button[value="add /config/download"]')
        page.click('button[value="drop /config/download/1"]')
        page.keyboard.press("Tab")
        page.locator('input[name="f:/version"]').press("Enter")
        assert "Nothing stands against it" in page.inner_text("main")
        page.click('.bottom button[value="propose"]')
        assert page.url.endswith("/ui/changes/3")
    assert world.run("show", "3").ok().json["payload"]["description"] == "Two\nlines"


def test_a_file_that_is_dropped_is_taken_in(browser: Browser, world: World) -> None:
    with live(world) as service, visitor(browser, service) as page:
        page.goto(f"{service.url}/ui/propose")
        page.select_option("#import-category", "clip")
        text = json.dumps(clip("dropped/one"))
        page.evaluate(
            """text => {
                const given = new DataTransfer();
                given.items.add(new File([text], "one.json", {type: "application/json"}));
                const zone = document.querySelector(".drop");
                zone.dispatchEvent(new DragEvent("drop", {dataTransfer: given, bubbles: true, cancelable: true}));
            }""",
            text,
        )
        page.wait_for_selector("text=Propose all 1")
        page.click("button[value=propose]")
        assert "Change 3 is proposed" in page.inner_text("main")
