"""What changed between two states of a record: for programs field by field, for people line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from modelref_git.records import pointer
from modelref_git.records.json_text import same

ChangeKind: TypeAlias = Literal["added", "removed", "modified"]
NetOperation: TypeAlias = Literal["added", "modified", "unchanged", "deleted"]
Record: TypeAlias = Mapping[str, Any]

DOWNLOADS: Final = "config.download"
"""Where records say what is downloaded from where: a change there is critical in every category."""

_LONGEST_LIST: Final = 64
"""Lists with more items are shown as a whole: comparing two item by item may take the cube of their length."""


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """One field that differs; ``None`` stands for a field that is missing or null."""

    path: tuple[str, ...]
    old: Any
    new: Any
    kind: ChangeKind

    @property
    def dotted(self) -> str:
        """The keys joined with dots, nothing escaped: the form of the wire."""
        return ".".join(self.path)

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer."""
        return pointer.join(self.path)

    def as_json(self) -> dict[str, Any]:
        """The form of the wire."""
        return {"field_path": self.dotted, "old_value": self.old, "new_value": self.new, "change_type": self.kind}


def field_diffs(before: Record | None, after: Record | None) -> list[FieldDiff]:
    """The fields in which *after* differs from *before*; ``None`` is a record that is not there.

    Objects are entered, all else is compared as a whole, with types kept (1, 1.0 and true differ); a null field is as
    good as a missing one. Fields of an object that is on one side only come in its own order, all others sorted by key;
    an empty object on one side only yields nothing.
    """
    return list(_differences((), before, after))


def changed_leaves(before: Record | None, after: Record | None) -> list[tuple[str, ...]]:
    """The paths of all values, items of lists too, that one of the two has and the other has not, or not the same.

    Finer than :func:`field_diffs`: an address within a list of downloads has a path of its own.
    """
    old, new = dict(_scalars((), before)), dict(_scalars((), after))
    differing = (at for at in old.keys() | new.keys() if at not in old or at not in new or not same(old[at], new[at]))
    return sorted(differing)


def net_operation(operation: str | None, before: Record | None, after: Record | None) -> NetOperation:
    """What a change really does to the dataset.

    Args:
        operation: ``create``, ``update``, ``delete``, or ``None`` to judge by the two states alone.
        before: the live record, if there is one.
        after: what the change proposes; a delete needs none.
    """
    if operation == "delete":
        after = None
    if before is None:
        return "unchanged" if after is None else "added"
    if after is None:
        return "deleted"
    return "modified" if operation == "create" or not _equal(before, after) else "unchanged"


def is_critical(paths: Iterable[tuple[str, ...]], critical_fields: Iterable[str]) -> bool:
    """Whether one of *paths* is, lies under, or swallows a critical field (dotted), or has to do with downloads.

    An object that is replaced by something else swallows the fields that it had.
    """
    fields = [tuple(name.split(".")) for name in (DOWNLOADS, *critical_fields)]
    return any(
        ".".join(path).startswith(DOWNLOADS) or any(path[: len(name)] == name[: len(path)] for name in fields)
        for path in paths
    )


def describe(before: Record | None, after: Record | None) -> list[str]:
    """The difference for people, one line a field or list item, in the order of the fields' paths.

    ``baseline: "a" → "b"``, ``tags: + "new"``, ``config.download[0].sha256sum: - "0123"``. Values are JSON on one line,
    in which every character that does not print is escaped, so that none can hide or steer a terminal.
    """
    from deepdiff import DeepDiff

    old, new = _prepared(before or {}), _prepared(after or {})
    tree = DeepDiff(old, new, view="tree", ignore_private_variables=False, threshold_to_diff_deeper=0)
    lines: list[tuple[Any, str]] = []
    for level in (level for levels in tree.values() for level in levels):
        path = tuple(level.path(output_format="list"))
        # What is not there on one side is no str, dict or list, and nothing else is left after _prepared.
        is_old, is_new = (isinstance(side, (str, dict, list)) for side in (level.t1, level.t2))
        if is_old and is_new and not isinstance(path[-1], int):
            lines.append((_sort_key(path, 0), f"{_path_text(path)}: {_json_text(level.t1)} → {_json_text(level.t2)}"))
            continue
        # One item of a list in the place of another: which stood for which is a guess, so none is shown.
        lines += _one_sided(path, level.t1, "-") if is_old else ()
        lines += _one_sided(path, level.t2, "+") if is_new else ()
    return [line for _, line in sorted(lines)]


