"""A row of the text models' source is a record, and a record is a row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.formats.text.rows import COLUMNS, billions, cells_of, is_writable, one_line, parameters_of, read_row
from modelref_git.records import normal
from modelref_git.records.json_text import NumberText

NAME = "Some-Author/My_Model--7B"
AUTO = "My Model 7B"


def row(**cells: str) -> dict[str, str]:
    return {**dict.fromkeys(COLUMNS, ""), "name": NAME, "parameters_bn": "7", **cells}


def edited(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the dataset holds after an edit."""
    return normal.normalise("text_generation", {**record, **changes}, before=record)


def rules(cells: dict[str, str]) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        read_row(cells)
    return [(detail["path"], detail["rule"]) for detail in caught.value.details]


# In


def test_a_row_becomes_a_record_in_its_stored_form() -> None:
    settings = '{"temperature": 0.7, "stop_sequence": ["a"]}'
    cells = row(style="chat", tags="b,a", url="u", description=" d ", baseline="x/y", settings=settings)
    record = read_row({**cells, "instruct_format": " Gemma 4", "display_name": "Mine"})
    assert record == {
        "record_type": "text_generation",
        "name": NAME,
        "description": " d ",
        "metadata": {"schema_version": "2.0.0"},
        "config": {"download": []},
        "model_classification": {"domain": "text", "purpose": "generation"},
        "baseline": "x/y",
        "parameters": 7 * 10**9,
        "nsfw": False,
        "style": "chat",
        "display_name": "Mine",
        "url": "u",
        "tags": ["7B", "a", "b", "chat"],
        "instruct_format": " Gemma 4",
        "settings": {"temperature": 0.7, "stop_sequence": ["a"]},
        "text_model_group": "My_Model",
        "_legacy": {"cells": {"tags": "b,a"}},
    }


def test_what_the_rules_write_themselves_is_not_kept() -> None:
    cells = row(style="Chat", tags="a,b", display_name="Mine", parameters_bn="0.56", settings='{"n": 1}')
    assert "_legacy" not in read_row(cells)
    assert cells_of(NAME, read_row(cells)).items() >= cells.items()


@pytest.mark.parametrize(
    "cells",
    [
        {"parameters_bn": " 12"},
        {"parameters_bn": "7.0"},
        {"parameters_bn": "7e0"},
        {"name": f" {NAME}"},
        {"tags": "roleplay, popular"},
        {"tags": "a,,b"},
        {"tags": "7B, chat", "style": "chat"},
        {"tags": " "},
        {"display_name": AUTO},
        {"settings": '{"temperature": 0.7, "rep_pen":1.18}'},
        {"settings": "{}"},
        {"settings": " "},
        {"nsfw": "False"},
        {"mine": "x"},
        {"version": "1.0"},
        {"style": "generalist", "tags": "7B"},
        {"style": " chat", "tags": "chat"},
    ],
)
def test_a_cell_comes_back_as_it_was_while_its_meaning_stays(cells: dict[str, str]) -> None:
    before = row(**cells)
    record = read_row(before)
    assert cells_of(NAME, record).items() >= before.items()
    changed = edited(record, description="Edited.")
    assert cells_of(NAME, changed).items() >= {**before, "description": "Edited."}.items()


@pytest.mark.parametrize(
    ("cells", "changes", "column", "after"),
    [
        ({"parameters_bn": "7.0"}, {"parameters": 8 * 10**9}, "parameters_bn", "8"),
        ({"tags": "b, a"}, {"tags": ["7B", "a"]}, "tags", "a"),
        ({"tags": "b, a"}, {"tags": ["7B", "a", "b", "c"]}, "tags", "a,b,c"),
        ({"display_name": AUTO}, {"display_name": "Other"}, "display_name", "Other"),
        ({"settings": '{"n":1}'}, {"settings": {"n": 2}}, "settings", '{"n": 2}'),
        ({"settings": '{"n":1}'}, {"settings": None}, "settings", ""),
        ({"settings": '{"n":1, "top_p":1}'}, {"settings": {"top_p": 1, "n": 1}}, "settings", '{"top_p": 1, "n": 1}'),
        ({"style": "chat"}, {"style": None}, "style", ""),
        ({"url": "u"}, {"url": None}, "url", ""),
        ({"nsfw": "no"}, {"nsfw": True}, "nsfw", "true"),
        ({"version": "1"}, {"version": "2"}, "version", "2"),
    ],
)
def test_an_edit_of_the_value_writes_its_cell_anew(
    cells: dict[str, str], changes: dict[str, Any], column: str, after: str
) -> None:
    assert cells_of(NAME, edited(read_row(row(**cells)), **changes))[column] == after


