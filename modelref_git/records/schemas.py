"""The JSON Schema of a category as a dataset holds it: what its records are judged by.

Reading a schema is quick and tells the order of keys and the hints; the validator behind it is loaded when the first
record is judged. Nothing is ever fetched: a reference that leaves the document is a fault of the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from modelref_git.errors import Invalid, Problem
from modelref_git.records import json_text, shipped
from modelref_git.records.codec import REMAINDER, KeyOrder

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

    from modelref_git.records.merge import MergeHints

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
"""The only dialect that schemas of a dataset may be written in."""

MAX_MESSAGE: Final = 300
"""Longest message about one fault, in characters: the validator repeats the whole value in it."""

_SEVERITIES: Final = ("error", "warning", "hint", "off")


@dataclass(frozen=True, eq=False)
class Schema:
    """A parsed schema; build it with `Schema.parse`."""

    category: str
    document: dict[str, Any]
    """The schema itself. Not to be changed."""
    order: KeyOrder
    """The order of keys in canonical records."""
    critical: tuple[str, ...]
    """Dotted paths of the fields that a reviewer must not overlook, from the hint ``x-critical``."""
    _data: bytes = field(repr=False)

    @classmethod
    def parse(cls, category: str, data: bytes) -> Schema:
        """Read the schema file of *category*.

        Only its outline is looked at; `check_schema` does the rest when a schema is taken in.

        Raises:
            Invalid: it is no JSON, no object, or its list of critical fields is none.
        """
        what = f"the schema of {category}"
        document = json_text.parse(data, what=what, max_bytes=None)
        problems = list(_outline_problems(document))
        if problems:
            raise Invalid.of(what, problems)
        return cls(category, document, KeyOrder.of_schema(document), tuple(document.get("x-critical", ())), data)

    @cached_property
    def has_metadata(self) -> bool:
        """Whether records have a member ``metadata``, which the program then stamps."""
        return "metadata" in self.order.labels

    @cached_property
    def has_pictures(self) -> bool:
        """Whether records list pictures: the member ``pictures`` is merged by the ``sha256`` of its entries."""
        return self.merge_hints.of_member("pictures").key == "sha256"

    @cached_property
    def is_shipped(self) -> bool:
        """Whether this is, byte for byte, the schema that the package has for the category.

        The stored form of a record (`normal.normalise`) satisfies such a schema by construction.
        """
        return self._data == shipped.schema_bytes(self.category)

    @cached_property
    def merge_hints(self) -> MergeHints:
        """How two sides' changes of a record are merged, from the hints ``x-merge``."""
        from modelref_git.records.merge import MergeHints

        return MergeHints.of_order(self.order)

    def problems(self, record: Mapping[str, Any]) -> list[Problem]:
        """Every fault of a stored record, in the order of the places. The member ``_legacy`` is not looked at."""
        return _judge(self._validator, {key: value for key, value in record.items() if key != REMAINDER})

    def check(self, record: Mapping[str, Any], what: str) -> None:
        """Refuse a record that the schema does not accept.

        Raises:
            Invalid: with every fault of *what*, as a message shall call the record.
        """
        problems = self.problems(record)
        if problems:
            raise Invalid.of(what, problems)

    @cached_property
    def _validator(self) -> Validator:
        return _validator_of(self.document)


def check_schema(document: object) -> list[Problem]:
    """Every fault of a schema that shall describe a category.

    It must be an object written in JSON Schema 2020-12, refer to nothing but itself, have patterns that can be
    compiled, and hints that make sense.
    """
    problems = list(_outline_problems(document))
    if problems or not isinstance(document, dict):
        return problems
    from jsonschema import Draft202012Validator

    problems += _faults(_validator_of(Draft202012Validator.META_SCHEMA).iter_errors(document))
    problems += _hint_problems(document, document, "")
    if not problems:
        # References that lead nowhere or in a circle show when a record is judged.
        trial = _judge(_validator_of(document), {})
        problems += (problem for problem in trial if problem.rule == "schema.$ref")
    return list(dict.fromkeys(problems))


def _outline_problems(document: object) -> Iterator[Problem]:
    if not isinstance(document, dict):
        yield Problem("", "a schema must be a JSON object", "schema.invalid")
        return
    if document.get("$schema", DIALECT) != DIALECT:
        yield Problem("/$schema", f"a schema must be written in the dialect {DIALECT}", "schema.invalid")
    critical = document.get("x-critical", [])
    if not isinstance(critical, list) or not all(isinstance(path, str) and path for path in critical):
        yield Problem("/x-critical", "x-critical must be a list of dotted field paths", "schema.invalid")


# Faults as the validator tells them


