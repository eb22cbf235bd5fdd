"""The page about working over a host: its session is run as it stands, and the exit codes that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelref_git.cli.exits import CODES
from tests.docs.session import CHECKOUT, check_page, timeless

PAGE = CHECKOUT / "docs" / "remotes.md"


@pytest.mark.long
def test_the_session_of_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    check_page(PAGE, tmp_path, _timeless)


def test_the_page_names_exit_codes_that_there_are() -> None:
    codes = {int(code) for code in re.findall(r"^\| `.*? \| (\d) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)}
    assert codes == {3, 7, 8, 9}
    assert codes <= set(CODES.values())


def _timeless(output: str) -> str:
    return re.sub(r"(?<=at )[0-9a-f]{10}\b", "<oid>", timeless(output))
