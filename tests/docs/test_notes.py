"""The page about notes, and what the formats say of their branch: run, and compared with the code."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from modelref_git.proposals.notes import ACTIONS, NOTES_AT_MOST, TEXT_AT_MOST, TRAILERS, Act, Note, Page
from tests.docs.session import CHECKOUT, check_page

PAGE = CHECKOUT / "docs" / "notes.md"
FORMATS = CHECKOUT / "docs" / "formats.md"


def _section() -> str:
    return FORMATS.read_text(encoding="utf-8").partition("\n## The branch `notes`\n")[2].partition("\n## ")[0]


def _first_column(text: str) -> list[str]:
    return [word for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for word in re.findall(r"`(.+?)`", row)]


@pytest.mark.long
def test_the_session_of_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    check_page(PAGE, tmp_path)


def test_the_formats_list_what_there_is() -> None:
    members, trailers = _section().split("| trailer |")
    assert _first_column(members) == ["next", "notes", *(item.name for item in fields(Note))]
    assert _first_column(trailers) == list(TRAILERS)
    assert all(f"`{action}`" in trailers for action in ACTIONS)
    for page in (PAGE.read_text(encoding="utf-8"), _section()):
        assert f"{TEXT_AT_MOST:,} characters" in page
        assert f"{NOTES_AT_MOST:,}" in page


def test_the_examples_of_the_formats_are_what_the_package_writes() -> None:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", _section(), re.MULTILINE | re.DOTALL)
    (file,), (message,) = ([text for kind, text in blocks if kind == wanted] for wanted in ("json", ""))
    page = Page.decode(file.encode())
    assert page.encode().decode() == file
    assert json.loads(file)["notes"][0].keys() == {item.name for item in fields(Note)}
    act = Act.decode("c" * 40, message, 1750000060)
    assert act.text == page.notes[0].text
