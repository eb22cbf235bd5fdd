"""Every rule of good data, in the order in which findings are shown."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Final

from modelref_git.errors import Problem
from modelref_git.records.quality import changes, content, fields, files, names, network, settings, whole
from modelref_git.records.quality.rule import Facts, Rule

RULES: Final[tuple[Rule, ...]] = (
    *names.RULES,
    *fields.RULES,
    *content.RULES,
    *changes.RULES,
    *whole.RULES,
    *files.RULES,
    *settings.RULES,
    *network.RULES,
)
BY_ID: Final = {rule.id: rule for rule in RULES}


def findings(facts: Facts, off: Container[str] = (), among: Sequence[Rule] = RULES) -> Iterator[tuple[Rule, Problem]]:
    """What the rules find in *facts*; a rule whose scope needs facts that are not there finds nothing.

    Only those *among* some are asked, and not those whose ids are in *off*.
    """
    for rule in among:
        if rule.id in off:
            continue
        if (rule.scope == "change" and not facts.is_change) or (rule.scope == "dataset" and facts.others is None):
            continue
        for problem in rule.check(facts):
            yield rule, problem


def new_findings(
    facts: Facts, off: Container[str] = (), among: Sequence[Rule] = RULES
) -> Iterator[tuple[Rule, Problem]]:
    """What the rules find in a change and did not find in the record that it replaces.

    A fault is the old one if its rule and its message are, so a message names the value at fault. Whoever mends a
    description is not held up by an address that was bad before.
    """
    found = list(findings(facts, off, among))
    if not found or facts.before is None:
        yield from found
        return
    as_it_was = Facts(facts.category, facts.key, facts.before, others=facts.others)
    asked = {rule.id: rule for rule, _ in found if rule.scope != "change"}.values()
    old = {(rule.id, problem.message) for rule in asked for problem in rule.check(as_it_was)}
    yield from ((rule, problem) for rule, problem in found if (rule.id, problem.message) not in old)
