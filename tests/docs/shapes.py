"""Words for JSON Schemas, and tables in Markdown: what the pages of reference are made with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_FEW = 8
"""So many values of an enumeration are listed; of more, only how many there are."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is code."""
    lines = [" | ".join(heads), " | ".join("---" for _ in heads)]
    lines += [" | ".join([f"`{first}`", *(cell(text) for text in rest)]) for first, *rest in rows]
    return "".join(f"| {line} |\n" for line in lines)


def cell(text: str) -> str:
    """*text* as one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def kind(schema: Mapping[str, Any]) -> str:
    """What values a schema takes, in a few words; a part of the same page by a link to it."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(kind(one) for one in schema[several]))
    if "enum" in schema:
        values = schema["enum"]
        return ", ".join(f"`{value}`" for value in values) if len(values) <= _FEW else f"one of {len(values)} words"
    if "const" in schema:
        return f"`{schema['const']}`"
    return _plain(schema)


def _plain(schema: Mapping[str, Any]) -> str:
    found = schema.get("type", "anything")
    if isinstance(found, list):
        return " or ".join(kind({**schema, "type": one}) for one in found)
    if found == "array":
        return f"list of {kind(schema.get('items', {}))}"
    if found == "object":
        inner = schema.get("additionalProperties")
        return f"object of {kind(inner)}" if isinstance(inner, Mapping) and inner else "object"
    return f"{found}{_bounds(schema)}"


def _bounds(schema: Mapping[str, Any]) -> str:
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    unit = " characters" if schema.get("type") == "string" else ""
    if low is None and high is None:
        return ""
    if low is not None and high is not None:
        return f", {low} to {high}{unit}" if low != high else f", {low}{unit}"
    return f", at least {low}{unit}" if high is None else f", at most {high}{unit}"
