"""What the buttons of a form do to its rows: a row more, a row less, one up, one down."""

from __future__ import annotations

from typing import Any, Final

from modelref_git.errors import Invalid, UsageFault
from modelref_git.pages.forms.typed import Blank
from modelref_git.records import pointer

ADD: Final = "add"
DROP: Final = "drop"
UP: Final = "up"
DOWN: Final = "down"
WORDS: Final = (ADD, DROP, UP, DOWN)


def act(record: dict[str, Any], word: str, path: str) -> dict[str, Any]:
    """*record* after the button *word* at *path*: of the list, to add; of the row, for all else.

    Raises:
        UsageFault: there is no such button.
    """
    try:
        return _act(record, word, path)
    except (Invalid, ValueError) as fault:
        raise UsageFault(f"there is no row {path!r} in the form", hint="load the page anew") from fault


def _act(record: dict[str, Any], word: str, path: str) -> dict[str, Any]:
    if word == ADD:
        return pointer.with_set(record, f"{path}/{pointer.APPEND}", Blank())
    place, _, last = path.rpartition("/")
    if word == DROP:
        rest = pointer.without(record, path)
        # What is a list without entries now was not one before: then it is left out.
        return rest if pointer.get(rest, place) else pointer.without(rest, place)
    rows, index = list(pointer.get(record, place)), int(last)
    other = index - 1 if word == UP else index + 1
    if word not in (UP, DOWN) or not (0 <= index < len(rows) and 0 <= other < len(rows)):
        raise ValueError("no such row")
    rows[index], rows[other] = rows[other], rows[index]
    return pointer.with_set(record, place, rows)
