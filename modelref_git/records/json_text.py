"""JSON text in, strictly; and when two JSON values are the same.

The fast path is the C scanner of the standard library with a few hooks. It knows no places, so a fault that the hooks
or the later checks find is located by a second, slower walk over the text: only those who sent a bad file pay for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final, NoReturn, TypeAlias

from modelref_git.errors import Invalid
from modelref_git.records.json_tokens import Token, line_and_column, tokens

JsonValue: TypeAlias = Any
"""``None``, ``bool``, ``int``, ``float``, ``str``, ``list`` or ``dict`` with string keys in the order of the text."""

MAX_RECORD_BYTES: Final = 262_144
"""Largest record that is taken in, in bytes of UTF-8: 256 KiB."""

MAX_DEPTH: Final = 100
"""Most objects and lists inside one another."""

MAX_INTEGER_DIGITS: Final = 308
"""Longest integer: what a double can hold as well, so that no reader of the data overflows on it."""

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INFINITY: Final = float("inf")
_BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"


class NumberText(float):
    """A number whose text Python would not write the same way (``1.50``, ``1E5``, ``-0``), with that text.

    It is a float in every other respect, so models and schemas need not know of it.

    Raises:
        ValueError: for text that is no JSON number or lies outside the range of a double.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> NumberText:
        """The number that *text* writes."""
        number = super().__new__(cls, text)
        if not _NUMBER.fullmatch(text) or abs(number) == _INFINITY:
            raise ValueError(f"not a JSON number in range: {text[:40]}")
        number.text = text
        return number

    def __repr__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type[NumberText], tuple[str]]:
        return NumberText, (self.text,)


def parse(
    text: bytes | str,
    *,
    what: str = "the JSON text",
    max_bytes: int | None = MAX_RECORD_BYTES,
    max_depth: int = MAX_DEPTH,
) -> JsonValue:
    """The value that *text* stands for, read more strictly than ``json.loads`` does.

    Refused are: another encoding than UTF-8 without a byte order mark, a key twice in one object, NaN and infinities,
    surrogates without their other half (written as escapes too), numbers that no double can hold, and more than
    *max_depth* levels or *max_bytes* bytes (``None``: any size). Numbers keep their text, see `NumberText`.

    Args:
        text: the JSON text.
        what: how messages call it.
        max_bytes: the most bytes of UTF-8.
        max_depth: the most objects and lists inside one another.

    Raises:
        Invalid: the message names *what*, line and column; ``details`` has one entry with ``path``, ``message``,
            ``rule``, ``line`` and ``column`` (both counted from 1, in characters). Rules: ``json.size``,
            ``json.encoding``, ``json.syntax``, ``json.duplicate_key``, ``json.number``, ``json.surrogate``,
            ``json.depth``.
    """
    content = _checked_text(text, what, max_bytes)
    _check_depth(content, what, max_depth)
    try:
        value = _SCANNER.decode(content)
    except json.JSONDecodeError as error:
        raise _fault(what, "json.syntax", error.msg, content, error.pos) from error
    except _Refused as error:
        raise _located(what, content, error.rule, max_depth) from error
    if _SURROGATE_ESCAPE.search(content) and not _is_unicode(value):
        raise _located(what, content, "json.surrogate", max_depth)
    return value


def same(a: JsonValue, b: JsonValue) -> bool:
    """Whether two JSON values are equal with types kept: 1, 1.0 and true all differ, 1.50 and 1.5 do not.

    The order of keys does not matter, the order of list items does.
    """
    if a is b:
        return True
    if isinstance(a, dict):
        return (
            isinstance(b, dict) and len(a) == len(b) and all(key in b and same(item, b[key]) for key, item in a.items())
        )
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return isinstance(b, float) and float(a) == float(b)
    return type(a) is type(b) and bool(a == b)


# --- the fast path ---------------------------------------------------------------------------------------------------


