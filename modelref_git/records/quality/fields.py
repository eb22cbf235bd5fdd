"""Rules on the fields of records of the shipped categories: what no model names, and values beyond the known ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from modelref_git.errors import Problem
from modelref_git.records import pointer
from modelref_git.records.categories import CATEGORIES
from modelref_git.records.codec import REMAINDER
from modelref_git.records.names import NAME_POINTER
from modelref_git.records.quality.rule import Facts, Rule
from modelref_git.records.values import CONTROLNET_STYLES, RECORD_TYPES

if TYPE_CHECKING:
    from pydantic import BaseModel


def _has_unknown_fields(facts: Facts) -> Iterator[Problem]:
    if facts.record is None or facts.category not in CATEGORIES:
        return
    from modelref_git.records.models import model_for

    content = {name: value for name, value in facts.record.items() if name != REMAINDER}
    for path in _unknown(_shape_of(model_for(facts.category)), content, ()):
        yield Problem(pointer.join(path), f"Unknown field: {path[-1]}", "record.unknown_field")


@dataclass(frozen=True, slots=True)
class _Shape:
    """The names of a model's fields, and the shapes of those that hold objects with fields of their own."""

    names: frozenset[str]
    parts: Mapping[str, _Shape]


@cache
def _shape_of(model: type[BaseModel]) -> _Shape:
    from modelref_git.records import models

    nested = (
        ("config", models.Config),
        ("download", models.DownloadEntry),
        ("metadata", models.Metadata),
        ("model_classification", models.ModelClassification),
        ("finetune_series", models.FinetuneSeries),
    )
    names = frozenset(model.model_fields)
    return _Shape(names, {name: _shape_of(part) for name, part in nested if name in names})


def _unknown(shape: _Shape, value: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Where *value* has members that the *shape* does not name."""
    if not isinstance(value, Mapping):
        return
    for key, member in value.items():
        here = (*path, str(key))
        if key not in shape.names:
            yield here
        elif (part := shape.parts.get(key)) is None:
            continue
        elif isinstance(member, list):
            for index, item in enumerate(member):
                yield from _unknown(part, item, (*here, str(index)))
        else:
            yield from _unknown(part, member, here)


def _has_an_unknown_type(facts: Facts) -> Iterator[Problem]:
    kind = (facts.record or {}).get("record_type")
    if facts.category in CATEGORIES and isinstance(kind, str) and kind not in RECORD_TYPES:
        yield Problem("/record_type", RECORD_TYPES.complaint(kind), RECORD_TYPES.rule)


def _has_an_unknown_style(facts: Facts) -> Iterator[Problem]:
    style = (facts.record or {}).get("controlnet_style")
    if facts.category == "controlnet" and isinstance(style, str) and style not in CONTROLNET_STYLES:
        yield Problem("/controlnet_style", CONTROLNET_STYLES.complaint(style), CONTROLNET_STYLES.rule)


def _has_two_slashes(facts: Facts) -> Iterator[Problem]:
    if facts.category == "text_generation" and facts.key.count("/") > 1:
        message = f"{facts.key} has more than one slash, and programs disagree on the names of its variants"
        yield Problem(NAME_POINTER, message, "text.two_slashes")


RULES: Final = (
    Rule(
        "record.unknown_field",
        "warning",
        "record",
        "A record has the fields that its category's model names.",
        "Most readers drop a field that they do not know, and a misspelt one does nothing.",
        "Correct the field's name, or leave it out.",
        _has_unknown_fields,
    ),
    Rule(
        RECORD_TYPES.rule,
        "warning",
        "record",
        "The record type is a category.",
        "Clients choose by it how to read the record.",
        "Leave the field out: it is filled in.",
        _has_an_unknown_type,
    ),
    Rule(
        CONTROLNET_STYLES.rule,
        "warning",
        "record",
        "The style of a control net is one of those that are known.",
        "A worker finds no preprocessor for any other.",
        "Choose one of the known styles, unless workers learn the new one with this release.",
        _has_an_unknown_style,
    ),
    Rule(
        "text.two_slashes",
        "warning",
        "record",
        "The name of a text model has at most one slash, or programs disagree on its variants.",
        "One program cuts a variant's name at the first slash, another at the second.",
        "Write it as Author/Model.",
        _has_two_slashes,
    ),
)
