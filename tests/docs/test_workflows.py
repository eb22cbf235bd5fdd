"""The pages about working day by day: their sessions are run as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.cli.exits import CODES
from tests.docs.session import CHECKOUT, check_page

PEOPLE = ("contributor", "approver", "owner", "outsider")


def _page(who: str) -> Path:
    return CHECKOUT / "docs" / f"workflow-{who}.md"


@pytest.mark.long
@pytest.mark.parametrize("who", PEOPLE)
def test_the_session_of_the_page_prints_what_it_shows(who: str, tmp_path: Path) -> None:
    check_page(_page(who), tmp_path)


@pytest.mark.parametrize("who", PEOPLE)
def test_the_page_ends_with_what_can_go_wrong_and_names_exit_codes_that_there_are(who: str) -> None:
    sections = _page(who).read_text(encoding="utf-8").split("\n## ")
    heading, *rows = sections[-1].splitlines()
    assert heading == "What can go wrong"
    codes = [int(row.split(" | ")[1]) for row in rows if row.startswith("| `")]
    assert len(codes) > 5
    assert set(codes) <= {0, *CODES.values()}
