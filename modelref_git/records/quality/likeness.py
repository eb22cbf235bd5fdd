"""When two names are so alike that people take the one for the other."""

from __future__ import annotations

import re
from typing import Final

from modelref_git.records.names import fold
from modelref_git.records.quality.marks import skeleton

_WORD: Final = re.compile(r"[\W_]+")
_LEAST: Final = 4
"""The fewest letters of a word in which one other letter is a slip; in shorter ones it says what the model is."""


def likeness(one: str, other: str) -> str | None:
    """How two names of different spelling are alike, as a verb for a message; None if they are not.

    They are if the same is left of both without separators, accents and look-alike letters, or if they differ by one
    letter of one word. Digits never count as alike: versions and sizes differ by them.
    """
    left, right = skeleton(one), skeleton(other)
    if left == right:
        plain = _WORD.sub("", fold(one)) == _WORD.sub("", fold(other))
        return "differs by separators alone from" if plain else "has letters that look like those of"
    if not one_slip(left, right):
        return None
    mine, theirs = _words(one), _words(other)
    if len(mine) == len(theirs):
        pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if a != b]
        if len(pairs) != 1 or min(_letters(word) for word in pairs[0]) < _LEAST:
            return None
    return "differs by one letter from"


def one_slip(one: str, other: str) -> bool:
    """Whether one letter was put in, left out or exchanged, or two neighbours changed places; no digit among them."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1 or one == other:
        return False
    start = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))
    if len(one) < len(other):
        return one[start:] == other[start + 1 :] and not other[start].isdecimal()
    rest, mine, theirs = one[start + 2 :], one[start : start + 2], other[start : start + 2]
    if any(char.isdecimal() for char in (mine[0], theirs[0])):
        return False
    if one[start + 1 :] == other[start + 1 :]:
        return True
    return mine == theirs[::-1] and not mine[1].isdecimal() and rest == other[start + 2 :]


def _words(name: str) -> list[str]:
    return [skeleton(word) for word in _WORD.split(fold(name)) if word]


def _letters(word: str) -> int:
    return sum(char.isalpha() for char in word)
