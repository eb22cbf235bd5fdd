"""The page about keys: its session is run as it stands, and what it says of files and codes is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from modelref_git.cli.exits import CODES
from modelref_git.server.auth.file import FileProvider
from modelref_git.store.keyring import Keyring
from tests.docs.session import CHECKOUT, blocks, check_page, timeless

PAGE = CHECKOUT / "docs" / "keys.md"
TEXT = PAGE.read_text(encoding="utf-8")
SHOWN = re.findall(r"^mrk_([0-9a-f]{12})_[\w-]{43}$", TEXT, re.MULTILINE)
"""The ids in the keys that the page shows."""


@pytest.mark.long
def test_the_session_of_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    # A key has another id in each run, and the commands that follow name it.
    asked = r"$(modelref-git --json key list | grep -o '[0-9a-f]\\{12\\}')"
    page = tmp_path / "keys.md"
    page.write_text(re.sub(rf"^(\$ .*){SHOWN[0]}$", rf"\1{asked}", TEXT, flags=re.MULTILINE), encoding="utf-8")
    check_page(page, tmp_path, _timeless)


def test_the_page_shows_one_key_and_its_new_secret() -> None:
    assert len(SHOWN) == 2
    assert len(set(SHOWN)) == 1


def test_the_file_is_as_the_page_describes_it(tmp_path: Path) -> None:
    Keyring(tmp_path / "keys.json").create("2", "", 1, None)
    document = json.loads((tmp_path / "keys.json").read_text())
    (row,) = document["keys"].values()
    described = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \| ", TEXT, re.MULTILINE)))
    assert {*document, *row} <= set(described)


def test_the_file_of_the_provider_file_is_one(tmp_path: Path) -> None:
    (text,) = [block.text for block in blocks(PAGE) if block.language == "json"]
    (tmp_path / "auth.json").write_text(text)
    login = FileProvider(tmp_path / "auth.json", lambda _: None).identify("some long random text", for_write=True)
    assert login is not None
    assert (login.username, login.flags) == ("carol#2", ("trusted",))


def test_the_page_names_exit_codes_that_there_are() -> None:
    codes = {int(code) for code in re.findall(r"^\| \w.* \| (\d) \|$", TEXT, re.MULTILINE)}
    assert codes == {3, 5, 6, 9}
    assert codes <= set(CODES.values())


def _timeless(output: str) -> str:
    output = re.sub(r"mrk_[0-9a-f]{12}_[\w-]{43}", "<key>", output)
    return re.sub(r"[0-9a-f]{12}", "<id>", timeless(output).replace("<oid>", "<id>"))