def test_a_stated_default_style_stays_and_one_that_nobody_stated_is_not_written() -> None:
    stated = read_row(row(style="generalist"))
    assert (stated["style"], stated["tags"]) == ("generalist", ["7B", "generalist"])
    assert cells_of(NAME, stated)["style"] == "generalist"
    upstream = {**stated, "model_name": "My_Model--7B", "tags": ["7B"]}
    assert cells_of(NAME, upstream)["style"] == ""
    assert "style" not in normal.normalise("text_generation", upstream)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"name": " "}, [("/name", "text.name")]),
        ({"name": "https://x.org/y"}, [("/name", "text.name_url")]),
        ({"name": "koboldcpp/x"}, [("/name", "name.backend_prefix")]),
        ({"parameters_bn": ""}, [("/parameters_bn", "text.parameters")]),
        ({"parameters_bn": "7B"}, [("/parameters_bn", "text.parameters")]),
        ({"parameters_bn": "nan"}, [("/parameters_bn", "text.parameters")]),
        ({"parameters_bn": "1e300"}, [("/parameters_bn", "text.parameters")]),
        ({"parameters_bn": "0"}, [("/parameters_bn", "text.parameters")]),
        ({"settings": "{"}, [("/settings", "text.settings")]),
        ({"settings": "null"}, [("/settings", "text.settings")]),
        ({"settings": "[1]"}, [("/settings", "text.settings")]),
        ({"settings": '{"n": {"a": 1}}'}, [("/settings", "text.settings")]),
        ({"settings": '{"n": [[1]]}'}, [("/settings", "text.settings")]),
        ({"settings": '{"mine": 1}'}, [("/settings/mine", "value.settings_key")]),
        ({"nsfw": "perhaps"}, [("/nsfw", "text.nsfw")]),
        ({"url": "a\0"}, [("/url", "csv.nul")]),
        (
            {"name": "", "parameters_bn": "x", "settings": "x"},
            [("/name", "text.name"), ("/parameters_bn", "text.parameters"), ("/settings", "text.settings")],
        ),
    ],
)
def test_all_faults_of_a_row_are_told_with_their_column(cells: dict[str, str], expected: list[tuple[str, str]]) -> None:
    assert rules(row(**cells)) == expected


def test_a_title_that_repeats_the_name_is_not_written() -> None:
    assert cells_of(NAME, {**read_row(row()), "display_name": AUTO})["display_name"] == ""


def test_settings_of_other_keys_are_read_where_values_are_open() -> None:
    assert read_row(row(settings='{"mine": 1}'), open_values=True)["settings"] == {"mine": 1}


# Out


@given(st.integers(1, 10**15) | st.integers(1, 10**6).map(lambda count: count * 10**7))
@example(560_000_000)
@example(999_999_999_999_999)
@example(1)
def test_every_number_of_parameters_is_written_so_that_it_reads_back_and_as_short_as_can_be(count: int) -> None:
    text = billions(count)
    assert parameters_of(text) == count
    assert not text.endswith(".")
    whole, _, fraction = text.partition(".")
    assert str(int(whole)) == whole
    shorter = [f"{whole}.{fraction[:digits]}" if digits else whole for digits in range(len(fraction))]
    assert all(int(float(other) * 10**9) != count for other in shorter)


@pytest.mark.parametrize(
    ("count", "text"),
    [(3 * 10**9, "3"), (560 * 10**6, "0.56"), (176 * 10**9, "176"), (7_100_000_000, "7.1"), (1, "0.000000001")],
)
def test_round_numbers_are_short(count: int, text: str) -> None:
    assert billions(count) == text


def test_numbers_that_floats_cut_short_get_a_digit_more() -> None:
    cut = [count for count in range(10**9, 10**9 + 3000) if int(float(f"{count / 10**9:.9f}") * 10**9) != count]
    assert cut
    for count in cut:
        assert parameters_of(billions(count)) == count


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(-9, 9) | st.text(), st.lists, max_leaves=5))
def test_json_in_one_line_is_what_python_writes(value: Any) -> None:
    assert one_line({"key": value}) == json.dumps({"key": value})


def test_numbers_in_settings_keep_their_spelling() -> None:
    assert one_line({"n": NumberText("1.50")}) == '{"n": 1.50}'
    cells = row(settings='{"n": 1.50, "top_p": 1E1}')
    assert "_legacy" not in read_row(cells)


@pytest.mark.parametrize("name", ["a", "a/b", "vllm/x", "Aphrodite/x", "a/b/c", "ü", "a\nb"])
def test_usual_names_can_be_written(name: str) -> None:
    assert is_writable(name)
    assert read_row(row(name=name))["name"] == name


@pytest.mark.parametrize("name", ["", " a", "a ", "aphrodite/x", "koboldcpp/x", "http://x", "a\0"])
def test_names_that_readers_take_for_another_cannot(name: str) -> None:
    assert not is_writable(name)


@pytest.mark.parametrize("remainder", [None, 1, [], {"cells": 1}, {"cells": {"tags": 1, "url": "x"}}, {"earlier": 1}])
def test_a_remainder_that_no_import_wrote_changes_no_cell(remainder: Any) -> None:
    record = read_row(row(url="u", tags="a"))
    assert cells_of(NAME, {**record, "_legacy": remainder}) == cells_of(NAME, record)
