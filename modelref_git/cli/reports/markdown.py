"""Reports of a CI as Markdown, from which an approver can decide.

Whatever a record, a name or a person says stands in it as text and never as markup: it cannot make a link, mention
anybody, close a table or hide what comes behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from modelref_git.cli import render
from modelref_git.cli.diff import diff_lines
from modelref_git.operations.checking.findings import LocatedFinding
from modelref_git.operations.ci.check import BranchReport
from modelref_git.proposals.header import PENDING

CHANGES_SHOWN: Final = 200
FINDINGS_SHOWN: Final = 200
LINES_SHOWN: Final = 200
"""So many lines of one change's difference."""
LINE_AT_MOST: Final = 2_000
"""Characters of one line; it is said where more was cut off."""

_PLAIN: Final = re.compile(r"[^A-Za-z0-9 ,]")
_MERGES: Final = {
    "clean": "merges as it is",
    "merged": "merges by field with what changed on main since",
    "overlaps": "merges, and others ask to change the same record",
    "conflict": "**conflict**",
    "obsolete": "nothing is left to do",
    "invalid": "**not valid**",
}


def literal(text: str) -> str:
    """*text* as code in a line of Markdown: every character of it is shown, and none means anything."""
    shown = render.sentence(text) or " "
    return f"<code>{_PLAIN.sub(lambda found: f'&#{ord(found[0])};', shown)}</code>"


