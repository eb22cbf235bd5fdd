"""What stands in a form and is no value of a record yet: text that could not be read, a row that nobody filled in."""

from __future__ import annotations

from typing import Any


class Typed(str):
    """What somebody typed into a field of a *kind* that cannot be read from it. It is shown again as it was typed."""

    __slots__ = ("kind",)
    kind: str

    def __new__(cls, text: str, kind: str) -> Typed:
        """The *text* of a field of that *kind*."""
        made = super().__new__(cls, text)
        made.kind = kind
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Typed:
        return self


class Blank(dict[str, Any]):
    """A row that was added and is still empty: it is no entry unless it is filled in."""

    __slots__ = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Blank:
        return Blank(self)
