"""Makes `docs/rules.md` from the rules themselves: see :mod:`tests.docs.generated`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from modelref_git.proposals import policy
from modelref_git.records.quality import catalogue, structural
from modelref_git.records.quality.rule import Scope
from tests.docs.shapes import table

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
`modelref.toml` sets each to `error` (refused), `warning` (told), `hint` or `off` (neither), and a table of
`[[exceptions]]` silences one about one record, with a reason. A proposal waives one with `--allow RULE`, which its
event records. The severities below are those of new datasets. [Mistakes](mistakes.md) tells what these rules found in
a real history.
"""

_SCOPES: Final[Mapping[Scope, tuple[str, str]]] = {
    "record": (
        "On one record",
        "Asked when a record is proposed, when it is approved, and by `check`. Of a record that is changed only faults "
        "count that it did not have before.",
    ),
    "change": ("On a change", "Asked of an update, and of a rename: they compare the record with the one before."),
    "dataset": (
        "On a record among the others",
        "They look at those records alone that have something in common with this one, at most twenty for each thing.",
    ),
    "file": (
        "On files of other layouts, and on modelref.toml",
        "Found while such a file is read. What keeps an entry from being read at all is refused: see the rules "
        "that nobody waives.",
    ),
    "network": ("On what hosts answer", "Asked by `check --fetch` alone."),
}

_STRUCTURAL = """\
## Rules that nobody waives

Where one of these is broken there is no record that could be stored, or no file that could be read.
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
    parts = [_FRONT, _QUALITY]
    for scope, (title, words) in _SCOPES.items():
        rows = [
            (rule.id, rule.severity, rule.text, rule.reason, rule.advice)
            for rule in catalogue.RULES
            if rule.scope == scope
        ]
        heads = ("rule", "new datasets", "what it asks for", "why", "what to do")
        parts += [f"### {title}\n\n{words}\n", table(heads, rows)]
    parts += [
        _STRUCTURAL,
        table(("rule", "what it asks for"), structural.SENTENCES.items()),
        _POLICY,
        table(("rule", "what it asks for"), ((rule.id, rule.text) for rule in policy.RULES)),
        _REACHABLE,
        table(("rule", "what it asks for"), _OF_CONFIGURATIONS),
    ]
    return "\n".join(parts)
