"""Rules on what ``modelref.toml`` says about rules; whoever reads that file reports their faults."""

from __future__ import annotations

from typing import Final

from modelref_git.records.quality.rule import Rule, found_elsewhere

UNKNOWN_RULE: Final = Rule(
    "config.unknown_rule",
    "warning",
    "file",
    "modelref.toml speaks of rules that there are.",
    "A rule that is mistyped keeps its old severity, in silence.",
    "Correct the rule's id, or take it out; docs/rules.md lists them.",
    found_elsewhere,
)
UNUSED_EXCEPTION: Final = Rule(
    "config.unused_exception",
    "warning",
    "file",
    "An exception is for a record that is there.",
    "It would silence a rule about whatever takes the name next.",
    "Take the exception out of modelref.toml, or correct its category and name.",
    found_elsewhere,
)

RULES: Final = (UNKNOWN_RULE, UNUSED_EXCEPTION)
