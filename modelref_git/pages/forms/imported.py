"""A file with records as somebody has it: one record, a list of them, or one a line, with or without words around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.formats.jsonl import read_lines
from modelref_git.proposals.events import DELETE, OPERATIONS
from modelref_git.records import json_text

ROWS_AT_MOST: Final = 1_000

_WORDS: Final = frozenset({"operation", "category", "model_name", "payload", "note"})


@dataclass(frozen=True, slots=True)
class Row:
    """One record of the file."""

    number: int
    """Its line, or its place in the list, from 1."""
    operation: str | None = None
    """``None`` where the dataset is to say: an update of what is there, else a create."""
    category: str | None = None
    name: str | None = None
    payload: dict[str, Any] | None = None
    note: str | None = None
    problems: tuple[Problem, ...] = field(default=())


def read_import(data: bytes, category: str | None) -> list[Row]:
    """The records in *data*; those that do not say their category are of *category*.

    Raises:
        Invalid: it is no JSON, neither as a whole nor by lines; or has more than `ROWS_AT_MOST` records.
    """
    rows = [_row(number, value, category) for number, value in _values(data)]
    if not rows:
        raise Invalid.of("the file", [Problem("", "there is no record in it", "import.empty")])
    if len(rows) > ROWS_AT_MOST:
        text = f"it has {len(rows):,} records, and {ROWS_AT_MOST:,} are the most at once"
        raise Invalid.of("the file", [Problem("", text, "import.many")])
    return rows


def _values(data: bytes) -> Iterator[tuple[int, Any]]:
    try:
        value = json_text.parse(data.strip(), what="the file", max_bytes=None)
    except Invalid as fault:
        lines = list(read_lines(data, "the file"))
        if not any(isinstance(line, dict) for _, line in lines):
            raise fault from None
        yield from lines
        return
    if isinstance(value, list):
        yield from enumerate(value, 1)
    elif isinstance(value, dict) and not isinstance(value.get("name"), str) and _is_map(value):
        yield from enumerate(({"name": key, **one} for key, one in value.items()), 1)
    else:
        yield 1, value


def _is_map(value: Mapping[str, Any]) -> bool:
    """Whether these are records by their names."""
    return bool(value) and not value.keys() & _WORDS and all(isinstance(one, dict) for one in value.values())


def _row(number: int, value: Any, category: str | None) -> Row:
    if isinstance(value, Invalid):
        rows = value.details or [{"path": "", "message": value.message, "rule": value.code}]
        return Row(number, problems=tuple(Problem(row["path"], row["message"], row["rule"]) for row in rows))
    if not isinstance(value, dict):
        return Row(number, problems=(Problem("", "a record is a JSON object", "json.object"),))
    if "payload" in value or "operation" in value:
        return _worded(number, value, category)
    own = value.get("record_type")
    name = value.get("name")
    kind = category or (own if isinstance(own, str) else None)
    row = Row(number, None, kind, name if isinstance(name, str) else None, value)
    return _complete(row)


def _worded(number: int, value: dict[str, Any], category: str | None) -> Row:
    payload, operation = value.get("payload"), value.get("operation")
    problems = [
        Problem(f"/{key}", f"{key!r} is no member of such a line", "bulk.line") for key in sorted(value.keys() - _WORDS)
    ]
    if operation is not None and operation not in OPERATIONS:
        problems.append(Problem("/operation", f"operation is one of {', '.join(OPERATIONS)}", "bulk.line"))
    if payload is not None and not isinstance(payload, dict):
        problems.append(Problem("/payload", "payload must be an object", "bulk.line"))
    texts = {key: value.get(key) for key in ("category", "model_name", "note")}
    problems += [
        Problem(f"/{key}", f"{key} must be a text", "bulk.line")
        for key, text in texts.items()
        if text is not None and not isinstance(text, str)
    ]
    if problems:
        return Row(number, problems=tuple(problems))
    name = texts["model_name"] or (payload or {}).get("name")
    row = Row(
        number,
        operation,
        texts["category"] or category,
        name if isinstance(name, str) else None,
        payload,
        texts["note"],
    )
    return _complete(row)


def _complete(row: Row) -> Row:
    problems = []
    if row.category is None:
        problems.append(Problem("/category", "it does not say its category: choose one for the file", "bulk.line"))
    if row.name is None:
        problems.append(Problem("/name", "it has no name", "bulk.line"))
    if row.payload is None and row.operation != DELETE:
        problems.append(Problem("/payload", "there is no record in it", "bulk.line"))
    return Row(row.number, row.operation, row.category, row.name, row.payload, row.note, tuple(problems))
