"""Rules of good data that a dataset may set softer or waive, as objects: id, sentence, reason, check.

The severities here are those of new datasets; ``modelref.toml`` has the last word. What no dataset may waive is not
here: see `names.structural_problems` and the schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from modelref_git.errors import Problem
from modelref_git.records.names import NAME_POINTER

Severity: TypeAlias = Literal["error", "warning", "hint", "off"]


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """What a rule may look at."""

    category: str
    key: str
    body: Mapping[str, Any] | None = None
    """The record; ``None`` where it is not at hand or deleted."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One demand on the data."""

    id: str
    severity: Severity
    """That of new datasets."""
    text: str
    """The demand, as a sentence for people."""
    reason: str
    """Why it is made."""
    check: Callable[[RecordFacts], Iterable[Problem]] = field(repr=False)
    """The faults that it finds; each carries the rule's id."""


def _has_white_space_at_an_end(facts: RecordFacts) -> Iterator[Problem]:
    if facts.key != facts.key.strip():
        yield Problem(NAME_POINTER, "the name begins or ends with white space", "name.whitespace")


def _is_an_address(facts: RecordFacts) -> Iterator[Problem]:
    if "://" in facts.key:
        yield Problem(NAME_POINTER, "the name is a URL", "name.url")


def _has_an_empty_part(facts: RecordFacts) -> Iterator[Problem]:
    # The slashes of a scheme are the business of name.url.
    parts = facts.key.replace("://", ":").split("/")
    if len(parts) > 1 and not all(part.strip() for part in parts):
        yield Problem(NAME_POINTER, "the name has nothing before, after or between its slashes", "name.empty_part")


def _differs_from_the_body(facts: RecordFacts) -> Iterator[Problem]:
    if facts.body is not None and "name" in facts.body and facts.body["name"] != facts.key:
        yield Problem(NAME_POINTER, "the name in the record is not the name it is stored under", "name.key_mismatch")


NAME_RULES: Final = (
    Rule(
        "name.whitespace",
        "error",
        "A name neither begins nor ends with white space.",
        "Two names that look the same would be two records, and whoever types one finds nothing.",
        _has_white_space_at_an_end,
    ),
    Rule(
        "name.url",
        "error",
        "A name is not a URL.",
        "Addresses move, and readers of the exported files skip such names.",
        _is_an_address,
    ),
    Rule(
        "name.empty_part",
        "error",
        "A name with slashes has something before, after and between them.",
        "The part behind the last slash is what people see, and nothing can be derived from an empty one.",
        _has_an_empty_part,
    ),
    Rule(
        "name.key_mismatch",
        "error",
        "The name in a record is the name it is stored under.",
        "Readers that go by the one and readers that go by the other would see two different models.",
        _differs_from_the_body,
    ),
)

RULES: Final[tuple[Rule, ...]] = NAME_RULES
"""Every quality rule, in the order in which their findings are shown."""


def check_names(category: str, key: str, body: Mapping[str, Any] | None) -> list[tuple[Rule, Problem]]:
    """What the rules on names find wrong with the record *key*.

    Whether a mismatch of key and body is new, and so counts, is for the caller to say, who has the base.
    """
    facts = RecordFacts(category, key, body)
    return [(rule, problem) for rule in NAME_RULES for problem in rule.check(facts)]
