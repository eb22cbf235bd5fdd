"""All that a server refuses, with what a pusher is told of it."""

from __future__ import annotations

from typing import Any, Final

from modelref_git.operations.guarding import notes, people, pictures, refs
from modelref_git.operations.guarding.guard import Guard, Refusal
from modelref_git.operations.verifying.catalogue import SECTIONS
from modelref_git.operations.verifying.rules import Finding
from modelref_git.proposals import policy

GUARDS: Final[tuple[Guard[Any], ...]] = (
    *refs.RULES,
    refs.MAIN_STRANGER,
    *notes.RULES,
    *people.EVENT_RULES,
    *pictures.RULES,
    people.FIRST,
)
"""The rules of the server's own; besides, every new event has to satisfy those of verification."""

_AGAIN: Final = (
    "`modelref-git verify` says the same where the event was made; go back to the server's `queue`, "
    "and make the change anew with the program"
)


def refusal_of(finding: Finding, ref: str | None = None) -> Refusal:
    """What is told of a rule that a push breaks."""
    guard = _GUARDS.get(finding.rule)
    if guard is not None:
        return Refusal(finding, guard.text, guard.next, ref)
    return Refusal(finding, _TEXTS.get(finding.rule, "A promise of the history."), _AGAIN, ref)


def as_markdown() -> str:
    """The table of the server's own rules, as the documentation has it."""
    lines = ["| rule | promise |", "| --- | --- |", *(f"| `{rule.id}` | {rule.text} |" for rule in GUARDS)]
    return "\n".join(lines) + "\n"


_GUARDS: Final = {guard.id: guard for guard in GUARDS}
_TEXTS: Final = {rule.id: rule.text for _, rules in SECTIONS for rule in rules} | {
    rule.id: rule.text for rule in policy.RULES
}
