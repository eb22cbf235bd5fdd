"""The statuses of changes, and the header of the queue's state: what a reader of ``main`` needs of the queue.

Apart from :mod:`.lifecycle`, so that a command that only reads a record does not import how changes live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

PENDING: Final = "pending"
APPROVED: Final = "approved"
APPLIED: Final = "applied"
REJECTED: Final = "rejected"
STATUSES: Final = (PENDING, APPROVED, "applying", APPLIED, REJECTED)
"""Every status there is on the wire. ``applying`` never lasts: an apply is one step."""
OPEN: Final = (PENDING, APPROVED)

POLICY: Final = "policy"
"""The category of changes of members, policy and categories; their model name is the configuration file."""

STATE_FORMAT: Final = 1
"""The format of the queue's state, as its header says it."""


@dataclass(frozen=True, slots=True)
class Header:
    """What every step needs of the queue's state, in one small file."""

    format: int = STATE_FORMAT
    genesis: str | None = None
    main: str | None = None
    """The log's ``main``: every decision starts from it."""
    last_event_id: int = 0
    last_change_id: int = 0
    last_batch_id: int = 0
    open_batch: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many changes there are in each status."""
    adopting: Mapping[str, Any] = field(default_factory=dict)
    """Approvals, so far too few, of the commit that other hands put on ``main``, by its id."""

    def as_state(self) -> dict[str, Any]:
        """The header as JSON for the state tree."""
        row = {item.name: getattr(self, item.name) for item in fields(self)}
        row["counts"] = {status: self.counts.get(status, 0) for status in (PENDING, APPROVED, APPLIED, REJECTED)}
        if not self.adopting:
            del row["adopting"]
        return row
