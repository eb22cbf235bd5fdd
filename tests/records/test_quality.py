"""Rules of good data."""

from __future__ import annotations

from typing import Any

import pytest

from modelref_git.records.quality import RULES, check_names


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
    found = check_names("clip", key, None)
    assert [rule.id for rule, _ in found] == expected
    assert all(problem.rule == rule.id and problem.path == "/name" and problem.message for rule, problem in found)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, []),
        ({}, []),
        ({"name": "control_qr_sdxl"}, []),
        ({"name": "control_qr_xl"}, ["name.key_mismatch"]),
        ({"name": None}, ["name.key_mismatch"]),
    ],
)
def test_a_body_with_another_name_is_found(body: dict[str, Any] | None, expected: list[str]) -> None:
    assert [rule.id for rule, _ in check_names("controlnet", "control_qr_sdxl", body)] == expected


def test_every_rule_has_an_id_of_its_own_and_says_what_it_demands_and_why() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.text.endswith(".")
        assert rule.reason.endswith(".")


def test_the_rules_on_names_are_errors_in_new_datasets() -> None:
    ids = ["name.whitespace", "name.url", "name.empty_part", "name.key_mismatch"]
    assert {rule.id: rule.severity for rule in RULES if rule.id in ids} == dict.fromkeys(ids, "error")
