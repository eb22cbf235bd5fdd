"""What holds for every page: links lead somewhere, decisions have their parts, and nobody's machine shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelref_git.cli.exits import CODES
from tests.docs import screenshots
from tests.docs.session import CHECKOUT, README

PAGES = [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")]
SCREENSHOTS = {CHECKOUT / "docs" / "screenshots" / f"{name}.png" for name in screenshots.PAGES}
DECISIONS = sorted((CHECKOUT / "docs" / "adr").glob("0*.md"))

_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def _name(page: Path) -> str:
    return page.relative_to(CHECKOUT).as_posix()


def _anchors(page: Path) -> set[str]:
    """The places of a page that a link can name, as GitHub makes them of its headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_within_the_repository_leads_to_something(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        found = (page.parent / target).resolve() if target else page
        # Screenshots are made for the manual, and are no part of the repository.
        assert found.exists() or found in SCREENSHOTS, target
        if anchor:
            assert anchor in _anchors(found), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_page_shows_a_folder_of_somebodys_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("/home/you", "")
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users)/", text)


@pytest.mark.parametrize("page", DECISIONS, ids=_name)
def test_a_decision_is_short_and_tells_its_bad_sides(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(f"# {page.name[:4]}: ")
    headings = [line for line in lines if line.startswith("## ")]
    assert headings == ["## Context", "## Options", "## Choice", "## Bad sides"]
    assert len(lines) <= 100


def test_decisions_are_counted_without_gaps_and_listed() -> None:
    assert [page.name[:4] for page in DECISIONS] == [f"{number:04d}" for number in range(1, len(DECISIONS) + 1)]
    listed = (CHECKOUT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    assert all(f"({page.name})" in listed for page in DECISIONS)


def test_the_readme_lists_every_exit_code() -> None:
    rows = dict(re.findall(r"^\| (\d) \| `(\w+)` \|", README.read_text(encoding="utf-8"), re.MULTILINE))
    assert {word: int(code) for code, word in rows.items()} == CODES


def test_the_map_of_the_architecture_names_every_room() -> None:
    text = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [path.parent.name for path in (CHECKOUT / "modelref_git").glob("*/__init__.py")]
    assert len(rooms) > 5
    for room in rooms:
        assert re.search(rf"^[├└]── {room}/", text, re.MULTILINE), room
    for room in ("store", "proposals", "operations", "server"):
        for module in (CHECKOUT / "modelref_git" / room).glob("[a-z]*.py"):
            assert f"`{module.stem}`" in text, f"{room}/{module.name}"


def test_every_place_that_the_architecture_names_is_there() -> None:
    text = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:records|proposals|store|formats|operations|cli|server)/\w+\.py)`", text):
        assert (CHECKOUT / "modelref_git" / path).is_file(), path
