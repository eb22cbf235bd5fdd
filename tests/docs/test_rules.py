from __future__ import annotations

import re

from modelref_git.proposals import policy, reachable
from modelref_git.proposals.config import DatasetConfig
from modelref_git.records.quality import catalogue, structural
from tests.docs.rules import PAGE, page


def test_the_page_is_what_the_rules_say_today() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.docs.generated`"


def test_every_rule_is_in_a_table_once_with_its_sentence() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.$]+)` \| (.*) \|$", page(), re.MULTILINE))
    listed = re.findall(r"^\| `([a-z_.$]+)` \|", page(), re.MULTILINE)
    wanted = {rule.id: rule.text for rule in (*catalogue.RULES, *policy.RULES)} | dict(structural.SENTENCES)
    assert len(listed) == len(set(listed))
    assert set(listed) == {*wanted, reachable.REACHABLE, "policy.one_person"}
    for ident, text in wanted.items():
        assert text in rows[ident]
        assert "|" not in text


def test_a_rule_of_good_data_tells_its_severity_its_reason_and_what_to_do() -> None:
    for rule in catalogue.RULES:
        assert f"| `{rule.id}` | {rule.severity} | {rule.text} | {rule.reason} | {rule.advice} |" in page()


def test_the_rules_of_configurations_are_those_of_the_program() -> None:
    (problem,) = reachable.config_problems(DatasetConfig())
    assert f"`{problem.rule}`" in page()
