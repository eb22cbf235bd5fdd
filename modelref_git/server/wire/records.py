"""The shapes of records in the OpenAPI document: the schemas that the package ships, under the names clients know."""

from __future__ import annotations

import json
from typing import Any, Final

from modelref_git.records.categories import CATEGORIES, TEXT_GENERATION
from modelref_git.records.shipped import schema_bytes
from modelref_git.server.document import COMPONENTS

GENERIC: Final = "GenericModelRecord"
"""The name of what is known of any record, of categories of one's own too."""

_ODD_NAMES: Final = {"controlnet": "ControlNet", "controlnet_annotator": "ControlNetAnnotator"}
_PARTS: Final = {
    "Config": "GenericModelRecordConfig",
    "DownloadEntry": "DownloadRecord",
    "FinetuneSeries": "FineTuneSeriesInfo",
    "Metadata": "GenericModelRecordMetadata",
    "ModelClassification": "ModelClassification",
    "Picture": "Picture",
    "PictureLora": "PictureLora",
}
"""What the parts of a record are called in the document, by their names in the schemas."""

_REFERENCE: Final = "#/components/schemas/"


def record_name(category: str) -> str:
    """What the schema of a shipped category's records is called in the document."""
    known = _ODD_NAMES.get(category) or "".join(word.capitalize() for word in category.split("_"))
    return f"{known}ModelRecord"


def record_reference(category: str | None = None) -> dict[str, str]:
    """The reference to the schema of a shipped category's records; of any record's, if none is given."""
    return {"$ref": _REFERENCE + (GENERIC if category is None else record_name(category))}


def _describe() -> None:
    """Put the schema of each shipped category's records, and of their parts, into the document."""
    for category in CATEGORIES:
        shipped = json.loads(schema_bytes(category) or b"{}")
        # The number of parameters has two names on the way in, one in the stored form.
        dropped = ("$schema", "$id", "$defs", *(("not",) if category == TEXT_GENERATION else ()))
        schema = {key: value for key, value in shipped.items() if key not in dropped}
        COMPONENTS[record_name(category)] = _with_known_references(schema)
        for name, part in shipped.get("$defs", {}).items():
            COMPONENTS[_PARTS[name]] = _with_known_references(part)
    COMPONENTS[GENERIC] = {
        "description": "A record of any category; the schema of the category in the dataset says more.",
        "type": "object",
        "properties": {"name": {"type": "string", "description": "Name of the model: the key it is stored under."}},
        "required": ["name"],
        "additionalProperties": True,
    }


def _with_known_references(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_known_references(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _REFERENCE + _PARTS[value.rpartition("/")[2]]
        if key == "$ref" and isinstance(value, str)
        else _with_known_references(value)
        for key, value in schema.items()
    }


_describe()
