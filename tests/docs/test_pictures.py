"""The page about pictures: its session is run as it stands, and it tells the bounds and rules that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelref_git.formats.pictures import parts
from modelref_git.operations import picture_files
from modelref_git.records import pictures
from tests.docs.session import CHECKOUT, check_page

PAGE = CHECKOUT / "docs" / "pictures.md"
FORMATS = CHECKOUT / "docs" / "formats.md"


@pytest.mark.long
def test_the_session_of_the_page_prints_what_it_shows(tmp_path: Path) -> None:
    check_page(PAGE, tmp_path)


def test_the_formats_list_every_member_bound_and_rule() -> None:
    text = FORMATS.read_text(encoding="utf-8").partition("\n### Pictures\n")[2].partition("\n### ")[0]
    kinds = (parts.KIND, parts.STRUCTURE, parts.SIZE, parts.PIXELS, parts.TRAILING, parts.DECODE)
    ours = (picture_files.NAME, picture_files.MISSING, picture_files.UNNAMED, picture_files.ENTRY)
    words = (*kinds, *ours, picture_files.CHANGED, pictures.TWICE, pictures.MANY)
    for word in (*words, pictures.SHA256, *pictures.FACTS, *pictures.DETAILS):
        assert f"`{word}`" in text, word
    bounds = (parts.BYTES_AT_MOST, parts.SIDE_AT_MOST, parts.PIXELS_AT_MOST, parts.SHOWN_AT_MOST, parts.FRAMES_AT_MOST)
    for bound in (*bounds, pictures.AT_MOST):
        assert f"{bound:,}" in text, bound
