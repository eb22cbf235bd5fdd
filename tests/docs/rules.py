"""Makes `docs/rules.md` from the rules themselves: see :mod:`tests.docs.generated`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from modelref_git.proposals import policy
from modelref_git.records import normal, quality

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"

_FRONT = """\
<!-- Made by `python -m tests.docs.generated` from the rules of the program; edits here are lost. -->

# Rules

What is asked of a record, and who may do what. A refusal names the rules that failed by these ids, all of them at once.
[Verification](verification.md) has the rules by which a whole repository is believed.
"""

_QUALITY = """\
## Rules of good data

A record must satisfy the schema of its category, always. Beyond that a dataset has rules of quality. `[rules]` in
`modelref.toml` sets each to `error` (refused), `warning` (told), `hint` or `off` (neither); a proposal waives one with
`--allow RULE`, which its event records.
"""

_WARNINGS = """\
These look at records of the shipped categories, and warn in new datasets.
"""

_POLICY = """\
## Rules of the policy

The policy in force on `main` judges every step before it is written, and every event when the repository is verified.
A refusal exits with 6, and its `details` have one entry for each rule and change.
"""

_REACHABLE = """\
## Configurations that are refused

A change of `modelref.toml` exits with 5 if nobody could get out of what it leads to:
"""

_OF_CONFIGURATIONS = (
    (
        "policy.reachable",
        "Every change that a member may ask for can be approved, and somebody may ask for one of the configuration.",
    ),
    (
        "policy.one_person",
        "No e-mail and no SSH key stands with two members: one person is one member, and counts once.",
    ),
)


def page() -> str:
    """The whole page."""
    names = [(rule.id, rule.severity, rule.text, rule.reason) for rule in quality.RULES]
    parts = [
        _FRONT,
        _QUALITY,
        _table(("rule", "new datasets", "what it asks for", "why"), names),
        _WARNINGS,
        _table(("rule", "what it asks for"), normal.WARNING_RULES.items()),
        _POLICY,
        _table(("rule", "what it asks for"), ((rule.id, rule.text) for rule in policy.RULES)),
        _REACHABLE,
        _table(("rule", "what it asks for"), _OF_CONFIGURATIONS),
    ]
    return "\n".join(parts)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(heads), " | ".join("---" for _ in heads)]
    lines += [" | ".join([f"`{ident}`", *cells]) for ident, *cells in rows]
    return "".join(f"| {line} |\n" for line in lines)