class _Refused(ValueError):
    """A hook met something that the C scanner would have taken."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("json.duplicate_key")
    return members


def _integer(text: str) -> int | float:
    if text == "-0":
        return NumberText(text)
    # Before int() sees it: Python's own limit is a setting, and its error has no place.
    if len(text) > MAX_INTEGER_DIGITS and len(text.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise _Refused("json.number")
    return int(text)


def _fraction(text: str) -> float:
    number = float(text)
    if repr(number) == text:
        return number
    if abs(number) == _INFINITY:
        raise _Refused("json.number")
    return NumberText(text)


def _constant(_text: str) -> NoReturn:
    raise _Refused("json.number")


_SCANNER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)


def _checked_text(text: bytes | str, what: str, max_bytes: int | None) -> str:
    """*text* decoded, its size and encoding checked."""
    if isinstance(text, str):
        try:
            data = text.encode()
        except UnicodeEncodeError as error:
            raise _fault(what, "json.surrogate", "Half of a surrogate pair", text, error.start) from error
    else:
        data = text
    if max_bytes is not None and len(data) > max_bytes:
        detail = {"path": "", "message": f"{len(data)} bytes, {max_bytes} are allowed", "rule": "json.size"}
        raise Invalid(f"{what} is too large: {detail['message']}", details=[detail])
    if isinstance(text, bytes):
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            before = data[: error.start].decode()
            raise _fault(what, "json.encoding", "Bytes that are not UTF-8", before, len(before)) from error
    if text.startswith(_BOM):
        raise _fault(what, "json.encoding", "A byte order mark", text, 0)
    return text


def _check_depth(text: str, what: str, max_depth: int) -> None:
    """Refuse too many levels before the scanner, which calls itself for each, meets them.

    As many opening brackets as levels are needed, so most texts are done with the first line.
    """
    if text.count("{") + text.count("[") <= max_depth:
        return
    steps = (1 if bracket in "{[" else -1 for bracket in _BRACKET.findall(_STRING.sub("", text)))
    if max(accumulate(steps), default=0) > max_depth and (error := _found(what, text, "json.depth", max_depth)):
        raise error


def _is_unicode(value: JsonValue) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


# --- where a fault is ------------------------------------------------------------------------------------------------

_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BRACKET: Final = re.compile(r"[{}\[\]]")
_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
"""A string, or what follows a quote that nothing closes: so that no text is looked at more than once."""


def _is_number_refused(token: Token, _max_depth: int) -> bool:
    if token.raw[0] in '"{[':
        return False
    try:
        _SCANNER.decode(token.raw)
    except ValueError as error:
        return isinstance(error, _Refused)
    return False


_FAULTS: Final[dict[str, tuple[Callable[[Token, int], bool], str]]] = {
    "json.duplicate_key": (lambda token, _: token.is_repeated, "Duplicate key {raw}"),
    "json.number": (_is_number_refused, "Not a number that a double can hold: {raw}"),
    "json.surrogate": (lambda token, _: bool(_SURROGATE.search(token.string)), "Half of a surrogate pair"),
    "json.depth": (
        lambda token, max_depth: token.raw in ("{", "[") and len(token.frames) >= max_depth,
        "More than {max_depth} levels",
    ),
}


def _located(what: str, text: str, rule: str, max_depth: int) -> Invalid:
    """The error for a fault that *text* has, of which only the kind is known."""
    return _found(what, text, rule, max_depth) or _fault(what, rule, _FAULTS[rule][1], text, 0)


def _found(what: str, text: str, rule: str, max_depth: int) -> Invalid | None:
    """The error for the first fault of a kind that *text* has, as far as it is JSON."""
    is_at_fault, message = _FAULTS[rule]
    for token in tokens(text):
        if is_at_fault(token, max_depth):
            shown = message.format(raw=token.raw[:60], max_depth=max_depth)
            return _fault(what, rule, shown, text, token.position, token.pointer)
    return None


def _fault(what: str, rule: str, message: str, text: str, position: int, pointer: str = "") -> Invalid:
    """The error for a fault at *position* (in characters) of *text*."""
    line, column = line_and_column(text, position)
    detail = {"path": pointer, "message": message, "rule": rule, "line": line, "column": column}
    return Invalid(f"{what} is not valid JSON: {message}: line {line} column {column}", details=[detail])
