"""Exit codes, and how an error is told: the one place that turns an exception into what a shell sees."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import click

from modelref_git.cli import render
from modelref_git.errors import ModelrefError

CODES: Final = {
    "internal": 1,
    "usage": 2,
    "not_found": 3,
    "conflict": 4,
    "invalid": 5,
    "forbidden": 6,
    "state": 7,
    "remote": 8,
    "integrity": 9,
}
"""The exit code of each error code."""

INTERRUPTED: Final = 130

_DETAILS_SHOWN: Final = 40


def tell(error: BaseException, *, as_json: bool, verbose: bool = False) -> int:
    """Write *error* to stderr, as one JSON document or for people; gives the exit code."""
    code, message, hint, details = _read(error)
    if as_json:
        # The document has these three members and no other: the next step to take is part of the message.
        document = {"code": code, "message": f"{message}; {hint}" if hint else message, "details": details}
        # A terminal that does not know a letter would be told it in a way that is no JSON.
        knows_all = (sys.stderr.encoding or "").lower().replace("-", "") == "utf8"
        sys.stderr.write(json.dumps({"error": document}, ensure_ascii=not knows_all, indent=2) + "\n")
        return CODES[code]
    lines = [f"error: {message}"]
    if code == "invalid" or (code in ("remote", "integrity") and len(details) > 1):
        lines += [_detail(row) for row in details[:_DETAILS_SHOWN]]
        if len(details) > _DETAILS_SHOWN:
            lines.append(f"  … and {len(details) - _DETAILS_SHOWN} more (--json lists all)")
    if code == "conflict":
        lines += [_conflict(row) for row in details[:_DETAILS_SHOWN]]
    if hint:
        lines.append(f"hint: {hint}")
    if code == "internal" and verbose:
        import traceback

        lines.append("".join(traceback.format_exception(error)).rstrip())
    sys.stderr.write("\n".join(lines) + "\n")
    return CODES[code]


def _read(error: BaseException) -> tuple[str, str, str | None, list[dict[str, Any]]]:
    if isinstance(error, ModelrefError):
        return error.code, error.message, error.hint, error.details
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx is not None else "modelref-git"
        return "usage", error.format_message(), f"`{command} --help` shows the words and options", []
    if isinstance(error, click.FileError):
        return "not_found", error.format_message(), None, []
    if isinstance(error, click.ClickException):
        return "usage", error.format_message(), None, []
    hint = "please report it in the project's issue tracker, with what the same command says after -v"
    return "internal", f"a defect of modelref-git: {type(error).__name__}: {error}", hint, []


def _conflict(row: dict[str, Any]) -> str:
    place = render.plain(row["path"]) or "the whole record"
    sides = ", ".join(f"{side} {_side(row[side])}" for side in ("base", "ours", "theirs"))
    change = row["change_id"]
    whose = "" if change is None else f"change {change}: {row['category']} {render.plain(row['model_name'])}: "
    return f"  {whose}{place}: {sides}"


def _side(value: Any) -> str:
    return "nothing" if value is None else render.shortened(render.value(value))


def _detail(row: dict[str, Any]) -> str:
    name = f"{row['name']!r} " if row.get("name") else ""
    line = f"line {row['line']}: " if row.get("line") is not None else ""
    if row.get("file"):
        parts = [str(row[key]) for key in ("file", "line", "column") if row.get(key) is not None]
        line = f"{render.plain(':'.join(parts))}: "
    place = f"{row['path']}: " if row.get("path") else ""
    return render.sentence(f"  {line}{name}{place}{row.get('message', '')} [{row.get('rule', '')}]")
