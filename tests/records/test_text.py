import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.records import text
from modelref_git.records.normal import normalise

BASE: dict[str, Any] = {"name": "A/Some-Model_7B", "parameters": 7 * 10**9}


def stored(record: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, Any]:
    return normalise("text_generation", {**BASE, **record}, before=before)


def rule_and_path(record: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        stored(record)
    return [(entry["rule"], entry["path"]) for entry in caught.value.details]


# Names


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        ("ReadyArt/Broken-Tutu-24B", ["aphrodite/ReadyArt/Broken-Tutu-24B", "koboldcpp/Broken-Tutu-24B"]),
        ("Plain-3B", ["aphrodite/Plain-3B", "koboldcpp/Plain-3B"]),
        ("a/b/c", ["aphrodite/a/b/c", "koboldcpp/b/c"]),
        ("a/", ["aphrodite/a/", "koboldcpp/a/"]),
    ],
)
def test_a_model_has_a_variant_for_each_backend(name: str, variants: list[str]) -> None:
    assert text.related_models(name) == variants
    assert list(text.variants(name, {})) == [name, *variants]


def test_a_variant_differs_from_the_base_in_its_name_alone() -> None:
    record = {"name": "a/b", "model_name": "b", "tags": ["7B"]}
    assert text.variants("a/b", record) == {key: {**record, "name": key} for key in text.variant_names("a/b")}
    assert record["name"] == "a/b"


@pytest.mark.parametrize(
    ("name", "prefixed"),
    [("aphrodite/x", True), ("koboldcpp/a/b", True), ("Aphrodite/x", False), ("vllm/x", False), ("koboldcpp", False)],
)
def test_only_the_exact_prefix_makes_a_variant(name: str, prefixed: bool) -> None:
    assert text.has_backend_prefix(name) is prefixed


def test_the_base_of_a_variant_is_found_among_the_models_that_exist() -> None:
    names = ["a/X", "b/X", "X", "a/Y"]
    assert text.base_of_variant("aphrodite/a/X", names) == ["a/X"]
    assert text.base_of_variant("koboldcpp/X", names) == ["a/X", "b/X", "X"]
    assert text.base_of_variant("koboldcpp/Z", names) == []
    assert text.base_of_variant("a/X", names) == []


def test_the_base_of_a_variant_is_guessed_where_nobody_knows_the_models() -> None:
    assert text.base_of_variant("aphrodite/a/X") == ["a/X"]
    assert text.base_of_variant("koboldcpp/X") == ["X"]
    assert text.base_of_variant("X") == []


@given(st.text("ab/-_ ", min_size=1, max_size=8))
def test_a_variant_leads_back_to_its_base(name: str) -> None:
    for variant in text.related_models(name):
        assert name in text.base_of_variant(variant, [name, "other"])


@pytest.mark.parametrize(
    ("name", "bare", "title"),
    [
        ("a/Some-Model_7B", "Some-Model_7B", "Some Model 7B"),
        ("gpt2-xl", "gpt2-xl", "gpt2 xl"),
        ("a/--b__c-/d", "--b__c-", "b c"),
    ],
)
def test_bare_name_and_title_come_from_the_name(name: str, bare: str, title: str) -> None:
    assert text.model_name(name) == bare
    assert text.display_name(name) == title


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("koboldcpp/sophosympatheia/StrawberryLemonade-L3-70B-v1.2", "StrawberryLemonade-L3"),
        ("Org/4.2.0-Broken-Tutu-24B", "Broken-Tutu"),
        ("CohereForAI/c4ai-command-r-08-2024", "c4ai-command-r"),
        ("Mistral-7B-Instruct-v0.3-Q4_K_M", "Mistral"),
        ("Mixtral-8x7B", "Mixtral"),
        ("Eclipse_12B_v2", "Eclipse"),
        ("bloomz-7b1", "bloomz"),
        ("Qwen/Qwen3.5-35B-A3B-Base", "Qwen3.5-A3B"),
        ("google/gemma-3n-E4B", "gemma-3n-E4B"),
        ("M-v1.2.3-GGUF-fp16", "M-fp16"),
        ("7B", "7B"),
        ("Auth/Model-7B", "Model"),
        ("mistralai/Ministral-3-14B-Instruct-2512", "Ministral-3"),
        ("a/M-Thinking-turbo-2024-11", "M-turbo"),
        ("a/M-Q5_1-AWQ", "M-AWQ"),
        ("a/7B-v2", "7B-v2"),
        ("a/", "a/"),
    ],
)
def test_a_group_is_the_name_without_what_varies_within_it(name: str, group: str) -> None:
    assert text.group_name(name) == group


