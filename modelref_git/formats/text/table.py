r"""CSV bytes as rows of cells, and back: the text models' source, ``models.csv``.

The regular layout is that of Python's ``csv`` with its default dialect: commas, cells in quotes where they must be,
quotes doubled, CR LF. A *profile* says what a file does otherwise, so that an edit of one record moves nothing else.
It is JSON:

============  =========================================================================================================
member        meaning (left out: as in ``NEW_FILE``)
============  =========================================================================================================
``columns``   the names of the header, in its order
``eol``       what ends most rows, ``"\r\n"``, ``"\n"`` or ``"\r"``
``exact``     false when the file cannot be written back byte for byte; ``why`` says the reason
``bom``       true when the file begins with a byte order mark
``header``    the header row with its end, where its layout is irregular
``verbatim``  by key: the text of each of its rows (null: regular), where a cell has quotes that it does not need, or
              lacks some; used while it says the same
``ends``      by key: what stands behind each of its rows, where that is not one end of line: another one, blank
              lines, or nothing at the end of the file
``db``        ``indent``, ``eol``, ``ascii`` and ``final_newline`` of the generated file (``legacy_profile``), where
              they are not those of a new file
============  =========================================================================================================
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.formats.legacy import profile as legacy_profile
from modelref_git.formats.text.rows import COLUMNS
from modelref_git.records import codec, pointer

NEW_FILE: Final[Mapping[str, Any]] = {"columns": list(COLUMNS), "eol": "\r\n", "exact": True}

_BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
# Possessive, so that a quote inside a cell that nothing closes is not taken for the closing one.
_CELL: Final = re.compile(r'(?:"((?:[^"]++|"")*+)")?+([^,\r\n]*)')
_EOL: Final = re.compile(r"\r\n|\n|\r")
_END: Final = re.compile(r"(?:\r\n|\n|\r)*")
_QUOTED: Final = re.compile(r'[,"\r\n]')


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its cells, its text, what follows up to the next row, and the line that it begins on, from 1."""

    cells: tuple[str, ...]
    text: str
    end: str
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """A file: its header and the other rows. Blank lines are no rows, they belong to the row above them."""

    bom: bool
    header: Row
    rows: tuple[Row, ...]


def parse(data: bytes, what: str) -> Table:
    """The rows of a CSV file, however it is quoted; whether they fit the header is not looked at.

    Raises:
        Invalid: it is not UTF-8, a quote is never closed, or the header is missing or names a column twice. The
            detail has ``line`` and ``column``, from 1.
    """
    text = _decoded(data, what)
    bom = text.startswith(_BOM)
    at, line = len(_BOM) if bom else 0, 1
    rows: list[Row] = []
    while at < len(text):
        cells, stop = _cells(text, at, line, what)
        end = _END.match(text, stop)
        after = end.end() if end else stop
        rows.append(Row(cells, text[at:stop], text[stop:after], line))
        line += len(_EOL.findall(text, at, after))
        at = after
    if not rows or not rows[0].text:
        raise fault(what, "csv.header", "the header row is missing", 1, 1)
    twice = [name for name, count in Counter(rows[0].cells).items() if count > 1]
    if twice:
        raise fault(what, "csv.header", f"the header names the column {twice[0]!r} twice", 1, 1)
    return Table(bom, rows[0], tuple(rows[1:]))


def cell_places(row: Row) -> list[tuple[int, int]]:
    """Line and column, from 1, at which each cell of a row begins in its file; in quotes, where the quote stands."""
    places: list[tuple[int, int]] = []
    at = 0
    while at <= len(row.text):
        lines = _EOL.split(row.text[:at])
        places.append((row.line + len(lines) - 1, len(lines[-1]) + 1))
        match = _CELL.match(row.text, at)
        at = match.end() + 1 if match else len(row.text) + 1
    return places


