"""The bytes of an old file are written back as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelref_git.errors import Invalid
from modelref_git.formats.legacy.profile import decode, encode, path_of, profile_of, write
from modelref_git.records import json_text

FILES = (
    *("stable_diffusion", "controlnet", "esrgan", "blip", "clip", "miscellaneous", "codeformer", "gfpgan"),
    "safety_checker",
)
TEXTS = st.text('aé"\\\n\u2014😀/ ,}', max_size=4)
NUMBERS = st.sampled_from(["0", "-0", "1.50", "1E5", "2.5", "3.0", "12345678901234567890"]).map(json_text.parse)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ENTRIES = st.dictionaries(TEXTS, VALUES, max_size=4)
PROFILES = st.fixed_dictionaries(
    {
        "indent": st.sampled_from(["", " ", "  ", "    ", "\t"]),
        "eol": st.sampled_from(["\n", "\r\n"]),
        "ascii": st.booleans(),
        "final_newline": st.booleans(),
    },
    optional={"before": st.dictionaries(TEXTS, st.sampled_from(["", "\n", "\r\n\r\n    ", " "]), max_size=3)},
)


def read(data: bytes) -> dict[str, Any]:
    value = json_text.parse(data, max_bytes=None)
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("name", FILES)
def test_each_real_file_comes_back_byte_for_byte(real_data: Path, name: str) -> None:
    data = (real_data / "image-legacy" / f"{name}.json").read_bytes()
    profile = profile_of(data)
    assert profile["exact"]
    assert "verbatim" not in profile
    assert write(read(data), decode(encode(profile))) == data


@pytest.mark.parametrize(
    ("name", "indent", "eol", "before"),
    [
        ("stable_diffusion", "    ", "\n", 0),
        ("esrgan", "\t", "\n", 0),
        ("blip", "  ", "\n", 1),
        ("clip", "\t", "\n", 1),
        ("controlnet", "\t", "\r\n", 16),
    ],
)
def test_the_real_layouts_are_told_by_few_words(real_data: Path, name: str, indent: str, eol: str, before: int) -> None:
    profile = profile_of((real_data / "image-legacy" / f"{name}.json").read_bytes())
    assert (profile["indent"], profile["eol"], profile["ascii"]) == (indent, eol, True)
    assert len(profile.get("before", {})) == before


def test_an_edit_or_a_new_record_changes_its_own_lines_alone(real_data: Path) -> None:
    data = (real_data / "image-legacy" / "controlnet.json").read_bytes()
    entries, profile = read(data), profile_of(data)
    edited = {key: {**entry} for key, entry in entries.items() if key != "control_canny_sd2"}
    edited["control_hed"]["version"] = "edited"
    edited["new"] = {"name": "new"}
    old, new = data.split(b"\n"), write(edited, profile).split(b"\n")
    own = [b'\t\t"version": "edited",\r', b'\t"new": {\r', b'\t\t"name": "new"\r']
    assert [line for line in new if line not in old] == own


@given(ENTRIES, PROFILES)
def test_what_a_profile_writes_its_own_profile_writes_again(entries: dict[str, Any], profile: dict[str, Any]) -> None:
    data = write(entries, profile)
    assert json_text.same(read(data), entries)
    assert list(read(data)) == list(entries)
    found = profile_of(data)
    assert found["exact"]
    assert write(read(data), decode(encode(found))) == data


@st.composite
def odd_texts(draw: st.DrawFn) -> str:
    """JSON of one object with white space and escapes wherever the grammar lets them be."""
    space = st.sampled_from(["", "", "", " ", "\n", "\r\n\t", "  \n"])

    def text(value: Any) -> str:
        if isinstance(value, dict):
            items = [f"{text(key)}{draw(space)}:{draw(space)}{text(member)}" for key, member in value.items()]
            return "{" + ",".join(draw(space) + item + draw(space) for item in items) + draw(space) * (not items) + "}"
        if isinstance(value, list):
            return "[" + ",".join(draw(space) + text(item) + draw(space) for item in value) + "]"
        if isinstance(value, float):
            return repr(value)
        return json.dumps(value, ensure_ascii=draw(st.booleans()))

    return draw(space) + text(draw(ENTRIES)) + draw(space)


@given(odd_texts())
def test_any_object_whatever_its_layout_comes_back_byte_for_byte(text: str) -> None:
    data = text.encode()
    profile = profile_of(data)
    assert profile["exact"]
    assert write(read(data), decode(encode(profile))) == data


def test_an_odd_record_keeps_its_text_until_it_is_edited() -> None:
    data = b'{\n    "a": {"x": [1, 2]},\n    "b": {\n        "y": 1\n    }\n}\n'
    profile, entries = profile_of(data), read(data)
    assert list(profile["verbatim"]) == ["a"]
    assert write({**entries, "b": {"y": 2}}, profile) == data.replace(b'"y": 1', b'"y": 2')
    regular = b'"a": {\n        "x": [\n            3\n        ]\n    },'
    assert write({**entries, "a": {"x": [3]}}, profile) == data.replace(b'"a": {"x": [1, 2]},', regular)


def test_numbers_of_another_spelling_are_an_edit() -> None:
    data = b'{"a":{"x":1.50}}'
    assert b"1.5\n" in write({"a": {"x": 1.5}}, profile_of(data))


def test_a_new_file_has_four_spaces_lf_escapes_and_a_final_newline() -> None:
    assert write({"é": {"a": []}}, {}) == b'{\n    "\\u00e9": {\n        "a": []\n    }\n}\n'
    assert write({}, {}) == b"{}\n"


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"\xff{}", b"\xef\xbb\xbf{}", b'{"a":1,"a":2}', b"{} {}", b'{"a":NaN}', b"[" * 100_000, b'{"a":1,}'],
    ids=lambda data: repr(data[:8]),
)
def test_what_cannot_be_written_back_is_said(data: bytes) -> None:
    profile = profile_of(data)
    assert not profile["exact"]
    assert profile["why"]
    assert decode(encode(profile)) == profile


@given(st.binary(max_size=30) | st.text('{}[]":,a1 \n\\', max_size=30).map(str.encode))
def test_no_input_makes_the_reading_of_a_layout_fail(data: bytes) -> None:
    profile = profile_of(data)
    if profile["exact"]:
        assert write(read(data), profile) == data
    else:
        with pytest.raises((Invalid, AssertionError)):
            read(data)


def test_the_profile_of_a_file_lives_beside_the_dataset() -> None:
    assert path_of("clip") == "legacy/clip/profile.json"
