"""The fields of a form that came back, as the record that they hold.

Each field brings a mark with its kind and place (``k``: ``lines! /config/tags``), so the same schema need not be at
hand. A ``!`` says that the member stays, empty, when nothing is in the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from modelref_git.errors import Invalid, Problem, UsageFault
from modelref_git.pages.forms.typed import Blank, Typed
from modelref_git.records import pointer
from modelref_git.records.json_text import parse

MARK: Final = "k"
VALUE: Final = "f:"
KEY: Final = "key:"
ITEM: Final = "val:"

_MARK: Final = re.compile(r"([a-z]+)(!?) ((?:/.*)?)", re.DOTALL)
_DEEPEST: Final = 24
_ABSENT: Final[Any] = object()
_CONTAINERS: Final = ("group", "row", "rows")


@dataclass(slots=True)
class Posted:
    """What came back."""

    record: dict[str, Any]
    """Where a field could not be read, with what was typed there."""
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class _Node:
    kind: str
    is_kept: bool
    path: str
    key: str
    parts: list[_Node] = field(default_factory=list)


def read(rows: Iterable[tuple[str, str]], *, keep_blank: bool = False) -> Posted:
    """The record in the fields *rows*, which are in the order of the form.

    Args:
        rows: names and values; those that are none of the record are passed over.
        keep_blank: keep rows in which nothing is filled in, for a form that is shown again.

    Raises:
        UsageFault: these are no fields of such a form.
    """
    values: dict[str, list[str]] = {}
    marks = []
    for name, value in rows:
        if name == MARK:
            marks.append(value)
        else:
            values.setdefault(name, []).append(value)
    reader = _Reader(values, keep_blank=keep_blank)
    record = reader.value(_tree(marks))
    return Posted(record if isinstance(record, dict) else {}, reader.problems)


def read_text(text: str) -> Posted:
    """The record that a whole record's JSON *text* holds; empty, with the reason, if it holds none."""
    try:
        value = parse(text.strip(), what="the record")
    except Invalid as fault:
        return Posted({}, [_json_problem("", fault)])
    if not isinstance(value, dict):
        return Posted({}, [Problem("", "a record is a JSON object, in braces", "json.object")])
    return Posted(value)


def _tree(marks: Iterable[str]) -> _Node:
    top = _Node("group", True, "", "")
    nodes = {"": top}
    for mark in marks:
        found = _MARK.fullmatch(mark)
        if found is None:
            raise _unreadable()
        kind, kept, path = found.groups()
        try:
            parts = pointer.split(path)
        except Invalid as fault:
            raise _unreadable() from fault
        parent = nodes.get(pointer.join(parts[:-1]))
        if not parts or path in nodes or len(parts) > _DEEPEST or parent is None or parent.kind not in _CONTAINERS:
            raise _unreadable()
        nodes[path] = node = _Node(kind, bool(kept), path, parts[-1])
        parent.parts.append(node)
    return top


def _unreadable() -> UsageFault:
    return UsageFault("the fields of the form do not fit together", hint="load the page anew")


class _Reader:
    """Reads one form."""

    def __init__(self, values: dict[str, list[str]], *, keep_blank: bool) -> None:
        self.problems: list[Problem] = []
        self._values = values
        self._keep_blank = keep_blank

    def value(self, node: _Node) -> Any:
        """What the field holds; `_ABSENT` for nothing."""
        if node.kind in ("group", "row"):
            return self._group(node)
        if node.kind == "rows":
            items = [value for part in node.parts if (value := self.value(part)) is not _ABSENT]
            return items if items or node.is_kept else _ABSENT
        if node.kind in ("pairs", "texts"):
            return self._pairs(node)
        text = self._values.get(VALUE + node.path, [""])[-1].replace("\r\n", "\n")
        if node.kind == "lines":
            lines = [line for line in text.split("\n") if line.strip()]
            return lines if lines or node.is_kept else _ABSENT
        if node.kind in ("text", "long", "choice"):
            return text if text or node.is_kept else _ABSENT
        return self._read(node, text.strip()) if text.strip() else _ABSENT

    def _group(self, node: _Node) -> Any:
        found: dict[str, Any] = {}
        for part in node.parts:
            value = self.value(part)
            if value is not _ABSENT:
                found[part.key] = value
        if found or node.is_kept:
            return found
        return Blank() if node.kind == "row" and self._keep_blank else _ABSENT

    def _pairs(self, node: _Node) -> Any:
        found: dict[str, Any] = {}
        keys, items = self._values.get(KEY + node.path, []), self._values.get(ITEM + node.path, [])
        for key, item in zip(keys, items, strict=False):
            text = item.replace("\r\n", "\n")
            if not key and not text:
                continue
            if not key or key in found:
                message = f"the key {key!r} stands twice" if key else f"the value {text!r} has no key"
                self.problems.append(Problem(node.path, message, "form.pairs"))
            found[key] = text if node.kind == "texts" else value_of(text)
        return found if found or node.is_kept else _ABSENT

    def _read(self, node: _Node, text: str) -> Any:
        if node.kind == "boolean":
            if text in ("true", "false"):
                return text == "true"
            return self._refused(node, text, "Choose yes or no")
        try:
            value = parse(text, what="the value", max_bytes=None)
        except Invalid as fault:
            if node.kind == "number":
                return self._refused(node, text, "Write a number, such as 12 or 0.5")
            self.problems.append(_json_problem(node.path, fault))
            return Typed(text, node.kind)
        if node.kind == "number" and (isinstance(value, bool) or not isinstance(value, (int, float))):
            return self._refused(node, text, "Write a number, such as 12 or 0.5")
        return value

    def _refused(self, node: _Node, text: str, message: str) -> Typed:
        self.problems.append(Problem(node.path, message, f"form.{node.kind}"))
        return Typed(text, node.kind)


def value_of(text: str) -> Any:
    """The value of a pair: JSON where it parses as JSON, else a text."""
    try:
        return parse(text, what="the value", max_bytes=None)
    except Invalid:
        return text


def _json_problem(path: str, fault: Invalid) -> Problem:
    row = fault.details[0] if fault.details else {}
    at = f" (line {row['line']}, column {row['column']})" if "line" in row else ""
    return Problem(path, f"This is no JSON: {row.get('message', fault.message)}{at}", row.get("rule", "json.syntax"))
