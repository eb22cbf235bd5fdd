"""A rule of the server, and what a push is refused with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelref_git.operations.verifying.rules import CaseT, Finding, Rule


@dataclass(frozen=True, slots=True)
class Guard(Rule[CaseT]):
    """One promise that a server keeps, and what a pusher does who broke it."""

    next: str
    """The next step, as an order."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rule that a push breaks, and what breaks it."""

    finding: Finding
    text: str
    """The rule's sentence."""
    next: str
    ref: str | None = None
    """The ref that is moved where it may not be; ``None`` of an event."""

    @property
    def thing(self) -> str:
        """What breaks the rule, in a few words."""
        if self.ref is not None:
            return self.ref
        commit = f"commit {self.finding.commit[:12]}" if self.finding.commit is not None else "the push"
        return commit if self.finding.event_id is None else f"event {self.finding.event_id}, {commit}"

    def __str__(self) -> str:
        return f"{self.finding.rule}: {self.thing}: {self.finding.message} ({self.text}) Next: {self.next}"

    def as_json(self) -> dict[str, Any]:
        """The entry of ``details``."""
        row = {**self.finding.as_json(), "text": self.text, "next": self.next}
        return row if self.ref is None else {**row, "ref": self.ref}
