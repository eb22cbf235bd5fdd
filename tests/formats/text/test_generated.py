"""The generated file of the text models is what its source makes of it, to the byte."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from modelref_git.errors import Invalid
from modelref_git.formats.legacy.profile import write
from modelref_git.formats.text.files import FILES, generated_faults
from modelref_git.formats.text.generated import differences, generated_db
from modelref_git.formats.text.rows import COLUMNS
from modelref_git.records.text import DEFAULTS

NAME = "Author/A_Model-7B"


def row(**cells: str) -> dict[str, str]:
    return {**dict.fromkeys(COLUMNS, ""), "name": NAME, "parameters_bn": "7", **cells}


def entry(**cells: str) -> dict[str, Any]:
    return generated_db([row(**cells)], DEFAULTS)[NAME]


@pytest.fixture(scope="module")
def files(real_data: Path) -> dict[str, bytes]:
    return {name: (real_data / "text-legacy-sample" / name).read_bytes() for name in FILES}


def test_the_real_file_follows_from_its_rows_to_the_byte(files: dict[str, bytes]) -> None:
    rows = list(csv.DictReader(io.StringIO(files["models.csv"].decode(), newline="")))
    assert write(generated_db(rows, json.loads(files["defaults.json"])), {}) == files["db.json"]
    assert generated_faults(files) == []


def test_a_row_makes_three_entries_with_the_defaults_where_it_says_nothing() -> None:
    entries = generated_db([row()], DEFAULTS)
    assert list(entries) == [NAME, f"aphrodite/{NAME}", "koboldcpp/A_Model-7B"]
    for key, made in entries.items():
        assert list(made.items()) == [
            ("name", key),
            ("model_name", "A_Model-7B"),
            ("baseline", ""),
            ("parameters", 7 * 10**9),
            ("description", ""),
            ("version", "1"),
            ("style", "generalist"),
            ("nsfw", False),
            ("display_name", "A Model 7B"),
            ("tags", ["7B"]),
        ]


def test_fields_stand_in_the_order_that_old_readers_know() -> None:
    full = entry(**dict.fromkeys(COLUMNS[2:9], "x"), settings='{"n": 1.50, "top_p": 1e1}')
    assert list(full) == [
        *("name", "model_name", "baseline", "parameters", "description", "version", "style", "nsfw"),
        *("display_name", "url", "tags", "instruct_format", "settings"),
    ]
    assert json.dumps(full["settings"]) == '{"n": 1.5, "top_p": 10.0}'


@pytest.mark.parametrize(
    ("cells", "tags"),
    [
        ({"style": "chat", "tags": "b, a ,b"}, ["7B", "a", "b", "chat"]),
        ({"style": "Chat", "tags": "chat"}, ["7B", "Chat", "chat"]),
        ({"tags": "generalist"}, ["7B", "generalist"]),
        ({"style": "generalist"}, ["7B", "generalist"]),
        ({"tags": "a,,b"}, ["", "7B", "a", "b"]),
        ({"parameters_bn": "0.5"}, ["0B"]),
        ({"parameters_bn": "2.5"}, ["2B"]),
        ({"parameters_bn": "7.5"}, ["8B"]),
    ],
)
def test_tags_are_those_of_the_row_with_a_stated_style_and_the_size(cells: dict[str, str], tags: list[str]) -> None:
    assert entry(**cells)["tags"] == tags


def test_values_of_a_row_go_over_the_defaults_and_unknown_columns_come_along() -> None:
    made = generated_db([row(style="chat", mine="x")], {"style": "general", "own": 1})[NAME]
    assert list(made.items())[2:4] == [("style", "chat"), ("own", 1)]
    assert made["mine"] == "x"


def test_the_first_row_of_a_name_has_the_place_and_the_last_the_values() -> None:
    rows = [row(url="old", description="gone"), row(name="other"), row(url="new")]
    entries = generated_db(rows, DEFAULTS)
    assert list(entries)[:4] == [NAME, f"aphrodite/{NAME}", "koboldcpp/A_Model-7B", "other"]
    assert (entries[NAME]["url"], entries[NAME]["description"]) == ("new", "")


def test_two_authors_with_one_model_share_a_koboldcpp_entry() -> None:
    entries = generated_db([row(name="a/m"), row(name="b/m", url="u"), row(name="x")], DEFAULTS)
    assert list(entries) == [
        *("a/m", "aphrodite/a/m", "koboldcpp/m", "b/m", "aphrodite/b/m", "x", "aphrodite/x", "koboldcpp/x")
    ]
    assert entries["koboldcpp/m"]["url"] == "u"


def test_each_entry_that_differs_is_told_with_its_pointer() -> None:
    made = generated_db([row(name="a/b", tags="t")], DEFAULTS)
    found = json.loads(json.dumps(made))
    found["a/b"]["tags"] = ["7B"]
    found["aphrodite/a/b"] = dict(reversed(found["aphrodite/a/b"].items()))
    del found["koboldcpp/b"]
    found["new"] = {}
    told = [(problem.path, problem.message) for problem in differences(made, found)]
    assert told == [
        ("/a~1b", "the entry 'a/b' is not what its row makes of it: tags"),
        ("/aphrodite~1a~1b", "the entry 'aphrodite/a/b' has its fields in another order"),
        ("", "the entry 'koboldcpp/b' is missing"),
        ("/new", "the entry 'new' comes from no row"),
    ]
    assert {problem.rule for problem in differences(made, found)} == {"text.generated"}
    assert [problem.path for problem in differences(made, {**made, "a/b": 1})] == ["/a~1b"]
    (order,) = differences(made, dict(reversed(made.items())))
    assert "order" in order.message


def test_the_check_finds_each_change_of_the_real_files(files: dict[str, bytes]) -> None:
    changed = files["models.csv"].replace(b"arcee-ai/SuperNova-Medius,14,", b"arcee-ai/SuperNova-Medius,15,")
    problems = generated_faults({**files, "models.csv": changed})
    assert [problem.path for problem in problems] == [
        "/arcee-ai~1SuperNova-Medius",
        "/aphrodite~1arcee-ai~1SuperNova-Medius",
        "/koboldcpp~1SuperNova-Medius",
    ]
    assert problems[0].message.endswith(": parameters, tags")
    other = json.dumps({**json.loads(files["defaults.json"]), "version": "2"}).encode()
    assert len(generated_faults({**files, "defaults.json": other})) == 180


def test_without_both_files_there_is_nothing_to_compare(files: dict[str, bytes]) -> None:
    assert generated_faults({"models.csv": files["models.csv"]}) == []
    assert generated_faults({"db.json": b"no JSON"}) == []
    with pytest.raises(Invalid, match=r"db\.json"):
        generated_faults({**files, "db.json": b"no JSON"})