def _validator_of(document: Any) -> Validator:
    from jsonschema import Draft202012Validator
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # it ships no types

    # Without a registry of its own the validator would fetch what it does not know.
    return Draft202012Validator(document, registry=REGISTRY)


def _judge(validator: Validator, record: Mapping[str, Any]) -> list[Problem]:
    from referencing.exceptions import Unresolvable

    try:
        found = set(_faults(validator.iter_errors(record)))
    except Unresolvable as fault:
        return [Problem("", f"the schema refers to what it does not hold: {fault.ref}", "schema.$ref")]
    except RecursionError:
        return [Problem("", "the schema refers to itself without end", "schema.$ref")]
    return sorted(found, key=lambda fault: (fault.path, fault.rule))


def _faults(errors: Iterable[ValidationError]) -> Iterator[Problem]:
    """The validator's errors in our form. A missing member is reported at its own place, not at its parent's."""
    for error in errors:
        pointer = "".join(map(_token, error.absolute_path))
        if error.validator == "required":
            required: Any = error.validator_value
            present: Any = error.instance
            for name in required:
                if name not in present:
                    yield Problem(pointer + _token(name), "Field required", "schema.required")
            continue
        if list(error.absolute_schema_path)[-2:-1] == ["propertyNames"]:
            pointer += _token(error.instance)
        yield Problem(pointer, _shortened(_message(error)), f"schema.{error.validator}")


def _message(error: ValidationError) -> str:
    """What is wrong: for a value outside a set that has a name, not the whole set."""
    if error.validator == "enum" and isinstance(error.instance, str) and error.absolute_path:
        noun = str(error.absolute_path[-1]).replace("_", " ")
        return f"Unknown {noun}: {error.instance}"
    return error.message


def _shortened(message: str) -> str:
    if len(message) <= MAX_MESSAGE:
        return message
    # The reason stands at the end, behind the value.
    return f"{message[: MAX_MESSAGE // 2 - 3]} … {message[-MAX_MESSAGE // 2 :]}"


def _token(member: object) -> str:
    return "/" + str(member).replace("~", "~0").replace("/", "~1")


# Hints, references and patterns


def _hint_problems(node: object, root: dict[str, Any], pointer: str) -> Iterator[Problem]:
    """What the meta-schema cannot see, at *node* and below."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _hint_problems(item, root, f"{pointer}/{index}")
    if not isinstance(node, dict):
        return
    for keyword, value in node.items():
        here = pointer + _token(keyword)
        if keyword in _CHECKS:
            if message := _CHECKS[keyword](value, root):
                yield Problem(here, message, "schema.invalid")
        elif keyword in ("properties", "$defs", "dependentSchemas"):
            # Below these the keys are names that mean no keyword.
            for name, part in value.items() if isinstance(value, dict) else ():
                yield from _hint_problems(part, root, here + _token(name))
        elif keyword == "patternProperties" and isinstance(value, dict):
            for pattern, part in value.items():
                if message := _pattern_fault(pattern, root):
                    yield Problem(here + _token(pattern), message, "schema.invalid")
                yield from _hint_problems(part, root, here + _token(pattern))
        elif keyword not in ("enum", "const", "default", "examples", "x-known-values"):
            yield from _hint_problems(value, root, here)


def _reference_fault(value: object, root: dict[str, Any]) -> str | None:
    if not isinstance(value, str):
        return None
    if not value.startswith("#"):
        return f"a schema may refer to itself alone, not to {value}"
    if value != "#" and not value.startswith("#/"):
        return None  # An anchor: the validator finds it, or says so.
    target: Any = root
    for token in unquote(value[1:]).split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        try:
            target = target[int(name)] if isinstance(target, list) else target[name]
        except (LookupError, TypeError, ValueError):
            return f"there is nothing at {value}"
    return None


def _pattern_fault(value: object, _root: dict[str, Any]) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        re.compile(value)
    except re.error as fault:
        return f"not a regular expression: {fault}"
    return None


def _merge_fault(value: object, _root: dict[str, Any]) -> str | None:
    keyed = isinstance(value, dict) and isinstance(value.get("key"), str)
    known = isinstance(value, dict) and value.keys() <= {"key", "order"} and value.get("order", "any") == "any"
    if (keyed and known) or value in ("set", "atomic"):
        return None
    return 'x-merge must be "set", "atomic" or {"key": the name of a field}, with "order": "any" or without'


def _severity_fault(value: object, _root: dict[str, Any]) -> str | None:
    return None if value in _SEVERITIES else f"x-severity must be one of {', '.join(_SEVERITIES)}"


_CHECKS: Final = {
    "$ref": _reference_fault,
    "$dynamicRef": _reference_fault,
    "pattern": _pattern_fault,
    "x-merge": _merge_fault,
    "x-severity": _severity_fault,
}