# Values


@pytest.mark.parametrize(
    ("given", "count"),
    [(7, 7), (2.7e9, 2_700_000_000), ("7e9", 7 * 10**9), (" 12 ", 12), ("1.9", 1), (1.5, 1), (10**300, 10**300)],
)
def test_parameters_are_read_from_numbers_and_text(given: object, count: int) -> None:
    assert stored({"parameters": given})["parameters"] == count


@pytest.mark.parametrize("given", [0, -1, 0.5, True, False, None, "", "many", "1e999", "nan", [], {}, "-3", "9" * 5000])
def test_what_is_no_positive_number_of_parameters_is_refused(given: object) -> None:
    assert rule_and_path({"parameters": given})[0][1] == "/parameters"


def test_parameters_are_required() -> None:
    with pytest.raises(Invalid) as caught:
        normalise("text_generation", {"name": "x"})
    assert caught.value.details == [{"path": "/parameters", "message": "Field required", "rule": "schema.required"}]


def test_the_number_of_parameters_may_come_under_its_other_name() -> None:
    other = {"name": "x", "parameters_count": "5"}
    assert normalise("text_generation", other) == normalise("text_generation", {"name": "x", "parameters": 5})
    assert normalise("text_generation", {**other, "parameters": None})["parameters"] == 5
    assert normalise("text_generation", {"parameters_count": 5, "name": "x", "parameters": 5})["parameters"] == 5


def test_two_numbers_of_parameters_that_differ_are_refused() -> None:
    assert rule_and_path({"parameters_count": 8}) == [("text.parameters", "/parameters_count")]


@pytest.mark.parametrize(
    ("parameters", "tag"),
    [
        (2_500_000_000, "2B"),
        (4_500_000_000, "4B"),
        (7_500_000_000, "8B"),
        (500_000_000, "0B"),
        (7_500_000_001, "8B"),
        (4_500_000_001, "5B"),
        (1, "0B"),
        (123 * 10**9, "123B"),
    ],
)
def test_halves_of_a_size_are_rounded_to_the_even_side(parameters: int, tag: str) -> None:
    assert text.size_tag(parameters) == tag


@given(st.integers(1, 10**13))
def test_a_size_tag_is_what_python_rounds_to(parameters: int) -> None:
    assert text.size_tag(parameters) == f"{round(parameters / 1e9)}B"


@pytest.mark.parametrize("given", [None, "", "  ", {}, "{}"])
def test_empty_settings_are_left_out(given: object) -> None:
    assert "settings" not in stored({"settings": given})


def test_settings_may_come_as_json_text_and_keep_their_order_and_numbers() -> None:
    settings = stored({"settings": '{"top_p": 1.0, "n": [1, 2.5], "min_p": 1}'})["settings"]
    assert json.dumps(settings) == '{"top_p": 1.0, "n": [1, 2.5], "min_p": 1}'


@pytest.mark.parametrize("given", ["{", "null", "[]", "3", '{"top_k": 1, "top_k": 2}', [], 3, True])
def test_what_is_no_settings_object_is_refused(given: object) -> None:
    assert [path for _, path in rule_and_path({"settings": given})] == ["/settings"]


def test_unknown_settings_keys_are_refused_each_at_its_place() -> None:
    faults = rule_and_path({"settings": {"top_k": 1, "mine": 2, "a/b": 3}})
    assert faults == [("value.settings_key", "/settings/mine"), ("value.settings_key", "/settings/a~1b")]


# The stored form


def test_what_can_be_derived_is_not_stored() -> None:
    record = {
        "model_name": "Some-Model_7B",
        "display_name": "Some Model 7B",
        "version": "1",
        "style": "generalist",
        "nsfw": False,
        "baseline": "",
        "description": "",
        "url": "",
        "instruct_format": "",
        "text_model_group": "",
        "name_schema_exception": "",
        "size_on_disk_bytes": 0,
        "settings": {},
        "tags": ["7B"],
    }
    assert stored(record) == {
        "record_type": "text_generation",
        "name": "A/Some-Model_7B",
        "metadata": {"schema_version": "2.0.0"},
        "config": {"download": []},
        "model_classification": {"domain": "text", "purpose": "generation"},
        "parameters": 7 * 10**9,
        "nsfw": False,
        "tags": ["7B"],
        "text_model_group": "Some-Model",
    }


