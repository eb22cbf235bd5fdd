"""JSON pointers."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.records.json_text import NumberText
from modelref_git.records.pointer import get, join, split, with_set, without

RECORD: dict[str, Any] = {
    "a/b": {"m~n": 1, "": 2, "~1": 3},
    "tags": ["x", {"y": NumberText("1.50")}],
    "none": None,
    "text": "abc",
    "01": 4,
}

PARTS = st.lists(st.text(max_size=4) | st.sampled_from(["~", "/", "~1", "-", "0", "a"]), max_size=5)


def rule(error: pytest.ExceptionInfo[Invalid]) -> str:
    (detail,) = error.value.details
    return str(detail["rule"])


@given(PARTS)
def test_parts_survive_being_joined_and_split(parts: list[str]) -> None:
    assert split(join(parts)) == tuple(parts)


@given(st.text("/~01a-\n", max_size=8))
def test_text_is_split_and_joined_to_itself_or_refused(text: str) -> None:
    if text.replace("~0", "").replace("~1", "").count("~") or (text and text[0] != "/"):
        with pytest.raises(Invalid) as caught:
            split(text)
        assert rule(caught) == "pointer.syntax"
    else:
        assert join(split(text)) == text


def test_indexes_are_joined_as_numbers() -> None:
    assert join(("config", "download", 0, "a/b~")) == "/config/download/0/a~1b~0"


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/a~1b/m~0n", 1),
        ("/a~1b/", 2),
        ("/a~1b/~01", 3),
        ("/tags/0", "x"),
        ("/tags/1/y", 1.5),
        ("/none", None),
        ("/01", 4),
        ("", RECORD),
    ],
)
def test_a_pointer_finds_its_value(pointer: str, value: Any) -> None:
    assert get(RECORD, pointer) == value


MISSING = ["/x", "/tags/2", "/tags/-", "/tags/-1", "/tags/00", "/tags/01", "/tags/٠", "/tags/" + "9" * 5000, "/text/0"]


@pytest.mark.parametrize("pointer", [*MISSING, "/none/x", "/a~1b/x/y"])
def test_what_is_not_there_is_neither_found_nor_removed(pointer: str) -> None:
    for function in (get, without):
        with pytest.raises(Invalid) as caught:
            function(RECORD, pointer)
        assert rule(caught) == "pointer.missing"
        assert caught.value.details[0]["path"] == pointer


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/text", RECORD | {"text": 9}),
        ("/new", RECORD | {"new": 9}),
        ("/-", RECORD | {"-": 9}),
        ("/new/a/0", RECORD | {"new": {"a": {"0": 9}}}),
        ("/new/a/-", RECORD | {"new": {"a": [9]}}),
        ("/new/-/b", RECORD | {"new": [{"b": 9}]}),
        ("/none/a", RECORD | {"none": {"a": 9}}),
        ("/none/-", RECORD | {"none": [9]}),
        ("/tags/0", RECORD | {"tags": [9, RECORD["tags"][1]]}),
        ("/tags/-", RECORD | {"tags": [*RECORD["tags"], 9]}),
        ("/tags/-/z", RECORD | {"tags": [*RECORD["tags"], {"z": 9}]}),
        ("/tags/1/y", RECORD | {"tags": ["x", {"y": 9}]}),
    ],
)
def test_a_value_is_set_and_what_is_missing_on_the_way_is_made(pointer: str, expected: dict[str, Any]) -> None:
    before = deepcopy(RECORD)
    assert with_set(RECORD, pointer, 9) == expected
    assert before == RECORD


@pytest.mark.parametrize("pointer", ["/text/a", "/01/a/b", "/tags/2", "/tags/x/y", "/tags/01", "/tags/0/a"])
def test_nothing_is_set_inside_a_scalar_or_beyond_a_list(pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        with_set(RECORD, pointer, 9)
    assert rule(caught) == "pointer.missing"


def test_the_whole_record_can_be_set_to_an_object_only_and_not_be_removed() -> None:
    assert with_set(RECORD, "", {"a": 1}) == {"a": 1}
    with pytest.raises(Invalid) as caught:
        with_set(RECORD, "", [1])
    assert rule(caught) == "pointer.root"
    with pytest.raises(Invalid) as caught:
        without(RECORD, "")
    assert rule(caught) == "pointer.root"


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/a~1b/m~0n", RECORD | {"a/b": {"": 2, "~1": 3}}),
        ("/tags/0", RECORD | {"tags": RECORD["tags"][1:]}),
        ("/tags/1/y", RECORD | {"tags": ["x", {}]}),
        ("/none", {key: value for key, value in RECORD.items() if key != "none"}),
    ],
)
def test_what_is_removed_is_gone_and_nothing_else(pointer: str, expected: dict[str, Any]) -> None:
    before = deepcopy(RECORD)
    assert without(RECORD, pointer) == expected
    assert before == RECORD


def test_results_share_nothing_with_what_went_in() -> None:
    value = {"deep": [1]}
    changed = with_set(RECORD, "/new", value)
    value["deep"].append(2)
    changed["tags"].append("mine")
    assert changed["new"] == {"deep": [1]}
    assert len(RECORD["tags"]) == 2
    assert changed["tags"][1]["y"].text == "1.50"
