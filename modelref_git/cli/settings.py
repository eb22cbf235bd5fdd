"""The words ``PTR=VALUE`` of options: a JSON pointer, and a value."""

from __future__ import annotations

from typing import Any

from modelref_git.errors import Invalid, UsageFault


def settings(values: tuple[str, ...], texts: tuple[str, ...] = (), *, option: str = "--set") -> list[tuple[str, Any]]:
    """``(pointer, value)`` of each word: of *values* as JSON where it parses as JSON, of *texts* always as a text.

    Raises:
        UsageFault: a word is not of that form; *option* is named in the example.
        Invalid: a value is JSON that is not taken, such as NaN.
    """
    read = [(where, value_of(text)) for where, text in (_split(word, option) for word in values)]
    return read + [_split(word, option) for word in texts]


def _split(word: str, option: str) -> tuple[str, str]:
    where, equals, text = word.partition("=")
    if not equals or (where and not where.startswith("/")):
        raise UsageFault(f"{word!r} is not of the form POINTER=VALUE", hint=f"for example: {option} /nsfw=true")
    return where, text


def value_of(text: str) -> Any:
    """The value that *text* writes: JSON where it parses as JSON, else the text itself.

    Raises:
        Invalid: it is JSON that is not taken, such as NaN.
    """
    from modelref_git.records.json_text import parse

    try:
        return parse(text, what="the value")
    except Invalid as fault:
        if all(row["rule"] == "json.syntax" for row in fault.details):
            return text
        raise
