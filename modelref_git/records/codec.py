"""Records as canonical JSON bytes and back; the only place that orders keys.

Canonical is: UTF-8 without a byte order mark, LF, two-space indent, one member or item a line (empty objects and lists
are ``{}`` and ``[]``), the keys of the schema first and in its order, then the others as given, characters beyond ASCII
as they are, numbers as they were written, one newline at the end. The same record gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring as _quoted
from math import isfinite
from typing import Any, ClassVar, Final

from modelref_git.errors import Invalid
from modelref_git.records.json_text import MAX_DEPTH, MAX_INTEGER_DIGITS, NumberText, parse

REMAINDER: Final = "_legacy"
"""The member of a stored record that holds what a legacy file said beyond the record; always the last one."""

_REMAINDER_LINE: Final = f'\n  "{REMAINDER}": '.encode()
_INTEGER_BOUND: Final = 10**MAX_INTEGER_DIGITS
_DEEPEST_MARGIN: Final = len("\n" + "  " * MAX_DEPTH)


@dataclass(frozen=True, slots=True, eq=False)
class KeyOrder:
    """The order in which a schema names the keys of an object, and of the objects within it.

    Only what a record has is ever looked at, so schemas that contain themselves are no trouble.
    """

    labels: Mapping[str, str]
    """Every named key in order, each with its text as it stands before a value: ``"name": ``."""
    merge: tuple[Any, ...] = ()
    """The hints ``x-merge`` that the schema gives for a value here (see `merge.MergeHints`); no matter of order, but
    found on the same walk."""
    _schemas: Mapping[str, tuple[Any, ...]] = field(default_factory=dict, repr=False)
    _others: tuple[Any, ...] = field(default=(), repr=False)
    _items: tuple[Any, ...] = field(default=(), repr=False)
    _root: Any = field(default=None, repr=False)
    _known: dict[int, KeyOrder] = field(default_factory=dict, repr=False)
    """What was worked out before, by the identity of the tuple of schemas above."""

    NONE: ClassVar[KeyOrder]
    """The order of an open map: as given."""

    @classmethod
    def of_schema(cls, schema: Mapping[str, Any]) -> KeyOrder:
        """The order that a JSON Schema gives to the records it describes.

        It is that of ``properties``, those of local ``$ref``, ``allOf``, ``anyOf``, ``oneOf``, ``then`` and ``else``
        after it; ``items`` and ``additionalProperties`` are followed downwards. What is no schema has no say: whether
        the document is a valid one is for others to check.
        """
        return _order((schema,), schema)

    def of_member(self, key: str) -> KeyOrder:
        """The order within the value of *key*."""
        return self._within(self._schemas.get(key, self._others))

    def of_items(self) -> KeyOrder:
        """The order within the items of a list that stands here."""
        return self._within(self._items)

    def _within(self, schemas: tuple[Any, ...]) -> KeyOrder:
        if not schemas:
            return KeyOrder.NONE
        known = self._known.get(id(schemas))
        if known is None:
            known = self._known[id(schemas)] = _order(schemas, self._root)
        return known


KeyOrder.NONE = KeyOrder({})


def encode(record: Mapping[str, Any], order: KeyOrder) -> bytes:
    """The canonical bytes of *record*.

    Raises:
        Invalid: the record holds what `decode` would not take back: half of a surrogate pair (``json.surrogate``), a
            number beyond the range of a double (``json.number``), too many levels (``json.depth``).
        TypeError: it holds what is no JSON value.
    """
    if REMAINDER in record:
        members = _in_order(without_remainder(record), order)
        members.append((f"{_quoted(REMAINDER)}: ", record[REMAINDER], REMAINDER))
    else:
        members = _in_order(record, order)
    try:
        return (_object(members, order, "\n") + "\n").encode()
    except UnicodeEncodeError as error:
        raise _invalid("json.surrogate", "half of a surrogate pair") from error


def dumps(value: Any) -> str:
    """Any JSON value in the layout of canonical records, keys as given, numbers as written; no final newline.

    Raises:
        Invalid, TypeError: as `encode`.
    """
    return _nested(value, KeyOrder.NONE, "\n") if isinstance(value, (dict, list)) else _scalar(value)


def line(value: Any) -> str:
    """Any JSON value in one line, keys as given, numbers as written. The value may be of any depth.

    Raises:
        Invalid: it holds a number beyond the range of a double (``json.number``).
        TypeError: it holds what is no JSON value.
    """
    return _nested(value, KeyOrder.NONE, "") if isinstance(value, (dict, list)) else _scalar(value)


def decode(data: bytes, *, what: str = "the record") -> dict[str, Any]:
    """The record that *data* holds, canonical or not, of any size.

    Raises:
        Invalid: it is no JSON (see `json_text.parse`), or no object (``json.object``).
    """
    value = parse(data, what=what, max_bytes=None)
    if not isinstance(value, dict):
        message = f"{what} is not a JSON object"
        raise Invalid(message, details=[{"path": "", "message": message, "rule": "json.object"}])
    return value


def without_remainder(record: Mapping[str, Any]) -> dict[str, Any]:
    """A shallow copy of *record* without the member `REMAINDER`."""
    return {key: value for key, value in record.items() if key != REMAINDER}


def cut_remainder(data: bytes) -> bytes:
    """Canonical *data* without the member `REMAINDER`: what `encode` gives for `without_remainder`.

    It is not parsed: a line that begins with two spaces and a key is an outermost member, and this one is last.
    """
    at = data.find(_REMAINDER_LINE)
    if at < 0:
        return data
    before = data[:at]
    return before[:-1] + b"\n}\n" if before.endswith(b",") else before + b"}\n"


# --- reading the order out of a schema -------------------------------------------------------------------------------


def _order(schemas: tuple[Any, ...], root: Any) -> KeyOrder:
    """The order at a place that all of *schemas* speak about."""
    named: dict[str, tuple[Any, ...]] = {}
    others: tuple[Any, ...] = ()
    items: tuple[Any, ...] = ()
    merge: tuple[Any, ...] = ()
    for node in _branches(schemas, root):
        properties = node.get("properties")
        if isinstance(properties, dict):
            for key, schema in properties.items():
                named[key] = (*named.get(key, ()), schema)
        others += _if_schema(node.get("additionalProperties"))
        items += _if_schema(node.get("items"))
        if "x-merge" in node:
            merge += (node["x-merge"],)
    if not (named or others or items or merge):
        return KeyOrder.NONE
    return KeyOrder({key: f"{_quoted(key)}: " for key in named}, merge, named, others, items, root)


def _branches(schemas: Iterable[Any], root: Any) -> Iterator[dict[str, Any]]:
    """*Schemas* and all that they take in at the same place, each once."""
    waiting = [*schemas][::-1]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict) or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        taken_in = [_referred(node.get("$ref"), root)]
        for word in ("allOf", "anyOf", "oneOf"):
            branches = node.get(word)
            taken_in += branches if isinstance(branches, list) else []
        waiting += [*taken_in, node.get("then"), node.get("else")][::-1]


def _referred(reference: Any, root: Any) -> Any:
    """The part of the schema that a local reference names; nothing for all others."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    node = root
    for part in reference[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = node.get(key)
        elif isinstance(node, list) and key.isdecimal() and len(key) < 6 and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node


def _if_schema(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, dict) else ()


# --- writing ---------------------------------------------------------------------------------------------------------

_Member = tuple[str, Any, str]
"""A label, a value, and the key."""


def _in_order(record: Mapping[str, Any], order: KeyOrder) -> list[_Member]:
    """The members of *record*: those that *order* names in its order, then the others as given."""
    labels = order.labels
    members = [(label, record[key], key) for key, label in labels.items() if key in record]
    if len(members) < len(record):
        members += [(f"{_quoted(key)}: ", value, key) for key, value in record.items() if key not in labels]
    return members


def _object(members: list[_Member], order: KeyOrder, margin: str) -> str:
    """An object; *margin* is the line break and indent of its closing bracket, nothing for all in one line."""
    if not members:
        return "{}"
    inner = margin and margin + "  "
    lines = []
    for label, value, key in members:
        if type(value) is str:  # most are, and a call costs more than the rest of the work
            lines.append(label + _quoted(value))
        elif isinstance(value, (dict, list)):
            lines.append(label + _nested(value, order.of_member(key), inner))
        else:
            lines.append(label + _scalar(value))
    return "{" + inner + ("," + inner).join(lines) + margin + "}"


def _list(values: list[Any], order: KeyOrder, margin: str) -> str:
    if not values:
        return "[]"
    inner = margin and margin + "  "
    lines = [
        _quoted(value)
        if type(value) is str
        else _nested(value, order.of_items(), inner)
        if isinstance(value, (dict, list))
        else _scalar(value)
        for value in values
    ]
    return "[" + inner + ("," + inner).join(lines) + margin + "]"


def _nested(value: dict[str, Any] | list[Any], order: KeyOrder, margin: str) -> str:
    if len(margin) >= _DEEPEST_MARGIN:
        raise _invalid("json.depth", f"more than {MAX_DEPTH} levels")
    if isinstance(value, list):
        return _list(value, order, margin)
    return _object(_in_order(value, order), order, margin)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if -_INTEGER_BOUND < value < _INTEGER_BOUND:
            return int.__repr__(value)
        raise _invalid("json.number", f"an integer of more than {MAX_INTEGER_DIGITS} digits")
    if isinstance(value, NumberText):
        return value.text
    if isinstance(value, float):
        if isfinite(value):
            return float.__repr__(value)
        raise _invalid("json.number", f"{value} is no JSON number")
    if isinstance(value, str):
        return _quoted(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _invalid(rule: str, message: str) -> Invalid:
    return Invalid(
        f"the record cannot be written as JSON: {message}", details=[{"path": "", "message": message, "rule": rule}]
    )
