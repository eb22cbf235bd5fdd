"""Rules on names."""

from __future__ import annotations

from typing import Any

import pytest

from modelref_git.errors import Problem
from modelref_git.records.quality.names import RULES
from modelref_git.records.quality.rule import Facts


def found(category: str, key: str, record: dict[str, Any] | None = None) -> list[Problem]:
    return [problem for rule in RULES for problem in rule.check(Facts(category, key, record))]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("plain", []),
        ("a/b c.d", []),
        ("://", ["name.url"]),
        (" x", ["name.whitespace"]),
        ("x\u3000", ["name.whitespace"]),
        ("https://example.org/x", ["name.url"]),
        ("https://example.org//x", ["name.url", "name.empty_part"]),
        ("/x", ["name.empty_part"]),
        ("x/", ["name.empty_part"]),
        ("a//b", ["name.empty_part"]),
        ("a/ /b", ["name.empty_part"]),
        ("/ ", ["name.whitespace", "name.empty_part"]),
    ],
)
def test_faults_of_a_name_are_found(key: str, expected: list[str]) -> None:
    problems = found("clip", key)
    assert [problem.rule for problem in problems] == expected
    assert all(problem.path == "/name" and problem.message for problem in problems)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, []),
        ({}, []),
        ({"name": "control_qr_sdxl"}, []),
        ({"name": "control_qr_xl"}, ["name.key_mismatch"]),
        ({"name": None}, ["name.key_mismatch"]),
    ],
)
def test_a_body_with_another_name_is_found(record: dict[str, Any] | None, expected: list[str]) -> None:
    assert [problem.rule for problem in found("controlnet", "control_qr_sdxl", record)] == expected


def test_the_rules_on_names_are_errors_in_new_datasets() -> None:
    assert {rule.id: rule.severity for rule in RULES} == dict.fromkeys(
        ["name.whitespace", "name.url", "name.empty_part", "name.key_mismatch"], "error"
    )
