"""Pages that explain something by a session: each is run as it stands, and no page shows commands that nobody runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.session import CHECKOUT, blocks, check_page, timeless

DOCS = CHECKOUT / "docs"
PAGES = ("audit", "download", "signing", "site", "verification")

NOT_RUN = {
    "ci": "a crontab",
    "commands": "usage lines, made from the commands",
    "deployment": "what root does on a host of its own",
    "hosts": "pushes that a host has to refuse",
    "keys": "the header of a request, and what is done when a key was lost",
    "replicas": "a crontab, and what a monitor asks",
    "site": "what a host of one's own is sent",
    "consumers": "a signature of somebody else",
    "pictures": "what the owner of an older dataset does once",
    "moving-in": "run by test_moving_in on real files",
}
"""Pages with commands outside of sessions, and why those are not run."""


@pytest.mark.long
@pytest.mark.parametrize("name", PAGES)
def test_the_session_of_the_page_prints_what_it_shows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The page on signing writes git's settings, as people do.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    check_page(DOCS / f"{name}.md", tmp_path, _timeless)


def _timeless(output: str) -> str:
    return re.sub(r"SHA256:[\w+/]{43}", "<fingerprint>", timeless(output))


def test_every_page_with_a_session_is_named_by_a_test_that_runs_it() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "tests" / "docs").glob("test_*.py"))
    for page in DOCS.glob("*.md"):
        if any(block.language == "console" for block in blocks(page)):
            assert re.search(rf'["/]{page.stem}(?:\.md)?"', tests) or page.stem == "server", page.name


def test_commands_stand_in_sessions() -> None:
    for page in (*DOCS.glob("*.md"), *(DOCS / "tutorials").glob("*.md")):
        found = [
            block.text
            for block in blocks(page)
            if block.language in ("", "sh", "text")
            and re.search(r"^(?:\$ )?(?:modelref-git|git|curl|ssh-keygen) ", block.text, re.MULTILINE)
        ]
        assert not found or page.stem in NOT_RUN, f"{page.name}: {found}"
