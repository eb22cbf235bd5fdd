from __future__ import annotations

from typing import Any

from modelref_git.formats.text.groups import with_groups
from modelref_git.records import text


def grouped(records: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    entries = {key: {"name": key} for name in records for key in text.variant_names(name)}
    return with_groups(entries, records.items())


def test_members_of_a_group_share_a_summary() -> None:
    records: dict[str, dict[str, Any]] = {
        "a/Model-7B": {"parameters": 7_000_000_000, "tags": ["7B", "chat"], "baseline": "x", "description": "Says."},
        "b/Model-70B-Q4_K_M": {"parameters": 70_000_000_000, "tags": ["70B"], "baseline": "x", "nsfw": True},
        "Other": {"parameters": 500_000_000},
    }
    found = grouped(records)
    assert found["koboldcpp/Model-7B"]["text_model_group"] == "Model"
    assert found["b/Model-70B-Q4_K_M"]["text_model_group_summary"] == {
        "member_count": 2,
        "available_sizes": ["7B", "70B"],
        "available_quants": ["Q4_K_M"],
        "common_baseline": "x",
        "any_nsfw": True,
        "any_has_description": True,
        "merged_tags": ["70B", "7B", "chat"],
        "name_format": {
            "separator": "-",
            "part_order": ["base", "size", "variant", "version", "quant"],
            "author_included": True,
            "common_author": None,
            "template": None,
        },
    }
    alone = found["aphrodite/Other"]["text_model_group_summary"]
    assert (alone["member_count"], alone["common_baseline"], alone["available_sizes"]) == (1, None, ["0B"])
    assert alone["name_format"]["author_included"] is False


def test_the_group_that_a_record_names_is_its_group() -> None:
    found = grouped({"a/Model-7B": {"text_model_group": "Family"}})
    assert {entry["text_model_group"] for entry in found.values()} == {"Family"}


def test_an_entry_of_no_record_stays_as_it_is() -> None:
    assert with_groups({"x": {"name": "x"}}, []) == {"x": {"name": "x"}}
