"""A record as the fields of a form: each member in the kind of field that its schema asks for and its value fits.

A value that its field would not give back exactly is shown as JSON instead, so nothing is ever lost or changed by
being looked at.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from modelref_git.errors import Problem
from modelref_git.pages.forms.posted import ITEM as ITEM_FIELD
from modelref_git.pages.forms.posted import KEY, VALUE, read, value_of
from modelref_git.pages.forms.shapes import Shape
from modelref_git.pages.forms.typed import Blank, Typed
from modelref_git.records import codec, pointer
from modelref_git.records.json_text import same

_LONG_TEXT: Final = 100
_JSON: Final = Shape()
_ABSENT: Final[Any] = object()


@dataclass(slots=True)
class Field:
    """One field, as a template shows it."""

    kind: str
    path: str
    """Its place in the record, a JSON pointer."""
    label: str
    shape: Shape = _JSON
    is_required: bool = False
    is_kept: bool = False
    """Whether the member stays when the field is emptied."""
    is_fixed: bool = False
    """Whether it is shown and not edited."""
    text: str = ""
    pairs: list[tuple[str, str]] = field(default_factory=list)
    parts: list[Field] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def mark(self) -> str:
        """What says of the field, when it comes back, what it is."""
        kind = "texts" if self.kind == "pairs" and self.shape.is_texts else self.kind
        return f"{kind}{'!' if self.is_kept else ''} {self.path}"

    @property
    def name(self) -> str:
        """The name of its value."""
        return VALUE + self.path

    @property
    def id(self) -> str:
        """Its id in the page."""
        return id_of(self.path)

    @property
    def key(self) -> str:
        """The member's own name; of a row, its index."""
        return pointer.split(self.path)[-1] if self.path else ""

    def rows(self) -> Iterator[tuple[str, str]]:
        """What a browser sends of it."""
        yield "k", self.mark
        if self.kind == "pairs":
            for key, value in self.pairs:
                yield KEY + self.path, key
                yield ITEM_FIELD + self.path, value
        elif self.kind in ("group", "row", "rows"):
            for part in self.parts:
                yield from part.rows()
        else:
            yield self.name, self.text


def id_of(path: str) -> str:
    """The id of the field at *path*: what keys are made of is not fit for one."""
    return "f-" + hashlib.sha256(path.encode(errors="surrogatepass")).hexdigest()[:12]


def fields_of(shape: Shape, record: Mapping[str, Any], hidden: Iterable[str] = ()) -> list[Field]:
    """The fields of *record*, those that are required first. The members *hidden* are left out."""
    left_out = set(hidden)
    parts = [part for part in _members(shape, record, "") if part.key not in left_out]
    return sorted(parts, key=lambda part: not part.is_required)


def _members(shape: Shape, record: Mapping[str, Any], path: str, *, is_there: bool = True) -> Iterator[Field]:
    """The fields of a group; nothing in one that is not there is required."""
    named = set()
    for key, inner in shape.members():
        if is_plain(key):
            named.add(key)
            made = field_of(inner, record.get(key, _ABSENT), path + pointer.join((key,)))
            made.is_required = is_there and key in shape.required
            yield made
    for key, value in record.items():
        if key not in named:
            yield field_of(_JSON, value, path + pointer.join((key,)))


def field_of(shape: Shape, value: Any, path: str) -> Field:
    """The field of the member at *path*, whose value is *value*."""
    made = _fitting(shape, value, path)
    made.label = _label(made.key)
    made.shape = shape
    return made


