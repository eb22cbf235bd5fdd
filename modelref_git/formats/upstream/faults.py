"""A fault in the state of the upstream service's queue: where it stands, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class QueueFault:
    """One thing that is broken, repeated or contradictory."""

    rule: str
    """``queue.*``, or ``json.*`` for what is no JSON."""
    message: str
    file: str
    line: int | None = None
    path: str = ""
    """A JSON pointer into the record or the line."""
    change_id: int | None = None
    event_id: int | None = None

    @property
    def name(self) -> str:
        """What is refused for it: the change's number, else the place."""
        if self.change_id is not None:
            return str(self.change_id)
        return f"{self.file}:{self.line}" if self.line is not None else f"{self.file}{self.path}"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line is not None else self.file
        what = "" if self.change_id is None else f"change {self.change_id}: "
        what += "" if self.event_id is None else f"event {self.event_id}: "
        return f"{place}: {what}{self.message}"

    def as_json(self) -> dict[str, Any]:
        """The entry of ``details`` that stands for it."""
        row = {"path": self.path, "message": self.message, "rule": self.rule, "file": self.file, "line": self.line}
        more = {"change_id": self.change_id, "event_id": self.event_id}
        return row | {key: value for key, value in more.items() if value is not None}
