"""JSON lines in: one value a line, each line judged on its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.records import json_text

# A line of the form {"category", "model_name", "payload"} is a little larger than the record in it.
MAX_LINE_BYTES: Final = json_text.MAX_RECORD_BYTES + 4096


def read_lines(
    data: bytes, what: str, *, max_bytes: int | None = MAX_LINE_BYTES
) -> Iterator[tuple[int, dict[str, Any] | Invalid]]:
    """The lines of *data*, lazily, as ``(line number, object or the refusal of the line)``.

    Line numbers count from 1 and include blank lines, which are skipped. A refusal names *what* and the line in the
    file, in its message and in each detail's ``line``, so that a bad line can be reported and the others taken.
    Only LF and CR LF end a line: JSON strings may hold any other separator that Unicode knows.

    Args:
        data: the file as it was read.
        what: how messages call the file.
        max_bytes: the largest line that is parsed, in bytes; None for no bound.
    """
    for number, line in _split(data):
        content = line.strip(b" \t\r")
        if not content:
            continue
        try:
            value = json_text.parse(content, what=what, max_bytes=max_bytes)
        except Invalid as error:
            yield number, _in_file(error, what, number)
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            problem = Problem("", f"{what}, line {number}: a JSON object is expected", "json.object")
            yield number, Invalid(problem.message, details=[{**problem.as_json(), "line": number}])


def _split(data: bytes) -> Iterator[tuple[int, bytes]]:
    number, start = 0, 0
    while start < len(data):
        number += 1
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        yield number, data[start:end]
        start = end + 1


def _in_file(error: Invalid, what: str, number: int) -> Invalid:
    """*error* about one line, said of that line of the file."""
    details = [{**detail, "line": number} for detail in error.details]
    column = details[0].get("column") if details else None
    reason = str(details[0].get("message", error.message)) if details else error.message
    where = f"{what}, line {number}" + (f" column {column}" if column else "")
    return Invalid(f"{where}: {reason}", hint=error.hint, details=details)
