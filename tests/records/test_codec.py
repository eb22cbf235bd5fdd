"""Records as canonical bytes and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.records.codec import (
    REMAINDER,
    KeyOrder,
    cut_remainder,
    decode,
    dumps,
    encode,
    line,
    without_remainder,
)
from modelref_git.records.json_text import NumberText, parse, same

SCHEMA: dict[str, Any] = {
    "properties": {
        "name": {"type": "string"},
        "config": {"$ref": "#/$defs/config"},
        "b": {"allOf": [{"properties": {"x": {}}}, {"anyOf": [{"properties": {"w": {}, "x": {}}}, True]}]},
        "inner": {"$ref": "#"},
        "open": {"type": "object", "additionalProperties": {"$ref": "#/$defs/entry"}},
    },
    "oneOf": [{"properties": {"late": {}}}, {"$ref": "#"}],
    "if": {"properties": {"not_named": {}}},
    "then": {"properties": {"later": {}}},
    "$defs": {
        "config": {"properties": {"files": {"items": {"$ref": "#/$defs/entry"}}, "download": {}}},
        "entry": {"properties": {"path": {}, "hash": {}}},
    },
}
ORDER = KeyOrder.of_schema(SCHEMA)
ORDERS = st.sampled_from([ORDER, KeyOrder.NONE])

WORDS = [
    "name",
    "config",
    "files",
    "download",
    "path",
    "hash",
    "b",
    "x",
    "w",
    "inner",
    "open",
    "late",
    "z",
    "",
    REMAINDER,
]
KEYS = st.sampled_from(WORDS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
NUMBER_TEXTS = st.from_regex(r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    NUMBER_TEXTS.map(lambda text: decode(f'{{"n": {text}}}'.encode())["n"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(['\n  "_legacy": 1', '",\n  "_legacy": {}\n}\n', "\u2028\x7f\x00\\", "{}"]),
)
RECORDS = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=12
    ),
    max_size=8,
)


@given(RECORDS, ORDERS)
def test_what_was_written_is_read_as_the_same_record_and_written_the_same_way(
    record: dict[str, Any], order: KeyOrder
) -> None:
    data = encode(record, order)
    again = decode(data)
    assert same(again, record)
    assert encode(again, order) == data


@given(RECORDS)
def test_any_value_can_be_written_in_the_same_layout(record: dict[str, Any]) -> None:
    assert dumps(without_remainder(record)).encode() + b"\n" == encode(without_remainder(record), KeyOrder.NONE)
    assert same(parse(dumps([record, None])), [record, None])


@given(RECORDS)
def test_any_value_can_be_written_in_one_line(record: dict[str, Any]) -> None:
    written = line([record, None])
    assert "\n" not in written
    assert same(parse(written), [record, None])
    assert json.loads(written) == json.loads(dumps([record, None]))


def test_a_line_may_be_deeper_than_a_record() -> None:
    value: Any = 1
    for _ in range(150):
        value = {"a": [value]}
    assert json.loads(line(value)) == value


@given(RECORDS)
def test_but_for_numbers_the_text_is_that_of_the_standard_library(record: dict[str, Any]) -> None:
    data = encode(without_remainder(record), KeyOrder.NONE)
    reread = json.loads(data, parse_float=lambda text: NumberText(text), parse_int=lambda text: NumberText(text))
    numbers: list[str] = []

    def named(value: Any) -> Any:
        """*Value* with every number replaced by a word that takes its place in the text."""
        if isinstance(value, NumberText):
            numbers.append(value.text)
            return f"\ue000{len(numbers) - 1}\ue000"
        if isinstance(value, list):
            return [named(item) for item in value]
        return {key: named(item) for key, item in value.items()} if isinstance(value, dict) else value

    text = json.dumps(named(reread), indent=2, ensure_ascii=False) + "\n"
    for index, number in enumerate(numbers):
        text = text.replace(f'"\ue000{index}\ue000"', number)
    assert data.decode() == text


@given(RECORDS, ORDERS, st.randoms(use_true_random=False))
def test_the_order_in_which_named_keys_were_given_does_not_matter(
    record: dict[str, Any], order: KeyOrder, rng: Any
) -> None:
    named = [key for key in record if key in order.labels]
    rng.shuffle(named)
    others = [key for key in record if key not in order.labels]
    shuffled = {key: record[key] for key in (*named, *others)}
    assert encode(shuffled, order) == encode(record, order)


@given(RECORDS, SCALARS | RECORDS, ORDERS)
@example({"a": '\n  "_legacy": 1'}, {}, KeyOrder.NONE)
@example({}, {"_legacy": 1}, KeyOrder.NONE)
@example({"inner": {REMAINDER: 1}}, None, ORDER)
def test_the_remainder_is_last_and_can_be_cut_off_the_bytes(record: dict[str, Any], rest: Any, order: KeyOrder) -> None:
    bare = {key: value for key, value in record.items() if key != REMAINDER}
    full = {REMAINDER: rest, **bare}
    assert list(decode(encode(full, order)))[-1] == REMAINDER
    assert without_remainder(full) == bare
    assert cut_remainder(encode(full, order)) == encode(bare, order)
    assert cut_remainder(encode(bare, order)) == encode(bare, order)


def written(record: dict[str, Any], order: KeyOrder = ORDER) -> str:
    return json.dumps(json.loads(encode(record, order)), separators=(",", ":"))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"b": 1, "z": 1, "a": 1, "config": 1, "name": 1}, '{"name":1,"config":1,"b":1,"z":1,"a":1}'),
        ({"z": 1, "later": 1, "late": 1, "b": 1, "not_named": 1}, '{"b":1,"late":1,"later":1,"z":1,"not_named":1}'),
        (
            {"config": {"download": 1, "files": [{"hash": 1, "path": 1}]}},
            '{"config":{"files":[{"path":1,"hash":1}],"download":1}}',
        ),
        ({"b": {"w": 1, "x": 1}}, '{"b":{"x":1,"w":1}}'),
        ({"inner": {"b": {"w": 1, "x": 1}, "name": 1}}, '{"inner":{"name":1,"b":{"x":1,"w":1}}}'),
        ({"open": {"z": {"hash": 1, "path": 1}, "a": 1}}, '{"open":{"z":{"path":1,"hash":1},"a":1}}'),
        (
            {REMAINDER: {"path": 1, "name": 1}, "z": {"b": 1, "a": 1}},
            '{"z":{"b":1,"a":1},"_legacy":{"path":1,"name":1}}',
        ),
    ],
)
def test_keys_come_in_the_order_of_the_schema_then_as_given(record: dict[str, Any], expected: str) -> None:
    assert written(record) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": None, "items": 3, "allOf": {}, "$ref": 1},
        {"properties": {"a": True, "b": "x"}, "oneOf": [None, 1]},
        {"$ref": "https://example.org/other.json"},
        {"$ref": "#/$defs/missing/0/1"},
        {"$ref": "#/allOf/99999999999999999999", "allOf": [{"$ref": "#/allOf/0"}]},
        {"$ref": "#", "properties": {"a": {"$ref": "#/properties/a"}}, "items": {"$ref": "#"}},
    ],
)
def test_a_schema_that_names_nothing_useful_or_itself_only_orders_nothing(schema: dict[str, Any]) -> None:
    record = {"z": {"b": 1, "a": [{"d": 1, "c": 1}]}, "y": 1}
    assert encode(record, KeyOrder.of_schema(schema)) == encode(record, KeyOrder.NONE)


def test_a_schema_with_many_ways_to_one_place_is_no_trouble() -> None:
    branch = {"anyOf": [{"$ref": "#"}, {"properties": {"a": {"$ref": "#"}}}], "properties": {"b": {"$ref": "#"}}}
    order = KeyOrder.of_schema({"anyOf": [branch, {"$ref": "#/anyOf/0"}] * 20})
    record: dict[str, Any] = {}
    for _ in range(60):
        record = {"a": record, "b": 1}
    assert list(decode(encode(record, order))) == ["b", "a"]


def test_canonical_text_looks_like_this() -> None:
    record = {
        "note": 'é "\\/\u2028\x01\n',
        "config": {"download": [], "files": [{"hash": None, "path": "p"}, 1.0, NumberText("1.50")]},
        "name": "x",
        "settings": {},
    }
    assert encode(record, ORDER).decode() == (
        '{\n  "name": "x",\n  "config": {\n    "files": [\n      {\n        "path": "p",\n        "hash": null\n'
        '      },\n      1.0,\n      1.50\n    ],\n    "download": []\n  },\n'
        '  "note": "é \\"\\\\/\u2028\\u0001\\n",\n  "settings": {}\n}\n'
    )
    assert encode({}, ORDER) == b"{}\n"


def nested(levels: int) -> dict[str, Any]:
    value: Any = {}
    for _ in range(levels - 1):
        value = [value]
    return {"a": value}


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        ({"a": "\ud800"}, "json.surrogate"),
        ({"\ud800": 1}, "json.surrogate"),
        ({"a": [float("nan")]}, "json.number"),
        ({"a": float("-inf")}, "json.number"),
        ({"a": 10**308}, "json.number"),
        ({"a": -(10**5000)}, "json.number"),
        (nested(100), "json.depth"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(record: dict[str, Any], rule: str) -> None:
    with pytest.raises(Invalid) as caught:
        encode(record, ORDER)
    assert [detail["rule"] for detail in caught.value.details] == [rule]


def test_text_of_another_type_is_still_text() -> None:
    class Word(str):
        pass

    assert encode({"a": Word("é"), "b": [Word("x")]}, ORDER) == encode({"a": "é", "b": ["x"]}, ORDER)


def test_the_greatest_that_can_be_read_back_is_written() -> None:
    for record in (nested(99), {"a": 10**308 - 1}, {"a": -(10**308) + 1}):
        assert decode(encode(record, ORDER)) == record


@pytest.mark.parametrize("value", [b"x", (1,), {1}, object()])
def test_what_is_no_json_value_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        encode({"a": value}, ORDER)
    with pytest.raises(TypeError):
        encode({"a": {1: "key"}}, ORDER)


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"x"'])
def test_what_is_no_object_is_no_record(data: bytes) -> None:
    with pytest.raises(Invalid, match=r"x\.json is not a JSON object") as caught:
        decode(data, what="x.json")
    assert caught.value.details[0]["rule"] == "json.object"


def test_every_real_record_comes_back_the_same_whatever_its_size(real_data: Path) -> None:
    count = 0
    for path in real_data.glob("image-legacy/*.json"):
        entries = parse(path.read_bytes(), max_bytes=None)
        for record in entries.values() if isinstance(entries, dict) else ():
            data = encode({"": record}, KeyOrder.NONE)
            assert data.decode() == json.dumps({"": record}, indent=2, ensure_ascii=False) + "\n"
            count += 1
    assert count > 150
