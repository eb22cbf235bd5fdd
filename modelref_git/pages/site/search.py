"""What the search of a site reads: lists of records, in parts, so that a change of one record changes one part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from posixpath import relpath
from typing import Any, Final
from urllib.parse import quote

from modelref_git.operations.listing import Row
from modelref_git.pages.site.links import SEARCH, record_page
from modelref_git.pages.views.values import beginning
from modelref_git.records.codec import line

FOLDER: Final = "search"
INDEX: Final = f"{FOLDER}/index.json"
RECORDS: Final = 2_000
"""Records of one list."""
DESCRIPTION: Final = 160
"""Characters of a description."""
TAGS: Final = 30


def list_file(category_page: str, number: int) -> str:
    """The file of one list, beside the pages of its category."""
    return f"{FOLDER}/{PurePosixPath(category_page).parent.name}.{number}.json"


def index_bytes(lists: Iterable[tuple[str, str]]) -> bytes:
    """The list of the lists: category and file of each."""
    rows = [{"category": category, "file": _from_search(file)} for category, file in lists]
    return line({"lists": rows}).encode()


def list_bytes(category: str, rows: Sequence[tuple[Row, dict[str, Any]]]) -> bytes:
    """One list of records, each with its page."""
    return line({"rows": [_row(category, row.name, record) for row, record in rows]}).encode("utf-8", "replace")


def _row(category: str, name: str, record: dict[str, Any]) -> dict[str, Any]:
    tags = record.get("tags")
    return {
        "name": name,
        "page": _from_search(record_page(category, name)),
        "baseline": beginning(record.get("baseline"), 80),
        "description": beginning(record.get("description"), DESCRIPTION),
        "tags": [beginning(tag, 40) for tag in tags[:TAGS]] if isinstance(tags, list) else [],
    }


def _from_search(file: str) -> str:
    """The address of a *file* on the page of the search."""
    return quote(relpath(file, PurePosixPath(SEARCH).parent))
