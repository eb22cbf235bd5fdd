"""The page about merging: every row of its tables is run."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from modelref_git.records.merge import Merged, MergeHints, merge_records
from tests.docs.session import CHECKOUT

PAGE = (CHECKOUT / "docs" / "merging.md").read_text(encoding="utf-8")
COLUMNS = "| case | base | ours | theirs | result |"
CASES = [
    (heading, *(cell.strip() for cell in row.strip("|").split(" | ")))
    for heading, section in re.findall(r"^### (.+)\n((?:(?!^#).*\n)*)", PAGE, re.MULTILINE)
    for table in section.split(COLUMNS)[1:]
    for row in re.findall(r"^\|.*\|$", table.partition("\n\n")[0], re.MULTILINE)[1:]
]


def _record(cell: str) -> dict[str, Any] | None:
    if cell == "—":
        return None
    assert re.fullmatch(r"`[^`]*`", cell), cell
    record: dict[str, Any] = json.loads(cell.strip("`"))
    return record


def _schema() -> dict[str, Any]:
    (block,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    schema: dict[str, Any] = json.loads(block)
    return schema


def _shown(result: Merged) -> str:
    """A result as the tables write it."""
    record = "—" if result.record is None else f"`{json.dumps(result.record)}`"
    places = [f"`{item.path}`" if item.path else "the record" for item in result.conflicts]
    return f"{record}, conflict at {', '.join(places)}" if places else record


@pytest.mark.parametrize(("heading", "case", "base", "ours", "theirs", "result"), CASES)
def test_every_example_gives_what_the_page_says(
    heading: str, case: str, base: str, ours: str, theirs: str, result: str
) -> None:
    sides = [_record(cell) for cell in (base, ours, theirs)]
    merged = merge_records(*sides, MergeHints.of_schema(_schema()))
    assert _shown(merged) == result, f"{heading}: {case}"
    for item in merged.conflicts:
        if not item.path:
            assert [item.base, item.ours, item.theirs] == sides


def test_every_part_of_the_table_has_its_examples() -> None:
    headings = dict.fromkeys(row[0] for row in CASES)
    assert [*headings] == [
        "The record as a whole",
        "Fields",
        "Sets",
        "Keyed lists",
        "Atomic values",
        "Stamps",
    ]
    # No row was passed over.
    assert len(CASES) == len(re.findall(r"^\| .* \| (?:—|`\{.*\}`) \| .* \| .* \|", PAGE, re.MULTILINE))