def line_of(cells: Iterable[str]) -> str:
    """A row in the regular layout, without its end."""
    return ",".join('"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell for cell in cells)


def profile_of(table: Table, keys: Sequence[str | None]) -> dict[str, Any]:
    """The profile of a file; *keys* has the record that each row belongs to, None for one that is left out."""
    ends = Counter(match[0] for row in (table.header, *table.rows) if (match := _EOL.match(row.end)))
    eol = ends.most_common(1)[0][0] if ends else NEW_FILE["eol"]
    profile: dict[str, Any] = {"columns": list(table.header.cells), "eol": eol, "exact": True}
    if table.bom:
        profile["bom"] = True
    header = table.header.text + table.header.end
    if header != line_of(table.header.cells) + eol:
        profile["header"] = header
    verbatim: dict[str, list[str | None]] = {}
    odd_ends: dict[str, list[str]] = {}
    for key, row in zip(keys, table.rows, strict=True):
        if key is not None:
            verbatim.setdefault(key, []).append(row.text if row.text != line_of(row.cells) else None)
            odd_ends.setdefault(key, []).append(row.end)
    odd = {
        "verbatim": {key: texts for key, texts in verbatim.items() if any(text is not None for text in texts)},
        "ends": {key: texts for key, texts in odd_ends.items() if any(text != eol for text in texts)},
    }
    return profile | {name: value for name, value in odd.items() if value}


def columns(rows: Iterable[tuple[str, Mapping[str, str]]], profile: Mapping[str, Any]) -> list[str]:
    """The columns of a file of *rows* in the layout of *profile*.

    Those of the profile, and behind them what it lacks of the usual ones and any row has something in.
    """
    named: list[str] = {**NEW_FILE, **profile}["columns"]
    missing = [column for column in COLUMNS if column not in named]
    return [*named, *(column for column in missing if any(row.get(column) for _, row in rows))]


def write(rows: Sequence[tuple[str, Mapping[str, str]]], profile: Mapping[str, Any]) -> bytes:
    """The bytes of a file of *rows*, ``(key, cells by column)`` each, in the layout of *profile*.

    What rows have in other columns than those of ``columns`` is left out.
    """
    layout = {**NEW_FILE, **profile}
    eol = layout["eol"]
    names = columns(rows, profile)
    header = layout.get("header") if names == layout["columns"] else None
    if header is None or (rows and not header.endswith(("\r", "\n"))):
        header = line_of(names) + eol
    parts = [_BOM if layout.get("bom") else "", header]
    seen: Counter[str] = Counter()
    for index, (key, row) in enumerate(rows):
        place = seen[key]
        seen[key] += 1
        cells = tuple(row.get(column, "") for column in names)
        end = _nth(layout.get("ends", {}).get(key), place)
        # What has no end of line was last; it no longer is if another row follows.
        if end is None or (end == "" and index + 1 < len(rows)):
            end = eol
        parts += [_text(cells, _nth(layout.get("verbatim", {}).get(key), place)), end]
    return "".join(parts).encode()


def fault(what: str, rule: str, message: str, line: int, column: int) -> Invalid:
    """The error for a fault of a file as a whole, at a line and column from 1."""
    detail = {"path": "", "message": message, "rule": rule, "line": line, "column": column}
    return Invalid(f"{what} is not valid CSV: {message}: line {line} column {column}", details=[detail])


def decode(data: bytes) -> dict[str, Any]:
    """The profile that ``legacy_profile.encode`` wrote.

    Raises:
        Invalid: it is not strict JSON, no object, or has members that an import would not have written.
    """
    what = "the format profile"
    profile = codec.decode(data, what=what)
    wrong = [name for name, check in _CHECKS.items() if not check({**NEW_FILE, **profile}.get(name))]
    if wrong:
        problems = [Problem(pointer.join((name,)), "an import does not write this", "legacy.profile") for name in wrong]
        raise Invalid.of(what, problems)
    return profile


def _are_lists_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def are(value: Any) -> bool:
        lists = value.values() if isinstance(value, dict) else ()
        return value is None or (
            isinstance(value, dict)
            and all(isinstance(one, list) for one in lists)
            and all(check(item) for one in lists for item in one)
        )

    return are


def _are_columns(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_end(value: Any) -> bool:
    return isinstance(value, str) and _END.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_layout(value: Any) -> bool:
    try:
        return value is None or bool(legacy_profile.decode(legacy_profile.encode(value)))
    except Invalid:
        return False


_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "columns": _are_columns,
    "eol": lambda value: isinstance(value, str) and _EOL.fullmatch(value) is not None,
    "bom": lambda value: value is None or isinstance(value, bool),
    "header": _is_text,
    "verbatim": _are_lists_of(_is_text),
    "ends": _are_lists_of(_is_end),
    "db": _is_layout,
}
"""What the members of a profile must be, or a file written with it would be no CSV."""


def _nth(texts: Any, place: int) -> str | None:
    return texts[place] if isinstance(texts, list) and place < len(texts) else None


def _text(cells: tuple[str, ...], kept: str | None) -> str:
    """A row as it was written, if that still says the same, else in the regular layout."""
    if kept is not None:
        try:
            found, stop = _cells(kept, 0, 1, "the row")
        except Invalid:
            return line_of(cells)
        if found == cells and stop == len(kept):
            return kept
    return line_of(cells)


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        lines = _EOL.split(before)
        raise fault(what, "csv.encoding", "bytes that are not UTF-8", len(lines), len(lines[-1]) + 1) from None


def _cells(text: str, at: int, line: int, what: str) -> tuple[tuple[str, ...], int]:
    """The cells of the row that begins at *at*, and where it stops."""
    cells: list[str] = []
    start = at
    while True:
        match = _CELL.match(text, at)
        quoted, rest = match.groups() if match else (None, "")
        if quoted is None and rest.startswith('"'):
            lines = _EOL.split(text[start:at])
            message = "a quote is opened and never closed"
            raise fault(what, "csv.quote", message, line + len(lines) - 1, len(lines[-1]) + 1)
        cells.append(rest if quoted is None else quoted.replace('""', '"') + rest)
        at = match.end() if match else at
        if text[at : at + 1] != ",":
            return tuple(cells), at
        at += 1
