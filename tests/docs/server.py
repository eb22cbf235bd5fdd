"""The page about a server of one's own: what people wrote, and the table of its rules."""

from __future__ import annotations

from modelref_git.operations.guarding.catalogue import as_markdown
from tests.docs.session import CHECKOUT

PAGE = CHECKOUT / "docs" / "server.md"

_TABLE = "| rule | promise |\n"


def page() -> str:
    """The page with the table of today's rules."""
    before, found, after = PAGE.read_text(encoding="utf-8").partition(_TABLE)
    assert found, "the page has no table to replace"
    _, _, rest = after.partition("\n\n")
    return f"{before}{as_markdown()}\n{rest}"
