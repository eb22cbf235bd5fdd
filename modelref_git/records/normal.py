"""The stored form of a record: what a submitted record becomes before anything else looks at it.

Defaults are filled in, nulls of fields that a model knows are dropped, scalars get the type of their field, and the
rules for text models are applied. Fields that no model knows stay as they are, behind those that it does. The stored
form of a stored form is itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from modelref_git.errors import Invalid, Problem
from modelref_git.records import text
from modelref_git.records.codec import REMAINDER

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from modelref_git.records.models import BaseRecord

_TEXT: Final = "text_generation"


def normalise(
    category: str, record: Mapping[str, Any], *, before: Mapping[str, Any] | None = None, open_values: bool = False
) -> dict[str, Any]:
    """The stored form of *record*, a new object. The member ``_legacy`` is passed through untouched, as the last.

    Args:
        category: one of the fifteen shipped categories; records of other categories have no form but their own.
        record: what was submitted. It must have its ``name``.
        before: the live record that it replaces, if it is an edit. It tells whether a text model's style was stated
            by somebody or merely filled in by an upstream writer.
        open_values: let values outside the closed sets pass (baselines, styles, domains, purposes, settings keys),
            for a dataset whose own schema judges them.

    Raises:
        Invalid: with every fault of the record at once, each with a JSON pointer.
        KeyError: for a category that is not shipped.
    """
    from pydantic import ValidationError

    from modelref_git.records.models import model_for

    submitted, problems = as_submitted(category, record)
    try:
        valid = validated(category, submitted, open_values=open_values)
    except ValidationError as fault:
        raise Invalid.of(_what(category, record), [*problems, *_problems(fault)]) from None
    if problems:
        raise Invalid.of(_what(category, record), problems)
    stored = _dump(valid)
    if category == _TEXT:
        stored = _in_order(model_for(category), text.stored_form(stored, before))
    if REMAINDER in record:
        stored[REMAINDER] = record[REMAINDER]
    return stored


def as_submitted(category: str, record: Any) -> tuple[Any, list[Problem]]:
    """What the model of *category* is to judge of what was submitted, and the faults that are found before."""
    if not isinstance(record, Mapping):
        return record, []
    submitted = {key: value for key, value in record.items() if key != REMAINDER}
    return text.accept_other_keys(submitted) if category == _TEXT else (submitted, [])


def validated(category: str, submitted: Any, *, open_values: bool = False) -> BaseRecord:
    """*submitted*, which `as_submitted` gave, as its model.

    Raises:
        ValidationError: pydantic's, with every fault; `normalise` and the wire have words of their own for them.
    """
    from modelref_git.records.field_types import OPEN_VALUES
    from modelref_git.records.models import model_for

    return model_for(category).model_validate(submitted, context={OPEN_VALUES: open_values})


def _what(category: str, record: object) -> str:
    name = record.get("name") if isinstance(record, Mapping) else None
    return f'{category} record "{name}"' if isinstance(name, str) else f"the {category} record"


# From the model


def _dump(part: BaseModel) -> dict[str, Any]:
    """The members of a model in the order of its fields, without nulls, and then those it does not name.

    Unlike a dump by pydantic it never touches the values of open maps and unknown fields, whose numbers keep their
    text.
    """
    known = ((name, getattr(part, name)) for name in type(part).model_fields)
    dumped = {name: _plain(value) for name, value in known if value is not None}
    dumped.update((name, _plain(value)) for name, value in (part.model_extra or {}).items())
    return dumped


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return _dump(value) if hasattr(value, "model_fields_set") else value


def _in_order(model: type[BaseRecord], record: dict[str, Any]) -> dict[str, Any]:
    known = {name: record[name] for name in model.model_fields if name in record}
    return known | record


# Faults


def _problems(fault: ValidationError) -> Iterator[Problem]:
    """The faults that pydantic found, in its order, which is that of the fields."""
    for error in fault.errors(include_url=False, include_input=False):
        kind, location = error["type"], error["loc"]
        if kind == "rule":
            rule = str(error["ctx"]["rule"])
            # A fault of a key is told by an extra member of the location.
            location = location[:-1] if rule == "value.settings_key" else location
        else:
            rule = "schema.required" if kind == "missing" else "schema.type"
        yield Problem("".join(map(_token, location)), error["msg"], rule)


def _token(member: object) -> str:
    return "/" + str(member).replace("~", "~0").replace("/", "~1")
