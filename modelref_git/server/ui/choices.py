"""How conflicts are settled in a form: by the path of each, a side, or a value that was typed."""

from __future__ import annotations

from typing import Final

from modelref_git.operations.settling import Choice, Side
from modelref_git.pages.forms.posted import value_of
from modelref_git.server.ui.forms import Fields

_SIDE: Final = "side:"
_VALUE: Final = "value:"
_OTHER: Final = "other"


def choices_of(fields: Fields) -> Choice:
    """What was chosen; a path without a choice is left open."""
    sides: dict[str, Side] = {}
    values = {}
    for name, value in fields.items():
        path = name.removeprefix(_SIDE)
        if not name.startswith(_SIDE):
            continue
        if value == "mine":
            sides[path] = "mine"
        elif value == "theirs":
            sides[path] = "theirs"
        elif value == _OTHER:
            values[path] = value_of(fields.get(_VALUE + path, "").replace("\r\n", "\n"))
    return Choice(sides=sides, values=values)


def shown_choices(fields: Fields) -> dict[str, tuple[str, str]]:
    """The same, to be shown again: by path, the side and the text of the value."""
    paths = [name.removeprefix(_SIDE) for name in fields if name.startswith(_SIDE)]
    return {path: (fields[_SIDE + path], fields.get(_VALUE + path, "").replace("\r\n", "\n")) for path in paths}
