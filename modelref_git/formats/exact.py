"""Equality down to what a reader of the text would see."""

from __future__ import annotations

from typing import Any


def identical(a: Any, b: Any) -> bool:
    """Whether two JSON values would be written as the same text.

    Narrower than ``json_text.same``: the order of keys and the spelling of numbers (``1.50`` and ``1.5``) count.
    """
    if isinstance(a, dict):
        return (
            isinstance(b, dict)
            and len(a) == len(b)
            and all(key == other and identical(a[key], b[other]) for key, other in zip(a, b, strict=True))
        )
    if isinstance(a, list):
        return (
            isinstance(b, list) and len(a) == len(b) and all(identical(one, two) for one, two in zip(a, b, strict=True))
        )
    if isinstance(a, float):
        return isinstance(b, float) and number_text(a) == number_text(b)
    return type(a) is type(b) and bool(a == b)


def number_text(value: float) -> str:
    """A fractional number as it was written, else as Python writes it."""
    text = getattr(value, "text", None)
    return text if isinstance(text, str) else float.__repr__(value)
