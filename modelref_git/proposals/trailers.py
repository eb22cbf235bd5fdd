"""Trailers: the lines at the end of a commit message that programs read. No text of a person's can forge one.

The rule is that of ``git interpret-trailers --no-divider``, narrowed: ours are always the whole last paragraph, one
line each. A value that could be taken for anything else is written as a JSON string.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable

from modelref_git.errors import IntegrityFailure

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def quoted(text: str) -> str:
    """*text* in double quotes for a subject line or a message, with nothing in it that breaks the line."""
    return f'"{text}"' if is_plain(text) and '"' not in text else json.dumps(text)


def is_plain(text: str) -> bool:
    """Whether *text* can stand in a line as it is: no line break, control or formatting character."""
    return (text.isascii() and text.isprintable()) or not any(unicodedata.category(ch) in _UNSAFE for ch in text)


def encode_value(text: str) -> str:
    """*text* as a trailer's value."""
    if text and text == text.strip() and text[0] != '"' and is_plain(text):
        return text
    return json.dumps(text)


def decode_value(text: str) -> str:
    """The text that :func:`encode_value` wrote.

    Raises:
        IntegrityFailure: it begins like a JSON string and is none.
    """
    if not text.startswith('"'):
        return text
    try:
        value = json.loads(text)
    except ValueError as error:
        raise IntegrityFailure(f"a trailer's value is not readable: {text[:80]}") from error
    if not isinstance(value, str):
        raise IntegrityFailure(f"a trailer's value is not a text: {text[:80]}")
    return value


def message(subject: str, body: Iterable[str], trailers: Iterable[tuple[str, str]]) -> str:
    """A commit message: a subject, lines for people, and the trailers as its last paragraph."""
    lines = [subject, ""]
    body = list(body)
    if body:
        lines += [*body, ""]
    lines += [f"{key}: {encode_value(value)}" for key, value in trailers]
    return "\n".join(lines) + "\n"


def read(text: str) -> list[tuple[str, str]]:
    """The trailers of a commit message in their order; none when its last paragraph is no trailer block."""
    paragraph = text.rstrip("\n").rpartition("\n\n")[2]
    found = []
    for line in paragraph.split("\n"):
        key, colon, value = line.partition(": ")
        if not colon or not key.replace("-", "").isalnum():
            return []
        found.append((key, decode_value(value)))
    return found
