"""The tutorial of a first change in the browser, walked step by step as it is written there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.session import CHECKOUT, commands, play, timeless
from tests.support.http_process import serving
from tests.support.world import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGE = CHECKOUT / "docs" / "tutorials" / "first-change-in-the-browser.md"
_STEP = re.compile(r"^\d+\. <!-- step: ([\w-]+) --> (.*(?:\n   .*)*)", re.MULTILINE)
_SERVE = " serve "


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered sentence: what stands in bold is on the page, what stands as code is typed or read."""

    name: str
    labels: list[str]
    words: list[str]


def steps() -> list[Step]:
    """The steps of the tutorial in their order."""
    found = []
    for name, text in _STEP.findall(PAGE.read_text(encoding="utf-8")):
        sentence = re.sub(r"\s+", " ", text)
        found.append(Step(name, re.findall(r"\*\*(.+?)\*\*", sentence), re.findall(r"`(.+?)`", sentence)))
    return found


def _press(page: Page, label: str) -> None:
    page.get_by_role("button", name=label, exact=True).click()


def _follow(page: Page, label: str) -> None:
    page.get_by_role("link", name=label, exact=True).first.click()


def _sign_in(page: Page, step: Step, key: str) -> None:
    page.goto(step.words[0])
    field, button = step.labels
    page.get_by_label(field).fill(key)
    _press(page, button)


def _choose(page: Page, step: Step, _: str) -> None:
    link, category, name, button = step.labels
    _follow(page, link)
    card = page.get_by_role("region", name="A change of a record")
    card.get_by_label(category).select_option(step.words[0])
    card.get_by_label(name).fill(step.words[1])
    _press(page, button)


def _edit(page: Page, step: Step, _: str) -> None:
    for label, text in zip(step.labels[:2], step.words, strict=True):
        page.get_by_label(label, exact=True).fill(text)
    _press(page, step.labels[2])


def _propose(page: Page, step: Step, _: str) -> None:
    assert step.words[0] in page.inner_text("main")
    _press(page, step.labels[0])


def _look(page: Page, step: Step, _: str) -> None:
    for label in step.labels:
        _follow(page, label)
    row = page.get_by_role("row").filter(has_text=step.words[0])
    assert "Makes pictures twice as large." in row.inner_text()


def _approve(page: Page, step: Step, _: str) -> None:
    page.get_by_label(step.labels[0]).fill(step.words[0])
    _press(page, step.labels[1])


def _batch(page: Page, step: Step, _: str) -> None:
    _follow(page, step.labels[0])
    main, category = step.words
    preview = page.get_by_role("region", name=f"What {main} will be")
    assert "~1" in preview.get_by_role("row").filter(has_text=category).inner_text()


def _apply(page: Page, step: Step, _: str) -> None:
    _press(page, step.labels[0])


def _record(page: Page, step: Step, _: str) -> None:
    for label in step.labels:
        _follow(page, label)
    assert step.words[0] in page.inner_text("main")


def _audit(page: Page, step: Step, _: str) -> None:
    _follow(page, step.labels[0])
    said = page.inner_text("main")
    assert all(word in said for word in step.words)


WALK: dict[str, Callable[[Page, Step, str], None]] = {
    "sign-in": _sign_in,
    "choose": _choose,
    "edit": _edit,
    "propose": _propose,
    "look": _look,
    "approve": _approve,
    "batch": _batch,
    "apply": _apply,
    "record": _record,
    "audit": _audit,
}


def test_every_step_of_the_page_is_walked_in_its_order() -> None:
    assert [step.name for step in steps()] == [*WALK]


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=request.param, locale="en-GB")
    context.set_default_timeout(15_000)
    try:
        yield context.new_page()
    finally:
        context.close()


@pytest.mark.long
def test_a_newcomer_gets_from_an_empty_folder_to_an_applied_change(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shown = commands(PAGE)
    (at,) = [number for number, one in enumerate(shown) if _SERVE in one.line]
    before = play([one.line for one in shown[:at]], tmp_path)
    assert [timeless(one.output) for one in before] == [timeless(one.output) for one in shown[:at]]
    key = (tmp_path / "key").read_text(encoding="utf-8").strip()
    with serving(World(tmp_path / "models")) as service:
        for step in steps():
            mine = Step(step.name, step.labels, [re.sub(r"^http://[\d.:]+", service.url, one) for one in step.words])
            WALK[step.name](page, mine, key)
            assert page.get_by_role("alert").count() == 0, f"{step.name}: {page.inner_text('main')}"
    rest = [one for one in shown[at + 1 :] if not one.line.startswith("kill")]
    after = play([one.line for one in rest], tmp_path)
    assert [timeless(one.output) for one in after] == [timeless(one.output) for one in rest]
