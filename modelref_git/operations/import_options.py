"""How a source is taken in, whichever kind it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a source is taken in."""

    format: Literal["auto", "legacy", "v2", "jsonl", "queue"] = "auto"
    category: str | None = None
    as_proposals: bool = False
    prune: bool = False
    keep_going: bool = False
    note: str | None = None
    allow: tuple[str, ...] = ()
