"""The page about verification: its tables are those of the rules."""

from __future__ import annotations

from tests.docs.verification import PAGE, page


def test_the_tables_of_rules_are_made_from_the_rules() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.docs.generated`"
