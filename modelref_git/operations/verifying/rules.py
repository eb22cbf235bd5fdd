"""Rules of the verification as objects: an id, a sentence for people, and a check that tells each fault it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from modelref_git.errors import ModelrefError

CaseT = TypeVar("CaseT")


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise that the repository breaks."""

    rule: str
    message: str
    commit: str | None = None
    event_id: int | None = None
    change_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The entry of the report."""
        row = {"rule": self.rule, "commit": self.commit, "event_id": self.event_id, "message": self.message}
        return row if self.change_id is None else {**row, "change_id": self.change_id}


@dataclass(frozen=True, slots=True)
class Fault:
    """What a check found: more than a message where it knows more."""

    message: str
    commit: str | None = None
    """The commit that is wrong; that of the event unless given."""
    change_id: int | None = None
    rule: str | None = None
    """The rule that is broken, where a check stands for several."""


@dataclass(frozen=True, slots=True)
class Rule(Generic[CaseT]):
    """One promise."""

    id: str
    text: str
    """One sentence for people: what holds in a repository that can be believed."""
    check: Callable[[CaseT], Iterable[Fault | str]]
    """Gives what is wrong, for each way in which a case breaks the rule."""


UNREADABLE: Final = (ModelrefError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading objects can raise that somebody made by hand: none of it may end a verification."""


def told(error: Exception) -> str:
    """What an error of :data:`UNREADABLE` says."""
    return error.message if isinstance(error, ModelrefError) else f"{type(error).__name__}: {error}"


def judge(
    rules: Sequence[Rule[CaseT]], case: CaseT, commit: str | None = None, event_id: int | None = None
) -> Iterator[Finding]:
    """Every fault of *case*. A check that stumbles over what it reads is a finding of its rule, and no obstacle."""
    for rule in rules:
        try:
            faults = list(rule.check(case))
        except UNREADABLE as error:
            faults = [f"this cannot be checked: {told(error)}"]
        for item in faults:
            fault = item if isinstance(item, Fault) else Fault(item)
            yield Finding(fault.rule or rule.id, fault.message, fault.commit or commit, event_id, fault.change_id)
