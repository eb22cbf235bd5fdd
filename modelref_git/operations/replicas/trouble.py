"""What can be wrong with a replica, each by its name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from modelref_git.errors import IntegrityFailure, Invalid, ModelrefError, NotFound, Problem

ROLLBACK: Final = "replica.rollback"
"""The source's newest event is one that was passed long ago."""
FORK: Final = "replica.fork"
"""The source's history does not contain what was seen of it: there are two."""
FROZEN: Final = "replica.frozen"
"""The newest event is older than the policy allows a replica to be. The data is served all the same."""
DRIFT: Final = "replica.drift"
"""The source's ``main`` is where no event put it. What the log names is served."""
UNVERIFIED: Final = "replica.unverified"
"""The history breaks a promise."""
CORRUPT: Final = "replica.corrupt"
"""An object is missing or broken."""
INCOMPLETE: Final = "replica.incomplete"
"""The source has not all of the history: it is no dataset repository, or a shallow or partial clone."""
SOURCE: Final = "replica.source"
"""The source did not answer, broke off or refused."""
DISK: Final = "replica.disk"
"""The replica's own disk does not take what has to be written."""

UNWRITABLE: Final = "file.unwritable"
"""What exports and downloads call it."""

_BY_CODE: Final = {"remote": SOURCE, "integrity": CORRUPT, "not_found": INCOMPLETE}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, as the status tells it."""

    rule: str
    code: str
    message: str
    time: int
    """When it was found, Unix seconds."""

    def as_json(self) -> dict[str, Any]:
        """The entry of the answer."""
        return {"rule": self.rule, "code": self.code, "message": self.message, "time": self.time}

    @classmethod
    def of(cls, fault: ModelrefError, now: int) -> Trouble:
        """What an error means for a replica."""
        named = [str(row.get("rule", "")) for row in fault.details]
        rule = next((name for name in named if name.startswith("replica.")), None)
        if rule is None and UNWRITABLE in named:
            rule = DISK
        return cls(rule or _BY_CODE.get(fault.code, f"replica.{fault.code}"), fault.code, fault.message, now)


def distrust(
    rule: str, message: str, *, hint: str | None = None, rows: Iterable[dict[str, Any]] = ()
) -> IntegrityFailure:
    """The error of a source that is not believed; *rows* are what was found in detail."""
    return IntegrityFailure(message, hint=hint, details=[{"path": "", "message": message, "rule": rule}, *rows])


def incomplete(message: str, *, hint: str | None = None) -> NotFound:
    """The error of a source that lacks what a replica needs."""
    return NotFound(message, hint=hint, details=[{"path": "", "message": message, "rule": INCOMPLETE}])


def unwritable(what: str, reason: str) -> Invalid:
    """The error of a disk that is full, or takes nothing for another reason."""
    message = f"{what} cannot be written: {reason}"
    return Invalid(message, hint="what was served before is served on", details=[Problem("", message, DISK).as_json()])
