"""JSON text in, strictly."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.records.json_text import MAX_RECORD_BYTES, NumberText, parse, same

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


def refusal(text: bytes | str, **options: Any) -> dict[str, Any]:
    """The one detail of the error that *text* gives."""
    with pytest.raises(Invalid) as caught:
        parse(text, what="x.json", **options)
    (detail,) = caught.value.details
    if "line" in detail:
        assert str(caught.value).startswith("x.json ")
        assert str(caught.value).endswith(f"line {detail['line']} column {detail['column']}")
    return detail


@given(VALUES, st.booleans(), st.sampled_from([None, 0, 2]))
def test_what_the_standard_library_writes_is_read_as_the_same_value(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert same(parse(text), value)
    assert same(parse(text.encode()), value)


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b'{"a":' * 5000)
@example(b"[" * 100_000)
@example(b"\xed\xa0\x80")
@example(b'"\\ud83x"')
def test_any_bytes_give_a_value_or_our_error(data: bytes) -> None:
    try:
        value = parse(data)
    except Invalid:
        return
    assert same(json.loads(data.decode()), value) or "-0" in data.decode()


@given(st.text(alphabet='{}[]",:\\ntrue1-.eE \nud8', max_size=24))
def test_whatever_looks_like_json_is_taken_if_and_only_if_the_standard_library_does(text: str) -> None:
    def strict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError
        return dict(pairs)

    def finite(number: str) -> float:
        if abs(float(number)) == float("inf"):
            raise ValueError
        return float(number)

    try:
        expected = json.loads(text, object_pairs_hook=strict, parse_float=finite)
        json.dumps(expected, ensure_ascii=False).encode()
    except ValueError:
        with pytest.raises(Invalid):
            parse(text)
    else:
        assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "rule", "path", "place"),
    [
        ('{"a": 1,\n "b" 2}', "json.syntax", "", (2, 6)),
        ("", "json.syntax", "", (1, 1)),
        ("[1] 2", "json.syntax", "", (1, 5)),
        ("['a']", "json.syntax", "", (1, 2)),
        ("[1,]", "json.syntax", "", None),
        ('"a\nb"', "json.syntax", "", (1, 3)),
        ("[01]", "json.syntax", "", (1, 3)),
        ("[+1]", "json.syntax", "", (1, 2)),
        ("[１]", "json.syntax", "", (1, 2)),
        ("\u00a0[]", "json.syntax", "", (1, 1)),
        ('{"a": {"x/y": 1,\n  "x/y": 1}}', "json.duplicate_key", "/a/x~1y", (2, 3)),
        ('{"a": 1, "\\u0061": 2}', "json.duplicate_key", "/a", (1, 10)),
        ('[{"a": 1}, {"a": 1, "b": {"c": [], "c": 0}}]', "json.duplicate_key", "/1/b/c", (1, 36)),
        ('["NaN", {"a": NaN}]', "json.number", "/1/a", (1, 15)),
        ("[1,\n-Infinity]", "json.number", "/1", (2, 1)),
        ("[1e308, 1e309]", "json.number", "/1", (1, 9)),
        ("[0, " + "9" * 309 + "]", "json.number", "/1", (1, 5)),
        ("-" + "9" * 5000, "json.number", "", (1, 1)),
        ('["\\\\ud800",\n"\\ud800"]', "json.surrogate", "/1", (2, 1)),
        ('{"\\udc00": 1}', "json.surrogate", "/\udc00", (1, 2)),
        ('"a\ud800"', "json.surrogate", "", (1, 3)),
        ("]" + "[" * 200, "json.syntax", "", (1, 1)),
        (",{" * 200, "json.syntax", "", (1, 1)),
        ('["' + '\\"' * 100_000 + "[" * 200, "json.syntax", "", (1, 2)),
        ('{"\\x":' + "[" * 200, "json.depth", '/"\\x"' + "/0" * 99, (1, 106)),
        ("\ufeff{}", "json.encoding", "", (1, 1)),
        (b"\xef\xbb\xbf{}", "json.encoding", "", (1, 1)),
        ('["é",\n"'.encode() + b'\xff"]', "json.encoding", "", (2, 2)),
        ("{}".encode("utf-16"), "json.encoding", "", (1, 1)),
    ],
)
def test_a_fault_is_named_with_its_rule_path_line_and_column(
    text: bytes | str, rule: str, path: str, place: tuple[int, int] | None
) -> None:
    detail = refusal(text)
    assert (detail["rule"], detail["path"]) == (rule, path)
    assert detail["message"]
    if place:  # where it is None, the versions of Python disagree
        assert (detail["line"], detail["column"]) == place


@pytest.mark.parametrize("levels", [101, 10_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_more_levels_than_allowed_are_refused_at_the_first_one_too_deep(
    levels: int, opening: str, closing: str
) -> None:
    inside = "[]" if opening == "[" else "{}"
    detail = refusal("\n" + opening * (levels - 1) + inside + closing * (levels - 1))
    assert detail["rule"] == "json.depth"
    assert (detail["line"], detail["column"]) == (2, 100 * len(opening) + 1)


def test_as_many_levels_as_allowed_are_taken_beside_any_number_of_brackets() -> None:
    deep = "[" * 99 + "]" * 99
    assert len(parse("[" + ", ".join([deep, "[]", '"[[[["'] * 50) + "]")) == 150
    assert parse('"' + "[" * 200 + '"') == "[" * 200
    assert refusal("[[1]]", max_depth=1)["rule"] == "json.depth"
    assert parse("[1]", max_depth=1) == [1]


def test_size_is_counted_in_bytes_and_the_limit_itself_is_taken() -> None:
    fitting = '"' + "é" * (MAX_RECORD_BYTES // 2 - 1) + '"'
    assert parse(fitting) == parse(fitting.encode())
    for text in (fitting + " ", (fitting + " ").encode()):
        assert refusal(text)["rule"] == "json.size"
        assert parse(text, max_bytes=None)


@pytest.mark.parametrize("text", ["1.50", "1E5", "-0", "-0.00", "1e5", "0.10000000000000000001", "1e-400", "1E+2"])
def test_a_number_that_python_would_write_otherwise_keeps_its_text(text: str) -> None:
    number = parse(text)
    assert isinstance(number, NumberText)
    assert number.text == repr(number) == str(number) == text
    assert number == float(text)
    for twin in (copy.copy(number), copy.deepcopy(number), pickle.loads(pickle.dumps(number))):
        assert (type(twin), twin.text) == (NumberText, text)


@pytest.mark.parametrize("text", ["1.5", "0.1", "1e+16", "-0.0", "5e-324", "1.7976931348623157e+308"])
def test_a_number_that_python_writes_the_same_way_is_a_plain_float(text: str) -> None:
    assert type(parse(text)) is float


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_0", " 1", "1.", ".5", "01", "1e999", "１", "1\n", "0x1"])
def test_no_number_text_can_be_made_from_what_is_no_json_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|float"):
        NumberText(text)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1, 1.0, False),
        (1, True, False),
        (0, False, False),
        (1.0, True, False),
        (None, False, False),
        ("1", 1, False),
        ([], {}, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ([1], [True], False),
        ({"a": 1}, {"a": 1.0}, False),
        ({"a": None}, {"b": None}, False),
        ({"a": None}, {}, False),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, True),
        (NumberText("1.50"), 1.5, True),
        (NumberText("1E2"), NumberText("100.0"), True),
        (NumberText("1E2"), 100, False),
        (0.0, -0.0, True),
        ("é", "e\u0301", False),
    ],
)
def test_same_keeps_types_and_ignores_only_the_order_of_keys(a: Any, b: Any, expected: bool) -> None:
    assert same(a, b) is same(b, a) is expected


@given(VALUES, VALUES)
def test_same_is_equality_of_sorted_json_text(a: Any, b: Any) -> None:
    texts = [json.dumps(value, sort_keys=True) for value in (a, b)]
    assume("-0.0" not in "".join(texts))
    assert same(a, copy.deepcopy(a))
    assert same(a, b) == (texts[0] == texts[1])


def test_the_broken_files_of_real_life_are_refused_with_a_place(real_data: Path) -> None:
    files = sorted((real_data / "image-invalid").glob("*.json"))
    assert files
    for path in files:
        detail = refusal(path.read_bytes(), max_bytes=None)
        assert detail["line"] > 0
        assert detail["column"] > 0


def test_the_files_of_real_life_are_read_as_the_standard_library_reads_them(real_data: Path) -> None:
    files = [*real_data.glob("image-legacy/*.json"), *real_data.glob("text-legacy-sample/*.json")]
    assert len(files) > 10
    for path in files:
        data = path.read_bytes()
        assert parse(data, max_bytes=None) == json.loads(data)