def fenced(lines: Sequence[str], language: str = "diff") -> str:
    """Lines as a block of code that nothing within them can end."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *lines, fence])


def branch(report: BranchReport) -> Iterator[str]:
    """The report of ``ci check``, section by section; each begins on a line of its own."""
    errors = sum(1 for one in report.found.findings if one.is_error)
    verdict = f"{render.counted(errors, 'error')}: this cannot be taken as it is" if errors else "this can be taken"
    yield f"## Dataset check: {verdict}\n\n{_about(report)}\n"
    yield from (f"\n> {_escaped(text)}\n" for text in report.unseen)
    yield from _findings(report.found.findings)
    for row in report.changes[:CHANGES_SHOWN]:
        yield _change(row)
    if len(report.changes) > CHANGES_SHOWN:
        yield f"\nand {len(report.changes) - CHANGES_SHOWN} more changes, which are not shown here\n"


def merged(answer: Mapping[str, Any], *, dry_run: bool = False) -> Iterator[str]:
    """The report of ``ci merge``."""
    applied, approved = answer["applied"], answer["approved"]
    what = "what would be merged" if dry_run else "merged" if applied is not None else "approved, not merged yet"
    yield f"## Dataset: {what}\n"
    rows = (applied or {}).get("applied") or (approved or {}).get("approved") or []
    yield f"\n| change | operation | category | record | status | asked by | approved by |\n{'|---' * 7}|\n"
    for row in rows:
        cells = [str(row.get(key) or "") for key in ("operation", "category", "model_name", "status")]
        people = [str(row.get(key) or "") for key in ("requested_username", "approved_username")]
        yield f"| {row['change_id']} | {' | '.join(literal(cell) for cell in [*cells, *people])} |\n"
    for item in answer["waiting"]:
        yield f"\n- waits: {literal(item['message'])}\n"


def refused(message: str, hint: str | None, details: Sequence[Mapping[str, Any]] = ()) -> Iterator[str]:
    """Why a step of a CI did nothing."""
    yield f"## Dataset: refused, nothing was changed\n\n{literal(message)}\n"
    if hint:
        yield f"\nNext: {literal(hint)}\n"
    for row in details[:FINDINGS_SHOWN]:
        yield f"- {literal(str(row.get('message') or row.get('path') or row))}\n"


def _about(report: BranchReport) -> str:
    base = f" from {literal(report.base)}" if report.base else ""
    text = f"{render.counted(len(report.changes), 'changed record')} of {literal(report.head)}{base}."
    rows = [f"{row['change_id']} ({row['status']})" for row in report.admitted]
    picks = [f"{row['change_id']}@{row['blob']}" for row in report.admitted if row["status"] == PENDING]
    if rows:
        text += f"\n\nIn the queue: {', '.join(rows)}."
    if picks and all(row["is_same"] for row in report.admitted):
        command = f"/merge {' '.join(picks)} TITLE"
        text += f"\n\nAn approver merges just this with\n\n{fenced([command], 'text')}\n"
    elif picks:
        text += " They were edited since: `modelref-git diff` shows what they ask for now."
    return text


def _findings(findings: Sequence[LocatedFinding]) -> Iterator[str]:
    if not findings:
        return
    yield "\n| | where | what | rule |\n|---|---|---|---|\n"
    # What stops it first.
    ordered = sorted(findings, key=lambda one: ("error", "warning", "hint").index(one.finding.severity))
    for one in ordered[:FINDINGS_SHOWN]:
        word = "allowed" if one.is_allowed else one.finding.severity
        cells = [literal(one.place), literal(one.finding.problem.message), literal(one.finding.rule.id)]
        yield f"| {f'**{word}**' if one.is_error else word} | {' | '.join(cells)} |\n"
    if len(ordered) > FINDINGS_SHOWN:
        yield f"\nand {len(ordered) - FINDINGS_SHOWN} more findings\n"


def _change(row: Mapping[str, Any]) -> str:
    name = f"{row['operation']} {literal(row['category'])} {literal(row['model_name'])}"
    needed = row["approvals_needed"]
    facts = [
        _MERGES[row["merge"]],
        *(["**critical fields**"] if row["is_critical"] else []),
        f"asked by {literal(row['requested_by'])}",
        f"needs {render.counted(needed, 'approval')}",
    ]
    parts = [f"\n### {name}\n\n{' · '.join(facts)}\n"]
    if row["critical_fields"]:
        parts.append(f"\nCritical: {', '.join(literal(path) for path in row['critical_fields'])}\n")
    if row["reason"]:
        parts.append(f"\n{literal(row['reason'])}\n")
    lines = [_short(line) for line in islice(_diff(row), LINES_SHOWN + 1)]
    if len(lines) > LINES_SHOWN:
        lines[LINES_SHOWN:] = [f"# and more: only {LINES_SHOWN} lines are shown here"]
    parts.append(f"\n{fenced(lines or ['# no field differs'])}\n")
    parts += [_conflict(item) for item in row["conflicts"]]
    parts += [_rival(item) for item in row["rivals"]]
    return "".join(parts)


def _diff(row: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the difference, marked in their first column; ``!`` is a critical field."""
    for line in diff_lines(dict(row), row["critical_fields"], lambda text, _: text):
        yield f"!{line[1:]}" if line.startswith("!") else line[2:] if line[2:3] in ("+", "-") else line


def _short(line: str) -> str:
    """A line that a page can show; what is cut off is said, since it may be what matters."""
    if len(line) <= LINE_AT_MOST:
        return line
    return f"{line[:LINE_AT_MOST]} … CUT: {len(line) - LINE_AT_MOST} more characters, read them in the file"


def _conflict(item: Mapping[str, Any]) -> str:
    sides = ", ".join(f"{side} {literal(_short(render.value(item[side])))}" for side in ("base", "ours", "theirs"))
    other = f" (change {item['other_change_id']})" if item["other_change_id"] is not None else ""
    return f"\n- conflict at {literal(item['path'] or 'the whole record')}{other}: {sides}\n"


def _rival(item: Mapping[str, Any]) -> str:
    at = f" at {', '.join(literal(path) for path in item['paths'])}" if any(item["paths"]) else ""
    together = f"**conflicts with it**{at}" if item["merge"] == "conflict" else "goes together with it"
    return f"\n- open change {item['change_id']} of {literal(item['requested_by'])}, {item['status']}: {together}\n"


def _escaped(text: str) -> str:
    """A sentence of ours that may hold names: its words stay readable, its marks are text."""
    return _PLAIN.sub(lambda found: f"&#{ord(found[0])};", render.sentence(text))
