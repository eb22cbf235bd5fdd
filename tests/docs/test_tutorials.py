"""The tutorials, and the page for those without rights: their sessions are run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from modelref_git.cli.exits import CODES
from tests.docs.session import CHECKOUT, blocks, check_page, commands, timeless

FOLDER = CHECKOUT / "docs" / "tutorials"
PAGES = {page.stem: page for page in sorted(FOLDER.glob("[a-z]*.md"))} | {"outsider": CHECKOUT / "docs" / "outsider.md"}
WORKING_DAYS = ("contributor", "approver", "owner", "outsider")
BY_HAND = {"first-change-in-the-browser"}
"""Pages that are walked by a browser: see tests/browser."""


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(PAGES.keys() - BY_HAND))
def test_the_session_of_the_page_prints_what_it_shows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name not in WORKING_DAYS:
        monkeypatch.setenv("HOME", str(tmp_path))  # who begins has no settings
    check_page(PAGES[name], tmp_path)


@pytest.mark.parametrize("name", sorted(PAGES.keys() - BY_HAND - {"outsider"}))
def test_every_tutorial_begins_with_the_same_install(name: str) -> None:
    first, *rest = blocks(PAGES[name])
    assert first == blocks(PAGES["first-change"])[0]
    assert first.language == "sh"
    assert {block.language for block in rest} <= {"console", "python"}, "what is shown is run"
    scripts = [block for block in rest if block.language == "python"]
    assert all(re.match(r'"""[\w-]+\.py: ', block.text) for block in scripts)


def test_every_tutorial_is_in_the_list_of_them() -> None:
    listed = re.findall(
        r"^\| \[.*?\]\(([\w-]+)\.md\)", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(listed) == sorted(PAGES.keys() - {"outsider"})


@pytest.mark.parametrize("name", WORKING_DAYS)
def test_the_page_ends_with_what_can_go_wrong_and_names_exit_codes_that_there_are(name: str) -> None:
    sections = PAGES[name].read_text(encoding="utf-8").split("\n## ")
    heading, *rows = sections[-1].splitlines()
    assert heading == "What can go wrong"
    codes = [int(row.split(" | ")[1]) for row in rows if row.startswith("| `")]
    assert len(codes) > 5
    assert set(codes) <= {0, *CODES.values()}


@pytest.mark.long
def test_a_newcomer_gets_from_the_install_to_an_applied_change(tmp_path: Path) -> None:
    """The first page word by word, with the program that its own first block installs and no other."""
    page = PAGES["first-change"]
    install = blocks(page)[0].text
    lines = "".join(f"printf '\x01'\n{one.line} || exit 1\n" for one in commands(page))
    home = tmp_path / "home"
    home.mkdir()
    known = ("PATH", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
    environment = {name: value for name, value in os.environ.items() if name in known or name.startswith("PIP_")}
    done = subprocess.run(
        ["bash", "-ec", f"{install}cd ~\n{lines}"],
        cwd=CHECKOUT,
        env={**environment, "HOME": str(home), "PYTHONUTF8": "1", "GIT_CONFIG_NOSYSTEM": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = done.stdout.decode()
    if "No matching distribution" in said or "Could not find a version" in said:
        pytest.skip(f"no package registry answers here: {said[-200:]}")
    assert done.returncode == 0, said
    printed = said.replace(str(home), "/home/you").split("\x01")[1:]
    assert [timeless(one) for one in printed] == [timeless(command.output) for command in commands(page)]
