"""Findings for people: a line each, as compilers write them, so that editors find the place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from modelref_git.cli import render
from modelref_git.operations.checking.findings import CheckReport, LocatedFinding

_COLOURS: Final = {"error": "red", "warning": "yellow", "hint": "cyan", "allowed": "bright_black"}


def lines(findings: Iterable[LocatedFinding]) -> Iterator[str]:
    """``file:line:column: severity: message (rule)``; on a terminal the files apart from each other."""
    before: str | None = None
    for one in findings:
        if render.is_terminal() and before not in (None, one.file):
            yield ""
        before = one.file
        found = one.finding
        word = "allowed" if one.is_allowed else found.severity
        name = f"{render.plain(found.key)}: " if found.key else ""
        severity = render.coloured(word, _COLOURS[word])
        place = render.plain(one.place)
        yield f"{place}: {severity}: {name}{render.plain(found.problem.message)} ({found.rule.id})"


def summary(report: CheckReport) -> str:
    """How much was looked at, and how many findings there are of each severity."""
    counts = report.counts()
    words = [render.counted(counts[severity], severity) for severity in ("error", "warning", "hint")]
    told = ", ".join(word for word, severity in zip(words, counts, strict=False) if counts[severity])
    allowed = f", {render.counted(counts['allowed'], 'allowed error')}" if counts["allowed"] else ""
    return f"{told or 'no findings'}{allowed} in {render.counted(report.records, 'record')}"
