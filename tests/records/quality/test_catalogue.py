"""All rules together."""

from __future__ import annotations

import timeit
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelref_git.formats.legacy import entries
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.quality import catalogue, structural
from modelref_git.records.quality.others import MemoryOthers
from modelref_git.records.quality.rule import Facts, Rule

TEXTS = st.sampled_from(
    [
        *("", " ", "x", "FIXME", "0" * 64, "https://huggingface.co/a/b/blob/main/x.ckpt", "https://[::1", "a/b-7B"),
        *("../x", "https://civitai.com/api/download/models/1?token=x&format=SafeTensor", "\ud800", "7" * 400),
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
FIELDS = st.sampled_from(
    [
        *("name", "description", "homepage", "url", "showcases", "tags", "nsfw", "baseline", "parameters", "config"),
        *("requirements", "min_steps", "max_steps", "finetune_series", "size_on_disk_bytes", "inpainting", "download"),
        *("file_name", "file_url", "sha256sum", "content_hash", "size_bytes", "record_type", "_legacy", "metadata"),
    ]
)
VALUES = st.recursive(SCALARS, lambda part: st.lists(part, max_size=3) | st.dictionaries(FIELDS, part, max_size=4))
DOWNLOADS = st.dictionaries(FIELDS, VALUES, max_size=6)
RECORDS = st.dictionaries(FIELDS, VALUES, max_size=8) | st.builds(
    lambda record, downloads: {**record, "config": {"download": downloads}},
    st.dictionaries(FIELDS, VALUES, max_size=6),
    st.lists(DOWNLOADS | VALUES, max_size=3),
)
NAMES = st.text(max_size=12) | TEXTS


@settings(max_examples=100)
@given(
    category=st.sampled_from([*CATEGORIES, "mine"]),
    key=NAMES,
    record=st.none() | RECORDS,
    before=st.none() | RECORDS,
    other=RECORDS,
    other_key=NAMES,
    is_change=st.booleans(),
    renamed_from=st.none() | NAMES,
)
def test_no_rule_raises_whatever_stands_in_a_record(
    category: str,
    key: str,
    record: dict[str, Any] | None,
    before: dict[str, Any] | None,
    other: dict[str, Any],
    other_key: str,
    is_change: bool,
    renamed_from: str | None,
) -> None:
    around = MemoryOthers([(category, other_key, other), (category, key, record or {})])
    facts = Facts(category, key, record, before, is_change, around, renamed_from)
    for rule in catalogue.RULES:
        problems = list(rule.check(facts))
        assert problems == list(rule.check(facts)), "the same every time"
        assert all(problem.rule == rule.id for problem in problems)
        assert all(problem.path == "" or problem.path.startswith("/") for problem in problems)
    list(catalogue.findings(facts))
    list(catalogue.new_findings(facts))


def test_every_rule_has_an_id_of_its_own_and_says_what_it_demands_why_and_what_to_do() -> None:
    assert len(catalogue.BY_ID) == len(catalogue.RULES)
    assert not set(catalogue.BY_ID) & set(structural.SENTENCES)
    for rule in catalogue.RULES:
        for text in (rule.text, rule.reason, rule.advice):
            assert text.endswith("."), rule.id
            assert "|" not in text, rule.id
            assert "\n" not in text, rule.id


def test_only_names_are_errors_in_new_datasets_and_what_people_cannot_know_is_a_hint() -> None:
    errors = {rule.id for rule in catalogue.RULES if rule.severity == "error"}
    assert errors == {"name.whitespace", "name.url", "name.empty_part", "name.key_mismatch"}
    assert catalogue.BY_ID["name.confusable"].severity == "hint"
    assert all(rule.severity in ("error", "warning", "hint") for rule in catalogue.RULES)


def test_a_fault_that_was_there_before_is_not_found_in_a_change() -> None:
    bad = {"file_name": "x.ckpt", "file_url": "https://huggingface.co/a/b/blob/main/x.ckpt", "sha256sum": "FIXME"}
    worse = bad | {"file_url": "https://huggingface.co/a/b/blob/main/y.ckpt"}

    def new(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
        old, now = ({"description": "d", "config": {"download": [one]}} for one in (before, after))
        return [rule.id for rule, _ in catalogue.new_findings(Facts("esrgan", "x", now, old, is_change=True))]

    assert new(bad, bad) == []
    assert new(bad, worse) == ["address.page"]


@pytest.fixture(scope="module")
def image_records(real_data: Path) -> list[tuple[str, str, dict[str, Any]]]:
    file = "stable_diffusion.json"
    read = entries.read_category("image_generation", (real_data / "image-legacy" / file).read_bytes(), file)
    return [("image_generation", entry.key, entry.record or {}) for entry in read.entries]


def test_a_real_record_is_checked_in_microseconds(image_records: list[tuple[str, str, dict[str, Any]]]) -> None:
    facts = [Facts(*one) for one in image_records]
    rules = [rule for rule in catalogue.RULES if rule.scope == "record" and rule.id != "record.unknown_field"]

    def check(these: list[Rule]) -> None:
        for one in facts:
            for rule in these:
                list(rule.check(one))

    seconds = min(timeit.repeat(lambda: check(rules), number=1, repeat=5)) / len(facts)
    # 35 microseconds on a machine of 2026; the limit is for slow and busy ones.
    assert seconds < 500e-6


def test_the_newest_real_records_have_few_faults(image_records: list[tuple[str, str, dict[str, Any]]]) -> None:
    around = MemoryOthers(image_records)
    found = [
        (rule.id, key)
        for category, key, record in image_records
        for rule, _ in catalogue.findings(Facts(category, key, record, others=around))
        if rule.severity != "hint"
    ]
    assert found == []
