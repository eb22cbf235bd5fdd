from __future__ import annotations

import re

from modelref_git.errors import Problem
from modelref_git.proposals import policy, reachable
from modelref_git.proposals.config import DatasetConfig
from modelref_git.records import normal, quality
from tests.docs.rules import PAGE, page


def test_the_page_is_what_the_rules_say_today() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.docs.generated`"


def test_every_rule_is_in_a_table_once_with_its_sentence() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.*) \|$", page(), re.MULTILINE))
    listed = re.findall(r"^\| `([a-z_.]+)` \|", page(), re.MULTILINE)
    wanted = {rule.id: rule.text for rule in (*quality.RULES, *policy.RULES)} | dict(normal.WARNING_RULES)
    assert len(listed) == len(set(listed))
    assert set(listed) == {*wanted, reachable.REACHABLE, "policy.one_person"}
    for ident, text in wanted.items():
        assert text in rows[ident]
        assert "|" not in text


def test_what_is_waived_by_name_is_a_rule_of_the_page() -> None:
    record = {"name": "a/b/c", "record_type": "nothing", "odd": 1}
    found: list[Problem] = normal.warnings("text_generation", record)
    assert {problem.rule for problem in found} >= {"text.two_slashes", "record.unknown_field"}
    assert {problem.rule for problem in found} <= set(normal.WARNING_RULES)


def test_the_rules_of_configurations_are_those_of_the_program() -> None:
    (problem,) = reachable.config_problems(DatasetConfig())
    assert f"`{problem.rule}`" in page()
