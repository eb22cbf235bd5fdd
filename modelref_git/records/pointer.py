"""JSON pointers (RFC 6901): reading, setting and removing one place of a record."""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import deepcopy
from itertools import pairwise
from typing import Any, Final

from modelref_git.errors import Invalid

APPEND: Final = "-"
"""The part that stands for the place behind the last item of a list."""

_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")


def split(pointer: str) -> tuple[str, ...]:
    """The parts of *pointer*, unescaped; none for ``""``, which is the whole value.

    Raises:
        Invalid: it does not begin with a slash, or a ``~`` is not followed by 0 or 1 (``pointer.syntax``).
    """
    if not _POINTER.fullmatch(pointer):
        raise _refused(pointer, "is not a JSON pointer: it begins with /, and ~ is written ~0", "pointer.syntax")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def join(parts: Iterable[str | int]) -> str:
    """The pointer whose parts are *parts*."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def get(value: Any, pointer: str) -> Any:
    """What stands at *pointer* in *value*: the thing itself, no copy.

    Raises:
        Invalid: rules ``pointer.syntax``, ``pointer.missing``.
    """
    for part in split(pointer):
        value = _step(value, part, pointer)
    return value


def with_set(record: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """A deep copy of *record* with *value* at *pointer*.

    An object on the way that is missing or null is made, and a list where the next part is ``-``, which appends.

    Raises:
        Invalid: the pointer leads into something that is neither object nor list, or to an item that a list does not
            have (``pointer.missing``); it is the whole record and *value* no object (``pointer.root``); or
            ``pointer.syntax``.
    """
    parts = split(pointer)
    if not parts:
        if not isinstance(value, dict):
            raise _refused(pointer, "is the whole record, which must be an object", "pointer.root")
        return deepcopy(value)
    changed = deepcopy(record)
    place: Any = changed
    for part, following in pairwise(parts):
        inner = place.get(part) if isinstance(place, dict) else _item(place, part, pointer)
        if inner is None:
            inner = [] if following == APPEND else {}
            _put(place, part, inner, pointer)
        place = inner
    _put(place, parts[-1], deepcopy(value), pointer)
    return changed


def without(record: dict[str, Any], pointer: str) -> dict[str, Any]:
    """A deep copy of *record* without what stands at *pointer*.

    Raises:
        Invalid: nothing stands there (``pointer.missing``); it is the whole record (``pointer.root``); or
            ``pointer.syntax``.
    """
    parts = split(pointer)
    if not parts:
        raise _refused(pointer, "is the whole record, which cannot be left out of itself", "pointer.root")
    changed = deepcopy(record)
    place: Any = changed
    for part in parts[:-1]:
        place = _step(place, part, pointer)
    _step(place, parts[-1], pointer)
    del place[parts[-1] if isinstance(place, dict) else int(parts[-1])]
    return changed


def _step(place: Any, part: str, pointer: str) -> Any:
    """The member or item *part* of *place*."""
    if isinstance(place, dict):
        if part in place:
            return place[part]
    elif isinstance(place, list) and _INDEX.fullmatch(part) and int(part) < len(place):
        return place[int(part)]
    raise _refused(pointer, f"does not exist (there is no {part!r})", "pointer.missing")


def _item(place: Any, part: str, pointer: str) -> Any:
    """Item *part* of the list *place*, or nothing for the place behind its end."""
    return None if isinstance(place, list) and part == APPEND else _step(place, part, pointer)


def _put(place: Any, part: str, value: Any, pointer: str) -> None:
    if isinstance(place, dict):
        place[part] = value
    elif isinstance(place, list) and part == APPEND:
        place.append(value)
    else:
        _step(place, part, pointer)
        place[int(part)] = value


def _refused(pointer: str, message: str, rule: str) -> Invalid:
    return Invalid(
        f"the path {pointer!r} {message}", details=[{"path": pointer, "message": f"it {message}", "rule": rule}]
    )
