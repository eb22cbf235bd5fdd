"""The text models' files as they come: their names, what holds for all rows, and each row as a record or its faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from modelref_git.errors import Invalid, Problem
from modelref_git.formats.source_types import SourceEntry
from modelref_git.formats.text import places as text_places
from modelref_git.formats.text import rows as text_rows
from modelref_git.formats.text import table as text_table
from modelref_git.formats.text.rows import COLUMNS, TOLERATED
from modelref_git.records import json_text, text
from modelref_git.records.codec import REMAINDER
from modelref_git.records.values import SETTINGS_KEYS

SOURCE: Final = "models.csv"
GENERATED: Final = "db.json"
DEFAULTS: Final = "defaults.json"
SETTINGS: Final = "generation_params.json"
FILES: Final = (SOURCE, GENERATED, DEFAULTS, SETTINGS)

_NEEDED: Final = ("name", "parameters_bn")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What rows are read by: the defaults of their entries, and the keys that settings may have."""

    defaults: dict[str, Any]
    settings_keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class GoodRow:
    """A row that is a record."""

    line: int
    cells: dict[str, str]
    record: dict[str, Any]


def read_table(files: Mapping[str, bytes]) -> tuple[text_table.Table, Inputs]:
    """The source as a table with a header that rows can be read by, and the inputs beside it.

    Raises:
        Invalid: files cannot be read; the details list the faults of all of them, each with its ``file``.
    """
    faults: list[Invalid] = []
    table = _attempt(faults, SOURCE, lambda: _table(files[SOURCE]))
    inputs = _read_inputs(files, faults)
    if faults or table is None:
        raise Invalid(faults[0].message, details=[detail for fault in faults for detail in fault.details])
    return table, inputs


def read_inputs(files: Mapping[str, bytes]) -> Inputs:
    """The inputs; where one is missing, those of this package.

    Raises:
        Invalid: as ``read_table``.
    """
    faults: list[Invalid] = []
    inputs = _read_inputs(files, faults)
    if faults:
        raise Invalid(faults[0].message, details=[detail for fault in faults for detail in fault.details])
    return inputs


def json_object(data: bytes, what: str) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        Invalid: it is not strict JSON, or no object.
    """
    value = json_text.parse(data, what=what, max_bytes=None)
    if not isinstance(value, dict):
        raise Invalid.of(what, [Problem("", "a JSON object is expected", "legacy.object")])
    return value


def header_remarks(table: text_table.Table) -> list[Problem]:
    """What is unusual about the head of a source."""
    columns = table.header.cells
    found = []
    if table.bom:
        found.append(Problem("", f"{SOURCE} begins with a byte order mark, which not every reader takes", "csv.bom"))
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        found.append(Problem("", f"{SOURCE}: the header lacks {', '.join(missing)}", "csv.header"))
    unknown = [column for column in columns if column not in (*COLUMNS, *TOLERATED)]
    if unknown:
        listed = ", ".join(map(repr, unknown))
        found.append(Problem("", f"{SOURCE}: nobody knows the columns {listed}; they are kept", "csv.unknown_column"))
    return found


class Rows:
    """The rows of a source: those that are records, by their keys, and what is wrong with the others."""

    def __init__(self, table: text_table.Table, inputs: Inputs, *, open_values: bool) -> None:
        self._columns = table.header.cells
        self._inputs = inputs
        self._open_values = open_values
        self.keys: list[str | None] = []
        """The record of each row of the table, None for one that is refused."""
        self.good: dict[str, list[GoodRow]] = {}
        """By key, in the order of the first rows."""
        self.refused: list[SourceEntry] = []
        for row in table.rows:
            self.keys.append(self._take(row))

    def cells(self) -> list[dict[str, str]]:
        """The cells of every good row, in the order of the file."""
        return [row.cells for row in sorted((row for rows in self.good.values() for row in rows), key=_line)]

    def entries(self) -> tuple[SourceEntry, ...]:
        """The records, each in the place of its first row and with the values of its last, and the refused rows."""
        placed = [(rows[0].line, entry) for rows, entry in zip(self.good.values(), self._records(), strict=True)]
        placed += [(entry.line or 0, entry) for entry in self.refused]
        return tuple(entry for _, entry in sorted(placed, key=lambda one: one[0]))

    def _records(self) -> Iterator[SourceEntry]:
        behind = text_places.behind([key for key in self.keys if key is not None])
        for key, rows in self.good.items():
            last = rows[-1]
            warnings = text_rows.remarks(last.cells, self._inputs.settings_keys)
            record = last.record
            if len(rows) > 1:
                warnings.insert(0, _twice([row.line for row in rows]))
                earlier = {"earlier": [_compact(key, row.cells) for row in rows[:-1]]}
                place = {"behind": behind[key]} if key in behind else {}
                record = {**record, REMAINDER: {**record.get(REMAINDER, {}), **earlier, **place}}
            yield SourceEntry(key, record, (), tuple(warnings), SOURCE, last.line)

    def _take(self, row: text_table.Row) -> str | None:
        cells = dict(zip(self._columns, row.cells, strict=False))
        key = cells.get("name", "").strip() or None
        problems: list[Problem] = []
        if len(row.cells) != len(self._columns):
            counts = f"the row has {len(row.cells)} cells, the header {len(self._columns)}"
            problems.append(Problem("", counts, "csv.columns"))
        try:
            record = text_rows.read_row(cells, open_values=self._open_values)
        except Invalid as fault:
            problems += [Problem(detail["path"], detail["message"], detail["rule"]) for detail in fault.details]
        if problems or key is None:
            self.refused.append(SourceEntry(key, None, tuple(problems), (), SOURCE, row.line))
            return None
        self.good.setdefault(key, []).append(GoodRow(row.line, cells, record))
        return key


def _line(row: GoodRow) -> int:
    return row.line


def _table(data: bytes) -> text_table.Table:
    table = text_table.parse(data, SOURCE)
    needed = [column for column in _NEEDED if column not in table.header.cells]
    if needed:
        raise text_table.fault(SOURCE, "csv.header", f"the header lacks {' and '.join(needed)}", 1, 1)
    return table


def _read_inputs(files: Mapping[str, bytes], faults: list[Invalid]) -> Inputs:
    present = [name for name in (DEFAULTS, SETTINGS) if name in files]
    read = {name: _attempt(faults, name, partial(json_object, files[name], name)) for name in present}
    # The plain reader once more: the old program writes numbers as Python does, not as they were written.
    defaults = json.loads(files[DEFAULTS]) if read.get(DEFAULTS) is not None else dict(text.DEFAULTS)
    keys = read.get(SETTINGS)
    return Inputs(defaults, frozenset(SETTINGS_KEYS.values if keys is None else keys))


def _attempt(faults: list[Invalid], file: str, read: Callable[[], _T]) -> _T | None:
    """What *read* gives; a refusal is collected, with the file in its details."""
    try:
        return read()
    except Invalid as error:
        faults.append(Invalid(error.message, details=[{**detail, "file": file} for detail in error.details]))
        return None


def _twice(lines: Sequence[int]) -> Problem:
    listed = ", ".join(map(str, lines[:-1]))
    several = "lines" if len(lines) > 2 else "line"
    message = f"the name stands in {several} {listed} already, and readers take its last row"
    return Problem("/name", message, "csv.duplicate_row")


def _compact(key: str, cells: Mapping[str, str]) -> dict[str, str]:
    """An earlier row as the remainder keeps it."""
    return {column: cell for column, cell in cells.items() if cell and (column, cell) != ("name", key)}
