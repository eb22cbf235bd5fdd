"""The screenshots of the manual are made from the real pages, and are those that it shows."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs import screenshots
from tests.docs.session import CHECKOUT

SHOWN = {
    name
    for page in (CHECKOUT / "docs").rglob("*.md")
    for name in screenshots.PAGES
    if f"screenshots/{name}.png)" in page.read_text(encoding="utf-8")
}


def test_every_screenshot_is_shown_somewhere() -> None:
    assert {*screenshots.PAGES} == SHOWN


@pytest.mark.long
def test_they_are_made_from_pages_that_answer(tmp_path: Path) -> None:
    # As people and CI call it; one process drives one browser at a time.
    call = [sys.executable, "-m", "tests.docs.screenshots", str(tmp_path / "made")]
    done = subprocess.run(call, cwd=CHECKOUT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert {path.name for path in (tmp_path / "made").iterdir()} == {f"{name}.png" for name in screenshots.PAGES}
    for path in (tmp_path / "made").iterdir():
        data = path.read_bytes()
        assert struct.unpack(">II", data[16:24]) == (1280, 800)
        assert len(data) > 10_000, f"{path.name} shows next to nothing"


def test_it_says_what_it_wants() -> None:
    assert screenshots.main([]) == 2
