"""The page about Git by hand: its session is run as it stands, and the exit codes that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelref_git.cli.exits import CODES
from modelref_git.store import drivers
from tests.docs.session import CHECKOUT, check_page

PAGE = CHECKOUT / "docs" / "plain-git.md"


@pytest.mark.long
def test_the_session_of_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    check_page(PAGE, tmp_path)


def test_the_page_names_every_setting_and_exit_codes_that_there_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for setting in (*drivers.MERGE, drivers.DIFF_COMMAND, drivers.DIFF_ATTRIBUTE.decode()):
        assert f"`{setting}`" in text, setting
    codes = {int(code) for code in re.findall(r"^\| `.*? \| (\d) \|", text, re.MULTILINE)}
    assert codes == {2, 3, 4, 7}
    assert codes <= set(CODES.values())
