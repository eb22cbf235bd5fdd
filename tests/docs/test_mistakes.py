"""The page about real mistakes against the script that makes its tables."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from modelref_git.records.quality import catalogue, structural
from tests.conftest import DATA_VARIABLE
from tests.docs.session import CHECKOUT

PAGE = CHECKOUT / "docs" / "mistakes.md"


@pytest.mark.long
def test_the_tables_of_the_page_are_what_the_script_makes_today(real_data: Path) -> None:
    env = os.environ | {DATA_VARIABLE: str(real_data), "PYTHONPATH": str(CHECKOUT)}
    script = CHECKOUT / "benchmarks" / "mistakes.py"
    done = subprocess.run(
        [sys.executable, str(script)], env=env, capture_output=True, text=True, check=True, timeout=300
    )
    made = re.findall(r"^### (\w+)\n\n(.*?\n)\n", done.stdout, re.MULTILINE | re.DOTALL)
    page = PAGE.read_text(encoding="utf-8")
    assert len(made) == page.count("<!-- end of ")
    for name, table in made:
        begin, end = f"<!-- {name}, by benchmarks/mistakes.py -->\n", f"<!-- end of {name} -->"
        assert f"{begin}{table}{end}" in page, "run `python benchmarks/mistakes.py --write`"


def test_every_rule_that_the_page_names_is_one() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:address|change|file|hash|image|legacy|name|nsfw|shared|showcase)\.[a-z_]+)`", text))
    assert len(named) > 20
    for ident in named:
        assert ident in catalogue.BY_ID or structural.sentence(ident), ident
