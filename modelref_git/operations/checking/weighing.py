"""What the rules of good data find, with the severities and exceptions of the dataset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from modelref_git.errors import Invalid, Problem, UsageFault
from modelref_git.proposals.config import DatasetConfig
from modelref_git.records.quality import catalogue
from modelref_git.records.quality.names import KEY_MISMATCH
from modelref_git.records.quality.rule import Facts, Rule, Severity

ALLOW_ALL: Final = "*"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule found in one record, as the dataset weighs it."""

    rule: Rule
    severity: Severity
    """Never ``off``: what is off is not found."""
    category: str
    key: str
    problem: Problem

    def __str__(self) -> str:
        where = f" at {self.problem.path}" if self.problem.path else ""
        return f"{self.category} {self.key!r}: {self.problem.message}{where} ({self.rule.id})"


def found_in_state(config: DatasetConfig, facts: Facts) -> list[Finding]:
    """What the rules find in a record as it stands.

    A name that differs from the body's is only remarked upon: it is a new difference that is refused.
    """
    return _with_old_names(weighed(config, facts, catalogue.findings(facts, _off(config))))


def found_in_change(
    config: DatasetConfig, facts: Facts, *, importing: bool = False, among: Sequence[Rule] = catalogue.RULES
) -> list[Finding]:
    """What a change brings in, by the rules *among* which it is judged: findings that the old record does not have.

    A name that differs from the body's is only remarked upon when a record is imported.
    """
    facts = replace(facts, is_change=True)
    found = weighed(config, facts, catalogue.new_findings(facts, _off(config), among))
    return _with_old_names(found) if importing else found


def _with_old_names(found: Iterable[Finding]) -> list[Finding]:
    """*found* with a mere warning for names that differ from the bodies', as datasets and old files have them."""
    return [
        replace(one, severity="warning") if one.rule.id == KEY_MISMATCH and one.severity == "error" else one
        for one in found
    ]


def _off(config: DatasetConfig) -> frozenset[str]:
    """The rules that the dataset has switched off: they cost nothing."""
    return frozenset(rule for rule, severity in config.rules.items() if severity == "off")


def weighed(config: DatasetConfig, facts: Facts, found: Iterable[tuple[Rule, Problem]]) -> list[Finding]:
    """What was *found* in a record, with the dataset's severities; what is off or excepted is left out."""
    findings = []
    for rule, problem in found:
        severity: Any = config.rules.get(rule.id, rule.severity)
        if severity != "off" and not config.is_excepted(rule.id, facts.category, facts.key):
            findings.append(Finding(rule, severity, facts.category, facts.key, problem))
    return findings


def is_allowed(finding: Finding, allow: Sequence[str]) -> bool:
    """Whether the waivers in *allow* speak of the finding's rule."""
    return finding.rule.id in allow or ALLOW_ALL in allow


def refuse(what: str, found: Iterable[Finding], allow: Sequence[str]) -> tuple[str, ...]:
    """Refuse findings of severity error that nobody waived; gives the ids of the rules that were waived.

    Raises:
        Invalid: with every one of them.
    """
    errors = [one for one in found if one.severity == "error"]
    refused = [one for one in errors if not is_allowed(one, allow)]
    if refused:
        rules = " ".join(f"--allow {rule}" for rule in dict.fromkeys(one.rule.id for one in refused))
        advice = " ".join(dict.fromkeys(one.rule.advice for one in refused))
        hint = f"{advice} If it is meant so, waive the rule: {rules}"
        raise Invalid.of(what, [one.problem for one in refused], hint=hint)
    return tuple(dict.fromkeys(one.rule.id for one in errors))


def check_waivers(allow: Sequence[str]) -> None:
    """Refuse to waive what is no rule: a word that is mistyped would waive nothing, in silence.

    Raises:
        UsageFault: a word of *allow* is neither a quality rule nor ``*``.
    """
    for word in allow:
        if word != ALLOW_ALL:
            check_rule(word)


def check_rule(rule: str) -> None:
    """Refuse a word that is no rule of good data.

    Raises:
        UsageFault: so it is.
    """
    if rule not in catalogue.BY_ID:
        import difflib

        near = difflib.get_close_matches(rule, catalogue.BY_ID, n=3)
        listed = f"did you mean {' or '.join(near)}?" if near else f"the rules are {', '.join(sorted(catalogue.BY_ID))}"
        raise UsageFault(f"{rule!r} is no quality rule", hint=listed)
