"""The types of the record models' fields: how a submitted value is read, judged, and described in the schemas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from modelref_git.records import text
from modelref_git.records.json_text import MAX_INTEGER_DIGITS
from modelref_git.records.values import BASELINES, DOMAINS, PURPOSES, SETTINGS_KEYS, STYLES, TAGS, ValueSet

OPEN_VALUES: Final = "open_values"
"""Key of the validation context: if true, values outside the closed sets pass, because a schema will judge them."""


def _whole(value: object) -> object:
    """A float without a fraction as the integer that it is, however large."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _stripped(value: str) -> str:
    return value.strip()


def _in_range(value: int) -> int:
    if abs(value) >= 10**MAX_INTEGER_DIGITS:
        raise ValueError("Input should be a number that a double can hold")
    return value


def _checked(check: Callable[[Any], Any], rule: str) -> Callable[[Any], Any]:
    """*check* as a validator whose ``ValueError`` becomes a fault of *rule*."""

    def validator(value: Any) -> Any:
        try:
            return check(value)
        except ValueError as fault:
            raise PydanticCustomError("rule", "{text}", {"text": str(fault), "rule": rule}) from None

    return validator


def _member_of(values: ValueSet) -> Callable[[str, ValidationInfo], str]:
    """A validator that refuses text outside *values*, unless the context leaves the sets open."""

    def validator(value: str, info: ValidationInfo) -> str:
        if value in values or (info.context or {}).get(OPEN_VALUES):
            return value
        raise PydanticCustomError("rule", "{text}", {"text": values.complaint(value), "rule": values.rule})

    return validator


def _closed(values: ValueSet) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(values.values), "x-severity": values.severity})


def _scalar_or_list(value: object) -> object:
    """A value of an open map, kept exactly as submitted."""
    items = value if isinstance(value, list) else [value]
    if isinstance(value, list) and any(isinstance(item, str) for item in items):
        fits = all(isinstance(item, str) for item in items)
    else:
        fits = all(isinstance(item, (bool, int, float, str)) for item in items)
    if not fits:
        raise ValueError("Input should be a number, a text, true or false, a list of numbers or a list of texts")
    return value


def _number(value: object) -> object:
    """A number, kept exactly as submitted."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("Input should be a number")
    return value


def _base_name(name: str) -> str:
    if text.has_backend_prefix(name):
        backend = name.partition("/")[0]
        raise ValueError(f"a text model is stored under its base name, without the prefix {backend}/: {name}")
    return name


_SCALAR_OR_LIST_SCHEMA: Final = {
    "anyOf": [
        {"type": ["number", "string", "boolean"]},
        {"type": "array", "items": {"type": ["number", "boolean"]}},
        {"type": "array", "items": {"type": "string"}},
    ]
}
_SETTINGS_SCHEMA: Final = {
    "type": "object",
    "propertyNames": {"enum": list(SETTINGS_KEYS.values)},
    "x-severity": SETTINGS_KEYS.severity,
    "additionalProperties": _SCALAR_OR_LIST_SCHEMA,
}
SET: Final[JsonDict] = {"x-merge": "set"}
"""Hint of a list whose order means nothing: it is merged member by member."""
PICTURE_HINTS: Final[JsonDict] = {"x-merge": {"key": "sha256", "order": "any"}}
"""Hint of the list of pictures: entries are told apart by the file, and each may be put first by its own rank."""
TAG_HINTS: Final[JsonDict] = {**SET, "x-known-values": list(TAGS.values), "x-severity": TAGS.severity}

_InRange: Final = AfterValidator(_checked(_in_range, "schema.type"))
Whole = Annotated[int, BeforeValidator(_whole), _InRange]
Tag = Annotated[str, AfterValidator(_stripped)]
ListOrNone = BeforeValidator(lambda value: [] if value is None else value)
FalseOrNone = BeforeValidator(lambda value: False if value is None else value)
ScalarOrList = Annotated[
    Any, AfterValidator(_checked(_scalar_or_list, "schema.type")), WithJsonSchema(_SCALAR_OR_LIST_SCHEMA)
]
Number = Annotated[Any, AfterValidator(_checked(_number, "schema.type")), WithJsonSchema({"type": "number"})]
NumberOrNone = Annotated[
    Any,
    AfterValidator(_checked(lambda value: None if value is None else _number(value), "schema.type")),
    WithJsonSchema({"type": "number"}),
]
Positive = Annotated[int, Field(ge=1), BeforeValidator(_whole), _InRange]
NsfwLevel = Annotated[int, Field(ge=0, le=3), BeforeValidator(_whole)]
# A pattern's $ lets a line break follow, the length does not.
PictureName = Annotated[str, Field(pattern="^[0-9a-f]{64}$", max_length=64)]
MediaType = Literal["image/jpeg", "image/png", "image/webp", "image/gif"]
Domain = Annotated[str, AfterValidator(_member_of(DOMAINS)), _closed(DOMAINS)]
Purpose = Annotated[str, AfterValidator(_member_of(PURPOSES)), _closed(PURPOSES)]
ImageBaseline = Annotated[str, AfterValidator(_member_of(BASELINES)), _closed(BASELINES)]
ImageStyle = Annotated[str, AfterValidator(_stripped), AfterValidator(_member_of(STYLES)), _closed(STYLES)]
SettingsKey = Annotated[str, AfterValidator(_member_of(SETTINGS_KEYS))]
BaseName = Annotated[
    str,
    AfterValidator(_checked(_base_name, "name.backend_prefix")),
    WithJsonSchema({"type": "string", "not": {"pattern": "^(aphrodite|koboldcpp)/"}}),
]
Parameters = Annotated[
    int,
    BeforeValidator(_checked(text.whole_parameters, "text.parameters")),
    _InRange,
    WithJsonSchema({"type": "integer", "minimum": 1}),
]
Settings = Annotated[
    dict[SettingsKey, ScalarOrList] | None,
    BeforeValidator(_checked(text.settings_object, "text.settings")),
    WithJsonSchema(_SETTINGS_SCHEMA),
]
