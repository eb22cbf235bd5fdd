"""Makes `docs/records.md` from the schemas of the shipped categories: see :mod:`tests.docs.generated`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from modelref_git.records.categories import CATEGORIES
from tests.docs.session import CHECKOUT
from tests.docs.shapes import kind, table

PAGE = CHECKOUT / "docs" / "records.md"

_FRONT = """\
<!-- Made by `python -m tests.docs.generated` from schemas/*.schema.json; edits here are lost. -->

# Records

The fields of a record in each of the fifteen shipped categories, as their JSON Schemas say. A dataset may add
[categories of its own](tutorials/owner.md#categories-of-your-own). Members that are not listed are kept as they come.
What else is asked of a record is in the [rules](rules.md); [formats](formats.md#records) has its bytes, and
[merging](merging.md) what becomes of two edits.

*Always* says that a record without the field is refused. A *default* is filled in where the field is left out.
*Critical* fields are those that a policy may ask a second look at.
"""

_SHARED = """\
## In every category
"""

_HEADS = ("field", "takes", "", "what it is")


def page() -> str:
    """The whole page."""
    schemas = {str(name): _schema(str(name)) for name in CATEGORIES}
    shared = _shared(schemas.values())
    parts = [_FRONT, _SHARED, _fields({"properties": shared, "required": ["name"]})]
    parts += _parts(schemas)
    for name, schema in schemas.items():
        own = {field: item for field, item in schema["properties"].items() if shared.get(field) != item}
        critical = ", ".join(f"`{field}`" for field in schema.get("x-critical", ())) or "none"
        parts += [f"## `{name}`\n", f"{schema['description']} Critical besides the files: {critical}.\n"]
        parts.append(_fields({**schema, "properties": own}))
    return "\n".join(parts)


def _schema(category: str) -> dict[str, Any]:
    path = CHECKOUT / "schemas" / f"{category}.schema.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _shared(schemas: Any) -> dict[str, Any]:
    """The fields that are the same everywhere, in their order."""
    first, *others = (schema["properties"] for schema in schemas)
    return {field: item for field, item in first.items() if all(other.get(field) == item for other in others)}


def _parts(schemas: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The parts that fields of several categories are made of, each once."""
    found: dict[str, Any] = {}
    for schema in schemas.values():
        for name, item in schema.get("$defs", {}).items():
            assert found.setdefault(name, item) == item, f"{name} is another thing in another category"
    for name, item in sorted(found.items()):
        yield f"### {name}\n"
        yield f"{item['description']}\n"
        yield _fields(item)


def _fields(schema: Mapping[str, Any]) -> str:
    needed = set(schema.get("required", ()))
    rows = [
        (field, kind(item), _mark(field in needed, item), item.get("description", ""))
        for field, item in schema["properties"].items()
    ]
    return table(_HEADS, rows)


def _mark(needed: bool, item: Mapping[str, Any]) -> str:
    if needed:
        return "always"
    return f"default `{json.dumps(item['default'], ensure_ascii=False)}`" if "default" in item else ""