def test_what_says_more_than_the_name_is_stored() -> None:
    record = {"model_name": "Other", "display_name": "My model", "version": "1", "text_model_group": "Mine", "nsfw": 1}
    kept = stored(record)
    assert {key: kept[key] for key in record} == {**record, "nsfw": True}


def test_tags_hold_style_and_size_and_are_sorted_by_code_point() -> None:
    assert stored({"style": "chat", "tags": [" é", "b", "B", "b ", ""]})["tags"] == ["7B", "B", "b", "chat", "é"]
    assert stored({"style": "chat", "tags": "x, y,,x"})["tags"] == ["7B", "chat", "x", "y"]
    assert stored({"tags": None})["tags"] == ["7B"]


def test_a_style_that_was_stated_brings_its_tag_even_if_it_is_the_default() -> None:
    kept = stored({"style": "generalist", "tags": ["x"]})
    assert (kept["style"], kept["tags"]) == ("generalist", ["7B", "generalist", "x"])


@pytest.mark.parametrize("sign", [{"tags": ["7B", "x"]}, {"model_name": "Some-Model_7B", "tags": ["x"]}])
def test_a_style_that_an_upstream_writer_filled_in_counts_as_unset(sign: dict[str, Any]) -> None:
    kept = stored({"style": "generalist", **sign})
    assert "style" not in kept
    assert kept["tags"] == ["7B", "x"]


def test_an_edit_to_the_default_style_is_taken_at_its_word() -> None:
    before = stored({"style": "chat"})
    after = stored({**before, "style": "generalist"}, before)
    assert (after["style"], after["tags"]) == ("generalist", ["7B", "generalist"])


def test_an_edit_that_takes_away_the_tag_of_a_stated_style_gets_it_back() -> None:
    before = stored({"style": "generalist"})
    assert stored({**before, "tags": ["7B"]}, before) == before


def test_an_edit_beside_a_filled_in_style_states_nothing() -> None:
    before = {**stored({}), "style": "generalist"}
    after = stored({**before, "description": "new"}, before)
    assert "style" not in after
    assert after["tags"] == ["7B"]


@given(
    style=st.sampled_from([None, "", " ", "generalist", "chat", " chat "]),
    tags=st.none() | st.lists(st.sampled_from(["7B", "8B", "generalist", "chat", " x", "y"])),
    model_name=st.sampled_from([None, "Some-Model_7B", "Other"]),
    version=st.sampled_from([None, "", "1", "2"]),
)
def test_the_text_rules_change_nothing_the_second_time(**fields: Any) -> None:
    once = stored(fields)
    assert normalise("text_generation", once) == once
    assert normalise("text_generation", once, before=once) == once
    if "style" in once:
        assert once["style"].strip() in ["", *once["tags"]]


# Real data


def test_both_forms_in_which_upstream_writes_a_model_are_stored_alike(real_data: Path) -> None:
    folder = real_data / "text-legacy-sample"
    exported = json.loads((folder / "db.json").read_text("utf-8"))
    with (folder / "models.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert len(rows) == 60
    for name, row in rows.items():
        billions = row.pop("parameters_bn")
        from_row = stored({**row, "parameters": int(float(billions) * 10**9)})
        assert stored(exported[name]) == from_row
        assert normalise("text_generation", from_row) == from_row
        assert list(exported[name]["tags"]) == from_row["tags"]
        assert set(text.variant_names(name)) <= set(exported)


def test_the_settings_keys_are_those_of_the_published_list(real_data: Path) -> None:
    from modelref_git.records.values import SETTINGS_KEYS

    published = json.loads((real_data / "text-legacy-sample" / "generation_params.json").read_text("utf-8"))
    assert sorted(published) == sorted(SETTINGS_KEYS.values)


@pytest.mark.parametrize(
    ("edit", "tags"),
    [
        ({"parameters": 13 * 10**9}, ["13B", "chat", "kept"]),
        ({"style": "story"}, ["7B", "kept", "story"]),
        ({"style": None}, ["7B", "kept"]),
        ({"parameters": 13 * 10**9, "tags": ["7B", "mine"]}, ["13B", "7B", "chat", "mine"]),
        ({"description": "x"}, ["7B", "chat", "kept"]),
    ],
)
def test_tags_of_a_size_or_style_that_an_edit_changes_go_with_it(edit: dict[str, Any], tags: list[str]) -> None:
    before = text.stored_form({"name": "a/b", "parameters": 7 * 10**9, "style": "chat", "tags": ["kept"]})
    after = {name: value for name, value in {**before, **edit}.items() if value is not None}
    assert text.stored_form(after, before)["tags"] == tags
