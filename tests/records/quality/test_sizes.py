"""Rules on sizes."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from modelref_git.records.quality.rule import Facts
from modelref_git.records.quality.sizes import RULES


def found(category: str, key: str, record: dict[str, Any]) -> list[tuple[str, str]]:
    facts = Facts(category, key, record)
    return [(problem.rule, problem.path) for rule in RULES for problem in rule.check(facts)]


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("ReadyArt/Broken-Tutu-24B", 24),
        ("a/Llama-7B", 6.74),
        ("a/Qwen1.5-0.5B", 0.62),
        ("google/gemma-7b", 8.54),
        ("a/bloomz-7b1", 7.1),
        ("a/pythia-160m", 0.16),
        ("a/bloom-560M", 0.559),
        ("mistralai/Mixtral-8x7B", 46.7),
        ("a/Mixtral-8x22B-v0.1", 141),
        ("a/Mixtral-8x7B", 13),
        ("Qwen/Qwen3.5-35B-A3B-Base", 35),
        ("google/gemma-3n-E4B", 8),
        ("acrastt/StableLM-3B-4E1T", 3),
        ("a/Llama-3-8B-Gradient-1M", 8),
        ("a/internlm-1M", 7),
        ("a/Qwen-0_5B", 0.5),
        ("a/model-1-5b", 1.5),
        ("a/v2-7B", 7),
        ("a/x-4bit", 13),
        ("a/x-Q4_K_M", 13),
        ("a/x-6bpw", 13),
        ("gpt2", 0.137),
        ("7B/x", 99),
    ],
)
def test_a_name_agrees_with_the_parameters(name: str, billions: float) -> None:
    assert found("text_generation", name, {"parameters": int(billions * 10**9)}) == []


@pytest.mark.parametrize(
    ("name", "billions"),
    [("a/x-24B", 42), ("a/x-7B", 70), ("a/x-1.5B", 15), ("a/x-560M", 560), ("a/x-8x7B", 80), ("a/x-8x7B", 3)],
)
def test_a_name_that_tells_another_size_is_found(name: str, billions: float) -> None:
    record = {"parameters": int(billions * 10**9)}
    assert found("text_generation", name, record) == [("text.size_in_name", "/parameters")]
    assert found("image_generation", name, record) == []


def test_no_model_of_the_real_sample_is_suspected(real_data: Path) -> None:
    with (real_data / "text-legacy-sample" / "models.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 50
    for row in rows:
        assert not found("text_generation", row["name"], {"parameters": int(float(row["parameters_bn"]) * 10**9)}), row


@pytest.mark.parametrize("size", [0, -1, -0.5])
def test_a_size_is_greater_than_nothing(size: float) -> None:
    assert found("clip", "x", {"size_on_disk_bytes": size}) == [("size.positive", "/size_on_disk_bytes")]
    downloads = [{"size_bytes": 5}, {"size_bytes": size}]
    assert found("clip", "x", {"config": {"download": downloads}}) == [
        ("size.positive", "/config/download/1/size_bytes")
    ]


@pytest.mark.parametrize(
    ("total", "parts", "is_fault"),
    [
        (10, [4, 6], False),
        (10, [4, 5], True),
        (10, [4, None], False),
        (10, [14, None], True),
        (10, [None], False),
        (10, [], False),
        (None, [4], False),
    ],
)
def test_sizes_add_up(total: int | None, parts: list[int | None], is_fault: bool) -> None:
    record = {"size_on_disk_bytes": total, "config": {"download": [{"size_bytes": size} for size in parts]}}
    assert found("clip", "x", record) == ([("size.sum", "/size_on_disk_bytes")] if is_fault else [])
