"""All rules of the verification, in the order in which people read of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from modelref_git.operations.verifying import (
    branches,
    imported,
    main_branch,
    merged,
    proposed,
    queue_log,
    review,
    signed,
)
from modelref_git.operations.verifying.case import EventCase
from modelref_git.operations.verifying.rules import Rule
from modelref_git.proposals import policy

EVENT_RULES: Final[tuple[Rule[EventCase], ...]] = (
    *queue_log.RULES,
    *review.RULES,
    *signed.RULES,
    *proposed.RULES,
    *merged.RULES,
    *main_branch.RULES,
    *imported.RULES,
)
"""What each event is judged by."""

SECTIONS: Final[tuple[tuple[str, tuple[Rule[Any], ...]], ...]] = (
    ("The queue log", (queue_log.EVENT, branches.REWRITTEN, *queue_log.RULES)),
    ("The review", review.RULES),
    ("Signatures", signed.RULES),
    ("Proposals", proposed.RULES),
    ("Merges", merged.RULES),
    ("The history of `main`", main_branch.RULES),
    ("The import of a queue", imported.RULES),
    ("Branches", branches.RULES[2:]),
)
"""The rules by what they are about, for the page that tells of them."""


def as_markdown() -> str:
    """The tables of all rules, as the documentation has them."""
    lines: list[str] = []
    told: list[tuple[str, Sequence[Rule[Any] | policy.Rule]]] = [*SECTIONS, ("The policy", policy.RULES)]
    for title, rules in told:
        lines += [f"### {title}", "", "| rule | promise |", "| --- | --- |"]
        lines += [f"| `{rule.id}` | {rule.text} |" for rule in rules]
        lines.append("")
    return "\n".join(lines)
