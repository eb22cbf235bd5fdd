"""v2 category files: one JSON object of a category's records, by key."""

from __future__ import annotations

from collections.abc import Iterable
from json.encoder import encode_basestring
from typing import Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.records import json_text, pointer

# The records of a file may have 100 levels each, and the file's own object is one more.
MAX_DEPTH: Final = 101

EMPTY: Final = b"{}\n"
"""A file without records."""
BEFORE: Final = b"{\n"
BETWEEN: Final = b",\n"
BEHIND: Final = b"\n}\n"
"""What stands before the first record of a file, between two, and behind the last."""


def aggregate(records: Iterable[tuple[str, bytes]]) -> bytes:
    """One category file made of *records*, in the order given.

    Args:
        records: pairs of a record's key and its canonical bytes, without the remainder of a legacy file.

    Returns:
        UTF-8 with two-space indent, non-ASCII as it is, and a final newline. The records' bytes are indented and
        put together as they are: nothing is parsed, so no number and no order of keys can change.
    """
    parts = [member(key, data) for key, data in records]
    return BEFORE + BETWEEN.join(parts) + BEHIND if parts else EMPTY


def member(key: str, data: bytes) -> bytes:
    """One record as it stands in a category file, without what comes before, between and behind records.

    Args:
        key: the record's key.
        data: its canonical bytes, without the remainder of a legacy file.
    """
    # A raw line feed never stands inside a JSON string, so each one is a line's end.
    return b"  " + encode_basestring(key).encode() + b": " + data.rstrip(b"\n").replace(b"\n", b"\n  ")


def read_category(data: bytes, what: str) -> dict[str, dict[str, Any]]:
    """The records of a v2 category file by key, in file order, in whatever layout it was written.

    Raises:
        Invalid: *data* is not strict JSON, not an object, or a member is no object; all such members are listed,
            by JSON pointers into the file.
    """
    members = read_members(data, what)
    problems = [
        Problem(pointer.join((key,)), f"the record {key!r} is not a JSON object", "json.object")
        for key, value in members.items()
        if not isinstance(value, dict)
    ]
    if problems:
        raise Invalid.of(what, problems)
    return members


def read_members(data: bytes, what: str) -> dict[str, Any]:
    """The members of the object that *data* is, whatever they are.

    Raises:
        Invalid: *data* is not strict JSON (duplicate keys included), or not an object.
    """
    value = json_text.parse(data, what=what, max_bytes=None, max_depth=MAX_DEPTH)
    if not isinstance(value, dict):
        raise Invalid.of(what, [Problem("", "a JSON object of records by name is expected", "json.object")])
    return value