# --- for programs ----------------------------------------------------------------------------------------------------


def _differences(path: tuple[str, ...], old: Any, new: Any) -> Iterator[FieldDiff]:
    if old is None:
        yield from (FieldDiff(at, None, value, "added") for at, value in _leaves(path, new))
    elif new is None:
        yield from (FieldDiff(at, value, None, "removed") for at, value in _leaves(path, old))
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences((*path, key), old.get(key), new.get(key))
    elif not same(old, new):
        yield FieldDiff(path, old, new, "modified")


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What of *value* is no object, with its path; nulls are left out."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves((*path, key), item)
    elif value is not None:
        yield path, value


def _scalars(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What of *value* holds nothing else, with its path; an empty object or list is such a value."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _scalars((*path, key), item)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _scalars((*path, str(index)), item)
    elif value is not None:
        yield path, value


def _equal(old: Any, new: Any) -> bool:
    """The same, but for fields that are null here and missing there."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return all(_equal(old.get(key), new.get(key)) for key in old.keys() | new.keys())
    return same(old, new)


# --- for people ------------------------------------------------------------------------------------------------------

_Part: TypeAlias = str | int


def _prepared(value: Any) -> Any:
    """*Value* with every scalar replaced by its JSON text, and without null fields.

    DeepDiff then sees text, objects and lists only. With numbers as they are, it takes 1, 1.0 and true within a list
    for equal; with line breaks in text, it makes a line diff that nobody asked for, at any cost.
    """
    if isinstance(value, Mapping):
        return {key: _prepared(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        prepared = [_prepared(item) for item in value]
        return prepared if len(prepared) <= _LONGEST_LIST else _json_text(prepared)
    if isinstance(value, float):
        return repr(float(value) + 0.0)  # -0.0 equals 0.0
    return _printable(json.dumps(value, ensure_ascii=False))


def _json_text(prepared: Any) -> str:
    """The JSON text, on one line, of what `_prepared` gave."""
    if isinstance(prepared, dict):
        members = (
            f"{_printable(json.dumps(key, ensure_ascii=False))}: {_json_text(prepared[key])}" for key in prepared
        )
        return "{" + ", ".join(members) + "}"
    if isinstance(prepared, list):
        return "[" + ", ".join(map(_json_text, prepared)) + "]"
    return str(prepared)


def _one_sided(path: tuple[_Part, ...], prepared: Any, sign: Literal["-", "+"]) -> Iterator[tuple[Any, str]]:
    """A line, and where it belongs, for every scalar and empty container that one side alone has."""
    if isinstance(prepared, dict) and prepared:
        for key, item in prepared.items():
            yield from _one_sided((*path, key), item, sign)
    elif isinstance(prepared, list) and prepared:
        for index, item in enumerate(prepared):
            yield from _one_sided((*path, index), item, sign)
    else:
        shown = path[:-1] if isinstance(path[-1], int) else path
        yield _sort_key(path, 1 if sign == "-" else 2), f"{_path_text(shown)}: {sign} {_json_text(prepared)}"


def _path_text(path: tuple[_Part, ...]) -> str:
    """``config.download[0].sha256sum``; keys that are no plain words in brackets and quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("-", "_").isidentifier() and part.isprintable():
            text += f".{part}" if text else part
        else:
            text += f"[{_printable(json.dumps(part, ensure_ascii=False))}]"
    return text


def _sort_key(path: tuple[_Part, ...], last: int) -> tuple[Any, ...]:
    """Fields by name, items by index, and at one place what goes before what comes."""
    return (*((0, part, "") if isinstance(part, int) else (1, 0, part) for part in path), (2, last, ""))


def _printable(text: str) -> str:
    """JSON *text* with everything that does not print as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
