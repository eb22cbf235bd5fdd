"""The faults of a submitted record as clients of the HTTP service know them: one row a fault, as pydantic writes it.

It judges nothing by itself: the rows are those of the record models, or are made of what the schema of the dataset
found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from modelref_git.errors import Problem
from modelref_git.records import normal, pointer
from modelref_git.records.categories import TEXT_GENERATION

Row = dict[str, Any]
"""``type``, ``loc``, ``msg``, ``input``, perhaps ``ctx``."""

BODY: Final = "body"

_JUDGED_AS_A_WHOLE: Final = (("baseline",), ("style",))
"""Fields whose values outside the known set are told as a fault of the record, not of the field."""

_COUNT: Final = "parameters_count"


def of_model(category: str, body: Any) -> list[Row]:
    """The faults that the model of a shipped *category* finds in *body*."""
    from pydantic import ValidationError

    submitted, problems = normal.as_submitted(category, body)
    rows = of_problems(problems, body)
    try:
        normal.validated(category, submitted)
    except ValidationError as fault:
        rows += [_row(dict(error), category, body) for error in fault.errors(include_url=False)]
    return rows


def of_problems(problems: Iterable[Problem], body: Any) -> list[Row]:
    """The rows of *problems*, which the schema of the dataset found in *body*."""
    rows = []
    for problem in problems:
        place = _place(problem.path, body)
        if problem.rule == "schema.required":
            rows.append(missing(place, body))
        elif _is_of_the_whole(problem.rule, place):
            rows.append(value_error(problem.message, (), body))
        else:
            rows.append(value_error(problem.message, place, body))
    return rows


def value_error(message: str, place: Sequence[str | int], body: Any) -> Row:
    """The row of a fault at *place* in *body*, as validators' refusals are written."""
    return {
        "type": "value_error",
        "loc": [BODY, *place],
        "msg": f"Value error, {message}",
        "input": _value_at(body, place),
        "ctx": {"error": {}},
    }


def missing(place: Sequence[str | int], body: Any) -> Row:
    """The row of a field that is not at *place* in *body*."""
    return {"type": "missing", "loc": [BODY, *place], "msg": "Field required", "input": _value_at(body, place[:-1])}


def no_name(body: dict[str, Any]) -> Row:
    """The row of a record whose ``name`` is not there, or is no text."""
    if "name" not in body:
        return missing(("name",), body)
    return {
        "type": "string_type",
        "loc": [BODY, "name"],
        "msg": "Input should be a valid string",
        "input": body["name"],
    }


def no_object(value: Any, place: Sequence[str | int] = ()) -> Row:
    """The row of a *value* that must be a JSON object: the body itself, or what stands at *place*."""
    message = "Input should be a valid dictionary or object to extract fields from"
    return {"type": "model_attributes_type", "loc": [BODY, *place], "msg": message, "input": value}


def _row(error: dict[str, Any], category: str, body: Any) -> Row:
    place = tuple(error["loc"])
    if category == TEXT_GENERATION and place == ("parameters",) and "parameters" not in body and _COUNT in body:
        place = (_COUNT,)
    if error["type"] == "missing":
        return missing(place, body)
    if error["type"] == "rule":
        rule, message = str(error["ctx"]["rule"]), str(error["ctx"]["text"])
        if _is_of_the_whole(rule, place):
            return value_error(message, (), body)
        # A fault of a key is told by an extra member of the location.
        return value_error(message, place[:-1] if rule == "value.settings_key" else place, body)
    if error["type"] == "model_type":
        return no_object(error["input"], place)
    row = {"type": error["type"], "loc": [BODY, *place], "msg": error["msg"], "input": error["input"]}
    return {**row, "ctx": error["ctx"]} if "ctx" in error else row


def _is_of_the_whole(rule: str, place: tuple[str | int, ...]) -> bool:
    """Whether the value at *place* is outside its set, and is told as a fault of the record."""
    return place in _JUDGED_AS_A_WHOLE and (rule == "schema.enum" or rule.startswith("value."))


def _place(path: str, body: Any) -> tuple[str | int, ...]:
    """The members and indexes that a JSON pointer into *body* names."""
    place: list[str | int] = []
    for token in pointer.split(path) if path else ():
        inside = _value_at(body, place)
        place.append(int(token) if isinstance(inside, list) and token.isdecimal() else token)
    return tuple(place)


def _value_at(body: Any, place: Sequence[str | int]) -> Any:
    """What stands at *place*; what is nearest above it, where nothing does."""
    value = body
    for member in place:
        try:
            value = value[member]
        except (LookupError, TypeError):
            break
    return value
