"""Makes the JSON Schemas of the shipped categories from their models.

A schema describes the *stored* record, so it knows no nulls. Besides the keywords of JSON Schema 2020-12 it has hints
for the programs that work on records:

- ``x-critical`` (top): dotted paths of the fields that a reviewer must not overlook;
- ``x-merge``: ``"set"`` for lists without order, ``{"key": field}`` for lists of entries told apart by a field (with
  ``"order": "any"`` if two orders are no conflict), ``"atomic"`` for objects that change as a whole;
- ``x-known-values``: values that are usual where others are allowed;
- ``x-severity``: what a value outside the set is.

Run ``python -m modelref_git.records.schema_build [DIR]`` to write them, with ``--check`` to compare only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from modelref_git.records.categories import CATEGORIES, Category
from modelref_git.records.models import model_for

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_KEYWORD_ORDER: Final = (
    "$schema",
    "$id",
    "$ref",
    "title",
    "description",
    "x-critical",
    "type",
    "x-merge",
    "properties",
    "required",
    "propertyNames",
    "additionalProperties",
    "items",
    "$defs",
)
_RANK: Final = {keyword: rank for rank, keyword in enumerate(_KEYWORD_ORDER)}


class _StoredRecordSchema(GenerateJsonSchema):
    """Leaves out nulls, which no stored record holds, and titles that only repeat a field's name."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - no field has one
        return False

    def generate(self, schema: core_schema.CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        document = super().generate(schema, mode)
        for part in document.get("$defs", {}).values():
            part.pop("title", None)
        return document


def build_schema(category: str) -> dict[str, Any]:
    """The JSON Schema of a stored record of a shipped category, keywords and properties in their final order.

    Raises:
        KeyError: for a category that is not shipped.
    """
    facts = CATEGORIES[category]
    document = model_for(category).model_json_schema(schema_generator=_StoredRecordSchema)
    _fill_in_the_category(document, facts)
    document |= {
        "$schema": DIALECT,
        "$id": f"urn:modelref-git:schema:{category}",
        "title": f"A record of the category {category}",
        "x-critical": list(facts.critical),
    }
    ordered: dict[str, Any] = _in_keyword_order(document)
    return ordered


def _fill_in_the_category(document: dict[str, Any], category: Category) -> None:
    """State what the models fill in for a record that says nothing about its category."""
    properties = document["properties"]
    others = [name for name in CATEGORIES if name != category.name]
    properties["record_type"] |= {"default": category.name, "not": {"enum": others}}
    properties["model_classification"]["default"] = {"domain": category.domain, "purpose": category.purpose}
    document["required"] = [
        name for name in document["required"] if name not in ("record_type", "model_classification")
    ]


def _in_keyword_order(schema: Any) -> Any:
    """*schema* with the keywords of each level in one order; the members of ``properties`` keep theirs."""
    if not isinstance(schema, dict):
        return schema
    if len(schema.get("allOf", ())) == 1:
        # Older releases of pydantic put a reference that has neighbours into a list of its own.
        schema = {**schema, **schema["allOf"][0]}
        del schema["allOf"]
    ordered: dict[str, Any] = {}
    for keyword in sorted(schema, key=lambda keyword: (_RANK.get(keyword, _RANK["properties"]), keyword)):
        value = schema[keyword]
        if keyword in ("properties", "$defs"):
            ordered[keyword] = {name: _in_keyword_order(part) for name, part in value.items()}
        elif keyword == "anyOf":
            ordered[keyword] = [_in_keyword_order(part) for part in value]
        elif keyword in ("items", "additionalProperties"):
            ordered[keyword] = _in_keyword_order(value)
        else:
            ordered[keyword] = value
    return ordered


def schema_text(category: str) -> bytes:
    """The schema file of a shipped category: two-space indent, LF, a newline at the end."""
    return (json.dumps(build_schema(category), indent=2, ensure_ascii=False) + "\n").encode()


def main(arguments: Sequence[str]) -> int:
    """Write the schema files, or with ``--check`` name those that differ from what would be written.

    Returns:
        0, or 1 if ``--check`` found a difference.
    """
    words = [word for word in arguments if word != "--check"]
    folder = Path(words[0] if words else "schemas")
    differing = 0
    for category in CATEGORIES:
        path, data = folder / f"{category}.schema.json", schema_text(category)
        if "--check" not in arguments:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        elif not path.is_file() or path.read_bytes() != data:
            sys.stdout.write(f"{path} differs from the models\n")
            differing += 1
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
