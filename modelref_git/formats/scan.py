"""Where the members of a JSON file's top object stand in its text.

A parser gives values and forgets places. The line of a record, its size as written and the white space around it are
needed too, for messages and for writing a file back as it came; this module finds them with the standard library's own
scanner, without building anything twice.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from modelref_git.errors import Problem
from modelref_git.records.json_text import MAX_RECORD_BYTES

_SPACE: Final = re.compile(r"[ \t\r\n]*")
# Numbers stay text: what a number means is not this module's question, and a huge one must not cost time here.
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str)


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the top object, by offsets into the text.

    ``start`` is the key's opening quote, ``value`` the first character of the value, ``end`` the offset after its
    last. ``line`` counts from 1 and is the key's.
    """

    key: str
    start: int
    value: int
    end: int
    line: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The top object of a text: the offsets of its braces and its members in the order of the text."""

    opens: int
    members: tuple[Member, ...]
    closes: int


def scan(text: str) -> Layout | None:
    """The layout of *text*, or None when it is not one JSON object with nothing but white space around it."""
    try:
        return _scan(text)
    except (ValueError, RecursionError, IndexError):
        return None


def _scan(text: str) -> Layout | None:
    opens = _after_space(text, 0)
    if text[opens] != "{":
        return None
    members: list[Member] = []
    line, counted = 1, 0
    at = _after_space(text, opens + 1)
    while text[at] != "}":
        key, after_key = _value(text, at)
        colon = _after_space(text, after_key)
        if not isinstance(key, str) or text[at] != '"' or text[colon] != ":":
            return None
        value = _after_space(text, colon + 1)
        _, end = _value(text, value)
        line += text.count("\n", counted, at)
        counted = at
        members.append(Member(key, at, value, end, line))
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)
            if text[at] == "}":
                return None
        elif text[at] != "}":
            return None
    if _after_space(text, at + 1) != len(text):
        return None
    return Layout(opens, tuple(members), at)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _value(text: str, at: int) -> tuple[Any, int]:
    return _DECODER.raw_decode(text, at)


def oversize(size: int) -> list[Problem]:
    """The refusal of a record that takes *size* bytes as written, if that is too many."""
    if size <= MAX_RECORD_BYTES:
        return []
    return [Problem("", f"the record has {size} bytes, {MAX_RECORD_BYTES} are the most", "json.size")]
