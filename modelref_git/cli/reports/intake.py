"""What an intake answers the author of a branch, as Markdown; texts of others stand in it as text, never as markup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from modelref_git.cli import render
from modelref_git.cli.reports.markdown import literal
from modelref_git.operations.admission.outcomes import Outcome, Taken

ROWS_SHOWN: Final = 100
"""So many changes, or faults, of one branch: a comment has an end."""
TEXT_AT_MOST: Final = 300
"""Characters of one fault."""


def reply(taken: Taken, *, dry_run: bool = False) -> Iterator[str]:
    """The answer, line by line; nothing where there was no branch."""
    for outcome in taken.outcomes:
        yield from _branch(outcome, dry_run)


def _branch(outcome: Outcome, dry_run: bool) -> Iterator[str]:
    where = outcome.branch.source or outcome.branch.ref
    at = f" at {literal(outcome.branch.commit)}" if outcome.branch.commit else ""
    yield f"### {literal(where)}{at}"
    yield ""
    if outcome.requestor is not None:
        yield f"Asked for by {literal(outcome.requestor)}."
        yield ""
    if outcome.admitted:
        yield "In the queue now:" if not dry_run else "Would be in the queue:"
        yield ""
        yield from _listed(outcome.admitted, _admitted)
        yield ""
        yield "An approver decides about each; a later push to the same branch replaces what it changes."
        yield ""
    if outcome.already:
        yield "Known already, and not asked for again:"
        yield ""
        yield from _listed(outcome.already, _known)
        yield ""
    if outcome.refused:
        what = "these" if outcome.admitted or outcome.already else "all of it"
        yield f"**Refused**, {what}; mend it and push the branch again:"
        yield ""
        yield from _listed(outcome.refused, _fault)
        yield ""
    if not (outcome.admitted or outcome.already or outcome.refused):
        yield "It changes no record."
        yield ""


def _listed(rows: Sequence[Mapping[str, Any]], line: Any) -> Iterator[str]:
    yield from (f"- {line(row)}" for row in rows[:ROWS_SHOWN])
    if len(rows) > ROWS_SHOWN:
        yield f"- and {len(rows) - ROWS_SHOWN} more"


def _about(row: Mapping[str, Any]) -> str:
    return f"{row['operation']} {literal(row['category'])} {literal(row['model_name'])}"


def _admitted(row: Mapping[str, Any]) -> str:
    instead = f", in the place of change {row['supersedes']}" if "supersedes" in row else ""
    return f"change {row['change_id']}: {_about(row)}{instead}"


def _known(row: Mapping[str, Any]) -> str:
    if row.get("change_id") is None:
        return f"{_about(row)}: main is so already"
    why = f", {literal(render.shortened(row['reason'], TEXT_AT_MOST))}" if row.get("reason") else ""
    return f"change {row['change_id']}: {_about(row)}: {row['status']}{why}"


def _fault(row: Mapping[str, Any]) -> str:
    where = " ".join(literal(row[key]) for key in ("file", "path") if row.get(key))
    text = literal(render.shortened(row["message"], TEXT_AT_MOST))
    sides = ""
    if "theirs" in row:
        shown = (f"{side} {literal(render.shortened(render.value(row[side])))}" for side in ("base", "ours", "theirs"))
        sides = f" ({', '.join(shown)})"
    return f"{where}: {text}{sides} [{literal(row['rule'])}]" if where else f"{text}{sides} [{literal(row['rule'])}]"
