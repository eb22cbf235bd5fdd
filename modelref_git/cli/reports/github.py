"""Findings as the commands that GitHub Actions shows as annotations of a pull request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from modelref_git.operations.checking.findings import LocatedFinding

_COMMANDS: Final = {"error": "error", "warning": "warning", "hint": "notice"}


def lines(findings: Iterable[LocatedFinding]) -> Iterator[str]:
    """``::error file=…,line=…,col=…,title=RULE::message``, one line each."""
    for one in findings:
        found = one.finding
        # An error that was waived does not fail the check, and must not look as if it did.
        command = "notice" if one.is_allowed else _COMMANDS[found.severity]
        places = {"file": one.file, "line": one.line, "col": one.column, "title": found.rule.id}
        properties = ",".join(f"{key}={_property(str(value))}" for key, value in places.items() if value is not None)
        name = f"{found.key}: " if found.key else ""
        yield f"::{command} {properties}::{_data(f'{name}{found.problem.message}')}"


def error(message: str) -> str:
    """The command that shows *message* with the run, and at no file."""
    return f"::error::{_data(message)}"


def _data(text: str) -> str:
    """*text* so that no part of it can end the command or begin another."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    if escaped.isprintable():
        return escaped
    # What else breaks lines somewhere, or steers a terminal, is shown and not sent.
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in escaped)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
