"""What a walk shows, all on stderr: stdout is for the answer alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelref_git.cli import render
from modelref_git.cli.diff import diff_lines
from modelref_git.cli.status import conflict_lines

if TYPE_CHECKING:
    from modelref_git.operations.checking.weighing import Finding
    from modelref_git.operations.review_queue import Rival, Sheet

_VERDICTS = {
    "clean": "merges: nobody else touched the record",
    "merged": "merges by field with what others changed since; shown is what becomes of today's record",
    "overlaps": "merges, but other open changes are of the same record",
    "conflict": "DOES NOT MERGE; shown is what it changes of the record that it was made from",
    "obsolete": "nothing is left to do: main is as it proposes already",
}


@dataclass(slots=True)
class Decision:
    """What was decided about a change, as it was shown."""

    sheet: Sheet
    reason: str | None = None
    """Why it is rejected; ``None``: it is approved."""
    acknowledged: bool = False


def write(text: str) -> None:
    """Write *text* to stderr, where the walk is seen."""
    sys.stderr.write(text)
    sys.stderr.flush()


def say(*lines: str) -> None:
    """Write lines."""
    write("".join(f"{line}\n" for line in lines))


def shown(text: str) -> str:
    """A text of somebody's in one line, harmless."""
    return render.plain(text) if text else ""


def paint(text: str, colour: str) -> str:
    """*text* in a colour, where stderr is a terminal."""
    return render.coloured(text, colour, stream=sys.stderr)


def show(sheet: Sheet, at: int, total: int, decisions: Mapping[int, Decision]) -> None:
    """Show one change, whole: nothing is cut off, however long."""
    say("", *_head(sheet, at, total), *diff_lines(sheet.diff, sheet.critical, paint))
    if not sheet.diff["field_diffs"]:
        say("  (no field differs)")
    say(*_findings(sheet.findings), *_outlook(sheet), *_rivals(sheet.rivals, decisions))
    given = decisions.get(sheet.change.change_id)
    if given is not None:
        say(f"so far: {_verb(given)}")


def whole(sheet: Sheet) -> None:
    """Show the whole record that a change proposes, or of a delete the one that goes."""
    state = sheet.diff["proposed_state"] or sheet.diff["current_state"]
    # Every text is shown as JSON, in which nothing can steer a terminal but what is spelled out.
    lines = render.to_json(state).splitlines() if state is not None else ["(no record)"]
    say(*(line if line.isprintable() else _escaped(line) for line in lines))


def summary(decisions: Sequence[Decision]) -> None:
    """List what was decided."""
    say("", f"{len(decisions)} decided:")
    for item in decisions:
        row = item.sheet.change
        name = f"{row.operation} {row.category} {render.plain(row.model_name)}"
        say(f"  change {row.change_id}: {name}: {_verb(item)}")


def _head(sheet: Sheet, at: int, total: int) -> Iterator[str]:
    change = sheet.change
    name = f"{change.operation} {change.category} {render.plain(change.model_name)}"
    yield paint(f"── change {change.change_id} ({at + 1} of {total}): {name} ──", "cyan")
    yield f"by {render.plain(change.requested_username)} at {render.when(change.requested_at)}"
    if change.notes is not None:
        yield f"note: {render.value(change.notes)}"
    if change.waived:
        yield paint(f"waived: {', '.join(change.waived)}", "magenta")
    if change.approvals:
        yield f"approved by {', '.join(render.plain(given.username) for given in change.approvals)}"
    if sheet.critical:
        yield paint(f"critical: {', '.join(map(render.plain, sheet.critical))}", "red")
    yield f"({sheet.diff['net_operation']})"


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    for one in findings:
        place = f" at {one.problem.path}" if one.problem.path else ""
        text = f"{one.severity}: {one.problem.message}{place} ({one.rule.id})"
        yield paint(render.sentence(text), _COLOURS[one.severity])


_COLOURS = {"error": "red", "warning": "yellow", "hint": "blue"}


def _outlook(sheet: Sheet) -> Iterator[str]:
    bad = sheet.verdict in ("conflict", "obsolete")
    yield paint(_VERDICTS[sheet.verdict], "red" if bad else "yellow" if sheet.verdict != "clean" else "green")
    if sheet.trouble is not None:
        yield paint(f"  {render.plain(sheet.trouble)}", "red")
    yield from conflict_lines(sheet.conflicts)
    for text in sheet.lacks:
        yield paint(f"after your approval: {text}", "yellow")


def _rivals(rivals: Sequence[Rival], decisions: Mapping[int, Decision]) -> Iterator[str]:
    for rival in rivals:
        mine = decisions.get(rival.change_id)
        done = f", which you {_verb(mine)}" if mine is not None else ""
        at = f" at {', '.join(path or 'the whole record' for path in rival.paths)}" if rival.paths else ""
        text = f"rival: change {rival.change_id} ({rival.operation} by {render.plain(rival.requested_username)}, "
        text += f"{rival.status}){done}: together they {_TOGETHER[rival.verdict]}{at}"
        yield paint(text, "yellow" if rival.verdict == "overlaps" else "red")


_TOGETHER = {"overlaps": "merge", "conflict": "conflict", "obsolete": "leave one with nothing to do"}


def _verb(decision: Decision) -> str:
    if decision.reason is None:
        return paint("approve", "green")
    return paint("reject", "red") + f": {render.plain(decision.reason)}"


def _escaped(line: str) -> Any:
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in line)
