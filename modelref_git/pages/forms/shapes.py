"""What kind of field a part of a schema asks for.

Only what a schema says plainly becomes a field of its own kind; whatever else it says, the member is edited as JSON, so
that there is no record that a form cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import unquote

Kind: TypeAlias = Literal["text", "long", "number", "boolean", "choice", "lines", "rows", "group", "pairs", "json"]

CHOICES_AT_MOST: Final = 15
"""A longer list of values is offered beside a text field, where one finds by typing."""

_DEEPEST: Final = 5
_HOPS: Final = 20
_LONG: Final = ("description", "prompt", "comment", "comments", "notes", "summary")
_SCALARS: Final[dict[str, Kind]] = {"string": "text", "integer": "number", "number": "number", "boolean": "boolean"}
_UNPLAIN: Final = ("oneOf", "anyOf", "allOf", "if", "patternProperties", "dependentSchemas", "prefixItems")


@dataclass(frozen=True, slots=True)
class Shape:
    """A part of a schema as a form shows it."""

    kind: Kind = "json"
    hint: str = ""
    choices: tuple[str, ...] = ()
    """The values that there are."""
    known: tuple[str, ...] = ()
    """Values that are usual, or that are too many for `choices`."""
    is_whole: bool = False
    """Whether a number has no fraction."""
    is_texts: bool = False
    """Whether all values of `pairs` are texts."""
    required: frozenset[str] = frozenset()
    _node: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _root: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _depth: int = 0

    def members(self) -> Iterator[tuple[str, Shape]]:
        """The members of a group that the schema names, in its order."""
        for key, part in _object(self._node.get("properties")).items():
            yield key, _shape(part, self._root, self._depth + 1, key)

    def item(self) -> Shape:
        """What each item of a list is."""
        return _shape(self._node.get("items"), self._root, self._depth + 1, "")


def shape_of(schema: Mapping[str, Any]) -> Shape:
    """The shape of the records that *schema* describes: a group, whatever else it says of them."""
    node = _resolved(schema, schema)
    return Shape("group", _hint(node), required=_required(node), _node=node, _root=schema)


def _shape(part: Any, root: Mapping[str, Any], depth: int, key: str) -> Shape:
    node = _resolved(part, root)
    hint = _hint(node)
    if depth > _DEEPEST or any(word in node for word in _UNPLAIN):
        return Shape(hint=hint)
    values = _texts(node["enum"]) if "enum" in node else _texts([node["const"]]) if "const" in node else None
    if values is not None:
        return _closed(values, hint)
    kind = _type(node)
    if kind == "object":
        return _of_object(node, root, depth, hint)
    if kind == "array":
        return _of_list(node, root, depth, hint)
    scalar = _SCALARS.get(kind)
    if scalar is None or "enum" in node or "const" in node:
        return Shape(hint=hint)
    if scalar == "text" and key.rpartition("_")[2] in _LONG:
        scalar = "long"
    known = _texts(node.get("x-known-values")) or _texts(node.get("examples")) or ()
    return Shape(scalar, hint, known=known, is_whole=kind == "integer")


def _closed(values: tuple[str, ...], hint: str) -> Shape:
    if len(values) > CHOICES_AT_MOST:
        return Shape("text", hint, known=values)
    return Shape("choice", hint, choices=values)


def _of_object(node: Mapping[str, Any], root: Mapping[str, Any], depth: int, hint: str) -> Shape:
    if _object(node.get("properties")):
        return Shape("group", hint, required=_required(node), _node=node, _root=root, _depth=depth)
    inner = node.get("additionalProperties")
    if not isinstance(inner, dict):
        return Shape(hint=hint)
    is_texts = _resolved(inner, root).get("type") == "string"
    known = _texts(_object(node.get("propertyNames")).get("enum")) or ()
    return Shape("pairs", hint, known=known, is_texts=is_texts)


def _of_list(node: Mapping[str, Any], root: Mapping[str, Any], depth: int, hint: str) -> Shape:
    item = _shape(node.get("items"), root, depth + 1, "")
    if item.kind == "group":
        return Shape("rows", hint, _node=node, _root=root, _depth=depth)
    if item.kind in ("text", "choice"):
        known = _texts(node.get("x-known-values")) or item.known or item.choices
        return Shape("lines", hint, known=known)
    return Shape(hint=hint)


def _resolved(part: Any, root: Mapping[str, Any]) -> dict[str, Any]:
    """*part* with its local reference followed, and without the null that it may be instead."""
    node = dict(_object(part))
    for _ in range(_HOPS):
        if isinstance(node.get("$ref"), str):
            target = _target(node.pop("$ref"), root)
            node = {**target, **node}
            continue
        for word in ("anyOf", "oneOf", "allOf"):
            parts = node.get(word)
            if isinstance(parts, list):
                left = [one for one in parts if word == "allOf" or _object(one).get("type") != "null"]
                if len(left) == 1:
                    del node[word]
                    node = {**_object(left[0]), **node}
                    break
        else:
            return node
    return {}


def _target(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    if not reference.startswith("#/"):
        return root if reference == "#" else {"$anchor": reference, "oneOf": []}
    found: Any = root
    for token in unquote(reference[2:]).split("/"):
        found = _object(found).get(token.replace("~1", "/").replace("~0", "~"))
    return _object(found)


def _type(node: Mapping[str, Any]) -> str:
    kinds = node.get("type")
    if isinstance(kinds, list):
        left = [kind for kind in kinds if kind != "null"]
        kinds = left[0] if len(left) == 1 else None
    if kinds is None and "type" not in node and "properties" in node:
        return "object"
    return kinds if isinstance(kinds, str) else ""


def _texts(values: Any) -> tuple[str, ...] | None:
    if not isinstance(values, list) or not values or not all(isinstance(one, str) and one for one in values):
        return None
    return tuple(values)


def _required(node: Mapping[str, Any]) -> frozenset[str]:
    names = node.get("required")
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def _hint(node: Mapping[str, Any]) -> str:
    text = node.get("description")
    return text if isinstance(text, str) else ""


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
