"""Rules on names, judged by the name and the record alone.

What no dataset may waive is not here: see `names.structural_problems`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelref_git.errors import Problem
from modelref_git.records.names import NAME_POINTER
from modelref_git.records.quality.rule import Facts, Rule

KEY_MISMATCH: Final = "name.key_mismatch"


def _has_white_space_at_an_end(facts: Facts) -> Iterator[Problem]:
    if facts.key != facts.key.strip():
        yield Problem(NAME_POINTER, "the name begins or ends with white space", "name.whitespace")


def _is_an_address(facts: Facts) -> Iterator[Problem]:
    if "://" in facts.key:
        yield Problem(NAME_POINTER, "the name is a URL", "name.url")


def _has_an_empty_part(facts: Facts) -> Iterator[Problem]:
    # The slashes of a scheme are the business of name.url.
    parts = facts.key.replace("://", ":").split("/")
    if len(parts) > 1 and not all(part.strip() for part in parts):
        yield Problem(NAME_POINTER, "the name has nothing before, after or between its slashes", "name.empty_part")


def _differs_from_the_body(facts: Facts) -> Iterator[Problem]:
    if facts.record is not None and "name" in facts.record and facts.record["name"] != facts.key:
        message = f"the name in the record, {facts.record['name']!r}, is not the name it is stored under"
        yield Problem(NAME_POINTER, message, KEY_MISMATCH)


RULES: Final = (
    Rule(
        "name.whitespace",
        "error",
        "record",
        "A name neither begins nor ends with white space.",
        "Two names that look the same would be two records, and whoever types one finds nothing.",
        "Propose the record under the name without it, and delete this one.",
        _has_white_space_at_an_end,
    ),
    Rule(
        "name.url",
        "error",
        "record",
        "A name is not a URL.",
        "Addresses move, and readers of the exported files skip such names.",
        "Name the model, and put the address into its homepage or url.",
        _is_an_address,
    ),
    Rule(
        "name.empty_part",
        "error",
        "record",
        "A name with slashes has something before, after and between them.",
        "The part behind the last slash is what people see, and nothing can be derived from an empty one.",
        "Write it as Author/Model.",
        _has_an_empty_part,
    ),
    Rule(
        KEY_MISMATCH,
        "error",
        "record",
        "The name in a record is the name it is stored under.",
        "Readers that go by the one and readers that go by the other would see two different models.",
        "Make the two equal.",
        _differs_from_the_body,
    ),
)
"""They refuse in new datasets."""
