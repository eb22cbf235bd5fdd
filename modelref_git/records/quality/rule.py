"""What a rule of good data is, what it may look at, and how it says what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeAlias

from modelref_git.errors import Problem

_SHOWN: Final = 200

Severity: TypeAlias = Literal["error", "warning", "hint", "off"]

Scope: TypeAlias = Literal["record", "change", "dataset", "file", "network"]
"""What a rule needs to be judged: the record alone; the record that it replaces too; the other records of the dataset;
the bytes of a file; an answer of the host of a download."""


@dataclass(frozen=True, slots=True)
class Other:
    """Another record of the dataset."""

    category: str
    key: str
    record: Mapping[str, Any]


class Others(Protocol):
    """The other records of a dataset, found by what they have in common with one."""

    def sharing(self, mark: int) -> Iterator[Other]:
        """The records with that mark (`marks`), in an order that is always the same.

        A mark is a hash: whoever asks looks whether the records really have in common what it stands for. The record
        that is being judged may be among them.
        """
        ...

    def known(self, marks: Sequence[int]) -> list[int]:
        """Those of *marks* that a record has, in their order.

        One question instead of many: of the marks of a new name most lead nowhere.
        """
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may look at."""

    category: str
    key: str
    record: Mapping[str, Any] | None = None
    """The record in its stored form; ``None`` where it is not at hand or deleted."""
    before: Mapping[str, Any] | None = None
    """What it replaces; ``None`` where that is nothing, or where no change is judged."""
    is_change: bool = False
    """Whether a change is judged, not only a state."""
    others: Others | None = None
    """The dataset around it; ``None`` where it is not at hand."""
    renamed_from: str | None = None
    """The look-alike of this record that the same request deletes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One demand on the data."""

    id: str
    severity: Severity
    """That of new datasets, and of those that say nothing about it."""
    scope: Scope
    text: str
    """The demand, as a sentence for people."""
    reason: str
    """Why it is made."""
    advice: str
    """What to do about a fault."""
    check: Callable[[Facts], Iterable[Problem]] = field(repr=False)
    """The faults that it finds; each carries the rule's id, and a message that names the value at fault."""


def shown(value: object) -> str:
    """A value for a message: as Python writes it, cut where nobody would read on."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def found_elsewhere(_facts: Facts) -> Iterable[Problem]:
    """The check of a rule about files or hosts: whoever reads those reports its faults."""
    return ()
