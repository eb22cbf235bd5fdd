"""The page about checks: its session is run as it stands, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelref_git.cli.exits import CODES
from modelref_git.proposals.config import DatasetConfig
from modelref_git.records.quality.catalogue import BY_ID
from tests.docs.session import CHECKOUT, commands, play

PAGE = CHECKOUT / "docs" / "checks.md"


@pytest.mark.long
def test_the_session_of_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    shown = commands(PAGE)
    assert play([command.line for command in shown], tmp_path) == shown


def test_the_settings_of_the_page_are_read_and_name_rules() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    config = DatasetConfig.parse(b"format = 1\n" + text.encode())
    named = {*config.rules, *(one.rule for one in config.exceptions)}
    assert len(named) == 3
    assert named <= set(BY_ID)


def test_the_exit_codes_of_the_page_are_there() -> None:
    codes = re.findall(r"^\| (\d) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {int(code) for code in codes} <= {0, *CODES.values()}
    assert len(codes) == 5
