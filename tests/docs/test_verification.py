"""The page about verification: its tables are those of the rules."""

from __future__ import annotations

from modelref_git.operations.verifying.catalogue import as_markdown
from tests.docs.session import CHECKOUT


def test_the_tables_of_rules_are_made_from_the_rules() -> None:
    page = (CHECKOUT / "docs" / "verification.md").read_text(encoding="utf-8")
    assert page.endswith(as_markdown()), "replace the tables by what modelref_git.operations.verifying.catalogue gives"
