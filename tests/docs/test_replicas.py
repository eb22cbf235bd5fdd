"""The page about replicas: its session is run as it stands, and it names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelref_git.cli.exits import CODES
from modelref_git.operations.replicas import folder, trouble
from tests.docs.session import CHECKOUT, check_page, timeless

PAGE = CHECKOUT / "docs" / "replicas.md"


@pytest.mark.long
def test_the_session_of_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    check_page(PAGE, tmp_path, _timeless)


def test_everything_that_can_be_wrong_is_on_the_page() -> None:
    rules = {value for name, value in vars(trouble).items() if name.isupper() and str(value).startswith("replica.")}
    rows = re.findall(r"^\| `(replica\.\w+)` \| (\d)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {rule for rule, _ in rows} == rules
    assert {int(code) for _, code in rows} <= {0, *CODES.values()}


def test_the_folder_is_as_the_page_describes_it() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in (folder.CURRENT, f"{folder.EXPORTS}/", folder.REPOSITORY, folder.STATE, folder.SPARE, folder.LOCK):
        assert f"\n| `{name}` |" in text


def _timeless(output: str) -> str:
    return re.sub(r"age_seconds\t\d+", "age_seconds\t<age>", timeless(output))
