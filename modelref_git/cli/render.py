"""Answers as text: JSON documents, tables on a terminal, tab-separated lines in a pipe."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import click

from modelref_git.errors import Invalid
from modelref_git.records.codec import dumps


def write(text: str) -> None:
    """Write *text* to stdout as UTF-8, whatever the locale says."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read the answer has left, which is no fault. Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(0) from None


def to_json(answer: Any) -> str:
    """One JSON document, numbers as they were written."""
    try:
        return dumps(answer) + "\n"
    except Invalid:
        # A record may be as deep as is allowed, and the answer around it adds some levels.
        return json.dumps(answer, ensure_ascii=False, indent=2) + "\n"


def to_json_line(answer: Any) -> str:
    """One JSON document in one line."""
    return json.dumps(answer, ensure_ascii=False)


def is_terminal() -> bool:
    """Whether stdout is a terminal that a person looks at."""
    return sys.stdout.isatty()


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table on a terminal, else one tab-separated line a row."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not is_terminal():
        return "".join("\t".join(plain(cell) for cell in row) + "\n" for row in cells)
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for row in cells:
        drawn.add_row(*(Text(plain(cell)) for cell in row))
    console = Console(no_color="NO_COLOR" in os.environ)
    with console.capture() as capture:
        console.print(drawn)
    return capture.get()


def plain(text: str) -> str:
    """A text of somebody's in one line; what could play tricks with a terminal is escaped."""
    return text if text.isprintable() else json.dumps(text)


def sentence(text: str) -> str:
    """A sentence that may hold texts of somebody's, in one line; what could play tricks with a terminal is escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def value(item: Any) -> str:
    """A JSON value in one line; what could play tricks with a terminal is escaped."""
    text = json.dumps(item, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(item)


def counted(count: int, what: str) -> str:
    """*count* and what is counted: ``1 change``, ``2 changes``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def shortened(text: str, width: int = 80) -> str:
    """A text of at most *width* characters, its end cut off where it has more; ``--json`` has it whole."""
    return text if len(text) <= width else text[: width - 1] + "…"


def when(seconds: int | None) -> str:
    """A time for people, in UTC."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def change_line(row: dict[str, Any]) -> str:
    """A change in one line."""
    batch = f" (batch {row['batch_id']})" if row.get("batch_id") else ""
    name = plain(row["model_name"])
    return f"change {row['change_id']}: {row['operation']} {row['category']} {name}: {row['status']}{batch}"


def coloured(text: str, colour: str, *, stream: TextIO | None = None) -> str:
    """*text* in a colour where *stream* (stdout unless given) is a terminal that wants one."""
    if not (stream or sys.stdout).isatty() or "NO_COLOR" in os.environ:
        return text
    return click.style(text, fg=colour)
