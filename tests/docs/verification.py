"""The page about verification: what people wrote, and the tables of the rules below it."""

from __future__ import annotations

from modelref_git.operations.verifying.catalogue import SECTIONS, as_markdown
from tests.docs.session import CHECKOUT

PAGE = CHECKOUT / "docs" / "verification.md"


def page() -> str:
    """The page with the tables of today's rules."""
    written, heading, _ = PAGE.read_text(encoding="utf-8").partition(f"### {SECTIONS[0][0]}\n")
    assert heading, "the page has no tables to replace"
    return written + as_markdown()
