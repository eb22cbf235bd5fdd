"""Where values stand in a JSON text."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.records import pointer
from modelref_git.records.json_places import Place, place_of, places

KEYS = st.text('aé~/"\\\n\U0001f600', max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('a"\\{}[],:\n\U0001f600', max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
SPACES = st.text(" \t\n\r", max_size=3)


def written(value: Any, draw: Any) -> str:
    """*value* as JSON text with white space wherever it may be."""
    before, after = draw(SPACES), draw(SPACES)
    if isinstance(value, dict):
        members = [f"{before}{_string(key, draw)}{after}:{written(item, draw)}" for key, item in value.items()]
        return f"{before}{{{','.join(members)}{after}}}{after}"
    if isinstance(value, list):
        return f"{before}[{','.join(written(item, draw) for item in value)}{after}]{after}"
    return f"{before}{_string(value, draw) if isinstance(value, str) else json.dumps(value)}{after}"


def _string(text: str, draw: Any) -> str:
    return json.dumps(text, ensure_ascii=draw(st.booleans()))


def every_place(value: Any, parts: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(parts, value), *(place for key, item in inner for place in every_place(item, (*parts, key)))]


def offset(text: str, line: int, column: int) -> int:
    return sum(len(row) + 1 for row in text.split("\n")[: line - 1]) + column - 1


@given(VALUES, st.data())
def test_what_stands_at_a_place_is_the_value_and_its_key(value: Any, data: st.DataObject) -> None:
    text = written(value, data.draw)
    wanted = every_place(value)
    found = places(text, [pointer.join(parts) for parts, _ in wanted])
    assert len(found) == len({pointer.join(parts) for parts, _ in wanted})
    for parts, item in wanted:
        place = found[pointer.join(parts)]
        read, _ = json.JSONDecoder().raw_decode(text, offset(text, *place.value))
        assert read == item
        assert not place.is_missing
        if parts and isinstance(parts[-1], str):
            assert place.key is not None
            assert json.JSONDecoder().raw_decode(text, offset(text, *place.key))[0] == parts[-1]
        else:
            assert place.key is None


@given(VALUES, st.data())
def test_what_is_missing_is_placed_at_what_lacks_it(value: Any, data: st.DataObject) -> None:
    text = written(value, data.draw)
    for parts, item in every_place(value):
        place = place_of(text, pointer.join((*parts, "no such key", "x")))
        assert place is not None
        assert place.is_missing
        assert place.key is None
        assert json.JSONDecoder().raw_decode(text, offset(text, *place.value))[0] == item


@given(st.text() | st.text('{}[]",:a1\\ \n'), st.text("/~01a", max_size=4))
def test_any_text_and_any_pointer_give_a_place_in_the_text_or_none(text: str, at: str) -> None:
    place = place_of(text, at)
    if place is not None:
        assert 0 <= offset(text, *place.value) < len(text)


def test_places_are_lines_and_characters() -> None:
    text = '{\r\n  "é\U0001f600": [1, {"b/c": "x"}],\n  "d": {}\n}'
    assert place_of(text, "") == Place((1, 1))
    assert place_of(text, "/é\U0001f600/0") == Place((2, 10))
    assert place_of(text, "/é\U0001f600/1/b~1c") == Place((2, 21), (2, 14))
    assert place_of(text, "/d") == Place((3, 8), (3, 3))
    assert place_of(text, "/e") == Place((1, 1), is_missing=True)


@pytest.mark.parametrize("at", ["a", "/~", "/~2", " "])
def test_a_pointer_that_is_none_has_no_place(at: str) -> None:
    assert place_of('{"a": 1}', at) is None


def test_an_index_is_not_a_key_and_leading_zeros_are_no_index() -> None:
    text = '{"a": [1, 2], "b": {"1": 3}}'
    assert place_of(text, "/a/01") == Place((1, 7), is_missing=True)
    assert place_of(text, "/b/1") == Place((1, 26), (1, 21))


def test_of_a_key_that_stands_twice_the_last_one_counts() -> None:
    text = '{"a": {"x": 1}, "a": {"y": 2}}'
    assert place_of(text, "/a") == Place((1, 22), (1, 17))
    assert place_of(text, "/a/x") == Place((1, 22), is_missing=True)


@pytest.mark.parametrize(
    ("text", "at"),
    [("[" * 60_000, "/0" * 50), ('{"a":' * 30_000, "/a" * 30_000), ("[" + "1," * 100_000 + "1]", "/99999")],
    ids=["deep", "deep and wanted", "long"],
)
def test_the_time_grows_with_the_text_and_not_with_its_square(text: str, at: str) -> None:
    start = time.perf_counter()
    assert place_of(text, at) is not None
    assert time.perf_counter() - start < 5


def test_many_places_cost_one_walk() -> None:
    text = "[\n" + ",\n".join("1" for _ in range(20_000)) + "]"
    start = time.perf_counter()
    found = places(text, [f"/{number}" for number in range(20_000)])
    assert found["/19999"] == Place((20_001, 1))
    assert time.perf_counter() - start < 5
