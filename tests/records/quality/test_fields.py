"""Rules on fields and values beyond the known ones."""

from __future__ import annotations

from typing import Any

import pytest

from modelref_git.errors import Problem
from modelref_git.records.quality.fields import RULES
from modelref_git.records.quality.rule import Facts


def found(category: str, key: str, record: dict[str, Any]) -> list[Problem]:
    return [problem for rule in RULES for problem in rule.check(Facts(category, key, record))]


def test_unknown_fields_are_found_on_every_level() -> None:
    record = {
        "name": "x",
        "mine": {"not": "looked into"},
        "config": {"download": [{"file_name": "f", "file_url": "", "a/b": 1}], "more": []},
        "metadata": {"who": 1},
        "model_classification": {"why": 1},
        "finetune_series": {"what": 1},
        "_legacy": {"rank": 1},
    }
    problems = found("clip", "x", record)
    assert [problem.path for problem in problems] == [
        "/mine",
        "/config/download/0/a~1b",
        "/config/more",
        "/metadata/who",
        "/model_classification/why",
        "/finetune_series/what",
    ]
    assert {problem.rule for problem in problems} == {"record.unknown_field"}


@pytest.mark.parametrize(
    ("category", "key", "record", "rule"),
    [
        ("controlnet", "x", {"controlnet_style": "control_new"}, "value.controlnet_style"),
        ("text_generation", "a/b/c", {}, "text.two_slashes"),
        ("clip", "x", {"record_type": "mine"}, "value.record_type"),
    ],
)
def test_oddities_are_found(category: str, key: str, record: dict[str, Any], rule: str) -> None:
    assert [problem.rule for problem in found(category, key, record)] == [rule]


def test_nothing_is_found_in_an_ordinary_record_and_in_one_of_an_unknown_category() -> None:
    assert found("controlnet", "x", {"name": "x", "controlnet_style": "control_qr_xl"}) == []
    assert found("text_generation", "a/b", {"name": "a/b", "parameters": 1}) == []
    assert found("my_own", "a/b/c", {"anything": 1}) == []
    assert found("clip", "x", {"config": [], "metadata": 3, "finetune_series": [{}]}) == []
