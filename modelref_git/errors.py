"""Every exception raised on purpose, one tree.

Each class has a stable ``code`` (the word of ``cli.md``, "Exit codes"). What number or status a code becomes is
decided by the interface that shows it, never here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a record or file.

    ``path`` is a JSON pointer into the record (``""`` is the whole of it), ``rule`` the stable id of what was broken.
    """

    path: str
    message: str
    rule: str

    def as_json(self) -> dict[str, Any]:
        """The entry of ``details`` that stands for this fault."""
        return {"path": self.path, "message": self.message, "rule": self.rule}


class ModelrefError(Exception):
    """Something that was refused or failed, said so that a person can act on it.

    Args:
        message: names the thing and what is wrong with it; one sentence.
        hint: the next step to take, if there is one.
        details: machine-readable entries, one a fault.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, hint: str | None = None, details: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = list(details)


class UsageFault(ModelrefError):
    """The words or options of a request make no sense."""

    code = "usage"


class NotFound(ModelrefError):
    """A change, batch, category, record, revision, file or repository that is not there."""

    code = "not_found"


class Conflict(ModelrefError):
    """The record exists already, changed underneath, or does not merge."""

    code = "conflict"


class Busy(Conflict):
    """Other writers kept this one from its turn for too long; nothing was changed."""


class Invalid(ModelrefError):
    """A record or file does not validate; ``details`` has one entry a fault."""

    code = "invalid"

    @classmethod
    def of(cls, what: str, problems: Sequence[Problem], *, hint: str | None = None) -> Invalid:
        """An error about *what* (``record "x"``) that lists every one of *problems*."""
        count = len(problems)
        first = problems[0]
        at = f" at {first.path}" if first.path else ""
        more = f" (and {count - 1} more)" if count > 1 else ""
        message = f"{what} is not valid: {first.message}{at}{more}"
        return cls(message, hint=hint, details=[problem.as_json() for problem in problems])


class Forbidden(ModelrefError):
    """The actor lacks the role, or a rule of the policy forbids the step."""

    code = "forbidden"


class WrongState(ModelrefError):
    """The change or batch is not in the state that the step needs."""

    code = "state"


class KeyReused(WrongState):
    """A client named two different requests by one key."""


class RemoteFailure(ModelrefError):
    """A remote did not answer or refused; nothing was lost."""

    code = "remote"


class IntegrityFailure(ModelrefError):
    """The repository is not what its history promises; nothing was changed."""

    code = "integrity"
