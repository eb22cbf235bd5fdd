"""What people mended in the real history soon after it had come in, for `mistakes.py`."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from published import READING, Found, Key, Line, State, Step

from modelref_git.records.quality import addresses

WITHIN: Final = 14 * 24 * 3600
"""Seconds in which a change of the same thing counts as its repair."""
MANY: Final = 20
"""So many records in which one line changes the same field: that is an edit of the whole file, and mends no mistake."""
WHOLE: Final = ""
"""The path that stands for a record as a whole: whether it is there, or taken in."""
_ABSENT: Final = "\0absent"
_BORN: Final = "\0born"
"""Where it is kept when the record came, which is when all of its fields did."""
_LAYOUT: Final = re.compile(r"/_legacy/(?!fields/|md5sum/[^/]*/md5sum|fields$|md5sum$|md5sum/[^/]*$)")
"""What an import keeps of the form of an entry, and not of its content."""

Kind = Literal["undone", "mended", "completed", "new version", "edit of the whole file", "moved"]
REPAIRS: Final[tuple[Kind, ...]] = ("undone", "mended")


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing of one record that was changed again within two weeks."""

    key: Key
    path: str
    kind: Kind
    came: int
    """The line that brought the fault in."""
    went: int
    """The line that changed it again."""
    old: Any
    new: Any
    at: tuple[Found, ...]
    """What the rules found at that very place when it came in."""


@dataclass(frozen=True, slots=True)
class _Set:
    """When a value came to where it is."""

    line: int
    time: int
    before: Any
    found: tuple[Found, ...]


def repairs(lines: Iterator[Line]) -> Iterator[Repair]:
    """Every repair, in the order of the lines that made it.

    A field (a download's field by its place, a list of texts as a whole) that one line set and a later one, at most 14
    days younger, set again. It is *undone* if it is then as it was before the first line, else *mended*. Not counted as
    repairs, and told apart: what a created record did not have yet (*completed*), what changes together with the
    record's version (*new version*), an address that becomes that of the same file in another place (*moved*), and what
    changes in twenty records of a file at once.
    """
    history: dict[Key, dict[str, _Set]] = defaultdict(dict)
    last: dict[Key, State] = {}
    for line in lines:
        changed = [(step, _changes(step, last.get(step.key))) for step in line.steps]
        often = Counter((step.key[0], _field(path)) for step, paths in changed for path in paths)
        renamed = _renamed(line)
        for step, paths in changed:
            found = tuple(dict.fromkeys([*step.brought, *line.standing.get(step.key, ())]))
            known = history[step.key]
            born = known.get(_BORN)
            for path, (old, new) in paths.items():
                since = known.get(path) or born
                known[path] = _Set(line.number, line.time, old, found)
                if since is None or since.line == line.number or not 0 <= line.time - since.time <= WITHIN:
                    continue
                kind = _kind(path, (since.before, old, new), paths, often[step.key[0], _field(path)])
                place = "/name" if path == WHOLE and new == _ABSENT and step.key in renamed else path
                at = tuple(one for one in since.found if _is_at(one, place))
                yield Repair(step.key, place, kind, since.line, line.number, old, new, at)
            if WHOLE in paths and step.after is not None:
                known[_BORN] = _Set(line.number, line.time, _ABSENT, found)
            if step.after is None and step.before is not None:
                last[step.key] = step.before


def _kind(path: str, values: tuple[Any, Any, Any], together: Container[str], count: int) -> Kind:
    """What a change of *path* is: *values* are those before, in between and after."""
    before, between, after = values
    if count >= MANY:
        return "edit of the whole file"
    if path != WHOLE and "/version" in together:
        return "new version"
    if path != WHOLE and before == _ABSENT == between:
        return "completed"
    if (
        path.endswith("/file_url")
        and _is_move(between, after)
        and path.replace("file_url", "sha256sum") not in together
    ):
        return "moved"
    return "undone" if before == after else "mended"


def _is_move(old: str, new: str) -> bool:
    """Whether two addresses name one file at two hosts, or in the repositories of two people.

    A host that names its files by numbers does not say what they are called.
    """
    if _ABSENT in (old, new) or _owner(old) == _owner(new):
        return False
    return addresses.last_part(old) == addresses.last_part(new) or addresses.last_part(old).isdecimal()


def _owner(url: str) -> tuple[str, ...]:
    return addresses.host_of(url), *addresses.path_of(url).split("/")[1:3]


def _is_at(found: Found, path: str) -> bool:
    """Whether a finding is about that place: for a record as a whole, about its name, or why it is not taken in."""
    if path == WHOLE:
        return found.path == "/name" or found.scope == READING
    return found.path == path or found.path.startswith(f"{path}/") or path.startswith(f"{found.path}/")


def _changes(step: Step, last: State | None) -> dict[str, tuple[Any, Any]]:
    """What a step changed, by path: the values before and after; *last* is what it was when it was deleted."""
    old, new = _values(step.before), _values(step.after)
    if step.before is None and _is_same_form(last, step.after):
        old = {**_values(last), WHOLE: _ABSENT}
    elif not _is_same_form(step.before, step.after):
        # A record that comes, goes, or is not taken in differs in everything: that is one thing.
        old, new = ({WHOLE: values.get(WHOLE, _ABSENT)} for values in (old, new))
    paths = {path: (old.get(path, _ABSENT), new.get(path, _ABSENT)) for path in (*old, *(new.keys() - old.keys()))}
    return {path: paths[path] for path in sorted(paths) if paths[path][0] != paths[path][1]}


def _is_same_form(old: State | None, new: State | None) -> bool:
    """Whether two states can be compared field by field."""
    if old is None or new is None or old.record is None or new.record is None:
        return False
    return old.category == new.category


def _values(state: State | None) -> dict[str, Any]:
    if state is None:
        return {}
    if state.record is None:
        return {WHOLE: tuple(one.message for one in state.problems)}
    return {WHOLE: "taken in", **dict(_leaves(state.record, ""))}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if _LAYOUT.match(path):
        return
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _leaves(member, f"{path}/{name}")
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}/{index}")
    elif value not in ("", [], None):  # what is empty counts as not there
        yield path, value


def _field(path: str) -> str:
    """A path without the places in lists."""
    return "/".join(part for part in path.split("/") if not part.isdecimal())


def _renamed(line: Line) -> set[Key]:
    """The records that the line deletes and creates again under another name: one of their addresses is the same."""
    made = {
        (step.key[0], url)
        for step in line.steps
        if step.before is None and step.after is not None
        for url in _addresses(step.after)
    }
    return {
        step.key
        for step in line.steps
        if step.after is None
        and step.before is not None
        and any((step.key[0], url) in made for url in _addresses(step.before))
    }


def _addresses(state: State) -> set[str]:
    record = state.record or {}
    downloads = record.get("config", {}).get("download", []) if isinstance(record.get("config"), Mapping) else []
    found = {one.get("file_url") for one in downloads if isinstance(one, Mapping)}
    return {url for url in found if isinstance(url, str) and url}