def _fitting(shape: Shape, value: Any, path: str) -> Field:
    if isinstance(value, Typed):
        return Field(value.kind, path, "", text=str(value))
    kind = shape.kind
    if value is _ABSENT:
        parts = list(_members(shape, {}, path, is_there=False)) if kind == "group" else []
        return Field(kind, path, "", parts=parts)
    if kind == "group" and isinstance(value, dict) and all(map(is_plain, value)):
        return Field(kind, path, "", is_kept=not value, parts=list(_members(shape, value, path)))
    if kind == "rows" and isinstance(value, list) and all(_is_row(item) for item in value):
        item = shape.item()
        parts = [_row(item, one, f"{path}/{index}") for index, one in enumerate(value)]
        return Field(kind, path, "", is_kept=not value, parts=parts)
    made = _leaf(shape, value, path)
    if made is not None and _gives_back(made, shape, value):
        return made
    return Field("json", path, "", text=_json(value))


def _is_row(item: Any) -> bool:
    return isinstance(item, dict) and all(map(is_plain, item))


def _row(shape: Shape, value: dict[str, Any], path: str) -> Field:
    is_kept = not value and not isinstance(value, Blank)
    return Field("row", path, "", is_kept=is_kept, parts=list(_members(shape, value, path)))


def _leaf(shape: Shape, value: Any, path: str) -> Field | None:
    """The field that *shape* asks for, if it can show such a value at all."""
    kind = shape.kind
    if kind in ("text", "long", "choice") and isinstance(value, str) and is_plain(value.replace("\n", "")):
        if kind != "long" and ("\n" in value or len(value) > _LONG_TEXT):
            kind = "long"
        return Field(kind, path, "", is_kept=not value, text=value)
    if kind == "number" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return Field(kind, path, "", text=codec.line(value))
    if kind == "boolean" and isinstance(value, bool):
        return Field(kind, path, "", text=codec.line(value))
    if kind == "lines" and isinstance(value, list) and all(isinstance(item, str) and is_plain(item) for item in value):
        return Field(kind, path, "", is_kept=not value, text="\n".join(value))
    if kind == "pairs" and isinstance(value, dict):
        pairs = [(key, _pair(item, is_text=shape.is_texts)) for key, item in value.items()]
        if all(is_plain(key) and is_plain(item) for key, item in pairs):
            return Field(kind, path, "", is_kept=not value, pairs=pairs)
    return None


def _pair(value: Any, *, is_text: bool) -> str:
    if isinstance(value, str) and (is_text or value_of(value) is value):
        return value
    return codec.line(value)


def _gives_back(made: Field, shape: Shape, value: Any) -> bool:
    path = "/x"
    probe = Field(made.kind, path, "", shape, is_kept=made.is_kept, text=made.text, pairs=made.pairs)
    back = read(probe.rows())
    return not back.problems and same(back.record.get("x", _ABSENT), value)


def _json(value: Any) -> str:
    """*value* as JSON whose every character that a browser would change is an escape."""
    text = codec.dumps(value)
    if is_plain(text.replace("\n", "")):
        return text
    return "".join(char if char == "\n" or is_plain(char) else _escape(char) for char in text)


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}"


def is_plain(text: str) -> bool:
    """Whether *text* comes back from a field as it was put there: it has no line break and no control character."""
    return text.isprintable() or not any(unicodedata.category(char) in ("Cc", "Cs") and char != "\t" for char in text)


def _label(key: str) -> str:
    words = key.replace("_", " ").strip()
    return words[:1].upper() + words[1:] if words else key


def placed(fields: Iterable[Field], problems: Iterable[Problem]) -> list[tuple[Problem, str]]:
    """Put each problem to the field that it is about, or the one around it.

    Gives every problem with the id of that field, empty where there is none.
    """
    by_path = {one.path: one for one in every(fields)}
    found = []
    for problem in problems:
        path = problem.path
        while path and path not in by_path:
            path = path.rpartition("/")[0]
        at = by_path.get(path)
        if at is not None:
            at.problems.append(problem.message)
        found.append((problem, at.id if at is not None else ""))
    return found


def every(fields: Iterable[Field]) -> Iterator[Field]:
    """All fields, with those within them."""
    for one in fields:
        yield one
        yield from every(one.parts)
